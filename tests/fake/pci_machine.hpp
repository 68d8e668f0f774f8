// A host bridge with one virtio device behind it, for the tests: its accesses, its wire and its messages.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "device/pci/host_bridge.hpp"
#include "device/pci/interrupt_pins.hpp"
#include "device/virtio/pci.hpp"
#include "device/virtio/rng.hpp"
#include "tests/fake/virtio_driver.hpp"

namespace antler::fake {

struct RandomSource {
    bool draw(std::span<u8> into) {
        std::fill(into.begin(), into.end(), u8{4});
        return true;
    }
    void call_again() {}
};

struct SentMessages {
    std::vector<std::pair<u64, u32>>* sent;
    void operator()(Gpa at, u32 data) const { sent->emplace_back(at.raw(), data); }
};

struct PciMachine {
    using Pins = device::pci::InterruptPins<DriverLine>;
    using Card = device::virtio::Pci<Pins::Pin, SentMessages>;
    using Width = device::Width;

    static constexpr u32 slot = 3;
    static constexpr u64 window_start = 0x4000'0000;

    PciMachine() {
        bridge.put(slot, card);
        card.power_on();
    }
    PciMachine(PciMachine const&) = delete;
    PciMachine& operator=(PciMachine const&) = delete;

    // The card's configuration.
    u64 get(u32 at, Width width = Width::word) { return space.read((slot << 15) + at, width).value(); }
    void put(u32 at, u64 value, Width width = Width::word) {
        static_cast<void>(space.write((slot << 15) + at, width, value));
    }
    // What its BAR shows, where it was put.
    u64 load(u32 at, Width width = Width::word) { return window.read(at, width).value(); }
    void store(u32 at, u64 value, Width width = Width::word) {
        static_cast<void>(window.write(at, width, value));
    }
    // Its BAR at the start of the window, and it may do what a device does.
    void enable() {
        put(0x10, window_start);
        put(0x04, 6, Width::half);
    }

    DriverMemory memory{64 * 1024};
    RandomSource source{};
    device::virtio::Rng<DriverMemory, RandomSource> model{memory, source};
    std::array<bool, device::pci::pins> levels{};
    Pins pins{std::array{DriverLine{&levels[0]}, DriverLine{&levels[1]}, DriverLine{&levels[2]},
                         DriverLine{&levels[3]}}};
    std::vector<std::pair<u64, u32>> sent{};
    Card card{pins.pin(slot), SentMessages{&sent}, model};
    device::pci::HostBridge bridge{};
    device::pci::HostBridge::Space space{bridge};
    device::pci::HostBridge::Window window{bridge, Gpa{window_start}};
};

}  // namespace antler::fake
