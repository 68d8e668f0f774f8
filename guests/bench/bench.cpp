// What an exit costs, row by row: `bench ROW INSTRUCTIONS`.
#include "guests/bench/measure.hpp"
#include "guests/lib/devices.hpp"

namespace antler::guests {
namespace bench {
namespace {

constexpr u64 uart_line_status = 0x1000'0005;
constexpr u64 huge_page = 2 << 20;

void measure_calls() {
    measure("sbi_base", {}, [](u64 n) {
        asm volatile("1: li a0, 0\n li a1, 0\n li a6, 0\n li a7, 0x10\n ecall\n addi %0, %0, -1\n bnez %0, 1b"
                     : "+r"(n)::"a0", "a1", "a6", "a7", "memory");
    });
    auto const far = now() + 1000 * guest().hertz;
    measure("set_timer", {}, [far](u64 n) {
        asm volatile(
            "1: mv a0, %1\n li a1, 0\n li a6, 0\n li a7, 0x54494d45\n ecall\n addi %0, %0, -1\n bnez %0, 1b"
            : "+r"(n)
            : "r"(far)
            : "a0", "a1", "a6", "a7", "memory");
    });
    auto const self = this_hart().id;
    measure("rfence_self", {}, [self](u64 n) {
        asm volatile(
            "1: li a0, 1\n mv a1, %1\n li a2, 0x40000000\n li a3, 4096\n li a6, 1\n li a7, 0x52464e43\n "
            "ecall\n"
            "addi %0, %0, -1\n bnez %0, 1b"
            : "+r"(n)
            : "r"(self)
            : "a0", "a1", "a2", "a3", "a6", "a7", "memory");
    });
}

void measure_interrupts() {
    auto const self = this_hart().id;
    {
        WithHandler const scope{bench_software_handler, irq::software};
        measure("ipi_self", {}, [self](u64 n) {
            asm volatile(
                "li t5, 0\n"
                "1: mv t4, t5\n li a0, 1\n mv a1, %1\n li a6, 0\n li a7, 0x735049\n ecall\n"
                "2: beq t4, t5, 2b\n addi %0, %0, -1\n bnez %0, 1b"
                : "+r"(n)
                : "r"(self)
                : "a0", "a1", "a6", "a7", "t4", "t5", "t6", "memory");
        });
    }
    {
        WithHandler const scope{bench_masking_handler, irq::timer};
        measure("timer_irq", {}, [](u64 n) {
            asm volatile(
                "li t5, 0\n li t3, 0x20\n"
                "1: mv t4, t5\n csrs sie, t3\n li a0, 0\n li a6, 0\n li a7, 0x54494d45\n ecall\n"
                "2: beq t4, t5, 2b\n addi %0, %0, -1\n bnez %0, 1b"
                : "+r"(n)::"a0", "a1", "a6", "a7", "t3", "t4", "t5", "t6", "memory");
        });
    }
    sbi::set_timer(sbi::never);
}

// Waits for the end of the next tick but one, by firmware or by stimecmp.
void measure_waiting(bool sstc) {
    csr::sie::write(irq::bit(irq::timer));
    measure("set_timer_wfi", {}, [](u64 n) {
        asm volatile(
            "1: rdtime a0\n addi a0, a0, 1\n li a6, 0\n li a7, 0x54494d45\n ecall\n wfi\n"
            "addi %0, %0, -1\n bnez %0, 1b"
            : "+r"(n)::"a0", "a1", "a6", "a7", "memory");
    });
    sbi::set_timer(sbi::never);
    if (sstc) {
        measure("stimecmp_wfi", {}, [](u64 n) {
            asm volatile(
                "1: rdtime t0\n addi t0, t0, 1\n csrw 0x14d, t0\n wfi\n addi %0, %0, -1\n bnez %0, 1b"
                : "+r"(n)::"t0", "memory");
        });
        csr::stimecmp::write(sbi::never);
    }
    csr::sie::write(0);
}

// How late the first instruction after a wait of 1 ms is, in instructions.  QEMU counts the wait from where
// in a tick it began, so it begins with the tick.
void measure_lateness(bool sstc) {
    csr::sie::write(irq::bit(irq::timer));
    constexpr u64 times = 100;
    u64 sum = 0;
    u64 worst = 0;
    // Before the first one others of the hart may not have begun yet: it does not count.
    for (u64 i = 0; i <= times; ++i) {
        auto const target = start_of_tick() + guest().hertz / 1000;
        if (sstc) {
            csr::stimecmp::write(target);
        } else {
            sbi::set_timer(target);
        }
        u64 turns = 0;
        u64 woken = 0;
        u64 next = 0;
        // The tick's rest is counted by the instructions until the next one.
        asm volatile(
            "0: wfi\n rdtime %1\n bltu %1, %3, 0b\n"
            "1: addi %0, %0, 1\n rdtime %2\n beq %1, %2, 1b"
            : "+r"(turns), "=&r"(woken), "=&r"(next)
            : "r"(target)
            : "memory");
        auto const until_next = (next - target) * instructions_per_tick();
        auto const spent = 3 * turns + 2;
        auto const late = until_next > spent ? until_next - spent : 0;
        if (i == 0) continue;
        sum += late;
        if (late > worst) worst = late;
    }
    if (sstc) csr::stimecmp::write(sbi::never);
    sbi::set_timer(sbi::never);
    csr::sie::write(0);
    report("wake_1ms", {sum * 10 / times});
    report("wake_1ms_max", {worst * 10});
}

void measure_devices() {
    measure("uart_read", {.operations = 800}, [](u64 n) {
        n /= 8;
        asm volatile("1: .rept 8\n lb t0, 0(%1)\n .endr\n addi %0, %0, -1\n bnez %0, 1b"
                     : "+r"(n)
                     : "r"(uart_line_status)
                     : "t0", "memory");
    });
    Wires const wires{this_hart().id};
    bool const plic = wires.kind() == Wires::Kind::plic;
    auto const any = plic ? wires.plic_threshold() : wires.aplic_domain();
    measure(plic ? "plic_read" : "aplic_read", {.operations = 800}, [any](u64 n) {
        n /= 8;
        asm volatile("1: .rept 8\n lw t0, 0(%1)\n .endr\n addi %0, %0, -1\n bnez %0, 1b"
                     : "+r"(n)
                     : "r"(any)
                     : "t0", "memory");
    });
}

// The unit is off, then on, and one of its registers is changed, as at a program's first use of it.
void measure_units() {
    auto const units = csr::sstatus::read() & (sstatus_bit::fs | sstatus_bit::vs);
    if (has_extension("d"))
        measure("fp_first", {}, [](u64 n) {
            asm volatile(
                ".option push\n .option arch, +f, +d\n li t0, 0x6000\n li t1, 0x2000\n"
                "1: csrc sstatus, t0\n csrs sstatus, t1\n fmv.d.x f8, %0\n addi %0, %0, -1\n bnez %0, 1b\n"
                ".option pop"
                : "+r"(n)::"t0", "t1", "memory");
        });
    if (has_extension("v"))
        measure("v_first", {}, [](u64 n) {
            asm volatile(
                ".option push\n .option arch, +v\n li t0, 0x600\n li t1, 0x200\n"
                "1: csrc sstatus, t0\n csrs sstatus, t1\n vsetivli zero, 1, e64, m1, ta, ma\n vmv.s.x v8, "
                "%0\n"
                "addi %0, %0, -1\n bnez %0, 1b\n .option pop"
                : "+r"(n)::"t0", "t1", "memory");
        });
    csr::sstatus::clear(sstatus_bit::fs | sstatus_bit::vs);
    csr::sstatus::set(units);
}

// Where the time is to be told that others had, in memory that nobody has touched.
void measure_steal_time() {
    if (!sbi::offers(sbi::Eid::steal_time)) return;
    auto const at = take_pages(1, huge_page);
    measure("sta_set", {}, [at](u64 n) {
        asm volatile(
            "1: mv a0, %1\n li a1, 0\n li a2, 0\n li a6, 0\n li a7, 0x535441\n ecall\n addi %0, %0, -1\n "
            "bnez %0, 1b"
            : "+r"(n)
            : "r"(at)
            : "a0", "a1", "a2", "a6", "a7", "memory");
    });
    constexpr u64 nowhere = ~u64{0};
    sbi::call(sbi::Eid::steal_time, sbi::StealTimeFid::set_shared_memory, nowhere, nowhere);
}

// Memory that nobody has touched: once for each 4 KiB, once for each 2 MiB.
void measure_memory() {
    constexpr u64 chunk = 1024;
    constexpr u64 chunks = 16;
    auto touched = take_pages(chunk * chunks, huge_page);
    measure("first_touch_eager", {.operations = chunk, .count = chunks}, [&](u64 n) {
        for (; n != 0; --n, touched += page_bytes) store<u64>(touched, n);
    });
    constexpr u64 blocks = 32;
    auto const fresh = take_pages(blocks * huge_page / page_bytes, huge_page);
    auto const start = start_of_tick();
    for (u64 i = 0; i < blocks; ++i) store<u64>(fresh + i * huge_page, i);
    report("demand_2m", tenths(now() - start, blocks));
}

}  // namespace
}  // namespace bench

void run() {
    using namespace bench;
    if (told("inject")) {
        inject();
        say("bench done");
        return power_off(sbi::ResetReason::none);
    }
    if (told("balloon")) {
        measure_balloon();
        say("bench done");
        return power_off(sbi::ResetReason::none);
    }
    bool const sstc = !expect_trap([] { csr::stimecmp::write(sbi::never); });
    measure_memory();
    measure_units();
    measure_calls();
    measure_steal_time();
    measure_interrupts();
    measure_waiting(sstc);
    if (sstc) {
        WithHandler const scope{bench_timer_handler, irq::timer};
        measure("stimecmp_irq", {}, [](u64 n) {
            asm volatile(
                "li t5, 0\n"
                "1: mv t4, t5\n csrw 0x14d, zero\n"
                "2: beq t4, t5, 2b\n addi %0, %0, -1\n bnez %0, 1b"
                : "+r"(n)::"t4", "t5", "t6", "memory");
        });
    }
    measure_lateness(sstc);
    measure_devices();
    if (has_extension("ssaia")) measure_own_messages();
    if (guest().hart_count > 1) measure_two_harts();
    say("bench done");
    power_off(sbi::ResetReason::none);
}

}  // namespace antler::guests
