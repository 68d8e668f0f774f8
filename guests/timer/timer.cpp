// Timers: by SBI and by stimecmp, in the past, far away, re-armed, cancelled; wfi; one time for all harts.
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

struct Alarm {
    std::atomic<u64> rung = 0;
    u64 at = 0;
    bool sstc = false;
};

void arm(bool sstc, u64 when) {
    if (sstc) {
        csr::stimecmp::write(when);
    } else {
        sbi::set_timer(when);
    }
}

[[nodiscard]] bool pending() {
    return (csr::sip::read() & irq::bit(irq::timer)) != 0;
}

void test(bool sstc) {
    say("timer: by {}", sstc ? "stimecmp" : "SBI");
    auto const tick_of_10_ms = guest().hertz / 100;
    arm(sstc, sbi::never);
    check("never is not pending", within(1000, [] { return !pending(); }));
    arm(sstc, now());
    check("now is pending soon", within(1000, pending));
    arm(sstc, 0);
    check("the past is pending", within(1000, pending));
    csr::sip::clear(irq::bit(irq::timer));
    check("sip cannot clear it", pending());
    arm(sstc, now() + 1000 * guest().hertz);
    check("a later time clears it", within(1000, [] { return !pending(); }));
    csr::sip::set(irq::bit(irq::timer));
    check("sip cannot set it", !pending());

    Alarm alarm{.sstc = sstc};
    on_interrupt(
        irq::timer,
        [](Hart&, void* argument) {
            auto& a = *static_cast<Alarm*>(argument);
            a.at = now();
            a.rung.fetch_add(1);
            arm(a.sstc, sbi::never);
        },
        &alarm);
    csr::sie::set(irq::bit(irq::timer));
    interrupts_on();
    bool early = false;
    u64 latest = 0;
    for (u64 i = 0; i < 200; ++i) {
        auto const before = alarm.rung.load();
        auto const target = now() + (i * 7919) % (tick_of_10_ms / 10);
        arm(sstc, target);
        if (i % 2 == 0) {
            while (alarm.rung == before) pause();
        } else {
            while (alarm.rung == before && now() < target) wait_for_interrupt();
            while (alarm.rung == before) pause();
        }
        early = early || alarm.at < target;
        if (alarm.at - target > latest) latest = alarm.at - target;
    }
    check_equal("200 timers rang 200 times", alarm.rung, 200);
    check("none of them early", !early);
    say("timer: the latest was {} ticks late", latest);
    // A far one, then a near one; and a near one that is cancelled.
    arm(sstc, now() + 1000 * guest().hertz);
    arm(sstc, now() + tick_of_10_ms / 10);
    check("the last word counts", within(2000, [&] { return alarm.rung == 201; }));
    // Whoever is kept from running for so long that it rings before it is cancelled does both again.
    u64 rung = 0;
    u64 due = 0;
    do {
        due = now() + tick_of_10_ms;
        arm(sstc, due);
        arm(sstc, sbi::never);
        rung = alarm.rung;
    } while (now() >= due);
    auto const end = now() + 2 * tick_of_10_ms;
    while (now() < end) pause();
    check_equal("a cancelled timer stays silent", alarm.rung, rung);
    interrupts_off();

    // wfi with interrupts off goes on, and takes nothing.
    auto const target = now() + tick_of_10_ms;
    arm(sstc, target);
    while (!pending()) wait_for_interrupt();
    check("wfi ends with interrupts off", now() >= target);
    check_equal("and takes no interrupt", alarm.rung, rung);
    interrupts_on();
    check_equal("which comes when they are on", alarm.rung, rung + 1);
    interrupts_off();
    csr::sie::clear(irq::bit(irq::timer));
}

struct Shared {
    std::atomic<u64> latest = 0;
    std::atomic<u64> backwards = 0;
    std::atomic<u64> turns = 0;
    std::atomic<u64> leave = 0;
};

// The time that somebody else read before us is never later than ours.
void compare_times(void* argument) {
    auto& shared = *static_cast<Shared*>(argument);
    while (shared.leave == 0) {
        auto const theirs = shared.latest.load();
        asm volatile("fence iorw, iorw" ::: "memory");
        auto const ours = now();
        if (ours < theirs) shared.backwards.fetch_add(1);
        shared.latest.store(ours);
        shared.turns.fetch_add(1);
    }
}

// Each hart has a timer of its own.
void ring_once(void* argument) {
    auto& rung = *static_cast<std::atomic<u64>*>(argument);
    on_interrupt(
        irq::timer,
        [](Hart&, void* a) {
            sbi::set_timer(sbi::never);
            static_cast<std::atomic<u64>*>(a)->fetch_add(1);
        },
        &rung);
    auto const before = now();
    sbi::set_timer(before + guest().hertz / 200);
    csr::sie::set(irq::bit(irq::timer));
    interrupts_on();
    while (now() < before + guest().hertz / 100) wait_for_interrupt();
    interrupts_off();
}

void test_many_harts() {
    auto const self = this_hart().id;
    auto const others = guest().hart_count - 1;
    Shared shared;
    for (u64 hart = 0; hart <= others; ++hart)
        if (hart != self) start_hart(hart, compare_times, &shared);
    (void)within(20'000, [&] { return shared.turns > 20'000 * others; });
    shared.leave = 1;
    check_equal("time never runs backwards between harts", shared.backwards, 0);
    for (u64 hart = 0; hart <= others; ++hart)
        if (hart != self) (void)reaches(hart, sbi::HartState::stopped, 20'000);
    std::atomic<u64> rung = 0;
    for (u64 hart = 0; hart <= others; ++hart)
        if (hart != self) start_hart(hart, ring_once, &rung);
    check("each hart's timer rings", within(20'000, [&] { return rung == others; }));
}

}  // namespace

void run() {
    auto const sstc = !expect_trap([] { csr::stimecmp::write(sbi::never); });
    say("timer: {} ticks a second, {} Sstc", guest().hertz, sstc ? "with" : "without");
    test(false);
    if (sstc) test(true);
    if (guest().hart_count > 1) test_many_harts();
}

}  // namespace antler::guests
