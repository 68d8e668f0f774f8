// The layout of a GPT, of UEFI's chapter 5; every number is little-endian.
#include "backend/gpt.hpp"

namespace antler::backend {
namespace {

template <class T>
[[nodiscard]] T little(std::span<u8 const> bytes, usize at) {
    T value = 0;
    for (usize i = 0; i < sizeof(T); ++i) value |= static_cast<T>(T{bytes[at + i]} << 8 * i);
    return value;
}

constexpr std::string_view signature = "EFI PART";
constexpr u32 least_header = gpt_header_bytes;
constexpr u32 most_header = 512;
constexpr u32 least_entry = 128;
constexpr usize label_units = 36;

namespace header_at {
constexpr usize size = 12, crc = 16, own_sector = 24, first_usable = 40, last_usable = 48, entries = 72,
                count = 80, entry_size = 84, entries_crc = 88;
}
namespace entry_at {
constexpr usize type = 0, uuid = 16, first = 32, last = 40, label = 56;
}

[[nodiscard]] char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The first three fields are little-endian numbers, the others bytes.
[[nodiscard]] std::array<char, 36> written(std::array<u8, 16> const& uuid) {
    constexpr std::array<u8, 16> order{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, 36> text{};
    usize at = 0;
    for (usize i = 0; i < order.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
        text[at++] = digits[uuid[order[i]] >> 4];
        text[at++] = digits[uuid[order[i]] & 15];
    }
    return text;
}

void read_label(std::span<u8 const> entry, Partition& partition) {
    for (usize i = 0; i < label_units; ++i) {
        auto const unit = little<u16>(entry, entry_at::label + 2 * i);
        if (unit == 0) return;
        bool const plain = unit >= 0x20 && unit < 0x7f;
        partition.label[partition.label_size++] = plain ? static_cast<char>(unit) : '?';
    }
}

}  // namespace

bool Partition::is_called(std::string_view wanted) const {
    if (wanted.empty()) return false;
    if (wanted == name()) return true;
    auto const text = written(uuid);
    if (wanted.size() != text.size()) return false;
    for (usize i = 0; i < text.size(); ++i)
        if (lower(wanted[i]) != text[i]) return false;
    return true;
}

u32 crc32(std::span<u8 const> bytes, u32 before) {
    u32 sum = ~before;
    for (u8 const byte : bytes) {
        sum ^= byte;
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? 0xedb8'8320 : 0);
    }
    return ~sum;
}

Result<GptHeader> read_gpt_header(std::span<u8 const> bytes, u64 sector, u64 disk_sectors) {
    if (bytes.size() < most_header) return Err{Error::out_of_range};
    for (usize i = 0; i < signature.size(); ++i)
        if (bytes[i] != static_cast<u8>(signature[i])) return Err{Error::not_found};
    auto const size = little<u32>(bytes, header_at::size);
    if (size < least_header || size > most_header) return Err{Error::bad_format};
    // The sum counts its own field as zero.
    constexpr std::array<u8, 4> nothing{};
    auto sum = crc32(bytes.first(header_at::crc));
    sum = crc32(nothing, sum);
    sum = crc32(bytes.subspan(header_at::crc + 4, size - header_at::crc - 4), sum);
    if (sum != little<u32>(bytes, header_at::crc)) return Err{Error::bad_format};
    if (little<u64>(bytes, header_at::own_sector) != sector) return Err{Error::bad_format};

    GptHeader header;
    header.first_usable = little<u64>(bytes, header_at::first_usable);
    header.last_usable = little<u64>(bytes, header_at::last_usable);
    header.entries_sector = little<u64>(bytes, header_at::entries);
    header.entry_count = little<u32>(bytes, header_at::count);
    header.entry_bytes = little<u32>(bytes, header_at::entry_size);
    header.entries_crc = little<u32>(bytes, header_at::entries_crc);
    if (header.first_usable > header.last_usable || header.last_usable >= disk_sectors)
        return Err{Error::bad_format};
    if (header.entry_bytes < least_entry || header.entry_bytes % least_entry != 0 ||
        header.entries_bytes() > most_gpt_bytes)
        return Err{Error::bad_format};
    auto const entry_sectors = (header.entries_bytes() + 511) / 512;
    if (header.entries_sector >= disk_sectors || entry_sectors > disk_sectors - header.entries_sector)
        return Err{Error::bad_format};
    return header;
}

Result<usize> read_gpt_entries(GptHeader const& header, std::span<u8 const> bytes,
                               std::span<Partition> into) {
    if (bytes.size() < header.entries_bytes()) return Err{Error::out_of_range};
    if (crc32(bytes.first(header.entries_bytes())) != header.entries_crc) return Err{Error::bad_format};
    usize count = 0;
    for (u32 i = 0; i < header.entry_count && count < into.size(); ++i) {
        auto const entry = bytes.subspan(u64{i} * header.entry_bytes, header.entry_bytes);
        u8 any = 0;
        for (usize k = 0; k < 16; ++k) any |= entry[entry_at::type + k];
        if (any == 0) continue;
        Partition partition;
        partition.first = little<u64>(entry, entry_at::first);
        auto const last = little<u64>(entry, entry_at::last);
        if (partition.first < header.first_usable || last > header.last_usable || last < partition.first)
            continue;
        partition.sectors = last - partition.first + 1;
        for (usize k = 0; k < 16; ++k) partition.uuid[k] = entry[entry_at::uuid + k];
        read_label(entry, partition);
        into[count++] = partition;
    }
    return count;
}

}  // namespace antler::backend
