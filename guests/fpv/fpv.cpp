// Floating-point and vector registers outlive calls, device accesses, interrupts, waits and other harts.
#include "guests/lib/device_tree.hpp"
#include "guests/lib/devices.hpp"

extern "C" {
void fpv_fill_floats(antler::u64 seed);
antler::u64 fpv_wrong_floats(antler::u64 seed);
void fpv_load_float(antler::u64 address);
void fpv_store_float(antler::u64 address);
antler::u64 fpv_get_f8();
void fpv_set_f8(antler::u64 value);
void fpv_fill_vectors(antler::u64 seed);
antler::u64 fpv_wrong_vectors(antler::u64 seed, antler::u8* scratch);
antler::u64 fpv_vector_bytes();
}

namespace antler::guests {
namespace {

struct Units {
    bool floats = false;
    bool vectors = false;
    u8* scratch = nullptr;
};

void open_units(bool vectors) {
    csr::sstatus::set(sstatus_bit::fs_initial | (vectors ? sstatus_bit::vs_initial : 0));
}

void fill(Units const& units, u64 seed) {
    if (units.floats) fpv_fill_floats(seed);
    if (units.vectors) fpv_fill_vectors(seed);
}
[[nodiscard]] u64 wrong(Units const& units, u64 seed) {
    return (units.floats ? fpv_wrong_floats(seed) : 0) +
           (units.vectors ? fpv_wrong_vectors(seed, units.scratch) : 0);
}

// Everything that leaves the guest, many times.
[[nodiscard]] u64 disturb(Units const& units, u64 seed, u64 times) {
    u64 bad = 0;
    on_interrupt(irq::timer, [](Hart&, void*) { sbi::set_timer(sbi::never); });
    on_interrupt(irq::software, [](Hart&, void*) { csr::sip::clear(irq::bit(irq::software)); });
    csr::sie::set(irq::bit(irq::timer) | irq::bit(irq::software));
    interrupts_on();
    for (u64 i = 0; i < times; ++i) {
        fill(units, seed + i);
        sbi::call(sbi::Eid::base, sbi::BaseFid::get_impl_id);
        (void)load<u8>(uart::lsr);
        sbi::send_ipi(1, this_hart().id);
        sbi::remote_sfence(1, this_hart().id, 0, 0);
        if (i % 4 == 0) {
            // With interrupts off, so that the one it waits for cannot come before.
            interrupts_off();
            sbi::set_timer(now() + 20 + i % 50);
            wait_for_interrupt();
            interrupts_on();
        } else {
            sbi::set_timer(now() + 20 + i % 50);
            auto const end = now() + 200;
            while (now() < end) pause();
        }
        bad += wrong(units, seed + i);
    }
    interrupts_off();
    csr::sie::write(0);
    return bad;
}

struct Shared {
    Units units;
    std::atomic<u64> wrong = 0;
    std::atomic<u64> done = 0;
    std::atomic<u64> rounds = 0;  // on other harts, while this one waits for a key
    std::atomic<bool> stop = false;
};

void on_other_hart(void* argument) {
    auto& shared = *static_cast<Shared*>(argument);
    auto units = shared.units;
    if (units.vectors) units.scratch = guest().harts[this_hart().id].stack.data() + 1024;
    open_units(units.vectors);
    shared.wrong.fetch_add(disturb(units, 1000 * (this_hart().id + 1), 200));
    shared.done.fetch_add(1);
}

void on_moving_hart(void* argument) {
    auto& shared = *static_cast<Shared*>(argument);
    auto units = shared.units;
    if (units.vectors) units.scratch = guest().harts[this_hart().id].stack.data() + 1024;
    open_units(units.vectors);
    for (u64 round = 0; !shared.stop; ++round) {
        shared.wrong.fetch_add(disturb(units, 1000 * (this_hart().id + 1) + round, 4));
        shared.rounds.fetch_add(1);
    }
    shared.done.fetch_add(1);
}

// Somebody outside moves the harts about; a key ends it.
void until_told(Shared& shared) {
    auto const self = this_hart().id;
    u64 others = 0;
    for (u64 hart = 0; hart < guest().hart_count; ++hart)
        if (hart != self && start_hart(hart, on_moving_hart, &shared).status == sbi::Status::success)
            ++others;
    u64 bad = 0;
    bool told_so = false;
    while (static_cast<i64>(sbi::call(static_cast<u64>(sbi::Eid::legacy_console_getchar), 0).status) < 0) {
        bad += disturb(shared.units, 90, 4);
        if (!told_so && shared.rounds >= others) say("fpv: {} harts work", others + 1);
        told_so = told_so || shared.rounds >= others;
    }
    shared.stop = true;
    check("the other harts are done", within(60'000, [&] { return shared.done == others; }));
    check("the other harts have worked", shared.rounds > 10 * others);
    check_equal("registers wrong though they moved", bad + shared.wrong, 0);
}

// A hart's device access with a floating-point register goes where an integer one would.
void check_device_accesses() {
    store<u32>(rtc::alarm_high, 0x1234'5678);
    fpv_fill_floats(7);
    if (auto const trap = expect_trap([] { fpv_load_float(rtc::alarm_high); })) {
        check_equal("flw of a device register", trap->cause, no_trap);
    } else {
        check_equal("flw of a device register is NaN-boxed", fpv_get_f8(), 0xffff'ffff'1234'5678);
    }
    fpv_set_f8(0xffff'ffff'0765'4321);
    if (auto const trap = expect_trap([] { fpv_store_float(rtc::alarm_high); })) {
        check_equal("fsw to a device register", trap->cause, no_trap);
    } else {
        check_equal("fsw to a device register", load<u32>(rtc::alarm_high), 0x0765'4321);
    }
    fpv_set_f8(15);
    check_equal("the other registers are as they were", fpv_wrong_floats(7), 0);
}

void check_status() {
    csr::sstatus::clear(sstatus_bit::fs);
    check_equal("with FS off a floating-point instruction is illegal", trap_cause([] { (void)fpv_get_f8(); }),
                2);
    check_equal("and so is fcsr", trap_cause([] { (void)Csr<csr::number::fcsr>::read(); }), 2);
    csr::sstatus::set(sstatus_bit::fs_initial);
    (void)fpv_get_f8();
    fpv_set_f8(1);
    check_equal("a write makes FS dirty", csr::sstatus::read() & sstatus_bit::fs, sstatus_bit::fs);
}

}  // namespace

void run() {
    Shared shared;
    auto& units = shared.units;
    csr::sstatus::set(sstatus_bit::fs_initial);
    units.floats = !expect_trap([] { fpv_set_f8(0); });
    csr::sstatus::set(sstatus_bit::vs_initial);
    u64 bytes = 0;
    units.vectors = !expect_trap([&] { bytes = fpv_vector_bytes(); });
    say("fpv: floating point {}, vectors {} of {} bytes", units.floats, units.vectors, bytes);
    check("the device tree says the same of V",
          (has_extension("v") || has_extension("zve32x")) == units.vectors);
    check("the device tree says the same of D", has_extension("d") == units.floats);
    if (!units.floats) return;
    check_status();
    check_device_accesses();
    units.scratch = reinterpret_cast<u8*>(take_pages(8));
    open_units(units.vectors);
    if (told("moves")) return until_told(shared);
    fill(units, 3);
    check_equal("registers hold what they are given", wrong(units, 3), 0);
    check_equal("registers wrong after exits, on one hart", disturb(units, 40, 500), 0);

    auto const self = this_hart().id;
    u64 others = 0;
    for (u64 hart = 0; hart < guest().hart_count; ++hart)
        if (hart != self && start_hart(hart, on_other_hart, &shared).status == sbi::Status::success) ++others;
    if (others == 0) return;
    auto const bad = disturb(units, 90, 300);
    check("the other harts are done", within(60'000, [&] { return shared.done == others; }));
    check_equal("registers wrong after exits, on all harts", bad + shared.wrong, 0);
}

}  // namespace antler::guests
