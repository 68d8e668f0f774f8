// The Goldfish clock: it runs with the time CSR, knows the year, and its alarm interrupts.
#include "guests/lib/devices.hpp"

namespace antler::guests {
namespace {

void set_alarm(u64 at) {
    store<u32>(rtc::alarm_high, static_cast<u32>(at >> 32));
    store<u32>(rtc::alarm_low, static_cast<u32>(at));
}

// The host may take this hart away between any two lines, so the clock's 20 ms lie between two bounds.
void check_pace() {
    auto const tick = 1'000'000'000 / guest().hertz;
    auto const first = now();
    auto const rtc_start = rtc::read();
    auto const start = now();
    while (now() - start < guest().hertz / 50) pause();
    auto const end = now();
    auto const rtc_end = rtc::read();
    auto const last = now();
    auto const least = (end - start) * tick;
    auto const most = (last - first) * tick;
    auto const by_rtc = rtc_end - rtc_start;
    say("rtc: {} to {} ns by the time CSR, {} ns by the clock", least, most, by_rtc);
    check("both clocks run equally fast", by_rtc <= most + most / 10 && by_rtc >= least - least / 10);
}

}  // namespace

void run() {
    auto const first = rtc::read();
    say("rtc: {} ns since 1970", first);
    check("the year is between 2001 and 2100",
          first > 978'307'200ULL * 1'000'000'000 && first < 4'102'444'800ULL * 1'000'000'000);
    check_pace();
    bool monotonic = true;
    for (u64 i = 0, last = rtc::read(); i < 1000; ++i) {
        auto const next = rtc::read();
        monotonic = monotonic && next >= last;
        last = next;
    }
    check("the clock never goes back", monotonic);

    struct Alarm {
        Wires wires;
        std::atomic<u64> rung = 0;
        u64 at = 0;
        u32 source = 0;
    } alarm{Wires{this_hart().id}};
    on_interrupt(
        irq::external,
        [](Hart&, void* argument) {
            auto& a = *static_cast<Alarm*>(argument);
            a.source = a.wires.claim();
            a.at = rtc::read();
            store<u32>(rtc::clear_interrupt, 1);
            a.wires.complete(a.source);
            a.rung.fetch_add(1);
        },
        &alarm);
    alarm.wires.open(rtc::source);
    csr::sie::set(irq::bit(irq::external));
    interrupts_on();
    store<u32>(rtc::irq_enabled, 1);
    set_alarm(rtc::read() + 3'600'000'000'000);
    check_equal("an alarm waits", load<u32>(rtc::alarm_status), 1);
    auto const target = rtc::read() + 5'000'000;
    set_alarm(target);
    while (alarm.rung == 0 && rtc::read() < target + 2'000'000'000) wait_for_interrupt();
    check_equal("the alarm rings once", alarm.rung, 1);
    check_equal("through its own source", alarm.source, rtc::source);
    check("not before its time", alarm.at >= target);
    check_equal("and is over then", load<u32>(rtc::alarm_status), 0);
    // Again where the host was so slow that it may have rung before it was cancelled.
    u64 later = 0;
    u64 rung = 0;
    do {
        rung = alarm.rung;
        later = rtc::read() + 3'000'000;
        set_alarm(later);
        store<u32>(rtc::clear_alarm, 1);
    } while (rtc::read() >= later);
    while (rtc::read() < later + 2'000'000) pause();
    check_equal("a cancelled alarm stays silent", alarm.rung, rung);
    interrupts_off();
}

}  // namespace antler::guests
