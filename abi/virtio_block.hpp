// What a virtio disk and its driver agree on.   [virtio 5.2]
#pragma once

#include "base/types.hpp"

namespace antler::abi::virtio::block {

// [virtio 5.2.3]
namespace feature {
inline constexpr u64 segments_most = u64{1} << 2;
inline constexpr u64 read_only = u64{1} << 5;
inline constexpr u64 block_size = u64{1} << 6;
inline constexpr u64 flush = u64{1} << 9;
inline constexpr u64 topology = u64{1} << 10;
inline constexpr u64 discard = u64{1} << 13;
inline constexpr u64 write_zeroes = u64{1} << 14;
}  // namespace feature

// In front of every request.   [virtio 5.2.6]
struct Header {
    u32 type;
    u32 reserved;
    u64 sector;
};
// What discard and write_zeroes carry.
struct Stretch {
    u64 sector;
    u32 sectors;
    u32 flags;
    static constexpr u32 unmap = 1;
};
static_assert(sizeof(Header) == 16 && sizeof(Stretch) == 16);

enum class Type : u32 { read = 0, write = 1, flush = 4, identify = 8, discard = 11, write_zeroes = 13 };
enum class Status : u8 { ok = 0, io_error = 1, unsupported = 2 };

inline constexpr u32 serial_bytes = 20;

// [virtio 5.2.4]
struct Configuration {
    u64 sectors;
    u32 segment_bytes_most;
    u32 segments_most;
    u16 cylinders;
    u8 heads;
    u8 track_sectors;
    u32 block_bytes;
    u8 physical_block_exponent;
    u8 alignment_offset;
    u16 least_io_blocks;
    u32 best_io_blocks;
    u8 writeback;
    u8 unused0;
    u16 queues;
    u32 discard_sectors_most;
    u32 discard_segments_most;
    u32 discard_alignment;
    u32 zeroes_sectors_most;
    u32 zeroes_segments_most;
    u8 zeroes_may_unmap;
    u8 unused1[3];
};
static_assert(sizeof(Configuration) == 64);  // with the four bytes that its alignment adds

}  // namespace antler::abi::virtio::block
