// The registers' fields are where the manual draws them, for both widths.
#include "isa/csr.hpp"

#include <gtest/gtest.h>

namespace antler::isa {
namespace {

template <class Width>
class Csr : public testing::Test {
public:
    static constexpr Xlen x = Width::value;
};
using Widths =
    testing::Types<std::integral_constant<Xlen, Xlen::rv32>, std::integral_constant<Xlen, Xlen::rv64>>;
TYPED_TEST_SUITE(Csr, Widths);

TYPED_TEST(Csr, StatusRegistersKeepTheirPlacesInBothWidths) {
    this->RecordProperty("rules",
                         "norm:vsstatus_sz_acc_op norm:sstatus_spp norm:sstatus_sie norm:sstatus_spie");
    constexpr Xlen x = TestFixture::x;
    using S = SstatusOf<x>;
    using V = VsstatusOf<x>;
    EXPECT_EQ(sizeof(S) * 8, bits<x>);
    EXPECT_EQ(+S::sie::mask, 1u << 1);
    EXPECT_EQ(+S::spie::mask, 1u << 5);
    EXPECT_EQ(+S::ube::mask, 1u << 6);
    EXPECT_EQ(+S::spp::mask, 1u << 8);
    EXPECT_EQ(+S::vs::mask, 3u << 9);
    EXPECT_EQ(+S::fs::mask, 3u << 13);
    EXPECT_EQ(+S::xs::mask, 3u << 15);
    EXPECT_EQ(+S::sum::mask, 1u << 18);
    EXPECT_EQ(+S::mxr::mask, 1u << 19);
    EXPECT_EQ(+S::sdt::mask, 1u << 24);
    EXPECT_EQ(u64{S::sd::mask}, u64{1} << (bits<x> - 1));
    EXPECT_EQ(u64{V::uxl::mask}, x == Xlen::rv64 ? u64{3} << 32 : 0);
    EXPECT_EQ(with<typename V::sum>(V{}, true).raw, 1u << 18);
    EXPECT_EQ(get<typename V::fs>(V{0x4000}), ContextStatus::clean);
}

TYPED_TEST(Csr, HstatusHasNoWideFieldsInTheNarrowWidth) {
    this->RecordProperty(
        "rules",
        "norm:hstatus_sz_acc_op norm:hstatus_vsxl_op norm:hstatus_vsxl_32 norm:hstatus_vtsr_op "
        "norm:hstatus_vtw_op norm:hstatus_vtvm_op norm:hstatus_vgein_op norm:hstatus_hu_op");
    constexpr Xlen x = TestFixture::x;
    using H = HstatusOf<x>;
    EXPECT_EQ(+H::vsbe::mask, 1u << 5);
    EXPECT_EQ(+H::gva::mask, 1u << 6);
    EXPECT_EQ(+H::spv::mask, 1u << 7);
    EXPECT_EQ(+H::spvp::mask, 1u << 8);
    EXPECT_EQ(+H::hu::mask, 1u << 9);
    EXPECT_EQ(+H::vgein::mask, 0x3fu << 12);
    EXPECT_EQ(+H::vtvm::mask, 1u << 20);
    EXPECT_EQ(+H::vtw::mask, 1u << 21);
    EXPECT_EQ(+H::vtsr::mask, 1u << 22);
    EXPECT_EQ(u64{H::vsxl::mask}, x == Xlen::rv64 ? u64{3} << 32 : 0);
    EXPECT_EQ(u64{H::hupmm::mask}, x == Xlen::rv64 ? u64{3} << 48 : 0);
}

TYPED_TEST(Csr, TranslationRegistersSplitAsDrawn) {
    this->RecordProperty(
        "rules",
        "norm:hgatp_sz_acc_op norm:vsatp_sz_acc_op norm:hgatp_vmid_lsbs norm:satp_ppn_sv32_sz "
        "norm:satp_ppn_sv39_sz norm:hgatp_mode_bare norm:hgatp_mode_sv");
    constexpr Xlen x = TestFixture::x;
    using H = HgatpOf<x>;
    using V = VsatpOf<x>;
    constexpr unsigned ppn_bits = x == Xlen::rv64 ? 44 : 22;
    EXPECT_EQ(u64{H::ppn::mask}, (u64{1} << ppn_bits) - 1);
    EXPECT_EQ(+H::vmid::width, x == Xlen::rv64 ? 14u : 7u);
    EXPECT_EQ(+V::asid::width, x == Xlen::rv64 ? 16u : 9u);
    EXPECT_EQ(+H::mode::width, x == Xlen::rv64 ? 4u : 1u);
    EXPECT_EQ(+H::vmid::low, ppn_bits);
    auto const mode = x == Xlen::rv64 ? GStageMode::sv48x4 : GStageMode::sv32x4;
    auto const made = H::of(mode, 5, Hpa{0x1'2345'4000});
    EXPECT_EQ(get<typename H::mode>(made), mode);
    EXPECT_EQ(get<typename H::vmid>(made), 5u);
    EXPECT_EQ(made.root(), Hpa{0x1'2345'4000});
    EXPECT_EQ(V::of(StageMode::bare, 0, Gpa{}).raw, 0u);
}

TYPED_TEST(Csr, HgatpRootsLieAtSixteenKibibytes) {
    this->RecordProperty("rules", "norm:hgatp_ppn_op");
    EXPECT_EQ(HgatpOf<TestFixture::x>::of(GStageMode::bare, 0, Hpa{0x7000}).root(), Hpa{0x4000});
}

TYPED_TEST(Csr, GuestSeesItsInterruptsOnePlaceDown) {
    this->RecordProperty("rules",
                         "norm:hideleg_trans norm:vsip_vsie_sei norm:vsip_vsie_sti norm:vsip_vsie_ssi "
                         "norm:vsip_vsie_sz_acc_op norm:hip_hie_sz_acc");
    constexpr Xlen x = TestFixture::x;
    for (unsigned delegated = 0; delegated < 8; ++delegated) {
        auto const hideleg =
            HidelegOf<x>{Word<x>(((delegated & 1) << 2) | ((delegated & 2) << 5) | ((delegated & 4) << 8))};
        auto const seen = seen_by_vs(HipOf<x>{0x3fff}, hideleg);
        EXPECT_EQ(seen.has(Interrupt::supervisor_software), (delegated & 1) != 0);
        EXPECT_EQ(seen.has(Interrupt::supervisor_timer), (delegated & 2) != 0);
        EXPECT_EQ(seen.has(Interrupt::supervisor_external), (delegated & 4) != 0);
        EXPECT_EQ(seen.raw & ~Word<x>{0x222}, 0u);
    }
}

TYPED_TEST(Csr, CausesCarryTheirTopBit) {
    this->RecordProperty("rules", "norm:scause_interrupt norm:H_cause norm:vscause_sz_acc_op");
    constexpr Xlen x = TestFixture::x;
    auto const timer = ScauseOf<x>::of(Interrupt::vs_timer);
    EXPECT_TRUE(get<typename ScauseOf<x>::interrupt>(timer));
    EXPECT_EQ(get<typename ScauseOf<x>::code>(timer), 6u);
    EXPECT_EQ(VscauseOf<x>::of(Exception::virtual_instruction).raw, 22u);
}

TYPED_TEST(Csr, OnlyInterruptsAreVectored) {
    this->RecordProperty("rules", "norm:stvec_op norm:vstvec_sz_acc_op");
    constexpr Xlen x = TestFixture::x;
    VstvecOf<x> const vectored{0x8000'0001}, direct{0x8000'0000};
    EXPECT_EQ(vectored.entry(Interrupt::supervisor_external), 0x8000'0024u);
    EXPECT_EQ(vectored.entry(Exception::store_access), 0x8000'0000u);
    EXPECT_EQ(direct.entry(Interrupt::supervisor_external), 0x8000'0000u);
}

TEST(CsrNumbers, SayPrivilegeAndDirection) {
    RecordProperty("rules", "norm:Zicsr_rw norm:Zicsr_access norm:Zicsr_higher_priv");
    namespace n = csr_number;
    for (u16 const hypervisor :
         {n::hstatus, n::hedeleg, n::hgatp, n::vsatp, n::vstimecmp, n::hgeip, n::vstopi})
        EXPECT_EQ(n::level(hypervisor), n::Level::hypervisor) << hypervisor;
    for (u16 const supervisor : {n::sstatus, n::satp, n::stimecmp, n::scountovf, n::stopi})
        EXPECT_EQ(n::level(supervisor), n::Level::supervisor) << supervisor;
    EXPECT_TRUE(n::is_read_only(n::cycle) && n::is_read_only(n::scountovf) && n::is_read_only(n::vstopi));
    EXPECT_FALSE(n::is_read_only(n::vstart) || n::is_read_only(n::hvip));
}

TEST(Timer, ComparesTheGuestsOwnTime) {
    RecordProperty("rules", "norm:hip_vstip_op norm:htimedelta_sz_acc_op norm:vstimecmp_sz");
    EXPECT_TRUE(guest_timer_due(100, {0}, {100}));
    EXPECT_FALSE(guest_timer_due(99, {0}, {100}));
    EXPECT_TRUE(guest_timer_due(1000, {u64{0} - 900}, {100}));
    EXPECT_FALSE(guest_timer_due(1000, {u64{0} - 901}, {100}));
    EXPECT_TRUE(guest_timer_due(~u64{0}, {1}, {0}));  // the sum is cut to 64 bits
}

TEST(Causes, AreNamedInWords) {
    for (u8 code = 0; code < 24; ++code) {
        bool const reserved = code == 14 || code == 17;
        EXPECT_EQ(describe(static_cast<Exception>(code)) == "unknown exception", reserved) << int{code};
    }
    EXPECT_EQ(describe(Exception::virtual_instruction), "virtual instruction");
    EXPECT_EQ(describe(Interrupt::vs_timer), "virtual supervisor timer interrupt");
    EXPECT_EQ(describe(static_cast<Interrupt>(4)), "unknown interrupt");
}

TEST(Causes, FollowTheAccess) {
    RecordProperty("rules", "norm:H_guest_page_fault norm:fetch_page_fault_no_x");
    EXPECT_EQ(page_fault(Access::fetch), Exception{12});
    EXPECT_EQ(page_fault(Access::store), Exception{15});
    EXPECT_EQ(guest_page_fault(Access::fetch), Exception{20});
    EXPECT_EQ(guest_page_fault(Access::load), Exception{21});
    EXPECT_EQ(guest_page_fault(Access::store), Exception{23});
    EXPECT_EQ(access_fault(Access::load), Exception{5});
    EXPECT_EQ(misaligned(Access::store), Exception{6});
    EXPECT_EQ(describe(Access::fetch), "fetch");
}

}  // namespace
}  // namespace antler::isa
