// The Internet checksum, over bytes that come in pieces.
#pragma once

#include <bit>
#include <cstring>
#include <span>

#include "base/types.hpp"

namespace antler::backend {

// The ones' complement sum of 16-bit words in network order; pieces may have odd lengths.
class Checksum {
public:
    constexpr Checksum() = default;
    explicit constexpr Checksum(u16 start) : sum_{start} {}

    constexpr void add16(u16 value) { sum_ += value; }
    constexpr void add32(u32 value) { sum_ += (value >> 16) + (value & 0xffff); }

    void add(std::span<u8 const> bytes) {
        auto const* at = bytes.data();
        auto left = bytes.size();
        if (left != 0 && odd_) {
            sum_ += *at++;
            --left;
            odd_ = false;
        }
        // Words of the machine, least byte first: their sum is the wanted one with its bytes swapped.
        u64 wide = 0;
        u64 wide2 = 0;
        for (; left >= 16; left -= 16, at += 16) {
            u64 first = 0;
            u64 second = 0;
            std::memcpy(&first, at, 8);
            std::memcpy(&second, at + 8, 8);
            wide += (first & 0xffff'ffff) + (first >> 32);
            wide2 += (second & 0xffff'ffff) + (second >> 32);
        }
        sum_ += swapped(fold(wide)) + swapped(fold(wide2));
        for (; left >= 2; left -= 2, at += 2) sum_ += u64{at[0]} << 8 | at[1];
        if (left != 0) {
            sum_ += u64{at[0]} << 8;
            odd_ = true;
        }
    }

    // What stands in the packet.
    [[nodiscard]] constexpr u16 value() const { return static_cast<u16>(~fold(sum_)); }

private:
    [[nodiscard]] static constexpr u16 fold(u64 sum) {
        while (sum >> 16 != 0) sum = (sum >> 16) + (sum & 0xffff);
        return static_cast<u16>(sum);
    }
    [[nodiscard]] static constexpr u16 swapped(u16 value) {
        return static_cast<u16>(value << 8 | value >> 8);
    }
    static_assert(std::endian::native == std::endian::little);

    u64 sum_ = 0;
    bool odd_ = false;  // the next byte is the lower half of a word
};

}  // namespace antler::backend
