// What of a function's configuration, registers and messages reaches the function.
#include "vm/pci_passthrough.hpp"

#include <gtest/gtest.h>

#include "device/pci/host_bridge.hpp"
#include "tests/fake/board_function.hpp"

namespace antler::vm {
namespace {

namespace pci = device::pci;
using device::Width;
using fake::BoardFunction;

class Passed : public testing::Test {
protected:
    static constexpr u32 slot = 2;
    static constexpr Gpa window_start{0x4000'0000};

    Passed() { bridge.put(slot, lent.shown); }
    u64 get(u32 at, Width width = Width::word) { return space.read((slot << 15) + at, width).value(); }
    void put(u32 at, u64 value, Width width = Width::word) {
        ASSERT_TRUE(space.write((slot << 15) + at, width, value));
    }
    u32 capability(u8 id) {
        for (auto at = get(0x34, Width::byte); at != 0; at = get(static_cast<u32>(at) + 1, Width::byte))
            if (get(static_cast<u32>(at), Width::byte) == id) return static_cast<u32>(at);
        return 0;
    }
    u64 load(u64 at, Width width = Width::word) {
        return window.read(at - window_start.raw(), width).value();
    }
    void store(u64 at, u64 value, Width width = Width::word) {
        ASSERT_TRUE(window.write(at - window_start.raw(), width, value));
    }
    u32 command() { return lent.board.configuration[1] & 0xffff; }

    fake::LentFunction lent;
    BoardFunction& board = lent.board;
    pci::HostBridge bridge;
    pci::HostBridge::Space space{bridge};
    pci::HostBridge::Window window{bridge, window_start};
};

TEST_F(Passed, IsTheFunctionThatItIs) {
    EXPECT_EQ(get(0), 0x0010'1b36u);
    EXPECT_EQ(get(8), 0x0108'0203u);
    EXPECT_EQ(get(0x2c), 0x1100'1af4u);
    EXPECT_EQ(get(0x10) & ~15u, fake::LentFunction::first) << "where it is mapped";
    EXPECT_EQ(get(0x10) & 7u, 4u);
}

TEST_F(Passed, TellsTheFunctionOnlyWhetherItMayReachMemory) {
    EXPECT_EQ(command(), 0x402u) << "its registers are decoded, and its pin is silent";
    put(4, 6, Width::half);
    EXPECT_EQ(command(), 0x406u);
    put(4, 0xffff'fbf9);
    EXPECT_EQ(command(), 0x402u);
    put(5, 4, Width::byte);
    EXPECT_EQ(command(), 0x402u) << "the other byte";
    put(4, 4, Width::byte);
    EXPECT_EQ(command(), 0x406u);
}

TEST_F(Passed, KeepsEverythingElseForItself) {
    board.written.clear();
    for (u32 at = 0; at < 4096; at += 4)
        if (at != 4 && at != capability(pci::capability_id::msix)) put(at, ~u32{0});
    EXPECT_TRUE(board.written.empty());
    put(0xfff, 0xff, Width::byte);
    EXPECT_EQ(get(0xffc), 0u);
    EXPECT_EQ(space.read((slot << 15) | 0x1000, Width::word).value(), 0xffff'ffffu) << "it has one function";
}

TEST_F(Passed, ShowsTheVendorsCapabilitiesButNoWindowPastTheTable) {
    auto const vendors = capability(pci::capability_id::vendor);
    ASSERT_NE(vendors, 0u);
    EXPECT_EQ(get(vendors + 2, Width::half), 0x0110u) << "16 bytes, the first kind";
    EXPECT_EQ(capability(pci::capability_id::express), 0u);
    u32 count = 0;
    for (auto at = get(0x34, Width::byte); at != 0; at = get(static_cast<u32>(at) + 1, Width::byte)) ++count;
    EXPECT_EQ(count, 3u) << "the messages and both of the vendor: it is no virtio device";
}

TEST_F(Passed, HidesTheWindowOfAVirtioDevice) {
    board.set(0, 0x1042'1af4);
    PciPassthrough shown{board};
    shown.look();
    shown.describe(std::span{lent.messages}.first(shown.vectors()));
    u32 vendors = 0;
    auto const byte = [&](u64 at) { return shown.configuration().get(static_cast<u32>(at), 1); };
    for (auto at = byte(0x34); at != 0; at = byte(at + 1)) vendors += byte(at) == 9 ? 1 : 0;
    EXPECT_EQ(vendors, 1u);
}

TEST_F(Passed, SizesAndMovesItsBaseAddress) {
    put(0x10, 0xffff'ffff);
    put(0x14, 0xffff'ffff);
    EXPECT_EQ(get(0x10), 0xffff'c004u);
    EXPECT_EQ(get(0x14), 0xffff'ffffu);
    put(0x14, 0);
    put(0x10, 0x4123'7fff);
    put(4, 2, Width::half);
    EXPECT_EQ(get(0x10), 0x4123'4004u);
    board.registers[0x30] = 77;
    EXPECT_EQ(load(0x4123'4030), 77u);
    store(0x4123'4034, 5, Width::byte);
    EXPECT_EQ(board.registers[0x34], 5u);
    EXPECT_EQ(load(0x4123'8000), 0xffff'ffffu) << "behind its end";
    put(4, 0, Width::half);
    EXPECT_EQ(load(0x4123'4030), 0xffff'ffffu) << "it does not decode";
}

TEST_F(Passed, WritesMessagesMaskedAndWhole) {
    put(4, 2, Width::half);
    auto const at = fake::LentFunction::first + BoardFunction::table + 3 * 16;
    store(at, 0x1234'5677'2800'1003, Width::doubleword);
    store(at + 8, 42);
    EXPECT_EQ(board.entry(3, 0), 0x2800'1000u);
    EXPECT_EQ(board.entry(3, 1), 0x1234'5677u);
    EXPECT_EQ(board.entry(3, 2), 42u);
    EXPECT_EQ(board.entry(3, 3), 1u);
    store(at + 12, 0);
    EXPECT_EQ(board.entry(3, 3), 0u);
    EXPECT_EQ(load(at, Width::doubleword), 0x1234'5677'2800'1000u);
    EXPECT_EQ(load(at + 12), 0u);
    // Of other widths nothing is written.
    store(at, 0, Width::byte);
    store(at + 2, 0, Width::half);
    EXPECT_EQ(board.entry(3, 0), 0x2800'1000u);
}

TEST_F(Passed, TellsTheFunctionWhetherItSendsMessages) {
    auto const own = capability(pci::capability_id::msix);
    EXPECT_EQ(get(own + 2, Width::half), BoardFunction::vectors - 1);
    put(own + 2, 0xffff, Width::half);
    EXPECT_EQ(board.configuration[BoardFunction::msix / 4] >> 16, 0xc007u);
    put(own + 3, 0x80, Width::byte);
    EXPECT_EQ(board.configuration[BoardFunction::msix / 4] >> 16, 0x8007u);
    EXPECT_EQ(board.configuration[BoardFunction::msix / 4] & 0xffff, 0x5011u) << "its links stay";
}

TEST_F(Passed, IsAsAfterPowerOnWhenItsVmIs) {
    put(4, 6, Width::half);
    put(capability(pci::capability_id::msix) + 2, 0x8000, Width::half);
    store(fake::LentFunction::first + BoardFunction::table, 0x2800'0000);
    put(0x10, 0x4000'0000);
    auto const resets = board.resets;
    lent.shown.power_on();
    EXPECT_EQ(board.resets, resets + 1);
    EXPECT_EQ(command(), 0x402u);
    EXPECT_EQ(board.configuration[BoardFunction::msix / 4] >> 16, 7u);
    EXPECT_EQ(get(0x10) & ~15u, fake::LentFunction::first);
    for (u32 i = 0; i < BoardFunction::vectors; ++i) {
        EXPECT_EQ(board.entry(i, 0), 0u);
        EXPECT_EQ(board.entry(i, 3), 1u);
    }
}

TEST_F(Passed, HasNoPinUnlessItsWireIsTheGuests) {
    EXPECT_EQ(get(0x3d, Width::byte), 0u);
    board.set(4, 0x0008'0000);
    EXPECT_EQ(get(6, Width::half) & 8, 0u);
    put(4, 0x400, Width::half);
    put(4, 0, Width::half);
    EXPECT_EQ(command(), 0x402u) << "it is silent, whatever the guest says";
}

class PassedWithPin : public Passed {
protected:
    PassedWithPin() {
        shown.wire_pin();
        shown.look();
        shown.describe(std::span{lent.messages}.first(shown.vectors()));
        shown.power_on();
        bridge.put(slot, shown);
    }
    PciPassthrough shown{board};
};

TEST_F(PassedWithPin, RaisesItAsItsGuestSays) {
    EXPECT_EQ(get(0x3d, Width::byte), 1u) << "INTA";
    EXPECT_EQ(command(), 0x002u) << "as after power-on";
    put(5, 4, Width::byte);
    EXPECT_EQ(command(), 0x402u);
    put(4, 6, Width::half);
    EXPECT_EQ(command(), 0x006u);
    put(0x3d, 4, Width::byte);
    EXPECT_EQ(get(0x3d, Width::byte), 1u) << "read-only";
    put(4, 0x400, Width::half);
    shown.power_on();
    EXPECT_EQ(command(), 0x002u);
}

TEST_F(PassedWithPin, SaysWhetherItAsks) {
    auto const capabilities = get(6, Width::half);
    board.configuration[1] |= 0x0008'0000;
    EXPECT_EQ(get(4) >> 16, capabilities | 8);
    EXPECT_EQ(get(6, Width::byte), (capabilities | 8) & 0xff);
    EXPECT_EQ(get(7, Width::byte), capabilities >> 8);
    board.configuration[1] &= ~0x0008'0000u;
    EXPECT_EQ(get(6, Width::half), capabilities);
}

TEST_F(Passed, AnswersNothingThatIsNotAligned) {
    put(4, 2, Width::half);
    EXPECT_EQ(lent.shown.read_bar(0, BoardFunction::bytes - 2, Width::doubleword), ~u64{0});
    lent.shown.write_bar(0, BoardFunction::table - 4, Width::doubleword, 0);
    EXPECT_FALSE(board.registers.contains(BoardFunction::table - 4));
}

TEST(OpenStretches, LeaveOutThePagesOfTheMessages) {
    fake::LentFunction lent;
    std::vector<std::pair<u64, u64>> found;
    lent.shown.for_each_open_stretch(0, [&](u64 offset, u64 bytes) { found.emplace_back(offset, bytes); });
    EXPECT_EQ(found, (std::vector<std::pair<u64, u64>>{{0, 0x2000}, {0x3000, 0x1000}}));
}

TEST(ATableThatDoesNotFit, IsNone) {
    for (u32 const table : {0x3f90u, 0x4000u, 0xffff'fff8u, 0x2006u, 0x2001u}) {
        BoardFunction board;
        board.set(BoardFunction::msix + 4, table);
        PciPassthrough shown{board};
        shown.look();
        EXPECT_EQ(shown.vectors(), 0u) << std::hex << table;
        shown.describe({});
        shown.power_on();
    }
}

}  // namespace
}  // namespace antler::vm
