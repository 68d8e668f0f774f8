// Reads ELF programs for RISC-V: 64-bit, little-endian, loaded where their physical addresses say.
#include <fmt/format.h>

#include <algorithm>

#include "abi/pack.hpp"
#include "base/units.hpp"
#include "cli/byte_size.hpp"
#include "cli/image.hpp"
#include "cli/little_endian.hpp"

namespace antler::cli {

namespace {

// System V ABI, chapters 4 and 5: Elf64_Ehdr and Elf64_Phdr.
constexpr usize header_bytes = 64, program_header_bytes = 56;
constexpr usize most_program_headers = 256;
constexpr u8 class_64 = 2, data_little_endian = 1;
constexpr u16 type_executable = 2, type_shared = 3, machine_riscv = 243;
constexpr u32 segment_load = 1;

struct Load {
    u64 offset, virtual_address, physical_address, file_bytes, memory_bytes;
};

using Loads = std::expected<std::vector<Load>, std::string>;

Loads read_program_headers(ByteView file) {
    auto const table = little_endian<u64>(file, 32);
    auto const size = little_endian<u16>(file, 54);
    auto const count = little_endian<u16>(file, 56);
    if (size != program_header_bytes || count > most_program_headers || table > file.size() ||
        u64{count} * size > file.size() - table)
        return std::unexpected{"is an ELF file with a damaged table of segments"};

    std::vector<Load> loads;
    for (usize i = 0; i < count; ++i) {
        auto const row = file.subspan(table + i * size, size);
        if (little_endian<u32>(row, 0) != segment_load) continue;
        Load const load{.offset = little_endian<u64>(row, 8),
                        .virtual_address = little_endian<u64>(row, 16),
                        .physical_address = little_endian<u64>(row, 24),
                        .file_bytes = little_endian<u64>(row, 32),
                        .memory_bytes = little_endian<u64>(row, 40)};
        if (load.memory_bytes == 0) continue;
        if (load.offset > file.size() || load.file_bytes > file.size() - load.offset)
            return std::unexpected{
                fmt::format("is an ELF file that is cut off: segment {} reaches beyond its end", i)};
        if (load.file_bytes > load.memory_bytes)
            return std::unexpected{
                fmt::format("is an ELF file whose segment {} is larger than its place", i)};
        if (load.physical_address < abi::pack::ram_base.raw() || load.memory_bytes > most_image_bytes ||
            load.physical_address + load.memory_bytes < load.physical_address)
            return std::unexpected{fmt::format(
                "is an ELF file that wants {} at {:#x}, and memory starts at {:#x} (of Linux, use the Image)",
                show_rounded_size(load.memory_bytes), load.physical_address, abi::pack::ram_base.raw())};
        loads.push_back(load);
    }
    std::ranges::sort(loads, {}, &Load::physical_address);
    for (usize i = 1; i < loads.size(); ++i)
        if (loads[i - 1].physical_address + loads[i - 1].memory_bytes > loads[i].physical_address)
            return std::unexpected{
                fmt::format("is an ELF file with two segments at {:#x}", loads[i].physical_address)};
    if (loads.empty()) return std::unexpected{"is an ELF file without anything to load"};
    return loads;
}

// Neighbours closer than a granule of the pack become one piece, so that a small program is one payload.
void append(std::vector<ImageSegment>& segments, Load const& load, ByteView bytes) {
    Gpa const at{load.physical_address};
    if (!segments.empty() &&
        at - segments.back().at - segments.back().bytes.size() < abi::pack::payload_alignment) {
        auto& last = segments.back();
        last.bytes.resize(at - last.at);
        last.bytes.insert(last.bytes.end(), bytes.begin(), bytes.end());
        last.memory_bytes = at - last.at + load.memory_bytes;
        return;
    }
    segments.push_back(
        {.at = at, .bytes = Bytes(bytes.begin(), bytes.end()), .memory_bytes = load.memory_bytes});
}

}  // namespace

bool is_elf(ByteView file) {
    return as_text(file).starts_with(
        "\x7f"
        "ELF");
}

std::expected<KernelImage, std::string> parse_elf(ByteView file) {
    if (file.size() < header_bytes) return std::unexpected{"is an ELF file that is cut off in its header"};
    if (file[4] != class_64) return std::unexpected{"is a 32-bit ELF file, and VMs are 64-bit"};
    if (file[5] != data_little_endian || little_endian<u16>(file, 18) != machine_riscv)
        return std::unexpected{"is an ELF file for another kind of machine than RISC-V"};
    auto const type = little_endian<u16>(file, 16);
    if (type != type_executable && type != type_shared)
        return std::unexpected{"is an ELF file, but not a program (an object file or a core dump)"};

    auto const loads = read_program_headers(file);
    if (!loads) return std::unexpected{loads.error()};

    KernelImage image{.kind = ImageKind::elf};
    for (auto const& load : *loads) append(image.segments, load, file.subspan(load.offset, load.file_bytes));
    if (image.segments.size() > abi::pack::most_segments)
        return std::unexpected{fmt::format("is an ELF file with {} pieces far apart, and {} are the most",
                                           image.segments.size(), abi::pack::most_segments)};

    // The entry is virtual; the guest starts without translation.
    auto const entry = little_endian<u64>(file, 24);
    for (auto const& load : *loads)
        if (entry - load.virtual_address < load.memory_bytes) {
            image.entry = Gpa{load.physical_address + (entry - load.virtual_address)};
            return image;
        }
    return std::unexpected{fmt::format("is an ELF file whose entry {:#x} is in none of its segments", entry)};
}

}  // namespace antler::cli
