// Which source each pin behind a VM's PCI bridge raises, as the guest's device tree says it.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "abi/fdt_reader.hpp"
#include "tests/unit/vm/world.hpp"
#include "vm/device_tree.hpp"
#include "vm/pci_host.hpp"

namespace antler::vm {
namespace {

class PinsInTheTree : public testing::TestWithParam<Interrupts> {
protected:
    // By device and pin.
    std::map<std::pair<u32, u32>, u32> map() {
        GuestTreeOptions options;
        options.memory = {Gpa{0x8000'0000}, 0x2000'0000};
        options.timebase = {10'000'000};
        options.interrupts = GetParam();
        options.identities = 255;
        options.pci = &host_;
        options.features.sv39 = true;
        buffer_.assign(guest_tree_room(options), 0);
        auto const written = write_guest_tree(buffer_, options);
        EXPECT_TRUE(written) << describe(written.error());
        auto const tree = abi::FdtReader::open(written.value()).value();
        auto const bridge = tree.find_if([](auto const& n) { return n.compatible("pci-host-ecam-generic"); });
        auto const lines = bridge->property("interrupt-map");
        mask_ = bridge->property("interrupt-map-mask")->cell(0).value();
        u32 const cells = GetParam() == Interrupts::plic ? 6 : 7;
        EXPECT_EQ(lines->cells() % cells, 0u);
        std::map<std::pair<u32, u32>, u32> found;
        for (u32 at = 0; at < lines->cells(); at += cells)
            found[{*lines->cell(at) >> 11, *lines->cell(at + 3)}] = *lines->cell(at + 5);
        return found;
    }

    World world_{};
    PciHost host_{world_.add({.vcpus = 1}), {}};
    std::vector<u8> buffer_{};
    u32 mask_ = 0;
};

TEST_P(PinsInTheTree, ShareFourSourcesWhereAllDevicesAreEmulated) {
    ASSERT_TRUE(host_.next_device());
    auto const found = map();
    EXPECT_EQ(mask_, 3u << 11);
    EXPECT_EQ(found.size(), 16u);
    EXPECT_EQ(found.at({1, 1}), first_pci_source + 1);
    EXPECT_EQ(found.at({3, 2}), first_pci_source);
}

TEST_P(PinsInTheTree, OfFunctionsOfTheBoardHaveSourcesOfTheirOwn) {
    for (u32 i = 1; i < device::pci::devices_of_a_bus; ++i) ASSERT_EQ(host_.next_device().value(), i);
    ASSERT_FALSE(host_.next_device()) << "the bus is full, and so is the map";
    host_.lead_pin(2, 50);
    host_.lead_pin(31, 51);
    auto const found = map();
    EXPECT_EQ(mask_, 31u << 11);
    EXPECT_EQ(found.size(), 31u);
    EXPECT_EQ(found.at({2, 1}), 50u);
    EXPECT_EQ(found.at({31, 1}), 51u);
    EXPECT_EQ(found.at({6, 1}), first_pci_source + 2);
}

INSTANTIATE_TEST_SUITE_P(WithEachController, PinsInTheTree,
                         testing::Values(Interrupts::plic, Interrupts::aplic, Interrupts::aia));

}  // namespace
}  // namespace antler::vm
