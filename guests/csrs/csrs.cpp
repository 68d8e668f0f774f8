// The first hostile guest: every CSR, every H instruction, odd accesses and jumps.  It gets its own
// exceptions, the same as on a hart without H, and nothing else happens.
#include "guests/csrs/csrs.hpp"

#include "guests/lib/device_tree.hpp"

namespace antler::guests {
namespace csrs {

Outcome run_code(Mode mode, u64 code, Operands operands) {
    if (mode == Mode::user) {
        UserRegisters registers{.pc = code};
        registers.x(10) = operands.a0;
        registers.x(12) = operands.a2;
        auto const trap = run_user(registers);
        auto const ended = trap.cause == static_cast<u64>(Exception::ecall_from_u);
        return {ended ? no_trap : trap.cause, trap.tval, trap.epc, trap.x[11]};
    }
    u64 result = 0;
    auto const trap = expect_trap([&] {
        register u64 a0 asm("a0") = operands.a0;
        register u64 a1 asm("a1") = 0;
        register u64 a2 asm("a2") = operands.a2;
        register u64 a3 asm("a3") = code;
        asm volatile("jalr ra, a3"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3)::"ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6",
                       "a4", "a5", "a6", "a7", "memory");
        result = a1;
    });
    if (!trap) return {.result = result};
    return {trap->cause, trap->tval, trap->epc, trap->x[11]};
}

}  // namespace csrs

void run() {
    if (has_extension("h") && !sbi::by_antler()) {
        say("csrs: this hart has H; take one without (QEMU: h=false) to compare with");
        return;
    }
    csr::sie::write(0);
    sbi::set_timer(sbi::never);
    csrs::sweep_registers();
    csrs::run_instructions();
    csrs::access_oddly();
    csrs::jump_oddly();
    csrs::run_storm();
}

}  // namespace antler::guests
