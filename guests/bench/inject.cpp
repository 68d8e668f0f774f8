// One hart lets the 16550 interrupt the other, which computes meanwhile.
#include "guests/bench/measure.hpp"
#include "guests/lib/devices.hpp"

namespace antler::guests::bench {
namespace {

struct Injection {
    Wires wires;  // of the hart that listens
    std::atomic<u64> taken = 0;
    std::atomic<bool> listens = false;
    std::atomic<bool> leave = false;
};

void take(Hart&, void* argument) {
    auto& injection = *static_cast<Injection*>(argument);
    auto const& wires = injection.wires;
    while (auto const source = wires.claim()) {
        store<u8>(uart::ier, 0);
        injection.taken.fetch_add(1);
        wires.complete(source);
    }
}

// In a page of its own: what computes where the hypervisor would be, if the addresses were the machine's, is
// written down with it.
void compute_until(std::atomic<bool> const& over) {
    auto const code = take_pages(1);
    store<u32>(code, 0x0005'4283);      // lbu t0, 0(a0)
    store<u32>(code + 4, 0xfe02'8ee3);  // beqz t0, the one before
    store<u32>(code + 8, 0x0000'8067);  // ret
    fence_i();
    reinterpret_cast<void (*)(std::atomic<bool> const*)>(code)(&over);
}

void listen(void* argument) {
    auto& injection = *static_cast<Injection*>(argument);
    on_interrupt(irq::external, take, argument);
    injection.wires.open(uart::source);
    csr::sie::set(irq::bit(irq::external));
    interrupts_on();
    injection.listens = true;
    compute_until(injection.leave);
    interrupts_off();
}

// Under -icount the other hart runs only while this one waits, and until the next timer that anybody has set.
template <class Condition>
void wait_until(std::string_view otherwise, Condition const& condition) {
    constexpr u64 nap_us = 20;
    constexpr u32 naps = 10'000;
    for (u32 i = 0; i < naps; ++i) {
        if (condition()) return;
        sbi::set_timer(now() + guest().hertz * nap_us / 1'000'000);
        wait_for_interrupt();
    }
    give_up(otherwise);
}

}  // namespace

void inject() {
    constexpr u64 times = 50;
    u64 const other = this_hart().id == 0 ? 1 : 0;
    static Injection injection{.wires = Wires{other}};
    csr::sie::write(irq::bit(irq::timer));
    store<u8>(uart::ier, 0);
    start_hart(other, listen, &injection);
    wait_until("the second hart does not listen", [] { return injection.listens.load(); });
    for (u64 i = 0; i < times; ++i) {
        store<u8>(uart::ier, uart::ier_transmit);
        wait_until("an interrupt is lost", [i] { return injection.taken > i; });
    }
    injection.leave = true;
    wait_until("the second hart does not stop", [other] {
        return sbi::hart_status(other).value == static_cast<u64>(sbi::HartState::stopped);
    });
}

}  // namespace antler::guests::bench
