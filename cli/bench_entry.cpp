// Says when the firmware handed over.
#include "cli/bench_entry.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "base/types.hpp"

namespace antler::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "the words below are written as they are");

// As words, so that a figure of the machine without Antler does not move with our compiler.
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

}  // namespace

std::string entry_program() {
    return bytes_of(entry_code) + std::string(64 + 16, '\0');
}

}  // namespace antler::cli
