// The board's IOMMUs at work: found at start, and heard when they refuse something.
#pragma once

#include <array>
#include <atomic>

#include "abi/control.hpp"
#include "boot/device_messages.hpp"
#include "platform/interrupt_table.hpp"
#include "platform/iommu_board.hpp"

namespace antler::boot {

struct System;

// One of them has something to tell.
struct IommuListener final : platform::InterruptHandler {
    void interrupted() override;
    // Waits for whoever listens just now: what was told before this call is said when it returns.
    void listen();
    u32 index = 0;
    std::atomic<bool> busy = false;  // some hart listens to it
    bool said_dead = false;
    u64 window_start = 0;  // of lines
    u32 lines = 0;
    u64 unsaid = 0;

private:
    void say_all();
};

struct BoardIommus final : platform::FaultHearer {
    explicit BoardIommus(memory::Frames& frames) : all{frames} { all.set_hearer(*this); }
    void hear(u32 iommu) override { listeners[iommu].listen(); }
    platform::Iommus all;
    platform::IommuBoard board{};
    std::array<IommuListener, platform::Iommus::most> listeners{};
    DeviceMessages messages{all};
};

// After the interrupt controllers, and before any device of PCI is used.
void open_iommus(System& all);
// After both: what they have to tell is heard from here on.
void listen_to_iommus(System& all);
void print_iommus(System& all);

// False beyond the last.
[[nodiscard]] bool describe_iommu(BoardIommus& iommus, u32 index, abi::control::IommuInfo& into);

}  // namespace antler::boot
