// Harts come and go: start, stop, start again, suspend with and without keeping their state.
#include "guests/lib/guest.hpp"

extern "C" void smp_raw_entry();
extern "C" void smp_resume_entry();

namespace antler::guests {

// What a hart finds when it starts; smp.S fills it in.
struct Arrival {
    u64 a0{}, a1{}, satp{}, sstatus{}, sie{};
    std::atomic<u64> count = 0;
};
static_assert(offsetof(Arrival, count) == 40);

namespace {

using sbi::HartState;
using sbi::Status;

constexpr u64 patience = 20'000;  // milliseconds

[[nodiscard]] u64 status_code(sbi::Return answer) {
    return static_cast<u64>(answer.status);
}
constexpr u64 code(Status status) {
    return static_cast<u64>(static_cast<i64>(status));
}

void check_arrival(Arrival const& arrival, u64 hart, u64 opaque) {
    check_equal("a0 is the hart's own number", arrival.a0, hart);
    check_equal("a1 is what hart_start was given", arrival.a1, opaque);
    check_equal("satp is zero", arrival.satp, 0);
    check_equal("interrupts are off", arrival.sstatus & sstatus_bit::sie, 0);
}

// Starts a hart in smp_raw_entry, which notes what it finds and stops.
void start_and_stop(u64 hart) {
    Arrival arrival;
    auto const opaque = reinterpret_cast<u64>(&arrival);
    for (u64 life = 1; life <= 3; ++life) {
        auto const answer = sbi::hart_start(hart, reinterpret_cast<u64>(&smp_raw_entry), opaque);
        if (!check_equal("hart_start", status_code(answer), code(Status::success))) return;
        if (!check("the hart arrives", within(patience, [&] { return arrival.count == life; }))) return;
        check_arrival(arrival, hart, opaque);
        check("the hart stops", reaches(hart, HartState::stopped, patience));
    }
}

struct Worker {
    std::atomic<u64> step = 0;
    std::atomic<u64> go = 0;
    u64 suspend_type = 0;
    u64 answer = 0;
    Arrival resumed;
};

// Suspends once, keeping its state, and once losing it, as far as firmware can.
void suspend_body(void* argument) {
    auto& worker = *static_cast<Worker*>(argument);
    csr::sie::write(irq::bit(irq::software));
    worker.step = 1;
    worker.answer = status_code(sbi::hart_suspend(static_cast<u64>(sbi::SuspendType::retentive)));
    csr::sip::clear(irq::bit(irq::software));
    worker.step = 2;
    while (worker.go == 0) pause();
    // Comes back in smp_resume_entry, or not at all and says why.
    worker.answer = status_code(sbi::hart_suspend(static_cast<u64>(sbi::SuspendType::non_retentive),
                                                  reinterpret_cast<u64>(&smp_resume_entry),
                                                  reinterpret_cast<u64>(&worker.resumed)));
    worker.step = 99;
}

void suspend_and_wake(u64 hart) {
    Worker worker;
    check_equal("hart_start for suspends", status_code(start_hart(hart, suspend_body, &worker)),
                code(Status::success));
    check("it suspends, keeping its state", reaches(hart, HartState::suspended, patience));
    check_equal("it did not go on", worker.step, 1);
    sbi::send_ipi(1, hart);
    check("an IPI wakes it", within(patience, [&] { return worker.step == 2; }));
    check_equal("hart_suspend says success", worker.answer, code(Status::success));
    check_equal("it is started again", sbi::hart_status(hart).value, static_cast<u64>(HartState::started));

    worker.go = 1;
    bool const suspended = within(patience, [&] {
        return worker.step == 99 || sbi::hart_status(hart).value == static_cast<u64>(HartState::suspended);
    });
    if (worker.step == 99) {
        check_equal("without its state it does not suspend, and says so", worker.answer,
                    code(Status::not_supported));
        return;
    }
    check("it suspends, losing its state", suspended);
    sbi::send_ipi(1, hart);
    check("an IPI wakes it at its resume address",
          within(patience, [&] { return worker.resumed.count == 1; }));
    check_arrival(worker.resumed, hart, reinterpret_cast<u64>(&worker.resumed));
    check("and it stops", reaches(hart, HartState::stopped, patience));
}

void check_errors() {
    auto const self = this_hart().id;
    u64 const nobody = 4095;
    auto const entry = reinterpret_cast<u64>(&smp_raw_entry);
    check_equal("a hart that runs cannot be started", status_code(sbi::hart_start(self, entry, 0)),
                code(Status::already_available));
    check_equal("nobody cannot be started", status_code(sbi::hart_start(nobody, entry, 0)),
                code(Status::invalid_param));
    check_equal("nobody has no status", status_code(sbi::hart_status(nobody)), code(Status::invalid_param));
    check_equal("one's own status is started", sbi::hart_status(self).value,
                static_cast<u64>(HartState::started));
    check_equal("a reserved suspend type", status_code(sbi::hart_suspend(1)), code(Status::invalid_param));
    check_equal("a function that is not there", status_code(sbi::call(0x48534d, 4)),
                code(Status::not_supported));
}

struct Crowd {
    std::atomic<u64> arrived = 0;
    std::atomic<u64> leave = 0;
    std::atomic<u64> sum = 0;
};

void crowd_body(void* argument) {
    auto& crowd = *static_cast<Crowd*>(argument);
    crowd.sum.fetch_add(this_hart().id);
    crowd.arrived.fetch_add(1);
    while (crowd.leave == 0) pause();
}

// Everybody at once.
void start_all() {
    auto const self = this_hart().id;
    auto const harts = guest().hart_count;
    Crowd crowd;
    u64 wanted = 0;
    for (u64 hart = 0; hart < harts; ++hart) {
        if (hart == self) continue;
        wanted += hart;
        check_equal("hart_start of everybody", status_code(start_hart(hart, crowd_body, &crowd)),
                    code(Status::success));
    }
    check("everybody arrives", within(patience, [&] { return crowd.arrived == harts - 1; }));
    check_equal("each of them once", crowd.sum, wanted);
    for (u64 hart = 0; hart < harts; ++hart)
        if (hart != self)
            check_equal("nobody can be started twice", status_code(start_hart(hart, crowd_body, &crowd)),
                        code(Status::already_available));
    crowd.leave = 1;
    for (u64 hart = 0; hart < harts; ++hart)
        if (hart != self) check("everybody leaves", reaches(hart, HartState::stopped, patience));
}

}  // namespace

void run() {
    auto const self = this_hart().id;
    say("smp: {} harts", guest().hart_count);
    check_errors();
    for (u64 hart = 0; hart < guest().hart_count; ++hart) {
        if (hart == self) continue;
        check_equal("it is stopped at first", sbi::hart_status(hart).value,
                    static_cast<u64>(HartState::stopped));
        start_and_stop(hart);
        suspend_and_wake(hart);
    }
    start_all();
    // This hart, too: a pending interrupt ends the suspend at once, taken or not.
    csr::sie::write(irq::bit(irq::software));
    sbi::send_ipi(1, self);
    check_equal("suspend with something pending", status_code(sbi::hart_suspend(0)), code(Status::success));
}

}  // namespace antler::guests
