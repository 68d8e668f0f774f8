// Registers and instructions, its own and those of others, in both modes.
#include "guests/hostile/hostile.hpp"
#include "guests/lib/encode.hpp"

namespace antler::guests::hostile {
namespace {

using encode::CsrOp;
using encode::fence;
using encode::hypervisor;

constexpr std::array ops{CsrOp::read, CsrOp::write, CsrOp::set, CsrOp::clear};

constexpr std::array instructions{
    hypervisor(0x30, 0, 11),
    hypervisor(0x30, 1, 11),
    hypervisor(0x32, 0, 11),
    hypervisor(0x32, 1, 11),
    hypervisor(0x32, 3, 11),
    hypervisor(0x34, 0, 11),
    hypervisor(0x34, 1, 11),
    hypervisor(0x34, 3, 11),
    hypervisor(0x36, 0, 11),
    hypervisor(0x31, 12, 0),
    hypervisor(0x33, 12, 0),
    hypervisor(0x35, 12, 0),
    hypervisor(0x37, 12, 0),
    hypervisor(0x30, 2, 11),
    fence(0x11, 0, 0),
    fence(0x11, 10, 12),
    fence(0x31, 0, 0),
    fence(0x31, 10, 12),
    fence(0x13, 10, 12),
    fence(0x33, 10, 12),
    fence(0x09, 0, 0),
    fence(0x09, 10, 12),
    fence(0x0b, 10, 12),
    0x3020'0073U,
    0x7020'0073U,
    0x7b20'0073U,
    0x0020'0073U,
    0x2020'0073U,
    0x1800'0073U,
    0x1810'0073U,
    0x0010'0073U,
    0x9002U,
    0x0000U,
    0xffff'ffffU,
    0x0030'0073U,
    0x0000'00f3U,
    0x00d0'0073U,
    0x01d0'0073U,
    0x1050'0073U,
    0x0000'100fU,
    0x0100'000fU,
    0xf0ff'0f0fU,
    0x8330'000fU,
    encode::cbo(0),
    encode::cbo(1),
    encode::cbo(2),
    encode::cbo(4),
    0x0000'0073U,
};

// Any instruction that SYSTEM has room for, with a result in a1 and operands in a0 and a2 at most.
[[nodiscard]] u32 any_of_system(Random& random) {
    // OpenSBI has a word to say about each of those with funct3 4.
    auto const funct3 = random.one_in(32) ? 4U : 0U;
    auto const bits = static_cast<u32>(random.next()) & 0xfe00'0000U;
    auto const rs2 = random.one_in(2) ? 12U : static_cast<u32>(random.below(6));
    auto const rs1 = random.one_in(2) ? 10U : 0U;
    auto const rd = random.one_in(2) ? 11U : 0U;
    return bits | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73;
}

constexpr std::array<u8, 20> opcodes{0x03, 0x07, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2f, 0x33,
                                     0x37, 0x3b, 0x43, 0x53, 0x57, 0x63, 0x67, 0x6f, 0x73, 0x77};

// Returns from a trap that never was, to where nothing happens.
void return_oddly(Stage& stage) {
    constexpr u32 sret = 0x1020'0073;
    stage.write(Mode::supervisor, sret);
    csr::sepc::write(stage.code.at() + 4);
    if (stage.random.one_in(2))
        csr::sstatus::set(sstatus_bit::spp);
    else
        csr::sstatus::clear(sstatus_bit::spp);
    if (stage.random.one_in(2)) csr::sstatus::set(sstatus_bit::spie);
    if (stage.random.one_in(4)) csr::sepc::write(stage.elsewhere());
    (void)stage.run_at(Mode::supervisor, stage.code.at(), {});
}

}  // namespace

void use_register(Stage& stage) {
    auto& random = stage.random;
    // Half of the time one that is a guest's, as U-mode's and S-mode's numbers are.
    auto csr = static_cast<u32>(random.below(4096));
    if (random.one_in(2))
        csr = (csr & 0xff) | random.one_of(std::array{0x000U, 0x100U, 0x500U, 0xc00U, 0xd00U});
    auto const op = random.one_of(ops);
    auto const mode = stage.mode();
    auto value = stage.number();
    // With an address space that does not hold this guest it would never be heard of again.
    if (csr == csr::satp::number) value &= ~u64{0} >> 4;
    if (random.one_in(8)) csr::sstatus::clear(sstatus_bit::fs | sstatus_bit::vs);
    (void)stage.run(mode, encode::csr(op, csr), {.a0 = value});
}

void use_instruction(Stage& stage) {
    auto& random = stage.random;
    if (random.one_in(16)) return return_oddly(stage);
    auto const bits = random.one_in(8) ? any_of_system(random) : random.one_of(instructions);
    auto const mode = stage.mode();
    constexpr u32 ecall = 0x73;
    constexpr u32 sret = 0x1020'0073;
    // Calls of S-mode are an action of their own.
    if (mode == Mode::supervisor && (bits == ecall || bits == sret)) return;
    (void)stage.run(mode, bits, {.a0 = stage.evil(), .a2 = stage.number()});
}

void run_nonsense(Stage& stage) {
    auto& random = stage.random;
    auto const code = stage.arena + arena_bytes / 2;
    for (u64 i = 0; i < 4; ++i) {
        auto bits = static_cast<u32>(random.next());
        if (!random.one_in(4)) bits = (bits & ~u32{0x7f}) | random.one_of(opcodes);
        // Addresses beside its own come from behind it: before it is the guest itself.
        constexpr u32 auipc = 0x17;
        if ((bits & 0x7f) == auipc) bits &= ~u32{0} >> 1;
        store<u32>(code + i * 4, bits);
    }
    store<u32>(code + 16, last_instruction(Mode::user));
    fence_i();
    UserRegisters registers{.pc = code};
    for (usize i = 1; i < 32; ++i)
        registers.x(i) = random.one_in(4) ? stage.device() : stage.harmless() & ~u64{7};
    csr::sie::write(irq::bit(irq::timer));
    stage.limit_time();
    csr::satp::write(stage.guarded);
    sfence_vma();
    (void)run_user(registers);
}

}  // namespace antler::guests::hostile
