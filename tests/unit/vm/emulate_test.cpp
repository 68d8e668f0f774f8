// Instructions that a policy or a missing extension takes from the guest.
#include "vm/emulate.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using isa::Exception;
namespace csr = hart::csr;

constexpr u32 wfi = 0x1050'0073;
constexpr u32 wrs_nto = 0x00d0'0073;
constexpr u32 sret = 0x1020'0073;
constexpr u32 mret = 0x3020'0073;
constexpr u32 csrrw_a0_satp_a1 = 0x1805'9573;
constexpr u32 csrrs_a0_satp_x0 = 0x1800'2573;
constexpr u32 csrrc_a0_satp_a1 = 0x1805'b573;
constexpr u32 csrrwi_x0_satp_5 = 0x1802'd073;
constexpr u64 sv39 = u64{8} << 60;

class Emulate : public testing::Test {
protected:
    explicit Emulate(Policies policies = {})
        : vcpu_{world_.start(world_.add({.vcpus = 1, .policies = policies}))} {
        csr::vstvec::write(World::code + 0x100);
        vcpu_.pc = pc;
    }
    Vcpu* execute(u32 instruction) {
        return world_.take(vcpu_, {.cause = Exception::virtual_instruction, .stval = instruction});
    }
    void go_to_vu() { vcpu_.sstatus = isa::Sstatus::spp::set(vcpu_.sstatus, false); }
    void expect_illegal(u32 instruction) {
        vcpu_.pc = pc;
        csr::vscause::write_raw(0);
        EXPECT_EQ(execute(instruction), &vcpu_);
        EXPECT_EQ(csr::vscause::read_raw(), 2U) << std::hex << instruction;
        EXPECT_EQ(csr::vstval::read(), instruction);
        EXPECT_EQ(csr::vsepc::read(), pc);
        EXPECT_EQ(vcpu_.pc, World::code + 0x100);
    }
    static constexpr u64 pc = World::code + 0x40;
    World world_{1};
    Vcpu& vcpu_;
};
class EmulateUnderPolicies : public Emulate {
protected:
    EmulateUnderPolicies() : Emulate{{.trap_memory = true, .trap_wait = true, .trap_return = true}} {}
};

