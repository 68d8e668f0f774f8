// The interrupt controller: priorities, gateways, claims and completions, contexts.
#include "device/plic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace antler::device {
namespace {

struct Lines {
    u64* levels;
    void operator()(u32 context, bool level) {
        *levels = level ? *levels | u64{1} << context : *levels & ~(u64{1} << context);
    }
};

class PlicTest : public testing::Test {
protected:
    using TestPlic = Plic<Lines>;
    u32 in(u32 offset) { return static_cast<u32>(plic.read(offset, Width::word).value()); }
    void out(u32 offset, u32 value) { plic.write(offset, Width::word, value).value(); }
    void priority(u32 source, u32 value) { out(source * 4, value); }
    void enable(u32 context, u32 source) {
        auto const at = 0x2080 + context * 0x100 + source / 32 * 4;
        out(at, in(at) | u32{1} << source % 32);
    }
    void disable(u32 context, u32 source) {
        auto const at = 0x2080 + context * 0x100 + source / 32 * 4;
        out(at, in(at) & ~(u32{1} << source % 32));
    }
    void threshold(u32 context, u32 value) { out(0x20'1000 + context * 0x2000, value); }
    u32 claim(u32 context) { return in(0x20'1004 + context * 0x2000); }
    void complete(u32 context, u32 source) { out(0x20'1004 + context * 0x2000, source); }
    bool pending(u32 source) { return (in(0x1000 + source / 32 * 4) >> source % 32 & 1) != 0; }

    u64 levels = 0;
    TestPlic plic{4, Lines{&levels}};
};

TEST_F(PlicTest, RaisesTheContextsThatEnableASource) {
    priority(10, 1);
    enable(1, 10);
    enable(3, 10);
    plic.set_source(10, true);
    EXPECT_EQ(levels, 0b1010u);
    EXPECT_EQ(claim(3), 10u);
    EXPECT_EQ(levels, 0u);  // taken: the others need not come
    EXPECT_EQ(claim(1), 0u);
}

TEST_F(PlicTest, NeverRaisesPriorityZero) {
    enable(0, 5);
    plic.set_source(5, true);
    EXPECT_TRUE(pending(5));
    EXPECT_EQ(levels, 0u);
    EXPECT_EQ(claim(0), 0u);
    priority(5, 1);
    EXPECT_EQ(levels, 1u);
    EXPECT_EQ(claim(0), 5u);
}

TEST_F(PlicTest, GivesTheHighestPriorityAndOfEqualsTheLowestNumber) {
    for (u32 const source : {3u, 70u, 64u, 95u}) {
        priority(source, source == 95 ? 7 : 4);
        enable(0, source);
        plic.set_source(source, true);
    }
    EXPECT_EQ(claim(0), 95u);
    EXPECT_EQ(claim(0), 3u);
    EXPECT_EQ(claim(0), 64u);
    EXPECT_EQ(claim(0), 70u);
    EXPECT_EQ(claim(0), 0u);
}

TEST_F(PlicTest, MasksTheNotificationAndNotTheClaimByTheThreshold) {
    priority(7, 3);
    enable(0, 7);
    threshold(0, 3);
    plic.set_source(7, true);
    EXPECT_EQ(levels, 0u);
    threshold(0, 2);
    EXPECT_EQ(levels, 1u);
    threshold(0, 7);
    EXPECT_EQ(levels, 0u);
    EXPECT_EQ(claim(0), 7u);
}

TEST_F(PlicTest, OffersAHighSourceAgainOnlyAfterItsCompletion) {
    priority(10, 1);
    enable(0, 10);
    plic.set_source(10, true);
    EXPECT_EQ(claim(0), 10u);
    EXPECT_FALSE(pending(10));
    plic.set_source(10, false);
    plic.set_source(10, true);  // the gateway is shut
    EXPECT_FALSE(pending(10));
    EXPECT_EQ(levels, 0u);
    complete(0, 10);
    EXPECT_TRUE(pending(10));
    EXPECT_EQ(levels, 1u);
    EXPECT_EQ(claim(0), 10u);
    plic.set_source(10, false);
    complete(0, 10);
    EXPECT_EQ(levels, 0u);
}

TEST_F(PlicTest, KeepsARequestWhoseSourceFellBeforeTheClaim) {
    priority(10, 1);
    enable(0, 10);
    plic.set_source(10, true);
    plic.set_source(10, false);
    EXPECT_EQ(levels, 1u);
    EXPECT_EQ(claim(0), 10u);
    complete(0, 10);
    EXPECT_EQ(levels, 0u);
    EXPECT_FALSE(pending(10));
}

TEST_F(PlicTest, IgnoresACompletionFromAContextThatDoesNotEnableTheSource) {
    priority(10, 1);
    enable(0, 10);
    plic.set_source(10, true);
    EXPECT_EQ(claim(0), 10u);
    complete(1, 10);
    EXPECT_FALSE(pending(10));
    disable(0, 10);
    complete(0, 10);
    EXPECT_FALSE(pending(10));
    enable(0, 10);  // as Linux does it: enable, complete, disable
    complete(0, 10);
    EXPECT_TRUE(pending(10));
    disable(0, 10);
    EXPECT_EQ(levels, 0u);
}

TEST_F(PlicTest, IgnoresACompletionOfWhatWasNotClaimed) {
    priority(10, 1);
    enable(0, 10);
    complete(0, 10);
    complete(0, 0);
    complete(0, 96);
    complete(0, 0xffff'ffff);
    EXPECT_EQ(levels, 0u);
    plic.set_source(10, true);
    complete(0, 10);  // pending is not in service
    EXPECT_EQ(claim(0), 10u);
    EXPECT_EQ(claim(0), 0u);
}

TEST_F(PlicTest, GivesOneClaimToOneOfTwoHarts) {
    priority(1, 1);
    priority(2, 1);
    for (u32 const context : {0u, 1u}) enable(context, 1), enable(context, 2);
    plic.set_source(1, true);
    plic.set_source(2, true);
    EXPECT_EQ(claim(0), 1u);
    EXPECT_EQ(levels, 0b11u);
    EXPECT_EQ(claim(1), 2u);
    EXPECT_EQ(levels, 0u);
    // Either hart may complete either.
    complete(1, 1);
    EXPECT_EQ(levels, 0b11u);
    EXPECT_EQ(claim(0), 1u);
}

TEST_F(PlicTest, HasNoSourceZeroAndNothingBeyondTheLast) {
    priority(0, 7);
    EXPECT_EQ(in(0), 0u);
    out(0x2080, 0xffff'ffff);
    EXPECT_EQ(in(0x2080), 0xffff'fffeu);
    plic.set_source(0, true);
    plic.set_source(96, true);
    plic.set_source(0xffff'ffff, true);
    EXPECT_EQ(levels, 0u);
    out(96 * 4, 7);
    EXPECT_EQ(in(96 * 4), 0u);
    out(0x208c, 0xffff'ffff);
    EXPECT_EQ(in(0x208c), 0u);
    priority(95, 0xff);
    EXPECT_EQ(in(95 * 4), 7u);
    out(0x1000, 0xffff'ffff);
    EXPECT_EQ(in(0x1000), 0u);
}

TEST_F(PlicTest, HasNoContextsBeyondItsVcpus) {
    out(0x2000 + 9 * 0x80, 0xffff'ffff);
    EXPECT_EQ(in(0x2000 + 9 * 0x80), 0u);
    out(0x20'9000, 1);
    EXPECT_EQ(in(0x20'9000), 0u);
    EXPECT_EQ(in(0x20'9004), 0u);
    EXPECT_EQ(in(0x5f'f004), 0u);
    EXPECT_FALSE(plic.read(0x60'0000, Width::word));
    EXPECT_FALSE(plic.read(0x1000, Width::doubleword));
    EXPECT_FALSE(plic.read(0x1002, Width::word));
    EXPECT_FALSE(plic.write(0x1000, Width::byte, 0));
}

TEST_F(PlicTest, GivesDevicesAWire) {
    priority(10, 1);
    enable(2, 10);
    auto wire = plic.input(10);
    static_assert(IrqLine<decltype(wire)>);
    wire.set(true);
    EXPECT_EQ(levels, 0b100u);
}

TEST_F(PlicTest, HasNoContextsOfMachineMode) {
    out(0x2000, 2);
    out(0x20'0000, 3);
    EXPECT_EQ(in(0x2000), 0u);
    EXPECT_EQ(in(0x20'0000), 0u);
    EXPECT_EQ(in(0x20'0004), 0u);
}

TEST(Plic, ServesSixtyFourContexts) {
    u64 levels = 0;
    Plic plic{1000, Lines{&levels}};
    plic.write(10 * 4, Width::word, 1).value();
    for (u32 n = 0; n < 64; ++n) plic.write(0x2080 + n * 0x100, Width::word, 1 << 10).value();
    plic.set_source(10, true);
    EXPECT_EQ(levels, ~u64{0});
    EXPECT_EQ(plic.read(0x20'1004 + 63 * 0x2000, Width::word).value(), 10u);
    EXPECT_EQ(levels, 0u);
}

TEST_F(PlicTest, StaysConsistentWhateverASnapshotSays) {
    struct Ones {
        void operator()(std::string_view, std::span<u8> field) { std::ranges::fill(field, u8{0xff}); }
        void operator()(std::string_view name, u8& field) { field = name == "threshold" ? 0xf3 : 0xff; }
        void operator()(std::string_view, bool& field) { field = true; }
        void operator()(std::string_view, u16& field) { field = 0xffff; }
        void operator()(std::string_view, u32& field) { field = ~u32{0}; }
        void operator()(std::string_view name, u64& field) { field = name == "claimed" ? 0 : ~u64{0}; }
    } ones;
    plic.visit(ones);
    plic.restored();
    EXPECT_EQ(levels, 0b1111u);
    EXPECT_EQ(in(4), 7u);
    EXPECT_EQ(in(0x1000), 0xffff'fffeu);
    EXPECT_EQ(in(0x20'1000), 3u);
    for (u32 source = 1; source < 96; ++source) EXPECT_EQ(claim(0), source);
    EXPECT_EQ(claim(0), 0u);
    EXPECT_EQ(levels, 0u);
}

// A board whose wires are high as long as a test says.
struct BoardWires final : OutsideWires {
    bool high = false;
    u32 looks = 0;
    bool look(u32) override {
        ++looks;
        return high;
    }
};

TEST_F(PlicTest, AsksTheBoardWhenAWireOfItsWasServed) {
    BoardWires board;
    plic.come_from(50, board);
    priority(50, 1);
    enable(0, 50);
    board.high = true;
    plic.set_source(50, true);
    EXPECT_EQ(claim(0), 50u);
    EXPECT_EQ(board.looks, 0u);
    complete(0, 50);
    EXPECT_EQ(board.looks, 1u);
    EXPECT_TRUE(pending(50)) << "it is high still";
    EXPECT_EQ(claim(0), 50u);
    board.high = false;
    complete(0, 50);
    EXPECT_FALSE(pending(50));
    complete(0, 50);
    EXPECT_EQ(board.looks, 2u) << "nothing was served";
    plic.set_source(50, true);
    EXPECT_EQ(levels, 1u) << "the board has told of the next one";
}

}  // namespace
}  // namespace antler::device
