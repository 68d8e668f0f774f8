// One that is interrupted without end (`mode=storm`), and one that measures how late its timer rings beside
// it.
#include <algorithm>
#include <span>

#include "guests/lib/device_tree.hpp"
#include "guests/lib/devices.hpp"
#include "isa/aplic.hpp"

namespace antler::guests {
namespace {

constexpr u32 storm_ms = 400;  // or what `ms=` says
constexpr u64 first_ms = 100;  // until the other one has started
constexpr u32 most_rounds = 2'000;
constexpr u32 usual_rounds = 100;

[[nodiscard]] u32 or_else(u32 told, u32 otherwise) {
    return told != 0 ? told : otherwise;
}

struct Storm {
    Wires wires;
    u64 end = 0;
    std::atomic<u64> interrupts = 0;
    std::atomic<bool> is_over = false;
};

// The transmitter is empty, and nobody gives it anything: its line stays up, whoever completes it.
void handle(Hart&, void* argument) {
    auto& storm = *static_cast<Storm*>(argument);
    auto const source = storm.wires.claim();
    storm.interrupts.fetch_add(1);
    if (now() < storm.end) {
        if (source != 0) storm.wires.complete(source);
        return;
    }
    store<u8>(uart::ier, 0);
    storm.wires.mask();
    if (source != 0) storm.wires.complete(source);
    storm.is_over = true;
}

// Another hart's messages beside it, as fast as it can.
void send_messages(void* argument) {
    auto const& storm = *static_cast<Storm const*>(argument);
    constexpr u64 first_file = 0x2800'0000;
    for (u32 i = 0; !storm.is_over; ++i) store<u32>(first_file, 1 + i % 63);
}

void make_a_storm() {
    Storm storm{.wires = Wires{this_hart().id},
                .end = now() + guest().hertz * or_else(number_of("ms="), storm_ms) / 1000};
    on_interrupt(irq::external, handle, &storm);
    store<u8>(uart::ier, uart::ier_transmit);
    storm.wires.open(uart::source);
    if (storm.wires.kind() == Wires::Kind::aia) (void)start_hart(1, send_messages, &storm);
    csr::sie::set(irq::bit(irq::external));
    interrupts_on();
    while (!storm.is_over) wait_for_interrupt();
    interrupts_off();
    say("storm: {} interrupts", storm.interrupts.load());
    check("it stormed", storm.interrupts > 1000);
}

void measure() {
    static std::array<u64, most_rounds> space;
    auto const rounds = std::min(or_else(number_of("rounds="), usual_rounds), most_rounds);
    auto const late = std::span{space}.first(rounds);
    csr::sie::set(irq::bit(irq::timer));
    auto const rest_until = [](u64 when) {
        sbi::set_timer(when);
        while (now() < when) wait_for_interrupt();
    };
    rest_until(now() + guest().hertz * first_ms / 1000);
    for (u32 i = 0; i < rounds; ++i) {
        auto const when = now() + guest().hertz / 1000 + i * 37 % 1000;
        rest_until(when);
        late[i] = now() - when;
    }
    sbi::set_timer(sbi::never);
    std::ranges::make_heap(late);
    std::ranges::sort_heap(late);
    auto const microseconds = [](u64 ticks) { return ticks * 1'000'000 / guest().hertz; };
    auto const median = microseconds(late[rounds / 2]);
    auto const worst = microseconds(late.back());
    say("storm: the timer is {} us late, at worst {} us", median, worst);
    check("half of them are less than 100 us late", median < 100);
    check("none is 5 ms late", worst < 5000);
}

}  // namespace

void run() {
    if (told("mode=storm")) {
        make_a_storm();
    } else {
        measure();
    }
}

}  // namespace antler::guests
