// The decoder: what it knows, what it refuses, and how htinst tells the same.
#include "isa/instruction.hpp"

#include <gtest/gtest.h>

namespace antler::isa {
namespace {

[[nodiscard]] MemoryInstruction known(std::optional<MemoryInstruction> decoded) {
    EXPECT_TRUE(decoded.has_value());
    return decoded.value_or(MemoryInstruction{});
}

TEST(Instruction, LoadsSayWidthSignAndRegister) {
    RecordProperty("rules", "norm:lb_lbu_op norm:lh_op norm:lhu_op norm:lw_op norm:lwu_op norm:ld_op_rv64i");
    struct Case {
        u32 funct3;
        u8 width;
        bool sign_extend;
    };
    for (auto const [funct3, width, sign_extend] : {Case{0, 1, true},
                                                    {1, 2, true},
                                                    {2, 4, true},
                                                    {3, 8, true},
                                                    {4, 1, false},
                                                    {5, 2, false},
                                                    {6, 4, false}}) {
        auto const load = known(decode_memory(0x8005'0003U | funct3 << 12 | 17U << 7));  // x17, -2048(x10)
        EXPECT_EQ(load.op, MemoryOp::load);
        EXPECT_EQ(load.width, width);
        EXPECT_EQ(load.sign_extend, sign_extend);
        EXPECT_EQ(load.file, RegisterFile::integer);
        EXPECT_EQ(load.reg, 17);
        EXPECT_EQ(load.base, 10);
        EXPECT_EQ(load.offset, -2048);
        EXPECT_EQ(load.length, 4);
        EXPECT_EQ(load.access(), Access::load);
    }
    EXPECT_FALSE(decode_memory(0x0005'7003));
}

TEST(Instruction, StoresTakeTheirRegisterFromRs2AndTheirOffsetFromTwoPlaces) {
    RecordProperty("rules", "norm:sw_sh_sb_op norm:sd_sw_sh_sb_op_rv64i");
    auto const store = known(decode_memory(0x7f15'3fa3));  // sd x17, 2047(x10)
    EXPECT_EQ(store.op, MemoryOp::store);
    EXPECT_EQ(store.width, 8);
    EXPECT_EQ(store.reg, 17);
    EXPECT_EQ(store.offset, 2047);
    EXPECT_EQ(store.access(), Access::store);
    EXPECT_EQ(known(decode_memory(0x8115'3023)).offset, -2048);
    for (u32 funct3 = 4; funct3 < 8; ++funct3) EXPECT_FALSE(decode_memory(0x0005'0023 | funct3 << 12));
}

TEST(Instruction, FloatsGoToTheirOwnFileAndVectorsAreRefused) {
    RecordProperty("rules", "norm:fld_op norm:fsd_op norm:fsw_flw_op norm:fsh_flh_op norm:fsq_flq_op");
    for (u32 funct3 = 0; funct3 < 8; ++funct3) {
        for (u32 const opcode : {0x07U, 0x27U}) {
            auto const decoded = decode_memory(opcode | funct3 << 12);
            bool const scalar = funct3 >= 1 && funct3 <= 4;
            ASSERT_EQ(decoded.has_value(), scalar);
            if (!scalar) continue;
            EXPECT_EQ(decoded->width, 1U << funct3);
            EXPECT_EQ(decoded->file, RegisterFile::floating);
        }
    }
}

TEST(Instruction, WhatOnlyRv64HasIsUnknownOnRv32) {
    for (u32 const raw : {0x0005'3583U, 0x0005'6583U, 0x00b5'3023U, 0x1005'352fU, 0x00b5'352fU, 0x6c05'4573U,
                          0x6815'4573U, 0x6eb5'4073U}) {
        EXPECT_TRUE(decode_memory<Xlen::rv64>(raw)) << std::hex << raw;
        EXPECT_FALSE(decode_memory<Xlen::rv32>(raw)) << std::hex << raw;
    }
    EXPECT_TRUE(decode_memory<Xlen::rv32>(0x6835'4573));  // hlvx.wu
}

TEST(Instruction, CompressedDoublesOfRv64AreFloatsOnRv32) {
    RecordProperty("rules",
                   "norm:c-ld_op norm:c-flw_op norm:c-sd_op norm:c-fsw_op norm:c-ldsp_op norm:c-flwsp_op");
    for (u16 const raw : {0x6588, 0xe588, 0x6502, 0xe02a}) {
        auto const wide = known(decode_memory<Xlen::rv64>(raw));
        auto const narrow = known(decode_memory<Xlen::rv32>(raw));
        EXPECT_EQ(wide.width, 8);
        EXPECT_EQ(wide.file, RegisterFile::integer);
        EXPECT_EQ(narrow.width, 4);
        EXPECT_EQ(narrow.file, RegisterFile::floating);
        EXPECT_EQ(wide.length, 2);
        EXPECT_EQ(narrow.length, 2);
    }
}

TEST(Instruction, CompressedLoadsIntoX0FromTheStackAreReservedButF0IsARegister) {
    RecordProperty("rules", "norm:c-lwsp_rsv norm:c-ldsp_rsv norm:c-fldsp_op norm:c-flwsp_op");
    EXPECT_FALSE(decode_memory(0x4002));                         // c.lwsp x0
    EXPECT_FALSE(decode_memory(0x6002));                         // c.ldsp x0
    EXPECT_EQ(known(decode_memory(0x2002)).reg, 0);              // c.fldsp f0
    EXPECT_EQ(known(decode_memory<Xlen::rv32>(0x6002)).reg, 0);  // c.flwsp f0
    EXPECT_EQ(known(decode_memory(0x4082)).base, 2);             // c.lwsp ra, 0(sp)
}

TEST(Instruction, ZcbReachesBytesAndHalfwords) {
    RecordProperty("rules", "norm:c-lbu_op norm:c-lhu_op norm:c-lh_op norm:c-sb_op norm:c-sh_op");
    auto const lbu = known(decode_memory(0x81e8));  // c.lbu a0, 3(a1): bits 5 and 6 are uimm[1] and uimm[0]
    EXPECT_EQ(lbu.width, 1);
    EXPECT_FALSE(lbu.sign_extend);
    EXPECT_EQ(lbu.offset, 3);
    EXPECT_EQ(known(decode_memory(0x81c8)).offset, 1);
    EXPECT_EQ(known(decode_memory(0x81a8)).offset, 2);
    EXPECT_FALSE(known(decode_memory(0x8588)).sign_extend);  // c.lhu
    EXPECT_TRUE(known(decode_memory(0x85c8)).sign_extend);   // c.lh
    EXPECT_EQ(known(decode_memory(0x85a8)).offset, 2);
    EXPECT_EQ(known(decode_memory(0x89e8)).op, MemoryOp::store);  // c.sb
    EXPECT_EQ(known(decode_memory(0x8da8)).width, 2);             // c.sh a0, 2(a1)
    EXPECT_FALSE(decode_memory(0x8dc8));
    EXPECT_FALSE(decode_memory(0x9188));
}

TEST(Instruction, AtomicsKnowTheirTwoRegistersAndTheirOrder) {
    auto const add = known(decode_memory(0x06c5'a52f));  // amoadd.w.aqrl a0, a2, (a1)
    EXPECT_EQ(add.op, MemoryOp::amo_add);
    EXPECT_TRUE(add.acquire && add.release && add.sign_extend);
    EXPECT_EQ(add.reg, 10);
    EXPECT_EQ(add.source, 12);
    EXPECT_EQ(add.base, 11);
    EXPECT_EQ(add.access(), Access::store);
    auto const sc = known(decode_memory(0x18c5'b52f));  // sc.d a0, a2, (a1)
    EXPECT_EQ(sc.op, MemoryOp::store_conditional);
    EXPECT_EQ(sc.source, 12);
    EXPECT_EQ(known(decode_memory(0x1005'b52f)).access(), Access::load);  // lr.d
    EXPECT_FALSE(decode_memory(0x1005'852f));                             // lr.b: Zabha has none
    EXPECT_EQ(known(decode_memory(0x00c5'852f)).width, 1);                // amoadd.b
    EXPECT_FALSE(decode_memory(0x00c5'c52f));                             // amoadd.q: nobody has it
    EXPECT_FALSE(decode_memory(0x48c5'a52f));                             // ssamoswap.w: shadow stacks
}

TEST(Instruction, CompareAndSwapOfPairsWantsEvenRegisters) {
    RecordProperty("rules",
                   "norm:Zacas_rv64_amocas-q_frst_pair_entry_reg_even "
                   "norm:Zacas_rv32_amocas-d_frst_pair_entry_reg_even");
    for (u32 rd = 0; rd < 32; ++rd) {
        for (u32 rs2 = 0; rs2 < 32; ++rs2) {
            u32 const registers = rd << 7 | rs2 << 20;
            bool const even = rd % 2 == 0 && rs2 % 2 == 0;
            EXPECT_EQ(decode_memory<Xlen::rv64>(0x2805'c02f | registers).has_value(), even);
            EXPECT_EQ(decode_memory<Xlen::rv32>(0x2805'b02f | registers).has_value(), even);
            EXPECT_TRUE(decode_memory<Xlen::rv64>(0x2805'b02f | registers));
        }
    }
    EXPECT_FALSE(known(decode_memory<Xlen::rv64>(0x2805'b02f)).pair);
    EXPECT_TRUE(known(decode_memory<Xlen::rv32>(0x2805'b02f)).pair);
}

TEST(Instruction, LoadAcquireAndStoreReleaseMustSaySo) {
    RecordProperty("rules", "norm:ldaq_no_aq_reserved norm:sdrl_no_rl_reserved");
    EXPECT_EQ(known(decode_memory(0x3405'a52f)).op, MemoryOp::load_acquire);  // lw.aq a0, (a1)
    EXPECT_FALSE(decode_memory(0x3005'a52f));
    EXPECT_FALSE(decode_memory(0x3205'a52f));
    EXPECT_FALSE(decode_memory(0x3415'a52f));                                  // rs2 must be zero
    EXPECT_EQ(known(decode_memory(0x3aa5'a02f)).op, MemoryOp::store_release);  // sw.rl a0, (a1)
    EXPECT_EQ(known(decode_memory(0x3aa5'a02f)).reg, 10);
    EXPECT_FALSE(decode_memory(0x38a5'a02f));
    EXPECT_FALSE(decode_memory(0x3aa5'a0af));  // rd must be zero
}

TEST(Instruction, CsrInstructionsReadAndWriteByTheNumberOfTheirRegisters) {
    RecordProperty("rules", "norm:csrrwi_rd_x0 norm:csrrs_csrrc_rs1_x0 norm:csrrsi_csrrci_uimm_zero");
    for (u32 form = 0; form < 8; ++form) {
        for (u32 const reg : {0U, 31U}) {
            for (u32 const source : {0U, 31U}) {
                auto const decoded = decode_csr(0xabc0'0073 | form << 12 | reg << 7 | source << 15);
                ASSERT_EQ(decoded.has_value(), form % 4 != 0);
                if (!decoded) continue;
                bool const swap = form % 4 == 1;
                EXPECT_EQ(decoded->csr, 0xabc);
                EXPECT_EQ(decoded->immediate, form > 4);
                EXPECT_EQ(decoded->reads(), !swap || reg != 0);
                EXPECT_EQ(decoded->writes(), swap || source != 0);
            }
        }
    }
    EXPECT_EQ((CsrInstruction{.op = CsrOp::swap}.result(0b1100, 0b1010)), 0b1010U);
    EXPECT_EQ((CsrInstruction{.op = CsrOp::set}.result(0b1100, 0b1010)), 0b1110U);
    EXPECT_EQ((CsrInstruction{.op = CsrOp::clear}.result(0b1100, 0b1010)), 0b0100U);
}

TEST(Instruction, FencesNameTheirOperandsAndNothingElseHasAny) {
    RecordProperty("rules", "norm:hfence-vvma_hfence-gvma_op norm:sfence_vma_op norm:wfi_op");
    auto const fence = decode_privileged(0x62c5'8073);  // hfence.gvma a1, a2
    ASSERT_TRUE(fence);
    EXPECT_EQ(fence->op, PrivilegedOp::hfence_gvma);
    EXPECT_EQ(fence->address, 11);
    EXPECT_EQ(fence->identifier, 12);
    EXPECT_EQ(decode_privileged(0x1050'0073)->identifier, 0);
    EXPECT_FALSE(decode_privileged(0x1050'8073));  // wfi with rs1
    EXPECT_FALSE(decode_privileged(0x62c5'80f3));  // hfence.gvma with rd
    EXPECT_FALSE(decode_privileged(0x0000'0073));  // ecall traps by itself
}

TEST(TrapInstruction, AddressOffsetReplacesTheBase) {
    RecordProperty("rules", "norm:H_tinst_addr_offset norm:H_trap_xtinst_exception_list");
    auto const told = decode_trap_instruction(0x0001'a583);  // lw a1, with rs1 replaced by 3
    auto const* load = std::get_if<MemoryInstruction>(&told);
    ASSERT_NE(load, nullptr);
    EXPECT_EQ(load->reg, 11);
    EXPECT_EQ(load->address_offset, 3);
    EXPECT_EQ(load->base, 0);
    EXPECT_EQ(load->length, 4);
}

TEST(TrapInstruction, BitOneSaysThatTheInstructionWasCompressed) {
    RecordProperty("rules", "norm:H_trap_xtinst_exception_list");
    for (u64 value = 1; value < 0x8000; value += 4) {
        auto const told = decode_trap_instruction(value);
        if (auto const* memory = std::get_if<MemoryInstruction>(&told)) EXPECT_EQ(memory->length, 2);
    }
    // Atomics, lb, lwu and halves in floating-point registers have no 16-bit form.
    for (u64 const value : {0x00b5'252dULL, 0x0001ULL, 0x6001ULL, 0x1005ULL})
        EXPECT_TRUE(std::holds_alternative<NothingTold>(decode_trap_instruction(value))) << value;
    // c.flw is RV32's, c.ld RV64's.
    EXPECT_TRUE(std::holds_alternative<NothingTold>(decode_trap_instruction<Xlen::rv64>(0x2505)));
    EXPECT_TRUE(std::holds_alternative<MemoryInstruction>(decode_trap_instruction<Xlen::rv32>(0x2505)));
}

TEST(TrapInstruction, TheShortWayForDevicesSaysTheSameOrNothing) {
    RecordProperty("rules", "norm:H_trap_xtinst_exception_list");
    for (u64 value = 0; value < 0x1'0000; ++value) {
        for (u64 const upper : {u64{0}, u64{0x00b0'0000}, u64{0x0001'0000}, u64{1} << 32}) {
            auto const told = decode_trap_instruction(value | upper);
            auto const* memory = std::get_if<MemoryInstruction>(&told);
            bool const plain = memory != nullptr && memory->is_basic() &&
                               memory->file == RegisterFile::integer && memory->address_offset == 0;
            auto const quick = plain_access(value | upper);
            ASSERT_EQ(quick.has_value(), plain) << std::hex << (value | upper);
            auto const whole = value | upper;
            if (is_plain_load_word(whole) || is_plain_load_byte(whole)) {
                ASSERT_TRUE(plain && memory->is_load()) << std::hex << whole;
                ASSERT_EQ(memory->width, is_plain_load_word(whole) ? 4 : 1);
                ASSERT_TRUE(memory->sign_extend || is_plain_load_byte(whole));
                ASSERT_EQ(memory->reg, load_register(whole));
                ASSERT_EQ(memory->length, told_length(whole));
            }
            if (!plain) continue;
            ASSERT_EQ(quick->store, !memory->is_load());
            ASSERT_EQ(quick->sign_extend, memory->sign_extend);
            ASSERT_EQ(quick->width, memory->width);
            ASSERT_EQ(quick->reg, memory->reg);
            ASSERT_EQ(quick->length, memory->length);
        }
    }
}

TEST(TrapInstruction, PseudoinstructionsTellOfTables) {
    RecordProperty("rules", "norm:H_trap_xtinst_guestpage norm:H_trap_xtinst_guestpage_rw");
    EXPECT_EQ(decode_trap_instruction(0x2000), TrapInstruction(TableAccess{false, 4}));
    EXPECT_EQ(decode_trap_instruction(0x2020), TrapInstruction(TableAccess{true, 4}));
    EXPECT_EQ(decode_trap_instruction(0x3000), TrapInstruction(TableAccess{false, 8}));
    EXPECT_EQ(decode_trap_instruction(0x3020), TrapInstruction(TableAccess{true, 8}));
}

TEST(TrapInstruction, ExcludedValuesMeanNothing) {
    RecordProperty("rules", "norm:H_trap_xtinst norm:H_trap_xtinst_exception_list");
    for (u64 const value : {0ULL, 0x2ULL, 0x2003'0000'2003ULL, 0x1'0000'3020ULL, 0x3000'0000ULL, 0x3022ULL,
                            0x13ULL, 0x7003ULL, ~0ULL})
        EXPECT_TRUE(std::holds_alternative<NothingTold>(decode_trap_instruction(value))) << std::hex << value;
}

TEST(TrapInstruction, CacheBlockOperationsHaveNoAddressOffset) {
    RecordProperty("rules", "norm:h_trans_cache");
    auto const told = decode_trap_instruction(0x0040'200f);
    auto const* zero = std::get_if<MemoryInstruction>(&told);
    ASSERT_NE(zero, nullptr);
    EXPECT_EQ(zero->op, MemoryOp::cache_zero);
    EXPECT_TRUE(std::holds_alternative<NothingTold>(decode_trap_instruction(0x0041'200f)));
    EXPECT_EQ(transform_instruction(0x0045'200f, 0), 0x0040'200fU);
}

TEST(TrapInstruction, EveryCompressedFormSurvivesItsTransformation) {
    RecordProperty("rules", "norm:H_trap_xtinst_exception_list norm:Zca_regs8");
    for (u32 raw = 0; raw <= 0xffff; ++raw) {
        if ((raw & 3) == 3) continue;
        auto const decoded = decode_memory(raw);
        auto const value = transform_instruction(raw, 0);
        ASSERT_EQ(decoded.has_value(), value != 0);
        if (!decoded) continue;
        auto const told = decode_trap_instruction(value);
        auto expected = *decoded;
        expected.base = 0;
        expected.offset = 0;
        ASSERT_TRUE(std::holds_alternative<MemoryInstruction>(told)) << std::hex << raw;
        ASSERT_EQ(std::get<MemoryInstruction>(told), expected) << std::hex << raw;
    }
}

TEST(Instruction, LengthsFollowTheLowBitsOfTheFirstParcel) {
    EXPECT_EQ(instruction_length(0x0000), 2);
    EXPECT_EQ(instruction_length(0xfffe), 2);
    EXPECT_EQ(instruction_length(0x0003), 4);
    EXPECT_EQ(instruction_length(0x001f), 0);
    EXPECT_EQ(instruction_length(0xffff), 0);
}

}  // namespace
}  // namespace antler::isa
