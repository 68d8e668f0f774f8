// A VM's memory balloon: pages of the guest on their way back to the house.
#pragma once

#include <array>
#include <atomic>

#include "device/virtio/balloon.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/virtio_front.hpp"
#include "vm/virtio_slot.hpp"

namespace antler::vm {

// Pages are unmapped while no lock is held, because whoever owes a flush waits for other harts.
class BalloonWork {
public:
    explicit BalloonWork(Vm& vm) : vm_{vm} {}

    // device::virtio::BalloonWire
    void give_back(std::span<GpaRange const> ranges);
    [[nodiscard]] bool is_busy() const { return state_.load(std::memory_order_acquire) != State::idle; }
    void never_mind();
    void call_again();

    void prepare();

private:
    enum class State : u32 { idle, wanted, under_way };
    [[nodiscard]] u32 take(GpaRange& range, u32 most);

    Vm& vm_;
    std::atomic<State> state_ = State::idle;
    static constexpr u32 most_steps = 256;  // in one go
    u32 count_ = 0;
    u32 next_ = 0;  // the first range that is not done
    std::array<GpaRange, 64> ranges_{};
};

class BalloonDevice final : public VirtioSlot {
public:
    BalloonDevice(Vm& vm, SlotWire const& wire, bool reports);

    [[nodiscard]] VirtioFront& registers() override { return registers_; }
    [[nodiscard]] device::virtio::Model& model() override { return model_; }
    void reset() override { registers_.power_on(); }
    void prepare() override { work_.prepare(); }
    void counters(device::CounterVisitor& each) const override { model_.counters(each); }
    void set_balloon(u32 pages) override { model_.set_target(pages); }

private:
    BalloonWork work_;
    device::virtio::Balloon<Ram, BalloonWork> model_;
    VirtioFront registers_;
};

}  // namespace antler::vm
