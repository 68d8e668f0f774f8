// The partitions of a disk by its GUID partition table.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::backend {

struct Partition {
    u64 first = 0;  // sector
    u64 sectors = 0;
    std::array<u8, 16> uuid{};     // as it lies on the disk
    std::array<char, 73> label{};  // UTF-16 in the table: what is not ASCII is a question mark
    u8 label_size = 0;

    [[nodiscard]] std::string_view name() const { return {label.data(), label_size}; }
    // By label, or by uuid as people write it: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", in any case.
    [[nodiscard]] bool is_called(std::string_view wanted) const;
};

// The first bytes of the sector that holds a table's header.  Everything else in it is padding.
inline constexpr u64 gpt_header_bytes = 92;

struct GptHeader {
    u64 first_usable = 0;
    u64 last_usable = 0;
    u64 entries_sector = 0;
    u32 entry_count = 0;
    u32 entry_bytes = 0;
    u32 entries_crc = 0;

    [[nodiscard]] u64 entries_bytes() const { return u64{entry_count} * entry_bytes; }
};

// Tables of more bytes are refused; 128 entries of 128 bytes are usual.
inline constexpr u64 most_gpt_bytes = 32 * 1024;

// A header that is where it says (`sector`), is sane for a disk of so many sectors, and whose sum is right.
[[nodiscard]] Result<GptHeader> read_gpt_header(std::span<u8 const> bytes, u64 sector, u64 disk_sectors);

// The partitions of a table, in its order: how many of them fit `into`.  The sum must be right; entries that
// lie outside the usable sectors are left out.
[[nodiscard]] Result<usize> read_gpt_entries(GptHeader const& header, std::span<u8 const> bytes,
                                             std::span<Partition> into);

// CRC-32 as Ethernet has it.
[[nodiscard]] u32 crc32(std::span<u8 const> bytes, u32 before = 0);

}  // namespace antler::backend
