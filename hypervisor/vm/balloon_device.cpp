// Takes pages out of a VM's memory.
#include "vm/balloon_device.hpp"

#include <algorithm>

#include "vm/vm.hpp"

namespace antler::vm {

void BalloonWork::give_back(std::span<GpaRange const> ranges) {
    next_ = 0;
    count_ = static_cast<u32>(std::min(ranges.size(), ranges_.size()));
    std::copy_n(ranges.begin(), count_, ranges_.begin());
    state_.store(State::wanted, std::memory_order_release);
    call_again();
}

void BalloonWork::never_mind() {
    auto expected = State::wanted;
    if (state_.compare_exchange_strong(expected, State::idle)) vm_.machine().let_dma_begin();
}

void BalloonWork::call_again() {
    vm_.machine().ask_for_work();
}

// No page goes while the board's devices may still write to it.
void BalloonWork::prepare() {
    auto expected = State::wanted;
    if (!state_.compare_exchange_strong(expected, State::under_way)) return;
    auto& machine = vm_.machine();
    machine.hold_dma();
    if (machine.has_dma()) {
        state_.store(State::wanted, std::memory_order_release);
        return call_again();
    }
    u32 steps = 0;
    while (next_ < count_ && steps < most_steps) steps += take(ranges_[next_], most_steps - steps);
    machine.let_dma_begin();
    state_.store(next_ < count_ ? State::wanted : State::idle, std::memory_order_release);
    call_again();
}

// At most so many steps; how many it took.
u32 BalloonWork::take(GpaRange& range, u32 most) {
    auto const end = range.end().align_down(page_bytes);
    auto const start = (range.start + (page_bytes - 1)).align_down(page_bytes);
    GpaRange rest{start, end.raw() > start.raw() ? end - start : 0};
    u32 steps = 1;
    if (!range.wraps() && vm_.ram().contains(rest.start, rest.size)) {
        auto& space = vm_.ram().space();
        for (; rest.size != 0 && steps < most; ++steps) {
            auto debt = space.unmap_step(rest);
            if (!debt) break;  // no memory for a table: the page stays where it is
            std::move(debt).value().pay(space.observers());
        }
        if (rest.size != 0 && steps == most) {
            range = rest;
            return steps;
        }
    }
    ++next_;
    return steps;
}

BalloonDevice::BalloonDevice(Vm& vm, SlotWire const& wire, bool reports)
    : work_{vm}, model_{vm.ram(), work_, reports}, registers_{wire, model_} {}

}  // namespace antler::vm
