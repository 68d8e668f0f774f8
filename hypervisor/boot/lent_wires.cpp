// Wires of the board that VMs have on loan.
#include "boot/lent_wires.hpp"

#include "boot/drivers.hpp"
#include "boot/system.hpp"

namespace antler::boot {

using platform::Aftermath;

// With its lock held until the guest's controller has heard it: whoever takes it back waits for that.
void LentWire::interrupted() {
    owner_.with([&](Owner& owner) {
        if (aftermath_.load(std::memory_order_relaxed) == Aftermath::closed)
            closed_.store(true, std::memory_order_release);
        if (owner.machine != nullptr) owner.machine->board_line_rises(owner.source);
    });
}

bool LentWire::look() {
    if (hart_->is_high(wire_).value_or(false)) return true;
    open();
    return false;
}

// A PLIC is told only of what it waits for.
void LentWire::open() {
    bool const was_closed = closed_.exchange(false, std::memory_order_acq_rel);
    if (was_closed || hart_->is_high(wire_)) hart_->open(wire_);
}

LentWire* LentWires::find(platform::BoardWire wire) {
    for (usize i = 0; i < count_; ++i)
        if (all_[i].wire_.line() == wire.line()) return &all_[i];
    return nullptr;
}

bool LentWires::is_lent(platform::BoardWire wire) {
    auto* const found = find(wire);
    return found != nullptr &&
           found->owner_.with([](LentWire::Owner& owner) { return owner.machine != nullptr; });
}

bool LentWires::is_used(System const& all, platform::BoardWire wire) {
    return find(wire) == nullptr && all.interrupts.has(wire.line());
}

Result<LentWire*> LentWires::lend(System& all, platform::BoardWire wire, vm::Vm& vm) {
    auto* found = find(wire);
    bool const is_new = found == nullptr;
    if (is_new && count_ == all_.size()) return Err{Error::full};
    if (is_new) found = &all_[count_];
    found->wire_ = wire;
    auto const how = !found->is_level()            ? Aftermath::passed
                     : all.files && vm.has_files() ? Aftermath::passed
                                                   : Aftermath::closed;
    found->aftermath_.store(how, std::memory_order_relaxed);
    if (is_new) {
        vm::Core const* const first = vm.vcpu(0)->home;
        found->hart_ = TRY(listen_for_guest(all, wire, *found, how, first->index));
        ++count_;
    } else {
        all.interrupts.end_with(*found, how);
    }
    return found;
}

void LentWires::lead_to(LentWire& wire, vm::Machine& machine, u32 source) {
    wire.owner_.with([&](LentWire::Owner& owner) { owner = {&machine, source}; });
}

void LentWires::take_back(LentWire& wire) {
    wire.owner_.with([&](LentWire::Owner& owner) { owner = {}; });
    wire.hart_->close(wire.wire_);
}

}  // namespace antler::boot
