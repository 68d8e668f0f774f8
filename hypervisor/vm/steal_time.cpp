// Writing the structure.  One that cannot be written any more is forgotten: the guest has moved its memory.
#include "vm/steal_time.hpp"

#include <array>
#include <atomic>

#include "vm/vm.hpp"

namespace antler::vm {
namespace {

// The structure's fields; the rest is zero.   [sbi ext-steal-time]
constexpr u64 sequence_at = 0;
constexpr u64 steal_at = 8;
constexpr u64 preempted_at = 16;  // one byte, and one of the padding

template <class T>
void put(Vcpu& vcpu, u64 field, T value) {
    if (vcpu.tells_stolen && !vcpu.vm.ram().store(vcpu.steal_time.at + field, value))
        vcpu.tells_stolen = false;
}

// Other vCPUs of the guest may read meanwhile.
void in_order() {
    std::atomic_thread_fence(std::memory_order_release);
}

}  // namespace

bool begin_steal_time(Vcpu& vcpu, Gpa at) {
    vcpu.tells_stolen = false;
    std::array<u8, StealTime::bytes> const zeros{};
    if (!vcpu.vm.ram().write(at, zeros)) return false;
    vcpu.steal_time = {.at = at, .before = vcpu.times.stolen};
    vcpu.tells_stolen = true;
    return true;
}

void tell_stolen(Vcpu& vcpu) {
    auto& mine = vcpu.steal_time;
    auto const stolen = vcpu.vm.timebase().nanos({vcpu.times.stolen - mine.before}).n;
    put(vcpu, sequence_at, ++mine.sequence);
    in_order();
    put(vcpu, steal_at, stolen);
    in_order();
    put(vcpu, sequence_at, ++mine.sequence);
    put(vcpu, preempted_at, u16{0});
}

void tell_preempted(Vcpu& vcpu) {
    // It sleeps, or its VM stands still.
    if (vcpu.place != Vcpu::Place::queued && vcpu.place != Vcpu::Place::throttled) return;
    put(vcpu, preempted_at, u16{1});
}

}  // namespace antler::vm
