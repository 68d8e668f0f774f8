// Interrupt, delegation and guest-file registers have their bits where the manual draws them, and nothing
// else of them can be set.
#include <gtest/gtest.h>

#include "isa/csr.hpp"
#include "isa/legalize.hpp"

namespace antler::isa {
namespace {

template <class Width>
class CsrLayout : public testing::Test {
public:
    static constexpr Xlen x = Width::value;
    static constexpr Word<x> ones = static_cast<Word<x>>(~u64{0});
};
using Widths =
    testing::Types<std::integral_constant<Xlen, Xlen::rv32>, std::integral_constant<Xlen, Xlen::rv64>>;
TYPED_TEST_SUITE(CsrLayout, Widths);

template <class Register>
void expect_three_levels() {
    EXPECT_EQ(u64{Register::ssi::mask}, 1u << 1);
    EXPECT_EQ(u64{Register::vssi::mask}, 1u << 2);
    EXPECT_EQ(u64{Register::sti::mask}, 1u << 5);
    EXPECT_EQ(u64{Register::vsti::mask}, 1u << 6);
    EXPECT_EQ(u64{Register::sei::mask}, 1u << 9);
    EXPECT_EQ(u64{Register::vsei::mask}, 1u << 10);
    EXPECT_EQ(u64{Register::sgei::mask}, 1u << 12);
    EXPECT_EQ(u64{Register::lcofi::mask}, 1u << 13);
}

TYPED_TEST(CsrLayout, InterruptsHaveOnePlaceInEveryRegister) {
    this->RecordProperty("rules", "norm:hip_img norm:hie_img norm:hvip_img norm:hideleg_img");
    constexpr Xlen x = TestFixture::x;
    expect_three_levels<HipOf<x>>();
    expect_three_levels<HieOf<x>>();
    expect_three_levels<HvipOf<x>>();
    expect_three_levels<HidelegOf<x>>();
    EXPECT_EQ(HidelegOf<x>::of(Interrupt::vs_software, Interrupt::vs_timer, Interrupt::vs_external).raw,
              0x444u);
    EXPECT_TRUE(HipOf<x>{0x40}.has(Interrupt::vs_timer));
    EXPECT_FALSE(HipOf<x>{0x40}.has(Interrupt::supervisor_timer));
}

TYPED_TEST(CsrLayout, RegistersAreAsWideAsTheManualSays) {
    this->RecordProperty("rules",
                         "norm:hvip_sz_op norm:hideleg_sz_acc norm:htval_sz_acc_op norm:htinst_sz_acc_op "
                         "norm:hgeip_sz_acc_op norm:vsscratch_sz_acc_op");
    constexpr Xlen x = TestFixture::x;
    EXPECT_EQ(sizeof(HvipOf<x>) * 8, bits<x>);
    EXPECT_EQ(sizeof(HidelegOf<x>) * 8, bits<x>);
    EXPECT_EQ(sizeof(HtvalOf<x>) * 8, bits<x>);
    EXPECT_EQ(sizeof(HtinstOf<x>) * 8, bits<x>);
    EXPECT_EQ(sizeof(HgeipOf<x>) * 8, bits<x>);
    EXPECT_EQ(sizeof(VsscratchOf<x>) * 8, bits<x>);
    // What is not writable is zero.
    EXPECT_EQ(legalize(HvipOf<x>{}, HvipOf<x>{TestFixture::ones}, Features::all()).raw, 0x444u);
    EXPECT_TRUE(csr_number::is_read_only(csr_number::hgeip));
    EXPECT_TRUE(HgeipOf<x>{8}.has(3) && !HgeipOf<x>{8}.has(8));
}

TYPED_TEST(CsrLayout, HedelegHasOneBitForEachException) {
    this->RecordProperty("rules", "norm:hedeleg_img");
    using D = HedelegOf<TestFixture::x>;
    EXPECT_EQ(sizeof(D), 8u);
    EXPECT_EQ(D::of(Exception::fetch_misaligned).raw, 1u << 0);
    EXPECT_EQ(D::of(Exception::breakpoint).raw, 1u << 3);
    EXPECT_EQ(D::of(Exception::ecall_from_u).raw, 1u << 8);
    EXPECT_EQ(D::of(Exception::store_page_fault).raw, 1u << 15);
    EXPECT_EQ(D::of(Exception::software_check, Exception::hardware_error).raw, 3u << 18);
}

TYPED_TEST(CsrLayout, AGuestsInterruptsAreThoseOfASupervisor) {
    this->RecordProperty("rules", "norm:vsip_img norm:vsie_img");
    constexpr Xlen x = TestFixture::x;
    constexpr HidelegOf<x> all{0x444};
    EXPECT_EQ(seen_by_vs(HipOf<x>{0x004}, all).raw, +VsipOf<x>::ssi::mask);
    EXPECT_EQ(seen_by_vs(HipOf<x>{0x040}, all).raw, +VsipOf<x>::sti::mask);
    EXPECT_EQ(seen_by_vs(HipOf<x>{0x400}, all).raw, +VsipOf<x>::sei::mask);
    EXPECT_EQ(seen_by_vs(HieOf<x>{0x444}, all).raw, 0x222u);
    EXPECT_EQ(+VsieOf<x>::ssi::mask, 1u << 1);
    EXPECT_EQ(+VsieOf<x>::sti::mask, 1u << 5);
    EXPECT_EQ(+VsieOf<x>::sei::mask, 1u << 9);
}

TYPED_TEST(CsrLayout, HipSaysWhatPendsAndHieWhatMayTrap) {
    this->RecordProperty("rules", "norm:hip_op norm:hie_op norm:hip_acc");
    constexpr Xlen x = TestFixture::x;
    using H = HstatusOf<x>;
    // What is set in hvip pends, and clearing it there is how it stops.
    for (Word<x> const bit : {0x004, 0x040, 0x400}) {
        auto const hip = pending(HvipOf<x>{bit}, HgeipOf<x>{}, HgeieOf<x>{}, H{}, false);
        EXPECT_EQ(hip.raw, bit);
        EXPECT_EQ(pending(HvipOf<x>{}, HgeipOf<x>{}, HgeieOf<x>{}, H{}, false).raw, 0u);
    }
    // hie holds an enable for each of them, and for guests' files where there are any.
    Features none{};
    EXPECT_EQ(legalize(HieOf<x>{}, HieOf<x>{TestFixture::ones}, none).raw, 0x444u);
    none.geilen = 1;
    EXPECT_EQ(legalize(HieOf<x>{}, HieOf<x>{TestFixture::ones}, none).raw, 0x1444u);
}

TYPED_TEST(CsrLayout, GuestFilesAreBitsOfOneRegister) {
    this->RecordProperty("rules", "norm:hgeie_img norm:geilen");
    constexpr Xlen x = TestFixture::x;
    Features f{};
    EXPECT_EQ(legalize(HgeieOf<x>{}, HgeieOf<x>{TestFixture::ones}, f).raw, 0u);
    f.geilen = 3;
    EXPECT_EQ(legalize(HgeieOf<x>{}, HgeieOf<x>{TestFixture::ones}, f).raw, 0xeu);
    EXPECT_TRUE(HgeieOf<x>{4}.has(2) && !HgeieOf<x>{4}.has(1));
}

TYPED_TEST(CsrLayout, TheVectorIsAnAddressAndAMode) {
    this->RecordProperty("rules", "norm:vstvec_img");
    using T = VstvecOf<TestFixture::x>;
    EXPECT_EQ(T{0x8000'0101}.address(), 0x8000'0100u);
    EXPECT_EQ(T::mode::get(0x8000'0101), VectorMode::vectored);
    EXPECT_EQ(T::mode::get(0x8000'0100), VectorMode::direct);
    EXPECT_EQ(+T::base::low, 2u);
}

TYPED_TEST(CsrLayout, WhatIsKeptShutHasItsPlaceAndStaysZero) {
    this->RecordProperty("rules", "norm:vsstatus_sdt_op norm:vsstatus_spelp_op");
    using V = VsstatusOf<TestFixture::x>;
    EXPECT_EQ(+V::spelp::mask, 1u << 23);
    EXPECT_EQ(+V::sdt::mask, 1u << 24);
    auto const got = legalize(V{}, V{TestFixture::ones}, Features::all());
    EXPECT_FALSE(get<typename V::sdt>(got) || get<typename V::spelp>(got));
}

TYPED_TEST(CsrLayout, GuestsHaveTheWidthOfTheirHypervisor) {
    this->RecordProperty("rules", "norm:vsxlen norm:hsxlen");
    constexpr Xlen x = TestFixture::x;
    using H = HstatusOf<x>;
    EXPECT_EQ(sizeof(H) * 8, bits<x>);
    if constexpr (x == Xlen::rv64) {
        for (u64 const raw : {u64{0}, u64{1} << 32, u64{2} << 32, u64{3} << 32})
            EXPECT_EQ(get<typename H::vsxl>(legalize(H{}, H{raw}, Features::all())), WidthCode::rv64);
    }
}

TYPED_TEST(CsrLayout, APageTablesRootIsAsLongInEveryMode) {
    this->RecordProperty("rules", "norm:satp_ppn_sv48_sz norm:satp_ppn_sv57_sz");
    if constexpr (TestFixture::x == Xlen::rv64) {
        constexpr Hpa root{(u64{1} << 56) - page_bytes};
        constexpr Gpa guest_root{(u64{1} << 56) - page_bytes};
        for (auto const mode : {StageMode::sv39, StageMode::sv48, StageMode::sv57}) {
            EXPECT_EQ(Satp::of(mode, 0xffff, root).root(), root);
            EXPECT_EQ(Vsatp::of(mode, 0xffff, guest_root).root(), guest_root);
            EXPECT_EQ(get<Satp::mode>(Satp::of(mode, 0xffff, root)), mode);
        }
    }
}

}  // namespace
}  // namespace antler::isa
