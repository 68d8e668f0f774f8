// Every trap a hart can take out of a guest is understood, whatever the registers hold.
#include "isa/exit.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace antler::isa {
namespace {

template <class Width>
class Exits : public testing::Test {
public:
    static constexpr Xlen x = Width::value;
};
using Widths =
    testing::Types<std::integral_constant<Xlen, Xlen::rv32>, std::integral_constant<Xlen, Xlen::rv64>>;
TYPED_TEST_SUITE(Exits, Widths);

TYPED_TEST(Exits, KnowEveryStandardException) {
    this->RecordProperty("rules", "norm:H_cause norm:H_cause_ecall norm:H_cause_virtual_instruction");
    constexpr Xlen x = TestFixture::x;
    auto const decode = [](u64 code) {
        return decode_exit(TrapCsrsOf<x>{.scause = static_cast<Word<x>>(code), .stval = 0x13});
    };
    for (u64 code : {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 18, 19})
        EXPECT_EQ(decode(code), (Exit{Reflect{static_cast<Exception>(code), 0x13}})) << code;
    EXPECT_EQ(decode(10), Exit{SbiCall{}});
    EXPECT_EQ(decode(22), Exit{VirtualInstruction{0x13}});
    for (u64 code : {9, 11, 14, 16, 17, 24, 31, 32, 63, 64, 1000})
        EXPECT_EQ(decode(code), Exit{Unexpected{code}}) << code;
}

TYPED_TEST(Exits, AreInterruptsWhenTheTopBitSaysSo) {
    this->RecordProperty("rules", "norm:scause_interrupt norm:hideleg_hs norm:hsint_priority");
    constexpr Xlen x = TestFixture::x;
    auto const decode = [](u64 code) {
        return decode_exit(TrapCsrsOf<x>{.scause = ScauseOf<x>::of(static_cast<Interrupt>(code)).raw});
    };
    for (u64 code : {1, 2, 5, 6, 9, 10, 12, 13, 16, 43, 63})
        EXPECT_EQ(decode(code), Exit{HostInterrupt{static_cast<Interrupt>(code)}}) << code;
    for (u64 code : {0, 3, 4, 7, 8, 11, 14, 15, 64, 200}) {
        EXPECT_TRUE(std::holds_alternative<Unexpected>(decode(code))) << code;
    }
}

TYPED_TEST(Exits, OfStageTwoSayWhereAndWhat) {
    this->RecordProperty("rules", "norm:H_guest_page_fault norm:htval_trapval norm:mtval2_htval_virtaddr");
    constexpr Xlen x = TestFixture::x;
    auto const exit = decode_exit(
        TrapCsrsOf<x>{.scause = 23, .stval = 0xc000'1002, .htval = 0x2000'4400, .htinst = 0x00b0'2023});
    auto const* const fault = std::get_if<GuestPageFault>(&exit);
    ASSERT_NE(fault, nullptr);
    EXPECT_EQ(fault->access, Access::store);
    EXPECT_EQ(fault->where, Gpa{0x8001'1002});
    EXPECT_EQ(fault->address, Gva{0xc000'1002});
    EXPECT_EQ(fault->htinst, 0x00b0'2023u);
    EXPECT_FALSE(fault->walking_vs_tables);
}

TYPED_TEST(Exits, OfAWalkPointAtTheEntryNotAtTheAccess) {
    this->RecordProperty("rules",
                         "norm:H_trap_xtinst_guestpage norm:H_trap_xtinst_guestpage_rw norm:htval_trapval");
    constexpr Xlen x = TestFixture::x;
    for (u32 const pseudo : {0x2000u, 0x2020u, 0x3000u, 0x3020u}) {
        auto const exit = decode_exit(
            TrapCsrsOf<x>{.scause = 20, .stval = 0xc000'1003, .htval = 0x2000'4402, .htinst = pseudo});
        auto const& fault = std::get<GuestPageFault>(exit);
        EXPECT_EQ(fault.access, Access::fetch);  // the original access
        EXPECT_EQ(fault.where, Gpa{0x8001'1008});
        EXPECT_TRUE(fault.walking_vs_tables);
        EXPECT_EQ(fault.writing_vs_tables, (pseudo & 0x20) != 0);
    }
}

TYPED_TEST(Exits, WithoutAnAddressSayThatItIsUnknown) {
    this->RecordProperty("rules", "norm:htval_trapval norm:htval_val norm:htinst_val");
    constexpr Xlen x = TestFixture::x;
    auto const exit = decode_exit(TrapCsrsOf<x>{.scause = 21, .stval = 0x1234});
    EXPECT_EQ(std::get<GuestPageFault>(exit).where, std::nullopt);
    EXPECT_EQ(std::get<GuestPageFault>(exit).address, Gva{0x1234});
}

TEST(Exits, OfAWideHtinstThatLooksLikeAWalkAreNotOne) {
    RecordProperty("rules", "norm:H_trap_xtinst_exception_list");
    auto const exit =
        decode_exit(TrapCsrsOf<Xlen::rv64>{.scause = 21, .stval = 3, .htval = 4, .htinst = 0x1'0000'3000});
    EXPECT_FALSE(std::get<GuestPageFault>(exit).walking_vs_tables);
    EXPECT_EQ(std::get<GuestPageFault>(exit).where, Gpa{0x13});
}

TEST(Exits, SeeZeroWhereTheyAreToldToIgnore) {
    TrapCsrsOf<Xlen::rv64> const access{.scause = 21, .stval = 3, .htval = 0x400, .htinst = 0x3003};
    TrapCsrsOf<Xlen::rv64> const walk{.scause = 21, .stval = 3, .htval = 0x400, .htinst = read64_for_walk};
    auto const fault = [](auto const& csrs, DecodeOptions o) {
        return std::get<GuestPageFault>(decode_exit(csrs, o));
    };
    EXPECT_EQ(fault(access, {.ignore_htinst = true}).htinst, 0u);
    EXPECT_EQ(fault(access, {.ignore_htinst = true}).where, Gpa{0x1003});
    EXPECT_EQ(fault(access, {.ignore_htval = true}).where, std::nullopt);
    EXPECT_EQ(fault(access, {.ignore_htval = true}).htinst, 0x3003u);
    // Without htinst nobody could tell a table's entry from the access, so its address goes too.
    EXPECT_EQ(fault(walk, {.ignore_htinst = true}).where, std::nullopt);
    EXPECT_FALSE(fault(walk, {.ignore_htinst = true}).walking_vs_tables);
    EXPECT_TRUE(fault(walk, {.ignore_htval = true}).walking_vs_tables);
}

TYPED_TEST(Exits, OfInterruptsDoNotLookAtTheInstruction) {
    this->RecordProperty("rules", "norm:H_trap_xtinst_interrupt norm:H_trap_xtinst_val");
    constexpr Xlen x = TestFixture::x;
    for (u32 const left : {0u, 0x3000u, 0x00b0'2023u})
        EXPECT_EQ(
            decode_exit(TrapCsrsOf<x>{
                .scause = ScauseOf<x>::of(Interrupt::supervisor_timer).raw, .htval = 0x44, .htinst = left}),
            Exit{HostInterrupt{Interrupt::supervisor_timer}});
}

TYPED_TEST(Exits, TakeOnlyThePseudoinstructionsForAWalk) {
    this->RecordProperty("rules", "norm:H_trap_xtinst_exception_lead-in norm:H_trap_xtinst_exception_list");
    constexpr Xlen x = TestFixture::x;
    for (u32 const value : {0x0u, 0x1u, 0x1000u, 0x2001u, 0x2003u, 0x3003u, 0x2010u, 0x3010u, 0x4000u}) {
        auto const exit = decode_exit(TrapCsrsOf<x>{.scause = 21, .stval = 2, .htval = 4, .htinst = value});
        EXPECT_FALSE(std::get<GuestPageFault>(exit).walking_vs_tables) << value;
        EXPECT_EQ(std::get<GuestPageFault>(exit).where, Gpa{0x12}) << value;
    }
}

TYPED_TEST(Exits, OfAnAccessOverTwoPagesAreAboutTheSecond) {
    this->RecordProperty("rules", "norm:H_straddle norm:mtval2_htval_virtaddr");
    constexpr Xlen x = TestFixture::x;
    // A load of eight bytes at 0xc0001ffc, whose second page is not there.
    auto const exit = decode_exit(
        TrapCsrsOf<x>{.scause = 21, .stval = 0xc000'2000, .htval = 0x8000'3000u >> 2, .htinst = 0x0002'3503});
    auto const& fault = std::get<GuestPageFault>(exit);
    EXPECT_EQ(fault.address, Gva{0xc000'2000});
    EXPECT_EQ(fault.where, Gpa{0x8000'3000});
}

RC_GTEST_PROP(Exits, AlwaysHaveAnAnswer, ()) {
    TrapCsrsOf<Xlen::rv64> csrs{};
    csrs.scause = *rc::gen::oneOf(rc::gen::arbitrary<u64>(), rc::gen::inRange<u64>(0, 70));
    csrs.stval = *rc::gen::arbitrary<u64>();
    csrs.htval = *rc::gen::arbitrary<u64>();
    csrs.htinst = *rc::gen::element<u64>(0, 0x2000, 0x3020, 0x3003, ~u64{0});
    auto const exit = decode_exit(csrs, {*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()});
    RC_ASSERT(!exit.valueless_by_exception());
}

}  // namespace
}  // namespace antler::isa
