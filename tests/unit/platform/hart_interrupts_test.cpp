// The board's interrupts reach a hart through each kind of controller.
#include "platform/hart_interrupts.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/fake/hart.hpp"

namespace antler::platform {
namespace {

namespace aplic = isa::aplic;

// Registers that remember what was written last, where a driver finds them.
struct Registers {
    explicit Registers(u64 bytes) : words(bytes / 4) {}
    [[nodiscard]] HpaRange range() { return {Hpa{reinterpret_cast<u64>(words.data())}, words.size() * 4}; }
    [[nodiscard]] u32& at(u64 offset) { return words[offset / 4]; }
    std::vector<u32> words;
};

struct Counter final : InterruptHandler {
    u32 times = 0;
    void interrupted() override { ++times; }
};

// An aplic of 96 sources whose harts have files.
struct Desk {
    Registers wires{aplic::idcs};
    Registers file{page_bytes};
    BoardAplic board_aplic{.registers = wires.range(), .sources = 96, .message_signalled = true};
    BoardImsic board_imsic{.identities = 255, .layout = {.hart_bits = 0}};
    HostAplics domains;
    HartInterrupts interrupts;
    InterruptTable table;

    Desk() {
        fake::reset_hart();
        EXPECT_TRUE(domains.all[0].emplace(board_aplic).start(aplic::Delivery::messages));
        interrupts.come_by(HostImsic{board_imsic, file.range().start, domains});
    }
    [[nodiscard]] aplic::Target target(u32 source) { return {wires.at(aplic::target + 4 * source)}; }
    [[nodiscard]] u32 identity(u32 source) { return aplic::Target::eiid::get(target(source).raw); }
    // As the APLIC does when the wire rises.
    void raise(u32 source) { fake::hart().file.set_pending(identity(source)); }
};

TEST(HostAplic, IsStartedWithEverySourceClosed) {
    Registers wires{aplic::idcs};
    for (u32 source = 1; source <= 96; ++source) wires.at(aplic::sourcecfg + 4 * source) = 6;
    BoardAplic const board{.registers = wires.range(), .sources = 96};
    HostAplic domain{board};
    EXPECT_TRUE(domain.start(aplic::Delivery::direct));
    EXPECT_EQ(wires.at(aplic::domaincfg), 0x8000'0100u);
    for (u32 source = 1; source <= 96; ++source) EXPECT_EQ(wires.at(aplic::sourcecfg + 4 * source), 0u);
}

TEST(HostImsic, OpensItsFileForCallsOfOtherHarts) {
    Desk desk;
    fake::hart().file.write(isa::interrupt_file::eie0 + 2, ~u64{0});  // what a reset left
    fake::hart().file.set_pending(100);
    desk.interrupts.open();
    EXPECT_FALSE(fake::hart().file.signals());
    desk.interrupts.file()->call();
    EXPECT_EQ(desk.file.at(isa::seteipnum_le), 1u);
    EXPECT_EQ(fake::hart().fences.back().kind, fake::Fence::Kind::io);
    fake::hart().file.set_pending(desk.file.at(isa::seteipnum_le));
    EXPECT_TRUE(fake::hart().file.signals());
    EXPECT_TRUE(desk.interrupts.serve(desk.table));
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
    EXPECT_EQ(desk.interrupts.calls(), 1u);
    EXPECT_EQ(desk.interrupts.served(), 0u);
}

TEST(HostImsic, KeepsMessagesThatCameBeforeItWasOpened) {
    Desk desk;
    Counter device;
    ASSERT_TRUE(desk.interrupts.enable({10}));
    ASSERT_TRUE(desk.table.add(10, device));
    desk.raise(10);
    fake::hart().file.set_pending(HostImsic::call_identity);
    desk.interrupts.open();
    EXPECT_TRUE(desk.interrupts.serve(desk.table));
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
    EXPECT_EQ(device.times, 1u);
}

TEST(HostImsic, SendsEveryWireToAnIdentityOfItsOwn) {
    Desk desk;
    Counter first;
    Counter second;
    ASSERT_TRUE(desk.interrupts.enable({10}));
    ASSERT_TRUE(desk.interrupts.enable({33, aplic::SourceMode::edge1}));
    ASSERT_TRUE(desk.interrupts.enable({10}));  // two devices on one wire
    ASSERT_TRUE(desk.table.add(10, first));
    ASSERT_TRUE(desk.table.add(33, second));
    desk.interrupts.open();
    EXPECT_EQ(desk.wires.at(aplic::sourcecfg + 4 * 10), 6u);
    EXPECT_EQ(desk.wires.at(aplic::sourcecfg + 4 * 33), 4u);
    EXPECT_NE(desk.identity(10), desk.identity(33));
    desk.raise(33);
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
    EXPECT_EQ(first.times, 0u);
    EXPECT_EQ(second.times, 1u);
}

TEST(HostImsic, AsksForALevelOnceMoreWhenItWasServedButNeverForAnEdge) {
    Desk desk;
    ASSERT_TRUE(desk.interrupts.enable({10, aplic::SourceMode::level1}));
    ASSERT_TRUE(desk.interrupts.enable({11, aplic::SourceMode::edge1}));
    desk.interrupts.open();
    auto& again = desk.wires.at(aplic::setipnum);
    again = 0;
    desk.raise(11);
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
    EXPECT_EQ(again, 0u);
    desk.raise(10);
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
    EXPECT_EQ(again, 10u);
}

TEST(HostImsic, TellsTheSourcesOfTwoControllersApart) {
    Desk desk;
    Registers other{aplic::idcs};
    BoardAplic const second{.registers = other.range(), .sources = 96, .message_signalled = true};
    ASSERT_TRUE(desk.domains.all[1].emplace(second).start(aplic::Delivery::messages));
    BoardWire const near{.source = 10};
    BoardWire const far{.source = 10, .controller = 1};
    Counter first;
    Counter last;
    ASSERT_TRUE(desk.interrupts.enable(near) && desk.interrupts.enable(far));
    ASSERT_TRUE(desk.table.add(near.line(), first) && desk.table.add(far.line(), last));
    desk.interrupts.open();
    aplic::Target const target{other.at(aplic::target + 4 * 10)};
    EXPECT_NE(target, desk.target(10));
    other.at(aplic::setipnum) = 0;
    desk.wires.at(aplic::setipnum) = 0;
    fake::hart().file.set_pending(aplic::Target::eiid::get(target.raw));
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
    EXPECT_EQ(first.times, 0u);
    EXPECT_EQ(last.times, 1u);
    EXPECT_EQ(other.at(aplic::setipnum), 10u);
    EXPECT_EQ(desk.wires.at(aplic::setipnum), 0u);
    EXPECT_FALSE(desk.interrupts.enable({.source = 1, .controller = 2}));
}

TEST(HostImsic, RefusesMoreWiresThanEveryFileHasIdentities) {
    Desk desk;
    u32 taken = 0;
    for (u32 source = 1; source <= 96; ++source) taken += desk.interrupts.enable({source}) ? 1 : 0;
    EXPECT_EQ(taken, 62u);
    desk.interrupts.open();
    fake::hart().file.set_pending(200);  // of nobody, and not enabled
    EXPECT_FALSE(desk.interrupts.serve(desk.table));
}

TEST(AplicHart, ClaimsFromItsOwnPartOfTheDomain) {
    Registers wires{aplic::idcs + 4 * aplic::idc_bytes};
    BoardAplic const board{.registers = wires.range(), .sources = 96};
    HostAplic domain{board};
    ASSERT_TRUE(domain.start(aplic::Delivery::direct));
    HartInterrupts interrupts;
    interrupts.come_by(AplicHart{domain, {.controller = 0, .index = 2}});
    InterruptTable table;
    Counter device;
    ASSERT_TRUE(interrupts.enable({8}));
    ASSERT_TRUE(table.add(8, device));
    interrupts.open();
    auto const idc = aplic::idcs + 2 * aplic::idc_bytes;
    EXPECT_EQ(wires.at(idc + aplic::idc_idelivery), 1u);
    EXPECT_EQ(wires.at(aplic::target + 4 * 8), aplic::Target::direct(2, 1).raw);
    EXPECT_EQ(wires.at(aplic::setienum), 8u);
    EXPECT_FALSE(interrupts.serve(table));
    EXPECT_EQ(device.times, 0u);
    wires.at(idc + aplic::idc_claimi) = aplic::Topi::of(8, 1).raw;
    EXPECT_FALSE(interrupts.serve(table));
    EXPECT_EQ(device.times, 1u);
    EXPECT_EQ(interrupts.file(), nullptr);
    EXPECT_FALSE(interrupts.enable({.source = 8, .controller = 1}))
        << "of an APLIC that does not reach this hart";
}

TEST(HostPlic, CompletesWhatItClaimed) {
    Registers plic{0x20'3000};
    HartInterrupts interrupts;
    interrupts.come_by(HostPlic{plic.range().start, 1});
    InterruptTable table;
    Counter device;
    ASSERT_TRUE(interrupts.enable({10}));
    ASSERT_TRUE(table.add(10, device));
    EXPECT_EQ(plic.at(0x2080), 1u << 10);
    auto& claim = plic.at(0x20'1004);
    EXPECT_FALSE(interrupts.serve(table));
    claim = 10;
    EXPECT_FALSE(interrupts.serve(table));
    EXPECT_EQ(device.times, 1u);
    EXPECT_EQ(claim, 10u);
    EXPECT_EQ(interrupts.served(), 1u);
}

// A handler that looks at what is open while it is called.
struct Watcher final : InterruptHandler {
    u32* word = nullptr;
    u32 seen = 0;
    u32 times = 0;
    void interrupted() override {
        seen = *word;
        ++times;
    }
};

TEST(HostPlic, DoesNotCompleteWhatIsServedLater) {
    Registers plic{0x20'3000};
    HartInterrupts interrupts;
    interrupts.come_by(HostPlic{plic.range().start, 1});
    InterruptTable table;
    Counter device;
    ASSERT_TRUE(interrupts.enable({10}));
    ASSERT_TRUE(table.add(10, device));
    table.end_with(device, Aftermath::closed);
    plic.at(0x20'1004) = 10;
    EXPECT_FALSE(interrupts.serve(table));
    EXPECT_EQ(device.times, 1u);
    // Reading takes nothing away here, so only a write can have changed it.
    plic.at(0x20'1004) = 0;
    EXPECT_FALSE(interrupts.is_high({10})) << "a PLIC cannot tell";
    interrupts.open(BoardWire{10});
    EXPECT_EQ(plic.at(0x20'1004), 10u);
    table.poll();
    EXPECT_EQ(device.times, 1u) << "nobody asks for what a guest serves";
}

TEST(AplicHart, ClosesAWireBeforeItsGuestHearsOfIt) {
    Registers wires{aplic::idcs + 4 * aplic::idc_bytes};
    BoardAplic const board{.registers = wires.range(), .sources = 96};
    HostAplic domain{board};
    ASSERT_TRUE(domain.start(aplic::Delivery::direct));
    HartInterrupts interrupts;
    interrupts.come_by(AplicHart{domain, {.controller = 0, .index = 2}});
    InterruptTable table;
    Watcher device;
    device.word = &wires.at(aplic::clrienum);
    ASSERT_TRUE(interrupts.enable({40}));
    ASSERT_TRUE(table.add(40, device));
    table.end_with(device, Aftermath::closed);
    wires.at(aplic::idcs + 2 * aplic::idc_bytes + aplic::idc_claimi) = aplic::Topi::of(40, 1).raw;
    EXPECT_FALSE(interrupts.serve(table));
    EXPECT_EQ(device.times, 1u);
    EXPECT_EQ(device.seen, 40u);
    wires.at(aplic::in_clrip + 4) = 1u << 8;
    EXPECT_EQ(interrupts.is_high({40}), true);
    wires.at(aplic::in_clrip + 4) = 0;
    EXPECT_EQ(interrupts.is_high({40}), false);
    wires.at(aplic::setienum) = 0;
    interrupts.open(BoardWire{40});
    EXPECT_EQ(wires.at(aplic::setienum), 40u);
    EXPECT_EQ(wires.at(aplic::target + 4 * 40), aplic::Target::direct(2, 1).raw);
}

TEST(HostImsic, AsksForNoFurtherMessageOfWhatIsServedLater) {
    Desk desk;
    Watcher device;
    device.word = &desk.wires.at(aplic::clrienum);
    ASSERT_TRUE(desk.interrupts.enable({10}));
    ASSERT_TRUE(desk.table.add(10, device));
    desk.interrupts.open();
    for (auto const how : {Aftermath::closed, Aftermath::passed, Aftermath::lowered}) {
        desk.table.end_with(device, how);
        desk.wires.at(aplic::clrienum) = desk.wires.at(aplic::setipnum) = 0;
        desk.raise(10);
        EXPECT_FALSE(desk.interrupts.serve(desk.table));
        EXPECT_EQ(device.seen, how == Aftermath::closed ? 10u : 0u);
        EXPECT_EQ(desk.wires.at(aplic::setipnum), how == Aftermath::lowered ? 10u : 0u);
    }
    EXPECT_EQ(device.times, 3u);
    desk.interrupts.close(BoardWire{10});
    EXPECT_EQ(desk.wires.at(aplic::clrienum), 10u);
    desk.interrupts.open(BoardWire{10});
    EXPECT_EQ(desk.wires.at(aplic::setienum), 10u);
    EXPECT_EQ(desk.wires.at(aplic::setipnum), 10u) << "it may be high already";
}

TEST(HartInterrupts, AreNoneWhereNoControllerReachesTheHart) {
    HartInterrupts interrupts;
    InterruptTable table;
    interrupts.open();
    EXPECT_FALSE(interrupts.enable({10}));
    EXPECT_FALSE(interrupts.serve(table));
}

}  // namespace
}  // namespace antler::platform
