// A host bridge as its driver sees it, and a virtio device behind it.
#include <gtest/gtest.h>

#include "tests/fake/pci_machine.hpp"

namespace antler::device::pci {
namespace {

using enum Width;
using fake::driver_ram;
using fake::PciMachine;
using Layout = PciMachine::Card::Layout;

constexpr u32 no_vector = 0xffff;

// Where a capability begins that this accepts.
template <class Wanted>
u32 find_capability(PciMachine& pci, u8 id, Wanted&& wanted) {
    u32 left = 48;
    for (auto at = static_cast<u32>(pci.get(0x34, byte)); at != 0 && left-- > 0;
         at = static_cast<u32>(pci.get(at + 1, byte)))
        if (pci.get(at, byte) == id && wanted(at)) return at;
    return 0;
}
u32 find_structure(PciMachine& pci, u8 kind) {
    return find_capability(pci, 9, [&](u32 at) { return pci.get(at + 3, byte) == kind; });
}
u32 find_msix(PciMachine& pci) {
    return find_capability(pci, 0x11, [](u32) { return true; });
}

// As a driver should.   [virtio 3.1.1]
void start(PciMachine& pci) {
    pci.store(0x14, 0, byte);
    EXPECT_EQ(pci.load(0x14, byte), 0u);
    pci.store(0x14, 1 | 2, byte);
    pci.store(0x08, 1);
    pci.store(0x0c, 1);  // version 1
    pci.store(0x14, 1 | 2 | 8, byte);
    EXPECT_EQ(pci.load(0x14, byte), 1u | 2 | 8);
    pci.store(0x16, 0, half);
    pci.store(0x20, driver_ram);
    pci.store(0x28, driver_ram + 0x400);
    pci.store(0x30, driver_ram + 0x800);
    pci.store(0x1c, 1, half);
    pci.store(0x14, 1 | 2 | 8 | 4, byte);
}

// A buffer that the device fills, and tells of.
void offer_buffer(PciMachine& pci, u16 index) {
    auto& memory = pci.memory;
    memory.at<u64>(driver_ram) = driver_ram + 0x1000;
    memory.at<u32>(driver_ram + 8) = 16;
    memory.at<u16>(driver_ram + 12) = 2;  // the device writes
    memory.at<u16>(driver_ram + 0x402) = static_cast<u16>(index + 1);
    pci.store(Layout::notify, 0, half);
    EXPECT_EQ(memory.at<u16>(driver_ram + 0x802), index + 1);
}

TEST(PciBridge, HasNobodyWhereNothingWasPut) {
    PciMachine pci;
    EXPECT_EQ(pci.space.read(0, word).value(), 0xffff'ffffu);
    EXPECT_EQ(pci.space.read(PciMachine::slot << 15 | 1 << 12, half).value(), 0xffffu);
    EXPECT_TRUE(pci.space.write(5 << 15, word, 1).ok());
    EXPECT_EQ(pci.window.read(0x1234, byte).value(), 0xffu);
    EXPECT_TRUE(pci.window.write(0x1234, doubleword, 1).ok());
}

TEST(PciBridge, TellsWhoAFunctionIs) {
    PciMachine pci;
    EXPECT_EQ(pci.get(0x00), 0x1044'1af4u);
    EXPECT_EQ(pci.get(0x08, byte), 1u);
    EXPECT_EQ(pci.get(0x2c), 0x1044'1af4u);
    EXPECT_EQ(pci.get(0x3d, byte), 1u);
    EXPECT_EQ(pci.get(0x06, half) & 0x10, 0x10u);
    pci.put(0x00, 0);
    EXPECT_EQ(pci.get(0x00), 0x1044'1af4u);
    EXPECT_EQ(pci.get(0x100), 0u) << "there are no extended capabilities";
}

TEST(PciBridge, ShowsTheSizeOfABar) {
    PciMachine pci;
    pci.put(0x10, 0xffff'ffff);
    EXPECT_EQ(pci.get(0x10), ~u32{Layout::bytes} + 1);
    pci.put(0x14, 0xffff'ffff);
    EXPECT_EQ(pci.get(0x14), 0u);
}

TEST(PciBridge, DecodesABarWhereItIsAndWhenItMay) {
    PciMachine pci;
    pci.put(0x10, PciMachine::window_start + 0x10'0000);
    EXPECT_EQ(pci.load(0x10'0012, half), 0xffffu);
    pci.put(0x04, 2, half);
    EXPECT_EQ(pci.load(0x10'0012, half), 1u) << "one queue";
    pci.put(0x10, PciMachine::window_start);
    EXPECT_EQ(pci.load(0x10'0012, half), 0xffffu);
    EXPECT_EQ(pci.load(0x12, half), 1u);
}

TEST(PciBridge, PinsShareAWire) {
    std::array<bool, pins> levels{};
    InterruptPins<fake::DriverLine> wires{{fake::DriverLine{&levels[0]}, fake::DriverLine{&levels[1]},
                                           fake::DriverLine{&levels[2]}, fake::DriverLine{&levels[3]}}};
    wires.pin(1).set(true);
    wires.pin(5).set(true);
    EXPECT_EQ(levels, (std::array{false, true, false, false}));
    wires.pin(1).set(false);
    EXPECT_TRUE(levels[1]);
    wires.pin(5).set(false);
    EXPECT_FALSE(levels[1]);
}

TEST(VirtioPci, SaysWhereItsStructuresAre) {
    PciMachine pci;
    for (u8 kind = 1; kind <= 5; ++kind) EXPECT_NE(find_structure(pci, kind), 0u) << int{kind};
    auto const notify = find_structure(pci, 2);
    EXPECT_EQ(pci.get(notify + 8), u32{Layout::notify});
    EXPECT_EQ(pci.get(notify + 16), 4u) << "the multiplier";
    EXPECT_GE(pci.get(notify + 12), 4u);
}

TEST(VirtioPci, RunsAndRaisesItsPinUntilTheStatusIsRead) {
    PciMachine pci;
    pci.enable();
    start(pci);
    offer_buffer(pci, 0);
    EXPECT_TRUE(pci.levels[PciMachine::slot % 4]);
    EXPECT_EQ(pci.get(0x06, half) & 8, 8u);
    pci.put(0x04, 6 | 0x400, half);
    EXPECT_FALSE(pci.levels[PciMachine::slot % 4]) << "its driver wants no interrupt";
    pci.put(0x04, 6, half);
    EXPECT_EQ(pci.load(Layout::interrupt, byte), 1u);
    EXPECT_FALSE(pci.levels[PciMachine::slot % 4]);
    EXPECT_EQ(pci.load(Layout::interrupt, byte), 0u);
    EXPECT_TRUE(pci.sent.empty());
}

TEST(VirtioPci, KeepsWhatTheDriverChose) {
    PciMachine pci;
    pci.enable();
    EXPECT_EQ(pci.load(0x18, half), 8u) << "as large as it may be";
    pci.store(0x18, 4, half);
    EXPECT_EQ(pci.load(0x18, half), 4u);
    pci.store(0x20, 0x1122'3344'5566'7788, doubleword);
    EXPECT_EQ(pci.load(0x20), 0x5566'7788u);
    EXPECT_EQ(pci.load(0x20, doubleword), 0x1122'3344'5566'7788u);
    EXPECT_EQ(pci.load(0x25, byte), 0x33u);
    pci.store(0x16, 1, half);
    EXPECT_EQ(pci.load(0x18, half), 0u) << "there is no second queue";
    EXPECT_EQ(pci.load(0x1a, half), no_vector);
    pci.store(0x14, 0, byte);
    EXPECT_EQ(pci.load(0x16, half), 0u);
    EXPECT_EQ(pci.load(0x18, half), 8u);
}

TEST(VirtioPci, SendsTheMessageOfTheQueuesVector) {
    PciMachine pci;
    pci.enable();
    auto const msix = find_msix(pci);
    ASSERT_NE(msix, 0u);
    EXPECT_EQ(pci.get(msix + 2, half), 1u) << "two vectors";
    pci.put(msix + 2, 0x8000, half);
    pci.store(0x1a, 7, half);
    EXPECT_EQ(pci.load(0x1a, half), no_vector) << "one that is not there";
    pci.store(0x1a, 1, half);
    EXPECT_EQ(pci.load(0x1a, half), 1u);
    pci.store(Layout::msix_table + 16, 0x2800'0000);
    pci.store(Layout::msix_table + 24, 0x0000'0000'0000'0015, doubleword);
    start(pci);
    EXPECT_EQ(pci.load(0x1a, half), no_vector) << "a reset takes it away";
    pci.store(0x1a, 1, half);
    offer_buffer(pci, 0);
    ASSERT_EQ(pci.sent.size(), 1u);
    EXPECT_EQ(pci.sent[0], (std::pair<u64, u32>{0x2800'0000, 0x15}));
    EXPECT_FALSE(pci.levels[PciMachine::slot % 4]);
}

TEST(VirtioPci, KeepsAMessageThatIsMasked) {
    PciMachine pci;
    pci.enable();
    auto const msix = find_msix(pci);
    start(pci);
    pci.put(msix + 2, 0x8000, half);
    pci.store(0x1a, 0, half);
    pci.store(Layout::msix_table, 0x2800'0000);
    EXPECT_EQ(pci.load(Layout::msix_table + 12), 1u) << "masked after power-on";
    offer_buffer(pci, 0);
    EXPECT_TRUE(pci.sent.empty());
    EXPECT_EQ(pci.load(Layout::msix_pending, doubleword), 1u);
    pci.put(msix + 2, 0xc000, half);
    pci.store(Layout::msix_table + 12, 0);
    EXPECT_TRUE(pci.sent.empty()) << "all are masked";
    pci.put(msix + 2, 0x8000, half);
    EXPECT_EQ(pci.sent.size(), 1u);
    EXPECT_EQ(pci.load(Layout::msix_pending), 0u);
}

TEST(VirtioPci, IsSilentWhenItMayNotReachMemory) {
    PciMachine pci;
    pci.enable();
    start(pci);
    pci.put(0x04, 2, half);
    EXPECT_EQ(pci.load(0x14, byte) & 64, 64u);
    pci.store(Layout::notify, 0, half);
    EXPECT_EQ(pci.memory.at<u16>(driver_ram + 0x802), 0u);
    pci.enable();
    start(pci);
    offer_buffer(pci, 0);
}

TEST(VirtioPci, IsReachedThroughItsConfigurationToo) {
    PciMachine pci;
    auto const window = find_structure(pci, 5);
    pci.put(window + 4, 0, byte);
    pci.put(window + 8, 0x16);
    pci.put(window + 12, 2);
    pci.put(window + 16, 5);
    pci.put(window + 16, 0x1234, half);
    EXPECT_EQ(pci.get(window + 16, half), 0x1234u);
    pci.enable();
    EXPECT_EQ(pci.load(0x16, half), 0x1234u);
    pci.put(window + 12, 3);
    pci.put(window + 16, 0x77);
    EXPECT_EQ(pci.load(0x16, half), 0x1234u) << "no access has three bytes";
}

}  // namespace
}  // namespace antler::device::pci
