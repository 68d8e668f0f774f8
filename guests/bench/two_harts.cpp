// The rows that need a second hart, which does nothing but answer.
#include "guests/bench/measure.hpp"
#include "guests/lib/interrupt_file.hpp"

namespace antler::guests::bench {
namespace {

[[nodiscard]] bool software_pending() {
    return (csr::sip::read() & irq::bit(irq::software)) != 0;
}

void wait_for_ipi() {
    while (!software_pending()) wait_for_interrupt();
    csr::sip::clear(irq::bit(irq::software));
}

// Lets other harts run: under -icount a hart that spins keeps them waiting.
void rest() {
    csr::sie::write(irq::bit(irq::timer));
    sbi::set_timer(now() + guest().hertz / 1000);
    wait_for_interrupt();
    sbi::set_timer(sbi::never);
    csr::sie::write(irq::bit(irq::software));
}

constexpr u32 ping = 1, stop = 2;

void wait_for_message() {
    while (csr_stopei::swap(0) == 0) wait_for_interrupt();
}

}  // namespace

// To the hart itself, which nothing has to wait for.
void measure_own_messages() {
    File const own{this_hart().id};
    own.open(isa::fewest_identities);
    constexpr u32 patience = 1000;
    bool comes = true;
    auto const once = [&] {
        own.send(ping);
        u32 looks = 0;
        while (csr_stopei::swap(0) == 0 && ++looks < patience) continue;
        comes = comes && looks < patience;
    };
    once();
    if (!comes) return;
    measure("msi_self", {}, [&](u64 n) {
        for (; n != 0 && comes; --n) once();
    });
}

namespace {

// From one hart's interrupt file to the other's and back.
void measure_messages(u64 self, u64 other) {
    File const own{self};
    File const far{other};
    own.open(isa::fewest_identities);
    csr::sie::write(irq::bit(irq::external));
    if (sbi::hart_start(other, reinterpret_cast<u64>(&bench_answer_messages), own.page()).status !=
        sbi::Status::success)
        give_up("the second hart does not start for messages");
    wait_for_message();
    rest();
    csr::sie::write(irq::bit(irq::external));
    measure("ipi", {.operations = 100, .count = 20}, [&](u64 n) {
        for (; n != 0; --n) {
            far.send(ping);
            wait_for_message();
        }
    });
    far.send(stop);
    do rest();
    while (sbi::hart_status(other).value != static_cast<u64>(sbi::HartState::stopped));
}

}  // namespace

void measure_two_harts() {
    auto const self = this_hart().id;
    u64 const other = self == 0 ? 1 : 0;
    csr::sie::write(irq::bit(irq::software));

    u64 best = ~u64{0};
    for (int i = 0; i < 50; ++i) {
        auto const start = start_of_tick();
        auto const started = sbi::hart_start(other, reinterpret_cast<u64>(&bench_answer_once), self);
        if (started.status != sbi::Status::success) give_up("the second hart does not start");
        wait_for_ipi();
        auto const taken = now() - start;
        if (taken < best) best = taken;
        // What it does after that is not of the next start.
        sbi::send_ipi(1, other);
        do rest();
        while (sbi::hart_status(other).value != static_cast<u64>(sbi::HartState::stopped));
    }
    report("hart_start", tenths(best, 1));

    if (has_extension("ssaia")) measure_messages(self, other);

    if (sbi::hart_start(other, reinterpret_cast<u64>(&bench_answer_always), self).status !=
        sbi::Status::success)
        give_up("the second hart does not start again");
    rest();
    u64 sum = 0;
    constexpr Batches batches{.operations = 100, .count = 20};
    measure("ipi_pingpong", batches, [&](u64 n) {
        auto const start = now();
        for (; n != 0; --n) {
            sbi::send_ipi(1, other);
            wait_for_ipi();
        }
        sum += now() - start;
    });
    report("ipi_pingpong_mean", tenths(sum, batches.operations * batches.count));
    csr::sie::write(0);
}

}  // namespace antler::guests::bench
