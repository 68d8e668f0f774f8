// Wires of the board that VMs have on loan.
#pragma once

#include <array>
#include <atomic>

#include "base/locked.hpp"
#include "platform/hart_interrupts.hpp"
#include "vm/lent_devices.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct System;

// It is told to the VM once, and then closed at the board's controller until the guest has served it.  Where
// both controllers send messages it stays open: a level sends one there, and the guest asks for the next.
class LentWire final : public platform::InterruptHandler, public vm::BoardLine {
public:
    void interrupted() override;

    [[nodiscard]] bool is_level() const override { return isa::aplic::is_level(wire_.mode); }
    [[nodiscard]] bool look() override;
    void open() override;

private:
    friend class LentWires;
    struct Owner {
        vm::Machine* machine = nullptr;  // none: nobody's
        u32 source = 0;                  // there
    };
    platform::BoardWire wire_{};
    platform::HartInterrupts* hart_ = nullptr;  // none: it was never lent
    std::atomic<platform::Aftermath> aftermath_ = platform::Aftermath::passed;
    std::atomic<bool> closed_ = false;
    Locked<Owner, Rank::loans> owner_;
};

// The boot hart's.  A wire that was lent once keeps its place.
class LentWires {
public:
    // Nobody hears of it yet.
    [[nodiscard]] Result<LentWire*> lend(System& all, platform::BoardWire wire, vm::Vm& vm);
    // The guest hears of it from its next open() on.
    static void lead_to(LentWire& wire, vm::Machine& machine, u32 source);
    // When it returns, nobody tells the VM any more.
    static void take_back(LentWire& wire);
    [[nodiscard]] bool is_lent(platform::BoardWire wire);
    // The hypervisor listens to it itself.
    [[nodiscard]] bool is_used(System const& all, platform::BoardWire wire);

private:
    static constexpr usize most = 32;
    [[nodiscard]] LentWire* find(platform::BoardWire wire);

    std::array<LentWire, most> all_{};
    usize count_ = 0;
};

}  // namespace antler::boot
