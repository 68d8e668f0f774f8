// What a flash chip says of itself when it is asked by the common flash interface.
#pragma once

#include <array>

#include "base/types.hpp"

namespace antler::device::cfi {

inline constexpr u8 manufacturer = 0x89;  // Intel
inline constexpr u8 device = 0x18;
inline constexpr u8 chip_bits = 24;        // 16 MiB in each of two chips
inline constexpr u8 chip_buffer_bits = 6;  // so many bytes are programmed at a time
inline constexpr u32 chip_sector = 128 * 1024;
inline constexpr u32 chip_sectors = (1u << chip_bits) / chip_sector;

inline constexpr u32 first = 0x10;
inline constexpr std::array<u8, 0x2f> table{'Q',
                                            'R',
                                            'Y',  // 10
                                            0x01,
                                            0x00,  // 13: Intel's extended command set
                                            0x31,
                                            0x00,  // 15: where its own table is
                                            0x00,
                                            0x00,
                                            0x00,
                                            0x00,  // 17: no other command set
                                            0x17,
                                            0x20,
                                            0x00,
                                            0x00,  // 1b: volts
                                            0x07,
                                            0x07,
                                            0x0a,
                                            0x00,  // 1f: how long a word, a buffer, a sector take
                                            0x04,
                                            0x04,
                                            0x04,
                                            0x00,       // 23: and how much longer at most
                                            chip_bits,  // 27
                                            0x01,
                                            0x00,  // 28: sixteen bits wide
                                            chip_buffer_bits,
                                            0x00,  // 2a
                                            0x01,  // 2c: all sectors are alike
                                            chip_sectors - 1,
                                            0x00,  // 2d: how many, less one
                                            chip_sector / 256 % 256,
                                            chip_sector / 256 / 256,  // 2f: their size
                                            'P',
                                            'R',
                                            'I',
                                            '1',
                                            '0',  // 31: of the command set, version 1.0
                                            0x00,
                                            0x00,
                                            0x00,
                                            0x00,  // 36: nothing optional
                                            0x00,
                                            0x00,
                                            0x00,
                                            0x17,
                                            0x00};  // 3a

// By the number of the word.
[[nodiscard]] constexpr u8 query(u32 index) {
    return index >= first && index - first < table.size() ? table[index - first] : u8{0};
}

static_assert(query(0x13) == 1 && query(0x27) == chip_bits && query(0x2c) == 1);
static_assert(query(0x31) == 'P' && query(0x2d) == 127 && query(0x30) == 2);

}  // namespace antler::device::cfi
