// satp, fences, wfi and sret do what they always do, though each may be trapped by a policy of the VM.
#include "guests/lib/page_table.hpp"

namespace antler::guests {
namespace {

constexpr u64 illegal = 2, user_call = 8, load_page = 13;
constexpr u64 page_at = 0x3f'c000'0000;

void check_satp() {
    PageTable tables{PagingMode::sv39};
    tables.map_machine();
    auto const satp = tables.satp();
    check_equal("csrrw gives the old satp", csr::satp::swap(satp), 0);
    check_equal("csrr gives the new one", csr::satp::read(), satp);
    csr::satp::set(0);
    check_equal("csrs of nothing changes nothing", csr::satp::read(), satp);
    u64 immediate;
    asm volatile("csrrsi %0, satp, 0" : "=r"(immediate)::"memory");
    check_equal("csrrsi reads it", immediate, satp);
    asm volatile("csrrci %0, satp, 0" : "=r"(immediate)::"memory");
    check_equal("csrrci reads it", immediate, satp);
    asm volatile("csrrw x0, satp, %0" ::"r"(satp) : "memory");
    csr::satp::write(u64{3} << 60 | 5);
    check_equal("a reserved mode leaves it alone", csr::satp::read(), satp);

    // A page moves, and each form of the fence shows it.
    std::array<u64, 2> const frames{take_pages(1), take_pages(1)};
    store<u64>(frames[0], 0);
    store<u64>(frames[1], 1);
    u64 wrong = 0;
    for (u64 i = 0; i < 40; ++i) {
        tables.map(page_at, frames[i % 2], pte::rw);
        u64 const asid = 0;
        switch (i / 2 % 4) {
            case 0: sfence_vma(); break;
            case 1: sfence_vma(page_at); break;
            case 2: asm volatile("sfence.vma zero, %0" ::"r"(asid) : "memory"); break;
            default: asm volatile("sfence.vma %0, %1" ::"r"(page_at), "r"(asid) : "memory"); break;
        }
        if (load<u64>(page_at) != i % 2) ++wrong;
    }
    check_equal("sfence.vma in four forms", wrong, 0);
    tables.map(page_at, frames[0], 0);
    sfence_vma(page_at);
    check_equal("a page that is gone faults", trap_cause([] { (void)load<u64>(page_at); }), load_page);
    turn_off_paging();
    check_equal("and satp is zero again", csr::satp::read(), 0);
}

// Instructions of the same meaning that not every hart has.
void check_svinval() {
    auto const trapped = expect_trap([] {
        asm volatile(
            ".insn r 0x73, 0, 0x0c, x0, x0, x0\n"  // sfence.w.inval
            ".insn r 0x73, 0, 0x0b, x0, x0, x0\n"  // sinval.vma
            ".insn r 0x73, 0, 0x0c, x0, x0, x1\n"  // sfence.inval.ir
            ::
                : "memory");
    });
    if (trapped) {
        check_equal("without Svinval its instructions are illegal", trapped->cause, illegal);
    } else {
        check("Svinval's instructions work", true);
    }
}

void check_wait() {
    csr::sie::set(irq::bit(irq::timer));
    u64 early = 0;
    for (u64 i = 0; i < 50; ++i) {
        auto const target = now() + guest().hertz / 10'000;
        sbi::set_timer(target);
        while ((csr::sip::read() & irq::bit(irq::timer)) == 0) wait_for_interrupt();
        if (now() < target) ++early;
    }
    check_equal("wfi waits for timers", early, 0);
    wait_for_interrupt();
    check("wfi with something pending goes on", true);
    sbi::set_timer(sbi::never);
    csr::sie::write(0);

    UserRegisters user{.pc = reinterpret_cast<u64>(take_pages(1))};
    store<u32>(user.pc, 0x1050'0073);  // wfi
    store<u32>(user.pc + 4, 0x0000'0073);
    fence_i();
    auto const trap = run_user(user);
    check("wfi in user mode is illegal, or over at once",
          trap.cause == illegal || (trap.cause == user_call && !sbi::by_antler()));
}

// sret, its stacks of bits, and its way to user mode and back.
void check_return() {
    u64 wrong = 0;
    for (u64 i = 0; i < 100; ++i) {
        bool const enable = i % 2 == 1;
        interrupts_off();
        csr::sstatus::clear(sstatus_bit::spie);
        csr::sstatus::set(sstatus_bit::spp | (enable ? sstatus_bit::spie : 0));
        asm volatile(
            "la t0, 1f\n csrw sepc, t0\n sret\n"
            "1: nop" ::
                : "t0", "memory");
        auto const status = csr::sstatus::read();
        if (((status & sstatus_bit::sie) != 0) != enable) ++wrong;
        if ((status & sstatus_bit::spie) == 0 || (status & sstatus_bit::spp) != 0) ++wrong;
    }
    interrupts_off();
    check_equal("sret within S-mode: SIE, SPIE and SPP", wrong, 0);

    auto const code = take_pages(1);
    store<u32>(code, 0x0015'0513);      // addi a0, a0, 1
    store<u32>(code + 4, 0x0000'0073);  // ecall
    store<u32>(code + 8, 0x1020'0073);  // sret
    fence_i();
    u64 lost = 0;
    for (u64 i = 0; i < 100; ++i) {
        UserRegisters user{.pc = code};
        user.x(10) = i;
        user.x(31) = ~i;
        auto const trap = run_user(user);
        if (trap.cause != user_call || trap.x[10] != i + 1 || trap.x[31] != ~i || trap.epc != code + 4 ||
            (trap.sstatus & sstatus_bit::spp) != 0)
            ++lost;
    }
    check_equal("sret to user mode, and back by ecall", lost, 0);
    UserRegisters user{.pc = code + 8};
    check_equal("sret in user mode is illegal", run_user(user).cause, illegal);
}

}  // namespace

void run() {
    check_satp();
    check_svinval();
    check_wait();
    check_return();
}

}  // namespace antler::guests
