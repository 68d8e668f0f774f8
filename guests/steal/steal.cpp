// How much of its time others have: registers the structure of the steal-time extension, reads it beside
// whoever wants the hart too, and asks for what must be refused.   [sbi ext-steal-time]
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

using sbi::Eid;
using sbi::Status;
using sbi::StealTimeFid;

struct Structure {
    u32 sequence, flags;
    u64 steal;
    u8 preempted;
    std::array<u8, 47> padding;
};
static_assert(sizeof(Structure) == 64);

constexpr u64 none = ~u64{0};

[[nodiscard]] u64 set(u64 low, u64 high = 0, u64 flags = 0) {
    return static_cast<u64>(
        sbi::call(Eid::steal_time, StealTimeFid::set_shared_memory, low, high, flags).status);
}
constexpr u64 code(Status status) {
    return static_cast<u64>(static_cast<i64>(status));
}

// As the text wants it read.
[[nodiscard]] u64 steal_of(u64 at) {
    for (;;) {
        auto const before = load<u32>(at);
        std::atomic_thread_fence(std::memory_order_acquire);
        auto const steal = load<u64>(at + offsetof(Structure, steal));
        std::atomic_thread_fence(std::memory_order_acquire);
        if (before % 2 == 0 && load<u32>(at) == before) return steal;
    }
}

void check_refusals(u64 at) {
    check_equal("flags must be zero", set(at, 0, 1), code(Status::invalid_param));
    check_equal("an address must be aligned", set(at + 32), code(Status::invalid_param));
    check_equal("half of all ones is not all ones", set(none, 0), code(Status::invalid_param));
    check_equal("a device is not memory", set(0x1000'0000), code(Status::invalid_address));
    check_equal("nothing is not memory", set(0), code(Status::invalid_address));
    check_equal("the upper half is beyond memory", set(at, 1), code(Status::invalid_address));
    check_equal("there is no other function",
                static_cast<u64>(sbi::call(Eid::steal_time, StealTimeFid{1}, at).status),
                code(Status::not_supported));
}

void spin(u64 milliseconds) {
    auto const end = now() + guest().hertz * milliseconds / 1000;
    while (now() < end) pause();
}

// The other vCPU looks at the first one, which never sleeps: where they share a hart it sees it preempted.
struct Watched {
    u64 at = 0;
    std::atomic<u64> looks = 0;
    std::atomic<u64> preempted = 0;
};
void watch(void* argument) {
    auto& watched = *static_cast<Watched*>(argument);
    for (;;) {
        if (load<u8>(watched.at + offsetof(Structure, preempted)) != 0) watched.preempted.fetch_add(1);
        watched.looks.fetch_add(1);
        pause();
    }
}

}  // namespace

void run() {
    if (!check("steal time is offered", sbi::offers(Eid::steal_time))) return;
    auto const at = take_pages(1);
    check_refusals(at);
    for (u64 i = 0; i < 256; i += 8) store<u64>(at + i, none);
    check_equal("it is registered", set(at + 64), code(Status::success));
    u64 wrong = 0;
    for (u64 i = 0; i < 256; i += 8) {
        bool const mine = i >= 64 && i < 128;
        wrong += load<u64>(at + i) != (mine ? 0 : none);
    }
    check_equal("its 64 bytes are zero, and no others", wrong, 0);

    constexpr u64 measured = 200;
    auto const before = steal_of(at + 64);
    auto const start = now();
    spin(measured);
    auto const nanos = (now() - start) * (1'000'000'000 / guest().hertz);
    auto const stolen = steal_of(at + 64) - before;
    say("steal: {} percent", stolen * 100 / nanos);
    check("the flags are zero", load<u32>(at + 68) == 0);
    check("who runs is not preempted", load<u8>(at + 80) == 0);

    if (guest().hart_count > 1) {
        Watched watched{.at = at + 64};
        auto const self = this_hart().id;
        (void)start_hart(self == 0 ? 1 : 0, watch, &watched);
        check("the other vCPU sees this one preempted",
              within(20'000, [&] { return watched.preempted > 0 && watched.looks > 0; }));
    }

    check_equal("it is given up", set(none, none), code(Status::success));
    for (u64 i = 64; i < 128; i += 8) store<u64>(at + i, none);
    spin(60);
    for (u64 i = 64; i < 128; i += 8) wrong += load<u64>(at + i) != none;
    check_equal("and is the guest's own again", wrong, 0);
}

}  // namespace antler::guests
