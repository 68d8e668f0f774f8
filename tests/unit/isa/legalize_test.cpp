// Registers hold only what the hart has, and hold it as the manual says for each.
#include "isa/legalize.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace antler::isa {
namespace {

template <class Width>
class Legalize : public testing::Test {
public:
    static constexpr Xlen x = Width::value;
    static constexpr Word<x> ones = static_cast<Word<x>>(~u64{0});
    Features f = Features::all();
};
using Widths =
    testing::Types<std::integral_constant<Xlen, Xlen::rv32>, std::integral_constant<Xlen, Xlen::rv64>>;
TYPED_TEST_SUITE(Legalize, Widths);

TYPED_TEST(Legalize, HgatpTakesTheFieldsAndLeavesAnUnknownMode) {
    this->RecordProperty("rules",
                         "norm:hgatp_mode_warl norm:hgatp_ppn_op norm:hgatp_vmid norm:hgatp_vmid_lsbs");
    constexpr Xlen x = TestFixture::x;
    using H = HgatpOf<x>;
    constexpr auto mode = x == Xlen::rv64 ? GStageMode::sv39x4 : GStageMode::sv32x4;
    Features f{};
    f.vmid_bits = 3;
    auto got = legalize(H{}, H::of(mode, 0x7f, Hpa{0x8000'4000}), f);
    EXPECT_EQ(get<typename H::mode>(got), GStageMode::bare);
    EXPECT_EQ(get<typename H::vmid>(got), 7);
    EXPECT_EQ(got.root(), Hpa{0x8000'4000});
    got = legalize(H{}, H::of(mode, 0x7f, Hpa{0x8000'4000}), this->f);
    EXPECT_EQ(get<typename H::mode>(got), mode);
    EXPECT_EQ(get<typename H::vmid>(got), 0x7f);
    EXPECT_EQ(legalize(H{}, H{3}, this->f).raw, 0u);  // PPN[1:0]
}

TYPED_TEST(Legalize, SatpAndVsatpIgnoreAnUnknownMode) {
    this->RecordProperty("rules",
                         "norm:satp_mode_op_unsupported norm:vsatp_mode_unsupported_v1 "
                         "norm:vsatp_mode_unsupported_v0 norm:asidlen");
    constexpr Xlen x = TestFixture::x;
    using S = SatpOf<x>;
    using V = VsatpOf<x>;
    Features none{};
    EXPECT_EQ(legalize(S{5}, S{TestFixture::ones}, none), S{5});
    EXPECT_EQ(legalize(V{5}, V{TestFixture::ones}, none), V{5});
    none.asid_bits = 2;
    EXPECT_EQ(legalize(V{}, V::of(StageMode::bare, 0xff, Gpa{}), none), V::of(StageMode::bare, 3, Gpa{}));
}

TEST(Legalize, HenvcfgHasABitForEachExtension) {
    RecordProperty(
        "rules",
        "norm:henvcfg_pbmte_op norm:henvcfg_adue_op norm:henvcfg_stce norm:henvcfg_cbze norm:henvcfg_cbcfe "
        "norm:henvcfg_cbie norm:henvcfg_pmm_op norm:henvcfg_dte_op norm:henvcfg_lpe_op norm:henvcfg_sse_op "
        "norm:henvcfg_fiom_op norm:henvcfg_sz_acc_op");
    auto const bits_with = [](bool Features::* flag) {
        Features f{};
        f.henvcfg = true;
        f.*flag = true;
        return legalize(Henvcfg{}, Henvcfg{~u64{0}}, f).raw & ~u64{1};
    };
    EXPECT_EQ(bits_with(&Features::svpbmt), u64{1} << 62);
    EXPECT_EQ(bits_with(&Features::svadu), u64{1} << 61);
    EXPECT_EQ(bits_with(&Features::sstc), u64{1} << 63);
    EXPECT_EQ(bits_with(&Features::ssdbltrp), u64{1} << 59);
    EXPECT_EQ(bits_with(&Features::ssnpm), u64{3} << 32);
    EXPECT_EQ(bits_with(&Features::zicboz), u64{1} << 7);
    EXPECT_EQ(bits_with(&Features::zicbom), u64{7} << 4);
    EXPECT_EQ(bits_with(&Features::zicfilp), u64{1} << 2);
    EXPECT_EQ(bits_with(&Features::zicfiss), u64{1} << 3);
    EXPECT_EQ(bits_with(&Features::svade), 0u);
    Features const all = Features::all();
    EXPECT_EQ(legalize(Henvcfg{0x10}, Henvcfg{0x20}, all).raw, 0x10u);  // CBIE = 2 is reserved
    EXPECT_EQ(legalize(Henvcfg{u64{2} << 32}, Henvcfg{u64{1} << 32}, all).raw,
              u64{2} << 32);                                               // and so is PMM = 1
    EXPECT_EQ(legalize(Henvcfg{}, Henvcfg{~u64{0}}, Features{}).raw, 0u);  // P550 has no henvcfg
}

TYPED_TEST(Legalize, SenvcfgFollowsItsExtensionsToo) {
    this->RecordProperty("rules", "norm:senvcfg_cbie norm:senvcfg_cbcfe norm:senvcfg_cbze norm:senvcfg_fiom");
    using E = SenvcfgOf<TestFixture::x>;
    EXPECT_EQ(legalize(E{}, E{TestFixture::ones}, Features{}).raw, 1u);
    EXPECT_EQ(static_cast<u32>(legalize(E{}, E{TestFixture::ones}, this->f).raw), 0xfdu);
    EXPECT_EQ(legalize(E{0x30}, E{0x20}, this->f).raw, 0x30u);
}

TYPED_TEST(Legalize, HstatusKeepsItsOneWidthAndItsGuestFiles) {
    this->RecordProperty("rules",
                         "norm:vsxl_ro norm:hstatus_vsxl_64 norm:hstatus_vgein_op norm:hstatus_vsbe_op");
    constexpr Xlen x = TestFixture::x;
    using H = HstatusOf<x>;
    Features f{};
    auto got = legalize(H{}, H{TestFixture::ones}, f);
    EXPECT_EQ(get<typename H::vgein>(got), 0);
    EXPECT_FALSE(get<typename H::vsbe>(got));
    EXPECT_TRUE(get<typename H::vtsr>(got) && get<typename H::vtw>(got) && get<typename H::vtvm>(got));
    if constexpr (x == Xlen::rv64) {
        EXPECT_EQ(get<typename H::vsxl>(got), WidthCode::rv64);
    }
    f.geilen = 5;
    EXPECT_EQ(get<typename H::vgein>(legalize(H{}, with<typename H::vgein>(H{}, 5), f)), 5);
    EXPECT_EQ(
        get<typename H::vgein>(legalize(with<typename H::vgein>(H{}, 2), with<typename H::vgein>(H{}, 6), f)),
        2);
}

TYPED_TEST(Legalize, DelegationLeavesOutWhatIsNotTheGuests) {
    this->RecordProperty("rules",
                         "norm:hedeleg_acc norm:hedeleg_sz_acc norm:hideleg_acc norm:vsip_vsie_lcofi");
    constexpr Xlen x = TestFixture::x;
    auto const hedeleg = legalize(HedelegOf<x>{}, HedelegOf<x>{~u64{0}}, this->f);
    for (unsigned code : {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 18, 19})
        EXPECT_TRUE(hedeleg.has(static_cast<Exception>(code))) << code;
    for (unsigned code : {9, 10, 11, 14, 16, 17, 20, 21, 22, 23, 24, 63})
        EXPECT_FALSE(hedeleg.has(static_cast<Exception>(code))) << code;
    Features f{};
    EXPECT_EQ(legalize(HidelegOf<x>{}, HidelegOf<x>{TestFixture::ones}, f).raw, 0x444u);
    f.shlcofideleg = true;
    EXPECT_EQ(legalize(HidelegOf<x>{}, HidelegOf<x>{TestFixture::ones}, f).raw, 0x2444u);
}

TYPED_TEST(Legalize, InterruptRegistersHoldTheirOwnBits) {
    this->RecordProperty(
        "rules", "norm:hvip_acc norm:hie_acc norm:sie_hip_hie_mutex norm:geilen norm:hgeie_sz_acc_op");
    constexpr Xlen x = TestFixture::x;
    Features f{};
    EXPECT_EQ(legalize(HvipOf<x>{}, HvipOf<x>{TestFixture::ones}, f).raw, 0x444u);
    EXPECT_EQ(legalize(HieOf<x>{}, HieOf<x>{TestFixture::ones}, f).raw, 0x444u);
    EXPECT_EQ(legalize(HgeieOf<x>{}, HgeieOf<x>{TestFixture::ones}, f).raw, 0u);
    f.geilen = 3;
    EXPECT_EQ(legalize(HieOf<x>{}, HieOf<x>{TestFixture::ones}, f).raw, 0x1444u);
    EXPECT_EQ(legalize(HgeieOf<x>{}, HgeieOf<x>{TestFixture::ones}, f).raw, 0xeu);
    f.geilen = 63;
    EXPECT_EQ(legalize(HgeieOf<x>{}, HgeieOf<x>{TestFixture::ones}, f).raw, static_cast<Word<x>>(~u64{1}));
}

TYPED_TEST(Legalize, HipIsPutTogetherFromItsSources) {
    this->RecordProperty("rules",
                         "norm:hip_vseip_vseie_op norm:hip_vstip_vstie_acc_op norm:hip_vssip_vssie_op "
                         "norm:hip_sgeip_sgeie_acc_op norm:hgeie_op norm:hgeip_hgeie_fields");
    constexpr Xlen x = TestFixture::x;
    using H = HstatusOf<x>;
    auto const file2 = with<typename H::vgein>(H{}, 2);
    EXPECT_EQ(pending(HvipOf<x>{}, HgeipOf<x>{}, HgeieOf<x>{}, H{}, false).raw, 0u);
    EXPECT_EQ(pending(HvipOf<x>{0x444}, HgeipOf<x>{}, HgeieOf<x>{}, H{}, false).raw, 0x444u);
    EXPECT_EQ(pending(HvipOf<x>{}, HgeipOf<x>{}, HgeieOf<x>{}, H{}, true).raw, 0x40u);
    EXPECT_EQ(pending(HvipOf<x>{}, HgeipOf<x>{4}, HgeieOf<x>{}, file2, false).raw, 0x400u);
    EXPECT_EQ(pending(HvipOf<x>{}, HgeipOf<x>{4}, HgeieOf<x>{}, H{}, false).raw, 0u);
    EXPECT_EQ(pending(HvipOf<x>{}, HgeipOf<x>{8}, HgeieOf<x>{8}, file2, false).raw, 0x1000u);
}

TYPED_TEST(Legalize, GuestsWriteTheirInterruptsThroughHideleg) {
    this->RecordProperty("rules",
                         "norm:vsip_vsie_sei norm:vsip_vsie_sti norm:vsip_vsie_ssi norm:hip_vssip_vssie_op");
    constexpr Xlen x = TestFixture::x;
    EXPECT_EQ(write_through_vs(HieOf<x>{0x1004}, VsieOf<x>{0x222}, HidelegOf<x>{0x440}).raw, 0x1444u);
    EXPECT_EQ(write_through_vs(HieOf<x>{0x1444}, VsieOf<x>{0}, HidelegOf<x>{0x40}).raw, 0x1404u);
    EXPECT_EQ(write_through_vs(HvipOf<x>{0x440}, VsipOf<x>{0x002}, HidelegOf<x>{0x444}).raw, 0x444u);
    EXPECT_EQ(write_through_vs(HvipOf<x>{0x444}, VsipOf<x>{0}, HidelegOf<x>{0x444}).raw, 0x440u);
    EXPECT_EQ(write_through_vs(HvipOf<x>{}, VsipOf<x>{0x222}, HidelegOf<x>{0x440}).raw, 0u);
}

TYPED_TEST(Legalize, VsstatusShowsDirtyOnlyForWhatTheGuestHas) {
    this->RecordProperty("rules",
                         "norm:vsstatus_sd_xs_op norm:vsstatus_fs_op norm:vsstatus_vs_op norm:vsstatus_ube "
                         "norm:vsstatus_uxl_op");
    constexpr Xlen x = TestFixture::x;
    using V = VsstatusOf<x>;
    auto got = legalize(V{}, V{TestFixture::ones}, Features{});
    EXPECT_EQ(get<typename V::fs>(got), ContextStatus::off);
    EXPECT_FALSE(get<typename V::sd>(got));
    EXPECT_EQ(static_cast<u32>(got.raw), 0x000c'0122u);
    got = legalize(V{}, V{TestFixture::ones}, this->f);
    EXPECT_TRUE(get<typename V::sd>(got));
    EXPECT_EQ(get<typename V::xs>(got), ContextStatus::off);
    EXPECT_FALSE(get<typename V::ube>(got) || get<typename V::sdt>(got) || get<typename V::spelp>(got));
    EXPECT_FALSE(get<typename V::sd>(legalize(V{}, V{0x2200}, this->f)));  // initial and clean are not dirty
}

TYPED_TEST(Legalize, VectorsDoNotTakeReservedModes) {
    this->RecordProperty("rules", "norm:stvec_op norm:stvec_sz_base");
    using T = VstvecOf<TestFixture::x>;
    EXPECT_EQ(legalize(T{0x1001}, T{0x2003}, this->f), T{0x2001});
    EXPECT_EQ(legalize(T{0x1001}, T{0x2000}, this->f), T{0x2000});
}

TEST(Legalize, StateEnablesOpenOnlyWhatIsThere) {
    RecordProperty("rules",
                   "norm:stateen_unimplemented_state_roz norm:hstateen0_envcfg_op norm:hstateen_bit_63_op");
    Features f{};
    EXPECT_EQ(legalize(Hstateen0{}, Hstateen0{~u64{0}}, f).raw, 0u);
    f.hstateen = true;
    EXPECT_EQ(legalize(Hstateen0{}, Hstateen0{~u64{0}}, f).raw, u64{3} << 62);
    f.aia = true;
    EXPECT_EQ(legalize(Hstateen0{}, Hstateen0{~u64{0}}, f).raw, u64{0xdc} << 56);
}

TEST(Legalize, CountersAreThoseThatExist) {
    RecordProperty("rules", "norm:hcounteren_warl norm:hcounteren_sz");
    Features f{};
    f.counters = 7;
    EXPECT_EQ(legalize(Hcounteren{}, Hcounteren{~u32{0}}, f).raw, 7u);
    EXPECT_TRUE(Hcounteren{7}.has(2) && !Hcounteren{7}.has(3) && !Hcounteren{7}.has(32));
}

// Writing back what was read changes nothing: the law every WARL register obeys.
RC_GTEST_PROP(Legalize, HoldsStill, ()) {
    RC_TAG("warl");
    Features f{};
    for (auto const flag : feature_flags) f.*flag = *rc::gen::arbitrary<bool>();
    f.vmid_bits = *rc::gen::inRange<u8>(0, 15);
    f.asid_bits = *rc::gen::inRange<u8>(0, 17);
    f.geilen = *rc::gen::inRange<u8>(0, 64);
    f.counters = *rc::gen::arbitrary<u32>();
    auto const holds = [&](auto zero) {
        using R = decltype(zero);
        using Raw = decltype(zero.raw);
        R const start = legalize(R{}, R{*rc::gen::arbitrary<Raw>()}, f);
        R const once = legalize(start, R{*rc::gen::arbitrary<Raw>()}, f);
        RC_ASSERT(legalize(once, once, f) == once);
    };
    holds(Hgatp{});
    holds(HgatpOf<Xlen::rv32>{});
    holds(Vsatp{});
    holds(Henvcfg{});
    holds(Senvcfg{});
    holds(Hstatus{});
    holds(HstatusOf<Xlen::rv32>{});
    holds(Hedeleg{});
    holds(Hideleg{});
    holds(Hie{});
    holds(Hvip{});
    holds(Hgeie{});
    holds(Vsstatus{});
    holds(Vstvec{});
    holds(Hstateen0{});
    holds(Hcounteren{});
}

}  // namespace
}  // namespace antler::isa
