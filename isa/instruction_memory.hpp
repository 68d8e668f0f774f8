// Decodes every scalar 32-bit instruction that accesses memory; what it does not know is nullopt.
#pragma once

#include <array>
#include <optional>

#include "base/types.hpp"
#include "isa/cause.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

enum class RegisterFile : u8 { integer, floating };

enum class MemoryOp : u8 {
    load,
    store,
    load_acquire,   // Zalasr
    store_release,  // Zalasr
    load_reserved,
    store_conditional,
    amo_swap,
    amo_add,
    amo_xor,
    amo_and,
    amo_or,
    amo_min,
    amo_max,
    amo_minu,
    amo_maxu,
    amo_cas,      // Zacas
    guest_load,   // hlv
    guest_fetch,  // hlvx: a load that needs execute permission
    guest_store,  // hsv
    cache_inval,  // cbo.*: they act on one cache block
    cache_clean,
    cache_flush,
    cache_zero,
};

struct MemoryInstruction {
    MemoryOp op{};
    u8 width = 0;  // bytes; 0: one cache block, whose size the hart's features tell
    bool sign_extend = false;
    RegisterFile file = RegisterFile::integer;
    u8 reg = 0;             // what a load or AMO fills, or what a store gives away
    u8 source = 0;          // rs2 of store-conditional and AMO
    bool pair = false;      // amocas of two registers: reg and reg + 1, source and source + 1
    bool acquire = false;   // of atomics
    bool release = false;   // of atomics
    u8 length = 4;          // bytes the instruction takes: 2 or 4
    u8 base = 0;            // rs1.  Zero if the instruction was seen in htinst, which does not keep it.
    u8 address_offset = 0;  // htinst only: faulting address minus the original one, if misaligned
    i16 offset = 0;         // immediate to add to the base

    // hlvx raises load faults too, though it needs execute permission.
    [[nodiscard]] constexpr bool is_load() const {
        return op == MemoryOp::load || op == MemoryOp::load_acquire || op == MemoryOp::load_reserved ||
               op == MemoryOp::guest_load || op == MemoryOp::guest_fetch;
    }
    [[nodiscard]] constexpr Access access() const { return is_load() ? Access::load : Access::store; }
    // A plain load or store, which a device can answer.
    [[nodiscard]] constexpr bool is_basic() const { return op == MemoryOp::load || op == MemoryOp::store; }

    friend constexpr bool operator==(MemoryInstruction const&, MemoryInstruction const&) = default;
};

// Fields of a 32-bit encoding.
namespace encoding {
[[nodiscard]] constexpr u32 slice(u32 raw, unsigned high, unsigned low) {
    return raw >> low & ((u32{1} << (high - low + 1)) - 1);
}
[[nodiscard]] constexpr u8 opcode(u32 raw) {
    return static_cast<u8>(raw & 0x7f);
}
[[nodiscard]] constexpr u8 rd(u32 raw) {
    return static_cast<u8>(slice(raw, 11, 7));
}
[[nodiscard]] constexpr u8 rs1(u32 raw) {
    return static_cast<u8>(slice(raw, 19, 15));
}
[[nodiscard]] constexpr u8 rs2(u32 raw) {
    return static_cast<u8>(slice(raw, 24, 20));
}
[[nodiscard]] constexpr u8 funct3(u32 raw) {
    return static_cast<u8>(slice(raw, 14, 12));
}
// The immediates are sign-extended from bit 31.
[[nodiscard]] constexpr i16 load_offset(u32 raw) {
    return static_cast<i16>(static_cast<i32>(raw) >> 20);
}
[[nodiscard]] constexpr i16 store_offset(u32 raw) {
    return static_cast<i16>((static_cast<i32>(raw) >> 25) * 32 | static_cast<i32>(rd(raw)));
}

inline constexpr u8 opcode_load = 0x03;
inline constexpr u8 opcode_load_fp = 0x07;
inline constexpr u8 opcode_misc_mem = 0x0f;
inline constexpr u8 opcode_store = 0x23;
inline constexpr u8 opcode_store_fp = 0x27;
inline constexpr u8 opcode_amo = 0x2f;
inline constexpr u8 opcode_system = 0x73;
}  // namespace encoding

