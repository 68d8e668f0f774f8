// Small files of every kind that a VM can boot, made byte by byte.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/file.hpp"

namespace antler::cli::test {

using namespace std::string_view_literals;

inline void put(Bytes& bytes, usize at, u64 value, usize count) {
    if (bytes.size() < at + count) bytes.resize(at + count);
    for (usize i = 0; i < count; ++i) bytes[at + i] = static_cast<u8>(value >> (8 * i));
}
inline void put(Bytes& bytes, usize at, std::string_view text) {
    if (bytes.size() < at + text.size()) bytes.resize(at + text.size());
    std::ranges::copy(text, bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

inline Bytes linux_image(usize size = 4096, u64 text_offset = 0x20'0000, u64 image_size = 0x3000,
                         u64 flags = 0) {
    Bytes bytes(size, 0x13);
    put(bytes, 8, text_offset, 8);
    put(bytes, 16, image_size, 8);
    put(bytes, 24, flags, 8);
    put(bytes, 48, "RISCV");
    put(bytes, 56, "RSC\x05"sv);
    return bytes;
}

struct ElfSegment {
    u64 at;
    Bytes bytes;
    u64 memory_bytes;
    u64 virtual_at = at;
    u32 type = 1;  // PT_LOAD
};

// Segment i starts in the file at elf_offset(segments, i).
inline usize elf_offset(std::vector<ElfSegment> const& segments, usize index) {
    usize offset = 64 + 56 * segments.size();
    for (usize i = 0; i < index; ++i) offset += segments[i].bytes.size();
    return offset;
}

inline Bytes elf(std::vector<ElfSegment> const& segments, u64 entry) {
    Bytes bytes(64);
    put(bytes, 0,
        "\x7f"
        "ELF\x02\x01\x01"sv);
    put(bytes, 16, 2, 2);    // ET_EXEC
    put(bytes, 18, 243, 2);  // EM_RISCV
    put(bytes, 24, entry, 8);
    put(bytes, 32, 64, 8);  // e_phoff
    put(bytes, 54, 56, 2);
    put(bytes, 56, segments.size(), 2);
    for (usize i = 0; i < segments.size(); ++i) {
        auto const& segment = segments[i];
        auto const row = 64 + 56 * i;
        put(bytes, row, segment.type, 4);
        put(bytes, row + 8, elf_offset(segments, i), 8);
        put(bytes, row + 16, segment.virtual_at, 8);
        put(bytes, row + 24, segment.at, 8);
        put(bytes, row + 32, segment.bytes.size(), 8);
        put(bytes, row + 40, segment.memory_bytes, 8);
        put(bytes, row + 48, 4096, 8);
    }
    for (auto const& segment : segments)
        bytes.insert(bytes.end(), segment.bytes.begin(), segment.bytes.end());
    return bytes;
}

inline Bytes gzip(ByteView contents, int filter = ARCHIVE_FILTER_GZIP) {
    Bytes out(contents.size() + (1 << 16));
    size_t used = 0;
    auto* const writer = archive_write_new();
    archive_write_set_format_raw(writer);
    archive_write_add_filter(writer, filter);
    archive_write_set_bytes_per_block(writer, 0);
    archive_write_open_memory(writer, out.data(), out.size(), &used);
    auto* const entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(writer, entry);
    archive_write_data(writer, contents.data(), contents.size());
    archive_write_close(writer);
    archive_entry_free(entry);
    archive_write_free(writer);
    out.resize(used);
    return out;
}

// A module of a kernel: an ELF file with nothing in it but .modinfo.
inline Bytes kernel_module(std::string_view info) {
    static constexpr auto names = "\0.modinfo\0.shstrtab\0"sv;
    Bytes bytes(64);
    put(bytes, 0,
        "\x7f"
        "ELF\x02\x01\x01"sv);
    put(bytes, 16, 1, 2);  // ET_REL
    put(bytes, 18, 243, 2);
    auto const info_at = bytes.size();
    put(bytes, info_at, info);
    auto const names_at = bytes.size();
    put(bytes, names_at, names);
    auto const table = bytes.size();
    put(bytes, 40, table, 8);
    put(bytes, 58, 64, 2);
    put(bytes, 60, 3, 2);
    put(bytes, 62, 2, 2);
    bytes.resize(table + 3 * 64);
    put(bytes, table + 64, 1, 4);  // .modinfo
    put(bytes, table + 64 + 24, info_at, 8);
    put(bytes, table + 64 + 32, info.size(), 8);
    put(bytes, table + 128, 10, 4);  // .shstrtab
    put(bytes, table + 128 + 24, names_at, 8);
    put(bytes, table + 128 + 32, names.size(), 8);
    return bytes;
}

// Has the table of names that a busybox has, and nothing else of it.
inline Bytes busybox() {
    Bytes bytes(100, 0xaa);
    put(bytes, 100, "[\0[[\0ash\0busybox\0init\0ls\0mount\0sh\0zcat\0\0/bin/sh\0"sv);
    return bytes;
}

}  // namespace antler::cli::test
