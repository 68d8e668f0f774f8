// Writes a flattened device tree into a caller's buffer, front to back; an overflow shows when it is
// finished.
#include "abi/fdt_writer.hpp"

#include <algorithm>
#include <cstring>

namespace antler::abi {

namespace {

[[nodiscard]] constexpr usize padded(usize size) {
    return (size + 3) & ~usize{3};
}

}  // namespace

FdtWriter::FdtWriter(std::span<u8> buffer) : buffer_{buffer}, used_{fdt::header_bytes} {
    if (buffer.size() < fdt::header_bytes || buffer.size() > 0x7fff'ffff) fail(Error::out_of_range);
}

void FdtWriter::fail(Error why) {
    if (failed_) return;
    failed_ = true;
    why_ = why;
}

std::span<u8> FdtWriter::take(usize size) {
    if (failed_) return {};
    auto const room = buffer_.size() - used_ - names_;
    if (size > room || padded(size) > room) {
        fail(Error::full);
        return {};
    }
    auto const taken = buffer_.subspan(used_, padded(size));
    used_ += padded(size);
    std::ranges::fill(taken, u8{0});
    return taken.first(size);
}

void FdtWriter::put(u32 value) {
    auto const place = take(4);
    if (!place.empty()) store_be32(place.data(), value);
}

void FdtWriter::reserve(u64 address, u64 size) {
    if (part_ != Part::reservations || size == 0) return fail(Error::bad_state);
    auto const place = take(fdt::reservation_bytes);
    if (place.empty()) return;
    store_be64(place.data(), address);
    store_be64(place.data() + 8, size);
}

void FdtWriter::end_reservations() {
    static_cast<void>(take(fdt::reservation_bytes));  // the entry of zeroes that ends the block
    structure_ = used_;
    part_ = Part::before_root;
}

void FdtWriter::begin_node(std::string_view name) {
    begin(name, std::nullopt);
}
void FdtWriter::begin_node(std::string_view name, u64 unit) {
    begin(name, unit);
}

void FdtWriter::begin(std::string_view name, std::optional<u64> unit) {
    if (part_ == Part::reservations) end_reservations();
    if (part_ == Part::after_root) return fail(Error::bad_state);
    if (name.find('\0') != std::string_view::npos || name.find('/') != std::string_view::npos)
        return fail(Error::bad_format);
    put(static_cast<u32>(fdt::Token::begin_node));
    put_name(name, unit);
    ++depth_;
    part_ = Part::properties;
}

void FdtWriter::put_name(std::string_view name, std::optional<u64> unit) {
    usize digits = 0;
    if (unit) {
        digits = 1;
        while (digits < 16 && *unit >> (digits * 4) != 0) ++digits;
    }
    auto const place = take(name.size() + (unit ? 1 + digits : 0) + 1);
    if (place.empty()) return;
    std::ranges::copy(name, place.begin());
    if (!unit) return;
    place[name.size()] = '@';
    for (usize i = 0; i < digits; ++i)
        place[name.size() + 1 + i] =
            static_cast<u8>("0123456789abcdef"[*unit >> ((digits - 1 - i) * 4) & 15]);
}

void FdtWriter::end_node() {
    if (depth_ == 0) return fail(Error::bad_state);
    put(static_cast<u32>(fdt::Token::end_node));
    part_ = --depth_ == 0 ? Part::after_root : Part::children;
}

// Is `name` what stands so far from the end of the buffer?
bool FdtWriter::is_kept(std::string_view name, usize distance) const {
    if (distance > names_ || name.size() >= distance) return false;
    auto const kept = buffer_.last(distance);
    return kept[name.size()] == 0 && std::memcmp(kept.data(), name.data(), name.size()) == 0;
}

// Each name is kept once.  Until finish(), a property holds its name's distance from the end of the buffer.
u32 FdtWriter::name_of(std::string_view name) {
    auto const letters = static_cast<u8>(name.front()) * 7u + static_cast<u8>(name.back());
    auto& recent = recent_[(letters + name.size() * 5) % recent_.size()];
    if (is_kept(name, recent)) return recent;

    auto const kept = buffer_.last(names_);
    for (usize at = 0; at < kept.size();) {
        auto const distance = kept.size() - at;
        if (is_kept(name, distance)) return recent = static_cast<u32>(distance);
        at += std::strlen(reinterpret_cast<char const*>(kept.data() + at)) + 1;
    }
    if (name.size() + 1 > buffer_.size() - used_ - names_) {
        fail(Error::full);
        return 0;
    }
    names_ += name.size() + 1;
    auto const place = buffer_.last(names_);
    std::ranges::copy(name, place.begin());
    place[name.size()] = 0;
    return recent = static_cast<u32>(names_);
}

std::span<u8> FdtWriter::space(std::string_view name, usize size) {
    if (failed_) return {};
    if (part_ != Part::properties) {
        fail(Error::bad_state);
        return {};
    }
    if (name.empty() || name.find('\0') != std::string_view::npos) {
        fail(Error::bad_format);
        return {};
    }
    put(static_cast<u32>(fdt::Token::property));
    put(static_cast<u32>(size));
    auto const name_at = take(4);
    auto const value = take(size);
    if (failed_) return {};
    store_be32(name_at.data(), name_of(name));
    return failed_ ? std::span<u8>{} : value;
}

void FdtWriter::flag(std::string_view name) {
    static_cast<void>(space(name, 0));
}

void FdtWriter::cell(std::string_view name, u32 value) {
    cells(name, {value});
}

void FdtWriter::wide(std::string_view name, u64 value) {
    wides(name, {value});
}

void FdtWriter::cells(std::string_view name, std::initializer_list<u32> values) {
    auto const place = space(name, values.size() * 4);
    if (failed_) return;
    auto* at = place.data();
    for (auto const value : values) {
        store_be32(at, value);
        at += 4;
    }
}

void FdtWriter::wides(std::string_view name, std::initializer_list<u64> values) {
    auto const place = space(name, values.size() * 8);
    if (failed_) return;
    auto* at = place.data();
    for (auto const value : values) {
        store_be64(at, value);
        at += 8;
    }
}

void FdtWriter::text(std::string_view name, std::string_view value) {
    texts(name, {value});
}

void FdtWriter::texts(std::string_view name, std::initializer_list<std::string_view> values) {
    usize size = 0;
    for (auto const value : values) {
        if (value.find('\0') != std::string_view::npos) return fail(Error::bad_format);
        size += value.size() + 1;
    }
    auto const place = space(name, size);
    if (failed_) return;
    auto at = place.begin();
    for (auto const value : values) at = std::ranges::copy(value, at).out + 1;
}

void FdtWriter::bytes(std::string_view name, std::span<u8 const> value) {
    auto const place = space(name, value.size());
    if (!failed_) std::ranges::copy(value, place.begin());
}

Result<std::span<u8>> FdtWriter::finish() {
    if (part_ != Part::after_root) fail(Error::bad_state);
    put(static_cast<u32>(fdt::Token::end));
    if (failed_) return Err{why_};

    // From distances to offsets.  The structure is our own work, so this walk needs no checks.
    for (auto at = structure_; at < used_;) {
        auto* const here = buffer_.data() + at;
        switch (static_cast<fdt::Token>(load_be32(here))) {
            case fdt::Token::begin_node:
                at += 4 + padded(std::strlen(reinterpret_cast<char const*>(here + 4)) + 1);
                break;
            case fdt::Token::property:
                store_be32(here + 8, static_cast<u32>(names_) - load_be32(here + 8));
                at += 12 + padded(load_be32(here + 4));
                break;
            case fdt::Token::end_node:
            case fdt::Token::nop:
            case fdt::Token::end: at += 4; break;
        }
    }
    std::memmove(buffer_.data() + used_, buffer_.data() + (buffer_.size() - names_), names_);

    auto const total = used_ + names_;
    auto const set = [&](fdt::Header field, usize value) {
        store_be32(buffer_.data() + static_cast<u32>(field), static_cast<u32>(value));
    };
    set(fdt::Header::magic, fdt::magic);
    set(fdt::Header::total_size, total);
    set(fdt::Header::structure_offset, structure_);
    set(fdt::Header::strings_offset, used_);
    set(fdt::Header::reservations_offset, fdt::header_bytes);
    set(fdt::Header::version, fdt::version);
    set(fdt::Header::last_compatible_version, fdt::last_compatible_version);
    set(fdt::Header::boot_hart, boot_hart_);
    set(fdt::Header::strings_size, names_);
    set(fdt::Header::structure_size, used_ - structure_);
    // Spent: what follows would land on the names.
    failed_ = true;
    why_ = Error::bad_state;
    return buffer_.first(total);
}

}  // namespace antler::abi
