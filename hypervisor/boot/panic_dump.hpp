// The last words of a hypervisor that died, where a reset of the board leaves them.
#pragma once

#include <span>
#include <string_view>

#include "abi/control_frame.hpp"
#include "base/types.hpp"

namespace antler::boot {

// Text behind a header with a check, in memory that nothing loads and nothing clears.
class PanicDump {
public:
    explicit PanicDump(std::span<u8> memory) : memory_{memory} {}

    // What an earlier hypervisor left; empty: nothing that makes sense.
    [[nodiscard]] std::string_view left() const {
        if (memory_.size() < sizeof(Header)) return {};
        auto const header = read();
        if (header.magic != magic || header.bytes > room()) return {};
        if (header.check != check(header)) return {};
        return {text(), header.bytes};
    }
    // How many panics in a row, this one included, nobody has read.
    [[nodiscard]] u32 unread() const { return left().empty() ? 0 : read().count; }
    void erase() { write({}); }

    // A new one takes the place of the old.  It is whole after each piece, so that a second death loses
    // little.
    void begin() {
        header_ = {.magic = magic, .bytes = 0, .count = unread() + 1, .check = 0};
        seal();
    }
    void append(std::string_view more) {
        if (header_.magic != magic) return;  // it has not begun
        auto const fits = more.substr(0, room() - header_.bytes);
        __builtin_memcpy(const_cast<char*>(text()) + header_.bytes, fits.data(), fits.size());
        header_.bytes += static_cast<u32>(fits.size());
    }
    void seal() {
        header_.check = check(header_);
        write(header_);
    }

private:
    static constexpr u32 magic = 0x706d'7544;
    struct Header {
        u32 magic;
        u32 bytes;
        u32 count;
        u32 check;
    };

    [[nodiscard]] usize room() const { return memory_.size() - sizeof(Header); }
    [[nodiscard]] char const* text() const {
        return reinterpret_cast<char const*>(memory_.data()) + sizeof(Header);
    }
    [[nodiscard]] Header read() const {
        Header header;
        __builtin_memcpy(&header, memory_.data(), sizeof header);
        return header;
    }
    void write(Header const& header) { __builtin_memcpy(memory_.data(), &header, sizeof header); }
    [[nodiscard]] u32 check(Header const& header) const {
        auto const text_check = abi::control::crc32(memory_.subspan(sizeof(Header), header.bytes));
        return text_check ^ header.bytes ^ header.count << 16;
    }

    std::span<u8> memory_;
    Header header_{};
};

}  // namespace antler::boot
