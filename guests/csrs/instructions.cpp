// Instructions that are not a guest's: the hypervisor extension, machine mode, debug, nonsense; and those
// that are its own in one mode only.
//
// What must come of them without H:
//   hlv, hlvx, hsv, hfence, hinval           illegal instruction, never virtual  [norm:hedeleg_acc]
//   mret, mnret, dret, uret                  illegal instruction
//   sret, sfence.vma, wfi in U-mode          illegal instruction (wfi may end at once)  [norm:wfi_opt_U_mode]
//   ebreak, c.ebreak                         breakpoint
//   encodings that mean nothing              illegal instruction
#include "guests/csrs/csrs.hpp"
#include "guests/lib/encode.hpp"

namespace antler::guests::csrs {
namespace {

struct Row {
    std::string_view name;
    u32 bits;
    Allowed supervisor;
    Allowed user;
};

constexpr Allowed illegal{Exception::illegal_instruction};
constexpr Allowed breakpoint{Exception::breakpoint};
constexpr Allowed fine{no_trap};
constexpr Allowed fine_or_illegal{no_trap, Exception::illegal_instruction};

using encode::fence;
using encode::hypervisor;

constexpr std::array rows{
    Row{"hlv.b", hypervisor(0x30, 0, 11), illegal, illegal},
    Row{"hlv.bu", hypervisor(0x30, 1, 11), illegal, illegal},
    Row{"hlv.h", hypervisor(0x32, 0, 11), illegal, illegal},
    Row{"hlv.hu", hypervisor(0x32, 1, 11), illegal, illegal},
    Row{"hlvx.hu", hypervisor(0x32, 3, 11), illegal, illegal},
    Row{"hlv.w", hypervisor(0x34, 0, 11), illegal, illegal},
    Row{"hlv.wu", hypervisor(0x34, 1, 11), illegal, illegal},
    Row{"hlvx.wu", hypervisor(0x34, 3, 11), illegal, illegal},
    Row{"hlv.d", hypervisor(0x36, 0, 11), illegal, illegal},
    Row{"hsv.b", hypervisor(0x31, 12, 0), illegal, illegal},
    Row{"hsv.h", hypervisor(0x33, 12, 0), illegal, illegal},
    Row{"hsv.w", hypervisor(0x35, 12, 0), illegal, illegal},
    Row{"hsv.d", hypervisor(0x37, 12, 0), illegal, illegal},
    Row{"hlv with a reserved rs2", hypervisor(0x30, 2, 11), illegal, illegal},
    Row{"hfence.vvma", fence(0x11, 0, 0), illegal, illegal},
    Row{"hfence.vvma a0, a2", fence(0x11, 10, 12), illegal, illegal},
    Row{"hfence.gvma", fence(0x31, 0, 0), illegal, illegal},
    Row{"hfence.gvma a0, a2", fence(0x31, 10, 12), illegal, illegal},
    Row{"hinval.vvma", fence(0x13, 10, 12), illegal, illegal},
    Row{"hinval.gvma", fence(0x33, 10, 12), illegal, illegal},
    Row{"mret", 0x3020'0073, illegal, illegal},
    Row{"mnret", 0x7020'0073, illegal, illegal},
    Row{"dret", 0x7b20'0073, illegal, illegal},
    Row{"uret", 0x0020'0073, illegal, illegal},
    Row{"hret of long ago", 0x2020'0073, illegal, illegal},
    Row{"sfence.vma", fence(0x09, 0, 0), fine, illegal},
    Row{"sfence.vma a0, a2", fence(0x09, 10, 12), fine, illegal},
    Row{"sinval.vma", fence(0x0b, 10, 12), fine_or_illegal, illegal},
    // QEMU lets U-mode execute these two.
    Row{"sfence.w.inval", 0x1800'0073, fine_or_illegal, fine_or_illegal},
    Row{"sfence.inval.ir", 0x1810'0073, fine_or_illegal, fine_or_illegal},
    Row{"ebreak", 0x0010'0073, breakpoint, breakpoint},
    Row{"c.ebreak", 0x9002, breakpoint, breakpoint},
    Row{"c.unimp", 0x0000, illegal, illegal},
    Row{"all ones", 0xffff'ffff, illegal, illegal},
    Row{"SYSTEM with a reserved immediate", 0x0030'0073, illegal, illegal},
    Row{"SYSTEM with rd", 0x0000'00f3, illegal, illegal},
    Row{"custom-0", 0x0000'000b, illegal, illegal},
    Row{"custom-1", 0x0000'002b, illegal, illegal},
    Row{"custom-2", 0x0000'005b, illegal, illegal},
    Row{"custom-3", 0x0000'007b, illegal, illegal},
    Row{"LOAD with funct3 7", 0x0005'7583, illegal, illegal},
    Row{"STORE with funct3 7", 0x00c5'7023, illegal, illegal},
    Row{"AMO with a reserved function", 0xf8c5'25af, illegal, illegal},
    Row{"AMO with width 0", 0x00c5'05af, fine_or_illegal, fine_or_illegal},
    Row{"BRANCH with funct3 2", 0x0000'2063, illegal, illegal},
    Row{"c.addiw with rd 0", 0x2001, illegal, illegal},
    Row{"c.lwsp with rd 0", 0x4002, illegal, illegal},
    Row{"c.jr with rs1 0", 0x8002, illegal, illegal},
    Row{"wrs.nto", 0x00d0'0073, fine_or_illegal, fine_or_illegal},
    Row{"wrs.sto", 0x01d0'0073, fine_or_illegal, fine_or_illegal},
    Row{"fence.i", 0x0000'100f, fine, fine},
    Row{"pause", 0x0100'000f, fine, fine},
    Row{"fence with reserved fields", 0xf0ff'0f0f, fine, fine},
    Row{"fence.tso", 0x8330'000f, fine, fine},
};

}  // namespace

void run_instructions() {
    CodePage const page;
    auto const memory = take_pages(2);
    Digest digest;
    on_interrupt(irq::timer, [](Hart&, void*) { sbi::set_timer(sbi::never); });
    csr::sie::write(irq::bit(irq::timer));
    {
        Verdict verdict{"instructions that are not the guest's"};
        for (auto const& row : rows)
            for (auto const mode : modes) {
                // Whatever waits is woken.
                sbi::set_timer(now() + guest().hertz / 500);
                auto const outcome = page.run(mode, row.bits, {.a0 = memory});
                bool good = (mode == Mode::user ? row.user : row.supervisor).has(outcome.cause);
                if (outcome.cause == static_cast<u64>(Exception::illegal_instruction))
                    good =
                        good && (outcome.tval == 0 || outcome.tval == row.bits) && outcome.epc == page.at();
                verdict.expect(good, row.name, mode, outcome);
                digest.add(outcome.cause);
            }
    }
    sbi::set_timer(sbi::never);
    csr::sie::write(0);
    {
        Verdict verdict{"instructions of one mode only"};
        constexpr u32 sret = 0x1020'0073;
        constexpr u32 wfi = 0x1050'0073;
        auto outcome = page.run(Mode::user, sret);
        verdict.expect(illegal.has(outcome.cause), "sret", Mode::user, outcome);
        outcome = page.run(Mode::user, wfi);
        verdict.expect(fine_or_illegal.has(outcome.cause), "wfi", Mode::user, outcome);
        // Something pends, so that it need not wait.
        csr::sie::set(irq::bit(irq::software));
        csr::sip::set(irq::bit(irq::software));
        outcome = page.run(Mode::supervisor, wfi);
        verdict.expect(fine.has(outcome.cause), "wfi", Mode::supervisor, outcome);
        csr::sip::clear(irq::bit(irq::software));
        csr::sie::write(0);
    }
    say("digest instructions {:x}", digest.value());
}

}  // namespace antler::guests::csrs
