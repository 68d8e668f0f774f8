// A trap placed into a guest looks to it like one its own hart took.
#include "isa/reflect.hpp"

#include <gtest/gtest.h>

namespace antler::isa {
namespace {

template <class Width>
class Placed : public testing::Test {
public:
    static constexpr Xlen x = Width::value;
};
using Widths =
    testing::Types<std::integral_constant<Xlen, Xlen::rv32>, std::integral_constant<Xlen, Xlen::rv64>>;
TYPED_TEST_SUITE(Placed, Widths);

TYPED_TEST(Placed, ExceptionWritesTheFiveRegistersAndNothingElse) {
    this->RecordProperty("rules", "norm:H_trap_vs_csrwrites norm:vspec_sz_acc_op norm:vstval_sz_acc_op");
    constexpr Xlen x = TestFixture::x;
    using V = VsstatusOf<x>;
    for (bool const in_vs : {false, true})
        for (bool const enabled : {false, true}) {
            V const before{static_cast<Word<x>>(0x000c'6600 | (enabled ? 2 : 0))};
            auto const placed = place_exception(GuestPointOf<x>{before, {0x8000'4001}, 0x8000'1234, in_vs},
                                                Exception::load_page_fault, Word<x>{0xdead'0000});
            EXPECT_EQ(get<typename V::spp>(placed.vsstatus), in_vs);
            EXPECT_EQ(get<typename V::spie>(placed.vsstatus), enabled);
            EXPECT_FALSE(get<typename V::sie>(placed.vsstatus));
            EXPECT_EQ(placed.vsstatus.raw & ~Word<x>{0x122}, Word<x>{0x000c'6600});
            EXPECT_EQ(placed.vsepc.raw, 0x8000'1234u);
            EXPECT_EQ(placed.vscause.raw, 13u);
            EXPECT_EQ(placed.vstval.raw, 0xdead'0000u);
            EXPECT_EQ(placed.pc, 0x8000'4000u);
        }
}

TYPED_TEST(Placed, InterruptGoesThroughTheVector) {
    this->RecordProperty("rules", "norm:hideleg_trans norm:stvec_op norm:stval_op_other_traps");
    constexpr Xlen x = TestFixture::x;
    auto const placed = place_interrupt(GuestPointOf<x>{VsstatusOf<x>{2}, {0x1001}, 0x2000, true},
                                        Interrupt::supervisor_timer);
    EXPECT_EQ(placed.pc, 0x1014u);
    EXPECT_EQ(placed.vscause, VscauseOf<x>::of(Interrupt::supervisor_timer));
    EXPECT_EQ(placed.vstval.raw, 0u);
    EXPECT_EQ(
        place_interrupt(GuestPointOf<x>{VsstatusOf<x>{2}, {0x1000}, 0, true}, Interrupt::supervisor_timer).pc,
        0x1000u);
}

TYPED_TEST(Placed, CausesAreOnesAGuestWithoutHKnows) {
    this->RecordProperty("rules",
                         "norm:H_cause_virtual_instruction norm:H_guest_page_fault norm:H_virtinst_xtval");
    constexpr Xlen x = TestFixture::x;
    auto const cause = [](Exception e) {
        return place_exception(GuestPointOf<x>{}, e, Word<x>{}).vscause.raw;
    };
    EXPECT_EQ(cause(Exception::virtual_instruction), 2u);
    EXPECT_EQ(cause(Exception::fetch_guest_page_fault), 1u);
    EXPECT_EQ(cause(Exception::load_guest_page_fault), 5u);
    EXPECT_EQ(cause(Exception::store_guest_page_fault), 7u);
    EXPECT_EQ(cause(Exception::ecall_from_vs), 9u);
    for (unsigned code : {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 18, 19})
        EXPECT_EQ(cause(static_cast<Exception>(code)), code);
}

TYPED_TEST(Placed, TrapIsUndoneByTheReturn) {
    this->RecordProperty("rules", "norm:sret_v1 norm:sret_h norm:sepc");
    constexpr Xlen x = TestFixture::x;
    for (bool const in_vs : {false, true})
        for (Word<x> const sie : {0, 2}) {
            GuestPointOf<x> const point{VsstatusOf<x>{sie}, {0x4000}, 0x1002, in_vs};
            auto const placed = place_exception(point, Exception::breakpoint, Word<x>{});
            auto const back = return_from_trap(placed.vsstatus, placed.vsepc);
            EXPECT_EQ(back.pc, point.pc);
            EXPECT_EQ(back.in_vs, in_vs);
            EXPECT_EQ(get<typename VsstatusOf<x>::sie>(back.vsstatus), sie != 0);
            EXPECT_TRUE(get<typename VsstatusOf<x>::spie>(back.vsstatus));
            EXPECT_FALSE(get<typename VsstatusOf<x>::spp>(back.vsstatus));
        }
}

}  // namespace
}  // namespace antler::isa
