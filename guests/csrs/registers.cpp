// Every CSR number, read, written, set and cleared, from both modes, with the FP and vector units off and on.
//
// What must come of it on a hart without H, and so in a guest without H:
//   machine and debug CSRs (level 3)         illegal instruction  [norm:Zicsr_higher_priv]
//   hypervisor and VS CSRs (level 2)         illegal instruction, never virtual  [norm:hedeleg_acc]
//   supervisor CSRs from U-mode              illegal instruction  [norm:Zicsr_higher_priv]
//   a write to a read-only number            illegal instruction  [norm:Zicsr_rw]
//   a number that is not implemented         illegal instruction
//   fflags, frm, fcsr and vector CSRs        illegal instruction with FS or VS off  [norm:mstatus_fs_op]
#include "guests/csrs/csrs.hpp"
#include "guests/lib/encode.hpp"

namespace antler::guests::csrs {
namespace {

namespace number = isa::csr_number;

constexpr u32 registers = 4096;
using Op = encode::CsrOp;
constexpr std::array ops{Op::read, Op::write, Op::set, Op::clear};

// All of them, each with its return, so that code is changed once.
class Table {
public:
    explicit Table(Mode mode) : at_{take_pages(registers * ops.size() * 8 / page_bytes)} {
        for (u32 csr = 0; csr < registers; ++csr)
            for (auto const op : ops) {
                store<u32>(code(op, csr), encode::csr(op, csr));
                store<u32>(code(op, csr) + 4, last_instruction(mode));
            }
        fence_i();
    }
    [[nodiscard]] u64 code(Op op, u32 csr) const {
        return at_ + (csr * ops.size() + static_cast<u32>(op)) * 8;
    }

private:
    u64 at_;
};

// What a hart may keep to itself, or what is the board's: not compared between machines.
[[nodiscard]] bool is_of_the_board(u32 csr) {
    bool const counters = (csr >= number::cycle && csr <= number::hpmcounter31) || csr == number::scountovf ||
                          csr == number::scountinhibit;
    bool const state_enables = csr >= number::sstateen0 && csr <= number::sstateen3;
    bool const advanced_interrupts = (csr >= number::siselect && csr <= number::stopei) ||
                                     csr == number::stopi || csr == number::stimecmph;
    bool const others = csr == number::htimedelta || csr == number::seed || csr == number::ssp ||
                        csr == number::scontext || csr == number::srmcfg || csr == number::jvt;
    return counters || state_enables || advanced_interrupts || others;
}

struct Results {
    std::array<u64, ops.size()> cause{};
    [[nodiscard]] bool all_illegal() const {
        for (auto const c : cause)
            if (c != static_cast<u64>(Exception::illegal_instruction)) return false;
        return true;
    }
};

void check_one(Verdict& verdict, bool emulates_htimedelta, Mode mode, u32 csr, Op op, Outcome const& outcome,
               u64 code) {
    constexpr auto illegal = static_cast<u64>(Exception::illegal_instruction);
    auto const level = number::level(static_cast<u16>(csr));
    if (csr == number::htimedelta && emulates_htimedelta) return;
    bool const forbidden = level >= number::Level::hypervisor ||
                           (mode == Mode::user && level == number::Level::supervisor) ||
                           (op != Op::read && number::is_read_only(static_cast<u16>(csr)));
    bool good = outcome.cause == illegal || (!forbidden && outcome.cause == no_trap);
    // The trap is at the instruction, and tells which one, or nothing.
    if (outcome.cause == illegal)
        good = good && outcome.epc == code && (outcome.tval == 0 || outcome.tval == encode::csr(op, csr));
    TextBuffer<32> text;
    if (!good) print(text, "csr {:x}, op {}", csr, static_cast<u32>(op));
    verdict.expect(good, text.view(), mode, outcome);
}

// Reads, writes back what was read, sets and clears nothing: all accesses, and no change.
[[nodiscard]] Results try_register(Verdict& verdict, Table const& table, Mode mode, u32 csr) {
    Results results;
    u64 value = 0;
    for (auto const op : ops) {
        Operands operands{.a0 = op == Op::write ? value : 0};
        // satp and the others that a trap needs keep their value; only this one is our own.
        auto const code = table.code(op, csr);
        auto const outcome = run_code(mode, code, operands);
        if (op == Op::read && outcome.cause == no_trap) value = outcome.result;
        // OpenSBI emulates htimedelta for an S-mode without H.
        check_one(verdict, !sbi::by_antler(), mode, csr, op, outcome, code);
        results.cause[static_cast<u32>(op)] = outcome.cause;
    }
    return results;
}

void set_units(bool on) {
    csr::sstatus::clear(sstatus_bit::fs | sstatus_bit::vs);
    if (on) csr::sstatus::set(sstatus_bit::fs_initial | sstatus_bit::vs_initial);
}

// What a register holds after all ones and after all zeros were written to it.  Between the first write and
// the last, which restores it, nothing traps: interrupts are off, and every instruction is legal.
struct Legal {
    u64 ones{}, zeros{};
};
[[nodiscard]] Legal legal_values(CodePage const& page, u32 csr) {
    auto const write = [csr](u32 rd, u32 rs) { return csr << 20 | rs << 15 | 1U << 12 | rd << 7 | 0x73U; };
    auto const read = [csr](u32 rd) { return csr << 20 | 2U << 12 | rd << 7 | 0x73U; };
    std::array const code{write(13, 10), read(11), write(0, 0), read(12), write(0, 13), 0x0000'8067U};
    for (usize i = 0; i < code.size(); ++i) store<u32>(page.at() + i * 4, code[i]);
    fence_i();
    register u64 ones asm("a0") = ~u64{0};
    register u64 after_ones asm("a1") = 0;
    register u64 after_zeros asm("a2") = 0;
    register u64 at asm("a4") = page.at();
    asm volatile("jalr ra, a4"
                 : "+r"(ones), "+r"(after_ones), "+r"(after_zeros), "+r"(at)::"ra", "a3", "memory");
    return {after_ones, after_zeros};
}

void check_required(Table const& table) {
    set_units(true);
    for (u32 const csr :
         {number::sstatus, number::sie, number::stvec, number::scounteren, number::sscratch, number::sepc,
          number::scause, number::stval, number::sip, number::satp, number::time})
        if (run_code(Mode::supervisor, table.code(Op::read, csr)).cause != no_trap) {
            say("  csr {:x}", csr);
            check("a register that every S-mode has", false);
        }
}

}  // namespace

void sweep_registers() {
    Table const supervisor{Mode::supervisor};
    Table const user{Mode::user};
    CodePage const page;
    Digest digest;
    check_required(supervisor);
    for (bool const units : {false, true}) {
        Verdict verdict{units ? "4096 registers with the units on" : "4096 registers with the units off"};
        for (u32 csr = 0; csr < registers; ++csr) {
            set_units(units);
            auto const by_supervisor = try_register(verdict, supervisor, Mode::supervisor, csr);
            set_units(units);
            auto const by_user = try_register(verdict, user, Mode::user, csr);
            if (by_supervisor.all_illegal() && by_user.all_illegal()) continue;
            auto const& s = by_supervisor.cause;
            auto const& u = by_user.cause;
            Legal legal{};
            set_units(units);
            bool const writable = s[0] == no_trap && s[1] == no_trap;  // seed has no plain reads
            if (writable) legal = legal_values(page, csr);
            if (!is_of_the_board(csr)) {
                digest.add(csr);
                for (auto const cause : s) digest.add(cause);
                for (auto const cause : u) digest.add(cause);
                // Pending bits and saved values move on their own; which bits can be set does not.
                // (stvec may keep the address it had).
                if (writable && csr != number::stvec) digest.add(legal.ones), digest.add(legal.zeros);
            }
            if (!units) continue;
            say("csr {:x}{}: S {} {} {} {} U {} {} {} {} ones {:x} zeros {:x}", csr,
                is_of_the_board(csr) ? " (of the board)" : "", s[0], s[1], s[2], s[3], u[0], u[1], u[2], u[3],
                legal.ones, legal.zeros);
        }
    }
    set_units(true);
    say("digest registers {:x}", digest.value());
}

}  // namespace antler::guests::csrs
