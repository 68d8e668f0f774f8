// One instruction in a page of its own, and what a trap needs as it was before.
#include "guests/lib/run_code.hpp"

namespace antler::guests {

Outcome run_code(Mode mode, u64 code, Operands operands) {
    if (mode == Mode::user) {
        UserRegisters registers{.pc = code};
        registers.x(10) = operands.a0;
        registers.x(12) = operands.a2;
        auto const trap = run_user(registers);
        auto const ended = trap.cause == static_cast<u64>(isa::Exception::ecall_from_u);
        return {ended ? no_trap : trap.cause, trap.tval, trap.epc, trap.x[11]};
    }
    u64 result = 0;
    auto const trap = expect_trap([&] {
        register u64 a0 asm("a0") = operands.a0;
        register u64 a1 asm("a1") = 0;
        register u64 a2 asm("a2") = operands.a2;
        register u64 a3 asm("a3") = code;
        register u64 a4 asm("a4") = reinterpret_cast<u64>(&guest_trap_entry);
        // The instruction may have written these two, and the next trap needs them.
        asm volatile("jalr ra, a3\n csrw stvec, a4\n csrw sscratch, tp"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4)::"ra", "t0", "t1", "t2", "t3", "t4",
                       "t5", "t6", "a5", "a6", "a7", "memory");
        result = a1;
    });
    if (!trap) return {.result = result};
    return {trap->cause, trap->tval, trap->epc, trap->x[11]};
}

}  // namespace antler::guests
