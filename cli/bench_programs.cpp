// Two tiny RISC-V programs that tell the time.
#include "cli/bench_programs.hpp"

#include <elf.h>

#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>

namespace antler::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "the words below are written as they are");

// Words and not a compiler's output, so that the figures do not move with the compiler.
constexpr std::array<u32, 38> marker_code{
    // clang-format off
    // s0 = now
    0xc0102473,  // rdtime s0
    // write(1, prefix, 8)
    0x00000597,  // auipc a1, 0x0
    0x09458593,  // addi a1, a1, 0x94
    0x00100513,  // li a0, 0x1
    0x00800613,  // li a2, 0x8
    0x04000893,  // li a7, 0x40
    0x00000073,  // ecall
    // a line end on the stack, and a1 there
    0xfe010113,  // addi sp, sp, -0x20
    0x01f10593,  // addi a1, sp, 0x1f
    0x00a00313,  // li t1, 0xa
    0x00658023,  // sb t1, 0x0(a1)
    // digits before it, the last one first
    0x026473b3,  // remu t2, s0, t1
    0x02645433,  // divu s0, s0, t1
    0x03038393,  // addi t2, t2, 0x30
    0xfff58593,  // addi a1, a1, -0x1
    0x00758023,  // sb t2, 0x0(a1)
    0xfe0416e3,  // bnez s0, 0x2c
    // write(1, a1, to the end)
    0x02010613,  // addi a2, sp, 0x20
    0x40b60633,  // sub a2, a2, a1
    0x00100513,  // li a0, 0x1
    0x04000893,  // li a7, 0x40
    0x00000073,  // ecall
    // ioctl(1, TCSBRK, 1): until the last byte has left
    0x00100513,  // li a0, 0x1
    0x000055b7,  // lui a1, 0x5
    0x4095859b,  // addiw a1, a1, 0x409
    0x00100613,  // li a2, 0x1
    0x01d00893,  // li a7, 0x1d
    0x00000073,  // ecall
    // reboot(…, LINUX_REBOOT_CMD_POWER_OFF)
    0x7f70f537,  // lui a0, 0x7f70f
    0x00151513,  // slli a0, a0, 0x1
    0xead50513,  // addi a0, a0, -0x153
    0x281225b7,  // lui a1, 0x28122
    0x9695859b,  // addiw a1, a1, -0x697
    0x43220637,  // lui a2, 0x43220
    0xedc6061b,  // addiw a2, a2, -0x124
    0x08e00893,  // li a7, 0x8e
    0x00000073,  // ecall
    // for ever
    0x0000006f,  // j 0x94
    // clang-format on
};
constexpr std::string_view marker_prefix = "\nmarker ";  // lies behind the code

constexpr std::array<u32, 28> entry_code{
    // clang-format off
    // s0 = now
    0xc0102473,  // rdtime s0
    // a line end 64 bytes behind the program, and s1, s3 there
    0x00010913,  // mv s2, sp
    0x00000497,  // auipc s1, 0x0
    0x0a848493,  // addi s1, s1, 0xa8
    0x00a00313,  // li t1, 0xa
    0x00648023,  // sb t1, 0x0(s1)
    0x00048993,  // mv s3, s1
    // digits before it, the last one first
    0x026473b3,  // remu t2, s0, t1
    0x02645433,  // divu s0, s0, t1
    0x03038393,  // addi t2, t2, 0x30
    0xfff48493,  // addi s1, s1, -0x1
    0x00748023,  // sb t2, 0x0(s1)
    0xfe0416e3,  // bnez s0, 0x1c
    // SBI DBCN, write(length, s1, 0)
    0x444248b7,  // lui a7, 0x44424
    0x34e8889b,  // addiw a7, a7, 0x34e
    0x00000813,  // li a6, 0x0
    0x40998533,  // sub a0, s3, s1
    0x00150513,  // addi a0, a0, 0x1
    0x00048593,  // mv a1, s1
    0x00000613,  // li a2, 0x0
    0x00000073,  // ecall
    // SBI SRST, reset(shutdown, no reason)
    0x535258b7,  // lui a7, 0x53525
    0x3548889b,  // addiw a7, a7, 0x354
    0x00000813,  // li a6, 0x0
    0x00000513,  // li a0, 0x0
    0x00000593,  // li a1, 0x0
    0x00000073,  // ecall
    // for ever
    0x0000006f,  // j 0x6c
    // clang-format on
};

std::string bytes_of(std::span<u32 const> words) {
    std::string bytes(words.size_bytes(), '\0');
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return bytes;
}

template <class T>
void append(std::string& file, T const& record) {
    file.append(reinterpret_cast<char const*>(&record), sizeof record);
}

}  // namespace

std::string marker_program() {
    constexpr u64 base = 0x10000;
    constexpr u64 headers = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    auto const code = bytes_of(marker_code) + std::string{marker_prefix};
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_RISCV;
    header.e_version = EV_CURRENT;
    header.e_entry = base + headers;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_flags = PF_R | PF_X;
    segment.p_vaddr = base;
    segment.p_paddr = base;
    segment.p_filesz = headers + code.size();
    segment.p_memsz = segment.p_filesz;
    segment.p_align = 0x1000;
    std::string file;
    append(file, header);
    append(file, segment);
    return file + code;
}

std::string entry_program() {
    return bytes_of(entry_code) + std::string(64 + 16, '\0');
}

}  // namespace antler::cli
