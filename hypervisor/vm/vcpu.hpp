// A virtual hart: its registers, its state in the eyes of SBI, and what other harts have asked of it.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "abi/sbi.hpp"
#include "base/address.hpp"
#include "base/locked.hpp"
#include "base/ring.hpp"
#include "base/units.hpp"
#include "hart/float_vector.hpp"
#include "hart/guest_csrs.hpp"
#include "hart/registers.hpp"
#include "sched/deadlines.hpp"
#include "sched/run_queue.hpp"
#include "vm/guest_fence.hpp"
#include "vm/steal_time.hpp"

namespace antler::memory {
class Space;
}

namespace antler::vm {

class Vm;
class GuestFile;
struct Core;

// What one hart asks of a vCPU that another hart owns; bits of Vcpu::requests.
enum class Request : u32 {
    software_interrupt = 1u << 0,
    external_changed = 1u << 1,  // the level is in Vcpu::external
    fence = 1u << 2,             // the fences are in Vcpu::fences
    start = 1u << 3,             // the entry is in Vcpu::entry
    stop = 1u << 4,              // its VM ends
    timer_changed = 1u << 5,     // its home hart should look at the deadlines again
    device_work = 1u << 6,       // its VM's devices have something to do in its memory
    pause_changed = 1u << 8,     // its VM is suspended, or goes on: Vm::is_suspended()
    share_changed = 1u << 9,     // its weight, cap or affinity
    message = 1u << 10,          // the messages are in Vcpu::file
};

// Why a guest left its mode, counted for the operator.
enum class ExitKind : u8 { sbi, mmio, demand, virtual_instruction, interrupt, reflected, wait, count };

// Where a started hart begins.   [sbi ext-hsm]
struct Entry {
    u64 pc = 0;
    u64 opaque = 0;
};

// The hart that runs a vCPU.  It changes only by that hart's own hand; others may see it a little late, and
// what reaches the former home is passed on.
class Home {
public:
    Home& operator=(Core* core) {
        core_.store(core, std::memory_order_release);
        return *this;
    }
    operator Core*() const { return core_.load(std::memory_order_relaxed); }  // NOLINT: it is a pointer
    // With everything that the former home wrote before it gave the vCPU away.
    [[nodiscard]] Core* seen() const { return core_.load(std::memory_order_acquire); }
    Core& operator*() const { return *static_cast<Core*>(*this); }
    Core* operator->() const { return *this; }

private:
    std::atomic<Core*> core_ = nullptr;
};

// A set of the hart's units.
struct Units {
    static constexpr u8 floats = 1, vector = 2;
    u8 raw = 0;
    [[nodiscard]] bool has(u8 unit) const { return (raw & unit) != 0; }
    void take(u8 unit, Units from) { raw = static_cast<u8>((raw & ~unit) | (from.raw & unit)); }
    void set(u8 unit, bool value) { raw = static_cast<u8>(value ? raw | unit : raw & ~unit); }
};

// How long a vCPU ran and waited, in ticks.
struct Times {
    u64 run = 0;
    u64 stolen = 0;  // runnable, and somebody else ran
    u64 since = 0;   // when it came to where it is now
    u64 migrations = 0;
};

class Vcpu : public hart::GuestRegisters, public sched::Entity, public sched::Deadline {
public:
    // Where it is in the scheduler's eyes; only its home hart touches this.
    // One that is held would run if its VM were not suspended.
    // One that is throttled has had its share of this period.
    enum class Place : u8 { nowhere, queued, running, blocked, held, throttled };

    Vcpu(Vm& machine, u32 number) : vm{machine}, id{number} {}
    Vcpu(Vcpu const&) = delete;
    Vcpu& operator=(Vcpu const&) = delete;

    Vm& vm;
    memory::Space* space = nullptr;  // of its VM
    u32 const id;                    // its hart id
    Home home{};
    std::atomic<u64> affinity = ~u64{0};  // harts that may run it, as bits
    Vcpu* next_arrival = nullptr;         // on its way to its new home
    std::atomic<bool> moves = false;      // it is on its way

    // Only its home hart touches these.
    hart::GuestCsrs csrs{};
    hart::FloatRegisters floats{};
    hart::VectorState vector{};
    Units changed{};  // whose registers may not be zero any more
    Place place = Place::nowhere;
    bool restarts_on_wake = false;  // a non-retentive suspend ends at `entry`
    // What a change of worlds has to do beside the usual, in one byte.
    bool tells_stolen : 1 = false;  // its guest wants to know what others had: steal_time
    bool has_file : 1 = false;      // `file` is there
    static constexpr u8 beside_stolen = 1, beside_file = 2;
    [[nodiscard]] u8 beside() const {
        return static_cast<u8>(u8{tells_stolen} * beside_stolen | u8{has_file} * beside_file);
    }
    GuestFile* file = nullptr;    // its interrupt file, where it has AIA
    u8 instruction_bytes = 4;     // what Next::advance steps over
    u64 timer = abi::sbi::never;  // guest time of the SBI timer, where the guest has no vstimecmp
    std::array<u64, static_cast<usize>(ExitKind::count)> exits{};
    Vcpu* next_at_home = nullptr;  // list of the vCPUs of its home hart that do not stand still
    bool is_resident = false;      // it is in that list
    Vcpu* next_throttled = nullptr;
    Times times{};

    // Any hart may touch these.
    std::atomic<u32> requests = 0;
    std::atomic<bool> in_inbox = false;  // of its home hart; set by the sender, cleared by the receiver
    Vcpu* next_in_inbox = nullptr;       // belongs to whoever set in_inbox, until the receiver takes the list
    std::atomic<bool> loaded = false;    // its translations may be in use on its home hart
    std::atomic<abi::sbi::HartState> hart_state = abi::sbi::HartState::stopped;
    std::atomic<bool> external = false;  // level of its line from the interrupt controller
    std::atomic<bool> paused = false;    // its home hart lets it stand still; only that hart sets it
    Entry entry{};                       // written by who moved hart_state to start_pending
    Locked<Ring<GuestFence, 16>, Rank::fences> fences;
    std::atomic<bool> fences_overflowed = false;
    std::atomic<u32> fences_asked = 0;  // pairs with fences_done: who asked waits until done has caught up
    std::atomic<u32> fences_done = 0;

    // Its home hart only, and last: who looks for it looks at tells_stolen first.
    StealTime steal_time{};

    // Before it runs.
    void give_file(GuestFile& its) {
        file = &its;
        has_file = true;
    }

    // Asks something of this vCPU, from any hart.
    void signal(Request what);

    // Queues a fence; the ticket is for wait_for_fence().
    [[nodiscard]] u32 ask_fence(GuestFence const& fence);
    // Returns when no translation that the fence names can be used any more.
    void wait_for_fence(u32 ticket);

    void count(ExitKind kind) { ++exits[static_cast<usize>(kind)]; }

    // SBI's answer; the caller returns Next::advance.
    void answer(abi::sbi::Return result) {
        x[10] = static_cast<u64>(result.status);
        x[11] = result.value;
    }
};

}  // namespace antler::vm