TEST_F(Emulate, WhatAGuestWithoutHMayNotDoIsIllegal) {
    RecordProperty("rules",
                   "norm:H_cause_virtual_instruction norm:H_virtinst_vu_vs_hinst norm:hlsv_virtinst");
    expect_illegal(0x6000'2573);  // csrr a0, hstatus
    expect_illegal(0x2000'2573);  // csrr a0, vsstatus
    expect_illegal(0x6c05'c573);  // hlv.d a0, (a1)
    expect_illegal(0x2200'0073);  // hfence.vvma
    expect_illegal(0x6200'0073);  // hfence.gvma
    expect_illegal(0xc030'2573);  // csrr a0, hpmcounter3: not opened by hcounteren
    expect_illegal(mret);
    expect_illegal(0x0045'a00f);  // cbo.zero (a1), hidden by henvcfg
    EXPECT_EQ(vcpu_.exits[static_cast<usize>(ExitKind::reflected)], 8U);
}

TEST_F(Emulate, WhatTheHartKeepsShutIsIllegalInBothModes) {
    // Whichever register it is, and whoever asks: a guest without H sees no virtual instruction.
    RecordProperty(
        "rules",
        "norm:H_virtinst_vs_nonhighctr_h0_m1 norm:H_virtinst_vu_nonhighctr_h0_s0_m1 "
        "norm:H_virtinst_vu_vs_nonhigh_allowedhs_tvm0 norm:hcounteren_op norm:henvcfg_cbze "
        "norm:H_virtinst_vu_nonhigh_supervisor_allowedhs_tvm0 norm:H_vscsrs_acc_vs "
        "norm:hfence-vvma_hfence-gvma_exceptions norm:cbo-inval_h-mode_veq1_op norm:H_csrs_hs_not_vs");
    auto const read = [](u32 number) { return number << 20 | 0x2573; };  // csrr a0
    namespace n = isa::csr_number;
    for (bool const in_vu : {false, true})
        for (u32 const instruction :
             {read(n::hpmcounter3), read(n::hpmcounter31), read(n::hstatus), read(n::hgatp),
              read(n::htimedelta), read(n::hgeip), read(n::vsstatus), read(n::vsatp), read(n::vstimecmp),
              read(n::sstatus), read(n::satp), read(n::stimecmp), u32{0x2200'0073}, u32{0x6200'0073},
              u32{0x0005'a00f}, u32{0x0015'a00f}, u32{0x0045'a00f}}) {
            if (in_vu) go_to_vu();
            expect_illegal(instruction);
        }
}

TEST_F(Emulate, UpperHalvesAreIllegalToo) {
    RecordProperty("rules",
                   "norm:H_virtinst_vs32_highctr_h0_m1 norm:H_virtinst_vu32_highctr_h0_s0_m1 "
                   "norm:H_virtinst_vu_vs32_high_allowedhs_tvm0 norm:H_cause_virtual_instruction_high "
                   "norm:H_virtinst_vu32_high_supervisor_allowedhs_tvm0");
    namespace n = isa::csr_number;
    for (bool const in_vu : {false, true})
        for (u32 const number : {n::cycleh, n::timeh, n::hpmcounter3h, n::htimedeltah, n::henvcfgh,
                                 n::vstimecmph, n::stimecmph}) {
            if (in_vu) go_to_vu();
            expect_illegal(number << 20 | 0x2573);
        }
}

TEST_F(EmulateUnderPolicies, AWaitThatIsTrappedEndsAtOnceWhereSomethingPends) {
    RecordProperty("rules", "norm:vtw_virtinstr norm:hstatus_vtw_op norm:H_virtinst_wfi_vtw1_tw0");
    csr::hvip::set_bits(vs_software);  // the guest's own sie is shut: a wfi ends all the same
    EXPECT_EQ(execute(wfi), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    EXPECT_EQ(vcpu_.place, Vcpu::Place::running);
}

TEST_F(Emulate, WithoutAPolicyNothingOfTheMemoryIsEmulated) {
    expect_illegal(csrrw_a0_satp_a1);
    expect_illegal(0x1200'0073);
    expect_illegal(sret);
}

TEST_F(Emulate, VuModeGetsAnIllegalInstructionForAllOfIt) {
    RecordProperty("rules", "norm:H_virtinst_vu_wfi_tw0 norm:H_virtinst_vu_sret_sfence");
    for (auto const instruction : {wfi, sret, csrrw_a0_satp_a1, u32{0x1200'0073}}) {
        go_to_vu();
        expect_illegal(instruction);
    }
}

TEST_F(Emulate, WfiBlocksUntilSomethingIsPending) {
    RecordProperty("rules", "norm:H_virtinst_wfi_vtw1_tw0");
    EXPECT_EQ(execute(wfi), nullptr);
    EXPECT_EQ(vcpu_.place, Vcpu::Place::blocked);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    vcpu_.signal(Request::software_interrupt);
    EXPECT_EQ(world_.run(), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
}

TEST_F(Emulate, WrsMayAlwaysEndAtOnce) {
    EXPECT_EQ(execute(wrs_nto), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    EXPECT_EQ(vcpu_.place, Vcpu::Place::running);
}

TEST_F(Emulate, TheInstructionIsFetchedWhereTheHartDoesNotSay) {
    RecordProperty("rules", "norm:H_virtinst_xtval");
    world_.put_code(vcpu_, wrs_nto);
    EXPECT_EQ(execute(0), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    // What cannot be fetched now is tried again: the guest gets its own fault.
    EXPECT_EQ(execute(0), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    // A second half on a page that is not there.
    world_.put_code(vcpu_, wrs_nto, 2);
    EXPECT_EQ(execute(0), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    // Other code than what trapped, of 16 bits.
    world_.put_code(vcpu_, 0x0001, 2);
    EXPECT_EQ(execute(0), &vcpu_);
    EXPECT_EQ(csr::vscause::read_raw(), 2U);
    EXPECT_EQ(csr::vstval::read(), 1U);
}

TEST_F(EmulateUnderPolicies, SatpIsReadAndWrittenAsTheHartWould) {
    RecordProperty("rules",
                   "norm:H_virtinst_vs_sfence_sinval_satp_vtvm1 norm:hstatus_vtvm_op "
                   "norm:vsatp_mode_unsupported_v1");
    vcpu_.x[11] = sv39 | 0x1234;
    EXPECT_EQ(execute(csrrw_a0_satp_a1), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    EXPECT_EQ(vcpu_.x[10], 0U);
    EXPECT_EQ(csr::vsatp::read_raw(), sv39 | 0x1234);
    execute(csrrs_a0_satp_x0);
    EXPECT_EQ(vcpu_.x[10], sv39 | 0x1234);
    vcpu_.x[11] = 0x234;
    execute(csrrc_a0_satp_a1);
    EXPECT_EQ(csr::vsatp::read_raw(), sv39 | 0x1000);
    execute(csrrwi_x0_satp_5);
    EXPECT_EQ(csr::vsatp::read_raw(), 5U);
    EXPECT_EQ(vcpu_.x[0], 0U);
    vcpu_.x[11] = u64{10} << 60 | 7;  // Sv57, which it was not shown: nothing happens
    execute(csrrw_a0_satp_a1);
    EXPECT_EQ(csr::vsatp::read_raw(), 5U);
    EXPECT_EQ(vcpu_.x[10], 5U);
}

TEST_F(EmulateUnderPolicies, FencesGoByTheNumbersOfTheirRegisters) {
    RecordProperty("rules", "norm:sfence_vma_all_asid_va norm:hfence-vvma_hfence-gvma_op norm:sfence_vma_v1");
    using fake::Fence;
    auto const after = [&](u32 instruction) {
        fake::hart().fences.clear();
        vcpu_.pc = pc;
        EXPECT_EQ(execute(instruction), &vcpu_);
        EXPECT_EQ(vcpu_.pc, pc + 4);
        return fake::hart().fences;
    };
    vcpu_.x[10] = 0;  // a value of zero is an address like others
    vcpu_.x[11] = 7;
    constexpr auto kind = Fence::Kind::guest_virtual;
    for (u32 const base : {0x1200'0073U, 0x1600'0073U}) {  // sfence.vma, sinval.vma
        EXPECT_EQ(after(base), (std::vector{Fence{kind, {}, {}}}));
        EXPECT_EQ(after(base | 10 << 15), (std::vector{Fence{kind, 0, {}}}));
        EXPECT_EQ(after(base | 11 << 20), (std::vector{Fence{kind, {}, 7}}));
        EXPECT_EQ(after(base | 10 << 15 | 11 << 20), (std::vector{Fence{kind, 0, 7}}));
    }
}

TEST_F(EmulateUnderPolicies, SretReturnsWhereTheGuestWantsTo) {
    RecordProperty("rules",
                   "norm:H_virtinst_vs_sret_vtsr1 norm:hstatus_vtsr_op norm:sret_v1 norm:hstatus_spvp_op");
    using V = isa::Vsstatus;
    for (bool const to_vs : {true, false}) {
        vcpu_.pc = pc;
        vcpu_.sstatus = isa::Sstatus::spp::set(vcpu_.sstatus, true);
        csr::vsepc::write(World::code + 0x801);
        csr::vsstatus::write_raw(V::spp::set(V::spie::mask, to_vs));
        EXPECT_EQ(execute(sret), &vcpu_);
        EXPECT_EQ(vcpu_.pc, World::code + 0x800);
        EXPECT_EQ(isa::Sstatus::spp::get(vcpu_.sstatus), to_vs);
        EXPECT_EQ(isa::Hstatus::spvp::get(vcpu_.hstatus), to_vs);  // what hlv acts with
        auto const status = csr::vsstatus::read_raw();
        EXPECT_TRUE(V::sie::get(status));
        EXPECT_TRUE(V::spie::get(status));
        EXPECT_FALSE(V::spp::get(status));
    }
}

TEST_F(EmulateUnderPolicies, VuModeMayStillDoNoneOfIt) {
    for (auto const instruction : {wfi, sret, csrrw_a0_satp_a1, u32{0x1200'0073}}) {
        go_to_vu();
        expect_illegal(instruction);
    }
}

TEST_F(EmulateUnderPolicies, OtherInstructionsOfThePoliciesKindAreStillIllegal) {
    expect_illegal(0x1800'0073);  // sfence.w.inval
    expect_illegal(0x2200'0073);  // hfence.vvma
    expect_illegal(0x6800'2573);  // csrr a0, hgatp
}

}  // namespace
}  // namespace antler::vm
