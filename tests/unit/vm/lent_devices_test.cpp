// Wires and registers of the board that end in a guest: a wire is told once, and again when it was served.
#include "vm/lent_devices.hpp"

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using device::Width;

constexpr u64 plic = 0xc00'0000;

struct Wire final : BoardLine {
    bool level = true;
    bool high = false;
    u32 opened = 0;
    [[nodiscard]] bool is_level() const override { return level; }
    [[nodiscard]] bool look() override { return high; }
    void open() override { ++opened; }
};

class LentToAVm : public testing::Test {
protected:
    ~LentToAVm() override { store.give_back(); }
    // The guest's driver wants interrupts of the source.
    void enable(u32 source) {
        put(4 * source, 1);
        put(0x2080 + source / 32 * 4, u64{1} << source % 32);
    }
    u64 claim() { return vm.machine().read(Gpa{plic + 0x20'1004}, Width::word).value(); }
    void complete(u32 source) { put(0x20'1004, source); }
    void put(u64 at, u64 value) { EXPECT_TRUE(vm.machine().write(Gpa{plic + at}, Width::word, value)); }

    World world{1};
    Vm& vm = world.add({.vcpus = 1});
    memory::Store store{world.board().frames, world.house(), memory::OwnerId{1}};
    LentDevices& lent = *vm.machine().need_lent(store).value();
    Wire wire{};
};

TEST_F(LentToAVm, AWireThatIsHighIsToldAgainWhenItsGuestHasServedIt) {
    auto const source = lent.add_wire(wire).value();
    vm.machine().open_lent();
    EXPECT_EQ(wire.opened, 1U);
    enable(source);
    EXPECT_EQ(claim(), 0U);
    wire.high = true;
    vm.machine().board_line_rises(source);
    EXPECT_EQ(claim(), source);
    EXPECT_EQ(claim(), 0U) << "it is being served";
    complete(source);
    EXPECT_EQ(claim(), source) << "it is high still";
    wire.high = false;
    complete(source);
    EXPECT_EQ(claim(), 0U);
}

TEST_F(LentToAVm, EachRiseOfAnEdgeCountsOnce) {
    wire.level = false;
    wire.high = true;
    auto const source = lent.add_wire(wire).value();
    vm.machine().open_lent();
    enable(source);
    for (u32 i = 0; i < 3; ++i) {
        vm.machine().board_line_rises(source);
        EXPECT_EQ(claim(), source) << i;
        complete(source);
        EXPECT_EQ(claim(), 0U) << i;
    }
}

TEST_F(LentToAVm, ASourceThatNoWireHasIsNobodys) {
    auto const source = lent.add_wire(wire).value();
    vm.machine().open_lent();
    for (u32 const other : {source - 1, source + 1}) {
        enable(other);
        vm.machine().board_line_rises(other);
        EXPECT_EQ(claim(), 0U);
        wire.high = true;
        EXPECT_FALSE(lent.look(other));
    }
    EXPECT_TRUE(lent.look(source));
}

TEST_F(LentToAVm, AResetGuestFindsItsDevicesAsAfterPowerOn) {
    static u32 resets;
    resets = 0;
    ASSERT_TRUE(lent.add({.reset = [](LentDevice const&) { ++resets; }}));
    ASSERT_TRUE(lent.add({}));
    auto const source = lent.add_wire(wire).value();
    vm.machine().open_lent();
    EXPECT_EQ(resets, 1U);
    enable(source);
    wire.high = true;
    vm.machine().board_line_rises(source);
    vm.machine().reset(1);
    EXPECT_EQ(resets, 2U);
    EXPECT_EQ(wire.opened, 2U) << "its next rise is told";
    EXPECT_EQ(claim(), 0U) << "of the one before nothing is left";
}

TEST_F(LentToAVm, ThereIsRoomForSoManyAndNoMore) {
    EXPECT_EQ(lent.place(page_bytes), lent_region.start);
    EXPECT_EQ(lent.place(2 * page_bytes), lent_region.start + page_bytes);
    EXPECT_FALSE(lent.place(lent_region.size - 2 * page_bytes).has_value());
    EXPECT_EQ(lent.place(lent_region.size - 3 * page_bytes), lent_region.start + 3 * page_bytes);
    EXPECT_FALSE(lent.place(1).has_value());
    for (u32 i = 0; i < LentDevices::most_wires; ++i)
        EXPECT_EQ(lent.add_wire(wire).value(), LentDevices::first_source + i);
    EXPECT_EQ(lent.add_wire(wire).error(), Error::full);
    for (usize i = 0; i < max_devices; ++i) ASSERT_TRUE(lent.add({}));
    EXPECT_EQ(lent.add({}).error(), Error::full);
    EXPECT_EQ(lent.devices().size(), max_devices);
}

}  // namespace
}  // namespace antler::vm
