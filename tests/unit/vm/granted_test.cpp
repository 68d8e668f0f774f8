// What a hart of a guest starts with in the registers that only a hypervisor writes, and what a switch of
// worlds makes of them.
#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

namespace csr = hart::csr;
using E = isa::Henvcfg;
using H = isa::Hstatus;

class Granted : public testing::Test {
protected:
    Vcpu& with(isa::Features const& shown, Policies policies = {}) {
        return world_.start(world_.add({.vcpus = 1, .shown = shown, .policies = policies}));
    }
    World world_{1};
};

TEST_F(Granted, ItIsEnteredInVsModeOfOurWidth) {
    RecordProperty("rules",
                   "norm:hstatus_spv_sret norm:hstatus_spv_op norm:sret_v0 norm:hstatus_spvp_op "
                   "norm:vsxlen norm:hstatus_vsxl_64");
    auto const& vcpu = with({.sv39 = true, .sstc = true});
    EXPECT_TRUE(H::spv::get(vcpu.hstatus));             // sret sets V
    EXPECT_TRUE(H::spvp::get(vcpu.hstatus));            // what the guest's kernel can reach, not its user
    EXPECT_TRUE(isa::Sstatus::spp::get(vcpu.sstatus));  // and to VS, not to VU
    EXPECT_EQ(H::vsxl::get(vcpu.hstatus), isa::WidthCode::rv64);
    EXPECT_FALSE(H::hu::get(vcpu.hstatus));
    EXPECT_FALSE(H::vsbe::get(vcpu.hstatus));
}

TEST_F(Granted, OnlyWhatItWasToldOfIsOpen) {
    RecordProperty("rules",
                   "norm:henvcfg_stce norm:henvcfg_pbmte_op norm:henvcfg_adue_op norm:henvcfg_cbze "
                   "norm:henvcfg_cbcfe norm:henvcfg_cbie norm:henvcfg_dte_op norm:henvcfg_lpe_op "
                   "norm:henvcfg_sse_op norm:henvcfg_pmm_op");
    EXPECT_EQ(with({.sv39 = true}).csrs.henvcfg, 0u);
    auto const all = with(isa::Features::all()).csrs.henvcfg;
    EXPECT_TRUE(E::stce::get(all) && E::pbmte::get(all) && E::adue::get(all));
    EXPECT_TRUE(E::cbze::get(all) && E::cbcfe::get(all));
    // State that no vCPU keeps: never, whatever the hart has.
    EXPECT_FALSE(E::dte::get(all) || E::lpe::get(all) || E::sse::get(all) || E::fiom::get(all));
    EXPECT_EQ(E::pmm::get(all), 0u);
}

TEST_F(Granted, InvalidatingABlockFlushesIt) {
    // What another wrote and the guest has not seen must not be lost by its cbo.inval.
    RecordProperty("rules", "norm:cbo-inval_h-mode_op1 norm:cbo-inval_h-mode_veq1_op norm:henvcfg_cbie");
    EXPECT_EQ(E::cbie::get(with({.sv39 = true, .zicbom = true}).csrs.henvcfg), isa::CacheInvalidate::flushes);
    EXPECT_EQ(E::cbie::get(with({.sv39 = true, .zicboz = true}).csrs.henvcfg), isa::CacheInvalidate::traps);
}

TEST_F(Granted, ThreeCountersAndTheTimeAreItsToRead) {
    // TM opens stimecmp, too.
    RecordProperty("rules", "norm:hcounteren_op norm:hcounteren_acc norm:H_scsrs_nomatch");
    auto const& vcpu = with({.sv39 = true, .sstc = true});
    EXPECT_EQ(vcpu.csrs.hcounteren, 7u);
    EXPECT_EQ(csr::hcounteren::read_raw(), 7u);
    EXPECT_EQ(csr::scounteren::read_raw(), 7u);
}

TEST_F(Granted, RegistersWithoutAReplicaAreSwapped) {
    RecordProperty("rules",
                   "norm:H_scsrs_nomatch norm:vsscratch_sz_acc_op norm:vsepc_warl norm:vscause_wlrl "
                   "norm:vstval_warl");
    isa::Features const shown{.sv39 = true, .sstc = true, .henvcfg = true, .hstateen = true};
    auto& first = with(shown);
    constexpr u64 any = 0xfedc'ba98'7654'3210;
    csr::scounteren::write_raw(2);
    csr::senvcfg::write_raw(1);
    csr::vsscratch::write(any);
    csr::vsepc::write(any);
    csr::vscause::write_raw(u64{1} << 63 | 9);
    csr::vstval::write(~any);
    csr::vsie::write_raw(0x222);
    world_.core().block(first);
    auto& second = with(shown);
    EXPECT_EQ(world_.core().current, &second);
    EXPECT_EQ(csr::scounteren::read_raw(), 7u);
    EXPECT_EQ(csr::senvcfg::read_raw(), 0u);
    EXPECT_EQ(csr::vsscratch::read(), 0u);
    EXPECT_EQ(csr::vsepc::read(), 0u);
    first.signal(Request::software_interrupt);
    world_.core().block(second);
    EXPECT_EQ(world_.run(), &first);
    EXPECT_EQ(csr::scounteren::read_raw(), 2u);
    EXPECT_EQ(csr::senvcfg::read_raw(), 1u);
    EXPECT_EQ(csr::vsscratch::read(), any);
    EXPECT_EQ(csr::vsepc::read(), any);
    EXPECT_EQ(csr::vscause::read_raw(), u64{1} << 63 | 9);
    EXPECT_EQ(csr::vstval::read(), ~any);
    EXPECT_EQ(csr::vsie::read_raw(), 0x222u);
}

TEST_F(Granted, NoTranslationIsMadeUnderTheOthersNumber) {
    // While hgatp changes vsatp is zero, so that nothing of one guest's tables is walked under the other's.
    RecordProperty("rules", "norm:vsatp_v0 norm:hgatp_op_hfence_gvma norm:hgatp_vmid");
    isa::Features const shown{.sv39 = true, .sstc = true};
    auto& first = with(shown);
    u64 const tables = u64{8} << 60 | World::code >> 12;
    csr::vsatp::write_raw(tables);
    auto const before = csr::hgatp::read_raw();
    u64 last = before;
    u32 changes = 0;
    fake::hart().on_step = [&] {
        auto const& csrs = fake::hart().csrs;
        auto const now = csrs.at(csr::hgatp::number);
        if (now == last) return;
        ++changes;
        last = now;
        EXPECT_EQ(csrs.at(csr::vsatp::number), 0u);
    };
    world_.core().block(first);
    auto& second = with(shown);
    EXPECT_EQ(world_.core().current, &second);
    fake::hart().on_step = {};
    EXPECT_GE(changes, 1u);
    EXPECT_NE(isa::Hgatp::vmid::get(csr::hgatp::read_raw()), isa::Hgatp::vmid::get(before));
}

}  // namespace
}  // namespace antler::vm
