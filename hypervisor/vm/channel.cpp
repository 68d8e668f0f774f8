// Bells between two VMs.
#include "vm/channel.hpp"

#include "vm/vm.hpp"

namespace antler::vm {

namespace {

constexpr device::Offset status_register = 0;
constexpr device::Offset ring_register = 4;
constexpr device::Offset heard_register = 8;
constexpr u64 rung_bit = 1;
constexpr u64 present_bit = 2;

}  // namespace

Result<u64> ChannelEnd::read(device::Offset offset, device::Width width) {
    if (width != device::Width::word) return Err{Error::not_supported};
    if (offset != status_register) return u64{0};
    bool const present = channel_.ends.with([&](auto& ends) { return ends[1 - side_] != nullptr; });
    return (pending_ ? rung_bit : 0) | (present ? present_bit : 0);
}

Result<void> ChannelEnd::write(device::Offset offset, device::Width width, u64) {
    if (width != device::Width::word) return Err{Error::not_supported};
    if (offset == ring_register) ring();
    if (offset == heard_register) {
        pending_ = false;
        line_.set(false);
        work();
    }
    return {};
}

// The other VM's devices are behind a lock of the same rank as ours: its own hart does the rest.
void ChannelEnd::ring() {
    channel_.ends.with([&](auto& ends) {
        auto* const other = ends[1 - side_];
        if (other == nullptr || other->rung_.exchange(true, std::memory_order_acq_rel)) return;
        other->vm_.machine().ask_for_work();
    });
}

void ChannelEnd::work() {
    if (pending_ || !rung_.exchange(false, std::memory_order_acq_rel)) return;
    pending_ = true;
    line_.set(true);
}

void ChannelEnd::enter() {
    channel_.ends.with([&](auto& ends) { ends[side_] = this; });
}

void ChannelEnd::leave() {
    channel_.ends.with([&](auto& ends) {
        if (ends[side_] == this) ends[side_] = nullptr;
    });
}

void ChannelEnd::reset() {
    pending_ = false;
    rung_.store(false, std::memory_order_release);
}

}  // namespace antler::vm
