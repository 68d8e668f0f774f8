// Interrupts between harts: to oneself, to one, to some, to all; masks that name nobody; waking from wfi.
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

using sbi::Status;

constexpr u64 patience = 20'000;

struct Counters {
    std::array<std::atomic<u64>, max_harts> got{};
    std::atomic<u64> ready = 0;
    std::atomic<u64> leave = 0;
};

void count_interrupts(Counters& counters) {
    on_interrupt(
        irq::software,
        [](Hart& hart, void* argument) {
            csr::sip::clear(irq::bit(irq::software));
            static_cast<Counters*>(argument)->got[hart.id].fetch_add(1);
        },
        &counters);
    csr::sie::set(irq::bit(irq::software));
    interrupts_on();
}

// Even harts wait in wfi, odd ones spin.
void listen(void* argument) {
    auto& counters = *static_cast<Counters*>(argument);
    count_interrupts(counters);
    counters.ready.fetch_add(1);
    bool const waits = this_hart().id % 2 == 0;
    while (counters.leave == 0) {
        if (waits) {
            wait_for_interrupt();
        } else {
            pause();
        }
    }
    interrupts_off();
}

[[nodiscard]] u64 status(sbi::Return answer) {
    return static_cast<u64>(answer.status);
}
constexpr u64 success = 0;
constexpr u64 invalid = static_cast<u64>(static_cast<i64>(Status::invalid_param));

// One IPI, and every hart in `mask` takes exactly one.
void expect(Counters& counters, std::string_view what, u64 mask, u64 base, u64 wanted) {
    std::array<u64, max_harts> before{};
    for (usize i = 0; i < max_harts; ++i) before[i] = counters.got[i];
    check_equal(what, status(sbi::send_ipi(mask, base)), success);
    bool all = true;
    for (u64 hart = 0; hart < guest().hart_count; ++hart) {
        u64 const more = wanted >> hart & 1;
        all = all && within(patience, [&] { return counters.got[hart] >= before[hart] + more; });
        all = all && counters.got[hart] == before[hart] + more;
    }
    check("those it names take it, once, and nobody else", all);
}

}  // namespace

void run() {
    auto const harts = guest().hart_count;
    auto const self = this_hart().id;
    u64 const everybody = (u64{1} << harts) - 1;
    Counters counters;

    // With interrupts off it stays pending, and is the guest's to clear and to set.
    check_equal("an IPI to oneself", status(sbi::send_ipi(1, self)), success);
    check("is pending", within(1000, [] { return (csr::sip::read() & 2) != 0; }));
    csr::sip::clear(2);
    check_equal("sip can clear it", csr::sip::read() & 2, 0);
    csr::sip::set(2);
    check_equal("and set it", csr::sip::read() & 2, 2);
    csr::sie::set(2);
    wait_for_interrupt();
    check("wfi does not wait while it is pending", true);
    csr::sip::clear(2);

    count_interrupts(counters);
    csr::sip::set(2);
    check("it is taken where it is set", within(1000, [&] { return counters.got[self] == 1; }));
    for (u64 hart = 0; hart < harts; ++hart)
        if (hart != self) start_hart(hart, listen, &counters);
    check("everybody listens", within(patience, [&] { return counters.ready == harts - 1; }));

    expect(counters, "to oneself", mask_of(self), 0, mask_of(self));
    for (u64 hart = 0; hart < harts; ++hart) {
        expect(counters, "to one hart by its bit", mask_of(hart), 0, mask_of(hart));
        expect(counters, "to one hart by the base", 1, hart, mask_of(hart));
    }
    expect(counters, "to everybody by a mask", everybody, 0, everybody);
    expect(counters, "to everybody by the base of all ones", 0, ~u64{0}, everybody);
    expect(counters, "to nobody", 0, 0, 0);
    if (sbi::by_antler()) {  // OpenSBI passes over harts that are not there
        check_equal("a mask with a hart that is not there", status(sbi::send_ipi(1, 4000)), invalid);
        check_equal("a mask with one hart too many", status(sbi::send_ipi(mask_of(harts), 0)), invalid);
    }
    check_equal("a function that is not there",
                status(sbi::call(static_cast<u64>(sbi::Eid::ipi), 1, 1, self)),
                static_cast<u64>(static_cast<i64>(Status::not_supported)));

    // A storm: interrupts may fall together, but the last one may not get lost.
    for (u64 i = 0; i < 2000; ++i) sbi::send_ipi(everybody & ~mask_of(self), 0);
    std::array<u64, max_harts> before{};
    (void)within(300, [&] {  // until what is on its way has come
        for (usize i = 0; i < max_harts; ++i) before[i] = counters.got[i];
        return false;
    });
    check_equal("after a storm", status(sbi::send_ipi(everybody, 0)), success);
    bool everyone = true;
    for (u64 hart = 0; hart < harts; ++hart)
        everyone = everyone && within(patience, [&] { return counters.got[hart] > before[hart]; });
    check("everybody still takes one", everyone);
    counters.leave = 1;
    sbi::send_ipi(everybody, 0);
    check("everybody leaves", others_stop(patience));
    interrupts_off();
}

}  // namespace antler::guests