namespace detail {

// Where an encoding exists: a bit for each width of registers.
using Presence = u8;
inline constexpr Presence nowhere = 0;
inline constexpr Presence only_rv32 = 1;
inline constexpr Presence only_rv64 = 2;
inline constexpr Presence everywhere = only_rv32 | only_rv64;
[[nodiscard]] constexpr bool is_in(Presence presence, Xlen x) {
    return (presence & (x == Xlen::rv64 ? only_rv64 : only_rv32)) != 0;
}

// One funct3 of LOAD, LOAD-FP, STORE or STORE-FP.  `compressed`: where a 16-bit form expands to it, so that
// htinst may say so.  The widths that are nowhere belong to vectors or to nobody.
struct BasicRow {
    Presence known = nowhere;
    u8 width = 0;
    bool sign_extend = false;
    Presence compressed = nowhere;
};

// By opcode bits 5 and 2, then funct3, so that finding a row takes no search: device accesses come here.
inline constexpr std::array<BasicRow, 32> basic_rows{{
    {everywhere, 1, true, nowhere},      // lb   [norm:lb_lbu_op]
    {everywhere, 2, true, everywhere},   // lh   [norm:lh_op]
    {everywhere, 4, true, everywhere},   // lw   [norm:lw_op]
    {only_rv64, 8, true, only_rv64},     // ld   [norm:ld_op_rv64i]
    {everywhere, 1, false, everywhere},  // lbu  [norm:lb_lbu_op]
    {everywhere, 2, false, everywhere},  // lhu  [norm:lhu_op]
    {only_rv64, 4, false, nowhere},      // lwu  [norm:lwu_op]
    {},
    {},
    {everywhere, 2, false, nowhere},     // flh
    {everywhere, 4, false, only_rv32},   // flw
    {everywhere, 8, false, everywhere},  // fld  [norm:fld_op]
    {everywhere, 16, false, nowhere},    // flq
    {},
    {},
    {},
    {everywhere, 1, false, everywhere},  // sb   [norm:sw_sh_sb_op]
    {everywhere, 2, false, everywhere},  // sh   [norm:sw_sh_sb_op]
    {everywhere, 4, false, everywhere},  // sw   [norm:sw_sh_sb_op]
    {only_rv64, 8, false, only_rv64},    // sd   [norm:sd_sw_sh_sb_op_rv64i]
    {},
    {},
    {},
    {},
    {},
    {everywhere, 2, false, nowhere},     // fsh
    {everywhere, 4, false, only_rv32},   // fsw
    {everywhere, 8, false, everywhere},  // fsd  [norm:fsd_op]
    {everywhere, 16, false, nowhere},    // fsq
    {},
    {},
    {},
}};

// The opcodes of the four differ in these two bits only.
inline constexpr u32 basic_store_bit = 0x20;
inline constexpr u32 basic_float_bit = 0x04;

[[nodiscard]] constexpr bool is_basic(u32 raw) {
    return (raw & 0x7f & ~(basic_store_bit | basic_float_bit)) == encoding::opcode_load;
}
static_assert(is_basic(encoding::opcode_load_fp) && is_basic(encoding::opcode_store) &&
              is_basic(encoding::opcode_store_fp) && !is_basic(encoding::opcode_amo));

[[nodiscard]] constexpr BasicRow const& basic_row(u32 raw) {
    return basic_rows[encoding::slice(raw, 5, 5) << 4 | encoding::slice(raw, 2, 2) << 3 |
                      encoding::funct3(raw)];
}

// One funct5 of AMO: its widths as a bit for each log2, and fields that must have a value.
struct AtomicRow {
    bool known = false;
    MemoryOp op{};
    u8 widths = 0;
    bool source_is_zero = false;
    bool reg_is_zero = false;
    bool needs_acquire = false;
    bool needs_release = false;
};

inline constexpr u8 word_up = 0b01100;  // w d
inline constexpr u8 byte_up = 0b01111;  // b h w d: Zabha adds the small ones  [norm:Zabha_rs1_align_addr]
inline constexpr u8 byte_to_quad = 0b11111;  // Zacas has a q

inline constexpr std::array<AtomicRow, 32> atomic_rows = [] {
    std::array<AtomicRow, 32> rows{};
    rows[0b00000] = {true, MemoryOp::amo_add, byte_up};
    rows[0b00001] = {true, MemoryOp::amo_swap, byte_up};
    rows[0b00010] = {true, MemoryOp::load_reserved, word_up, true};
    rows[0b00011] = {true, MemoryOp::store_conditional, word_up};
    rows[0b00100] = {true, MemoryOp::amo_xor, byte_up};
    rows[0b00101] = {true, MemoryOp::amo_cas, byte_to_quad};
    // Load-acquire without aq and store-release without rl are reserved.
    // [norm:ldaq_no_aq_reserved] [norm:sdrl_no_rl_reserved]
    rows[0b00110] = {true, MemoryOp::load_acquire, byte_up, true, false, true, false};
    rows[0b00111] = {true, MemoryOp::store_release, byte_up, false, true, false, true};
    rows[0b01000] = {true, MemoryOp::amo_or, byte_up};
    rows[0b01100] = {true, MemoryOp::amo_and, byte_up};
    rows[0b10000] = {true, MemoryOp::amo_min, byte_up};
    rows[0b10100] = {true, MemoryOp::amo_max, byte_up};
    rows[0b11000] = {true, MemoryOp::amo_minu, byte_up};
    rows[0b11100] = {true, MemoryOp::amo_maxu, byte_up};
    return rows;
}();

// hlv, hlvx, hsv: SYSTEM with funct3 100.   [norm:hlsv_op]
struct GuestAccessRow {
    u32 mask, match;
    MemoryOp op;
    u8 width;
    bool sign_extend;
    Presence known;
};

inline constexpr u32 guest_load_mask = 0xfff0'707f;
inline constexpr u32 guest_store_mask = 0xfe00'7fff;

inline constexpr std::array guest_access_rows{
    GuestAccessRow{guest_load_mask, 0x6000'4073, MemoryOp::guest_load, 1, true, everywhere},    // hlv.b
    GuestAccessRow{guest_load_mask, 0x6010'4073, MemoryOp::guest_load, 1, false, everywhere},   // hlv.bu
    GuestAccessRow{guest_load_mask, 0x6400'4073, MemoryOp::guest_load, 2, true, everywhere},    // hlv.h
    GuestAccessRow{guest_load_mask, 0x6410'4073, MemoryOp::guest_load, 2, false, everywhere},   // hlv.hu
    GuestAccessRow{guest_load_mask, 0x6430'4073, MemoryOp::guest_fetch, 2, false, everywhere},  // hlvx.hu
    GuestAccessRow{guest_load_mask, 0x6800'4073, MemoryOp::guest_load, 4, true, everywhere},    // hlv.w
    GuestAccessRow{guest_load_mask, 0x6810'4073, MemoryOp::guest_load, 4, false, only_rv64},    // hlv.wu
    // RV32 has hlvx.wu, though not hlv.wu.   [norm:hlvx-wu_valid32]
    GuestAccessRow{guest_load_mask, 0x6830'4073, MemoryOp::guest_fetch, 4, false, everywhere},   // hlvx.wu
    GuestAccessRow{guest_load_mask, 0x6c00'4073, MemoryOp::guest_load, 8, true, only_rv64},      // hlv.d
    GuestAccessRow{guest_store_mask, 0x6200'4073, MemoryOp::guest_store, 1, false, everywhere},  // hsv.b
    GuestAccessRow{guest_store_mask, 0x6600'4073, MemoryOp::guest_store, 2, false, everywhere},  // hsv.h
    GuestAccessRow{guest_store_mask, 0x6a00'4073, MemoryOp::guest_store, 4, false, everywhere},  // hsv.w
    GuestAccessRow{guest_store_mask, 0x6e00'4073, MemoryOp::guest_store, 8, false, only_rv64},   // hsv.d
};

struct CacheRow {
    u32 match;  // of everything but rs1
    MemoryOp op;
};

inline constexpr u32 cache_mask = 0xfff0'7fff;

inline constexpr std::array cache_rows{
    CacheRow{0x0000'200f, MemoryOp::cache_inval},  // [norm:cbo-inval_op]
    CacheRow{0x0010'200f, MemoryOp::cache_clean},  // [norm:cbo-clean_op]
    CacheRow{0x0020'200f, MemoryOp::cache_flush},  // [norm:cbo-flush_op]
    CacheRow{0x0040'200f, MemoryOp::cache_zero},   // [norm:cbo-zero_op]
};

[[nodiscard]] constexpr std::optional<MemoryInstruction> decode_basic(u32 raw, Xlen x) {
    using namespace encoding;
    auto const& row = basic_row(raw);
    if (!is_in(row.known, x)) return std::nullopt;
    bool const store = (raw & basic_store_bit) != 0;
    return MemoryInstruction{
        .op = store ? MemoryOp::store : MemoryOp::load,
        .width = row.width,
        .sign_extend = row.sign_extend,
        .file = (raw & basic_float_bit) != 0 ? RegisterFile::floating : RegisterFile::integer,
        .reg = store ? rs2(raw) : rd(raw),
        .base = rs1(raw),
        .offset = store ? store_offset(raw) : load_offset(raw)};
}

[[nodiscard]] constexpr std::optional<MemoryInstruction> decode_atomic(u32 raw, Xlen x) {
    using namespace encoding;
    auto const& row = atomic_rows[slice(raw, 31, 27)];
    unsigned const width_log = funct3(raw);
    unsigned const register_log = x == Xlen::rv64 ? 3 : 2;
    bool const acquire = slice(raw, 26, 26) != 0;
    bool const release = slice(raw, 25, 25) != 0;
    if (!row.known || (row.widths >> width_log & 1) == 0) return std::nullopt;
    if ((row.source_is_zero && rs2(raw) != 0) || (row.reg_is_zero && rd(raw) != 0)) return std::nullopt;
    if ((row.needs_acquire && !acquire) || (row.needs_release && !release)) return std::nullopt;

    // Only amocas may be twice as wide as a register; its pairs begin at even registers.
    // [norm:Zacas_rv32_amocas-d_frst_pair_entry_reg_even] [norm:Zacas_rv64_amocas-q_frst_pair_entry_reg_even]
    bool const pair = width_log > register_log;
    if (pair && (row.op != MemoryOp::amo_cas || width_log > register_log + 1)) return std::nullopt;
    if (pair && ((rd(raw) | rs2(raw)) & 1) != 0) return std::nullopt;

    bool const store = row.op == MemoryOp::store_release;
    bool const has_source = !store && !row.source_is_zero;
    return MemoryInstruction{.op = row.op,
                             .width = static_cast<u8>(1U << width_log),
                             .sign_extend = !store && row.op != MemoryOp::store_conditional,
                             .reg = store ? rs2(raw) : rd(raw),
                             .source = has_source ? rs2(raw) : u8{0},
                             .pair = pair,
                             .acquire = acquire,
                             .release = release,
                             .base = rs1(raw)};
}

[[nodiscard]] constexpr std::optional<MemoryInstruction> decode_guest_access(u32 raw, Xlen x) {
    using namespace encoding;
    for (auto const& row : guest_access_rows)
        if ((raw & row.mask) == row.match && is_in(row.known, x))
            return MemoryInstruction{.op = row.op,
                                     .width = row.width,
                                     .sign_extend = row.sign_extend,
                                     .reg = row.op == MemoryOp::guest_store ? rs2(raw) : rd(raw),
                                     .base = rs1(raw)};
    return std::nullopt;
}

[[nodiscard]] constexpr std::optional<MemoryInstruction> decode_cache_block(u32 raw) {
    for (auto const& row : cache_rows)
        if ((raw & cache_mask) == row.match)
            return MemoryInstruction{.op = row.op, .base = encoding::rs1(raw)};
    return std::nullopt;
}

}  // namespace detail

// A 32-bit instruction that accesses memory.  Vector accesses, prefetches (which never fault), shadow-stack
// accesses, RV32's register-pair loads and reserved encodings are nullopt.
template <Xlen X = native>
[[nodiscard]] constexpr std::optional<MemoryInstruction> decode_memory_standard(u32 raw) {
    using namespace encoding;
    auto const code = opcode(raw);
    if (detail::is_basic(raw)) return detail::decode_basic(raw, X);
    if (code == opcode_amo) return detail::decode_atomic(raw, X);
    if (code == opcode_system) return detail::decode_guest_access(raw, X);
    if (code == opcode_misc_mem) return detail::decode_cache_block(raw);
    return std::nullopt;
}

static_assert(decode_memory_standard(0x00b5'2023)->reg == 11);         // sw a1, 0(a0)
static_assert(decode_memory_standard(0xfff5'4583)->offset == -1);      // lbu a1, -1(a0)
static_assert(decode_memory_standard(0xfeb5'3fa7)->offset == -1);      // fsd fa1, -1(a0)
static_assert(!decode_memory_standard<Xlen::rv32>(0x0005'3583));       // ld is not in RV32
static_assert(decode_memory_standard(0x2ac5'452f)->pair);              // amocas.q.rl a0, a2, (a0)
static_assert(!decode_memory_standard(0x2ab5'452f));                   // ... of an odd register
static_assert(decode_memory_standard<Xlen::rv32>(0x28c5'352f)->pair);  // amocas.d
static_assert(!decode_memory_standard<Xlen::rv32>(0x28c5'452f));       // amocas.q is not in RV32
static_assert(decode_memory_standard(0x1005'252f)->op == MemoryOp::load_reserved);
static_assert(!decode_memory_standard(0x1015'252f));                              // lr.w with rs2: reserved
static_assert(decode_memory_standard(0x6835'4573)->op == MemoryOp::guest_fetch);  // hlvx.wu a0, (a0)
static_assert(decode_memory_standard(0x0045'200f)->op == MemoryOp::cache_zero);
static_assert(!decode_memory_standard(0x0205'6007));  // vle32.v: a vector's

}  // namespace antler::isa
