// Random instructions in U-mode, in a stretch of memory where nothing that they may do hurts.
#include "guests/csrs/csrs.hpp"
#include "guests/lib/random.hpp"

namespace antler::guests::csrs {
namespace {

constexpr u32 ecall = 0x0000'0073;
constexpr u64 arena_bytes = 4 << 20;
constexpr u64 storms = 6000;

// Jumps to itself never come back; what depends on the time is not compared.
[[nodiscard]] bool is_excluded(u32 bits) {
    if ((bits & 3) != 3) {
        auto const low = bits & 0xffff;
        bool const jump = (low & 0xe003) == 0xa001;
        bool const branch = (low & 0xc003) == 0xc001;
        return jump || branch;
    }
    auto const opcode = bits & 0x7f;
    if (opcode == 0x6f) return (bits >> 12 & 0xfffff) == 0;  // jal to itself
    if (opcode == 0x63) return (bits & 0xfe00'0f80) == 0;    // branches to themselves
    if (opcode == 0x73)
        return (bits >> 12 & 3) != 0 || bits == 0x1050'0073;  // CSRs have their own sweep; wfi
    return false;
}

// Mostly what decodes: an opcode that exists, the rest at random.
[[nodiscard]] u32 random_instruction(Random& random) {
    constexpr std::array<u8, 20> opcodes{0x03, 0x07, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2f, 0x33,
                                         0x37, 0x3b, 0x43, 0x53, 0x57, 0x63, 0x67, 0x6f, 0x73, 0x77};
    while (true) {
        auto bits = static_cast<u32>(random.next());
        if (random.next() % 4 != 0) bits = (bits & ~u32{0x7f}) | opcodes[random.next() % opcodes.size()];
        if (!is_excluded(bits)) return bits;
    }
}

}  // namespace

void run_storm() {
    auto const arena = take_pages(arena_bytes / page_bytes, 2 << 20);
    auto const refill = [arena] {
        for (u64 at = arena; at < arena + arena_bytes; at += 4) store<u32>(at, ecall);
    };
    refill();
    fence_i();
    auto const code = arena + arena_bytes / 2;
    auto const data = arena + arena_bytes / 4;
    Random random{2026};
    Digest digest;
    std::array<u64, 24> seen{};
    u64 ended = 0;
    {
        Verdict verdict{"6000 random instructions"};
        for (u64 i = 0; i < storms; ++i) {
            auto const bits = random_instruction(random);
            store<u32>(code, bits);
            fence_i();
            csr::sstatus::set(sstatus_bit::fs_initial | sstatus_bit::vs_initial);
            UserRegisters registers{.pc = code};
            // Every register points at the data, a few bytes apart.
            for (usize r = 1; r < 32; ++r) registers.x(r) = data + r * 4096 + (r % 5 == 0 ? 1 : 0);
            auto const trap = run_user(registers);
            if (trap.cause == static_cast<u64>(Exception::ecall_from_u)) {
                ++ended;
            } else if (trap.cause < seen.size()) {
                ++seen[trap.cause];
            }
            // 0 to 7 and page faults are a guest's; the hypervisor's own must not show.
            TextBuffer<32> text;
            bool const good = trap.cause <= 8;
            if (!good) print(text, "{:x}", bits);
            verdict.expect(good, text.view(), Mode::user, {trap.cause, trap.tval, trap.epc});
            digest.add(trap.cause);
            // What it may have overwritten: whatever lies within reach of its own address.
            for (u64 at = code - 4096; at < code + 4096; at += 4)
                if (load<u32>(at) != ecall) store<u32>(at, ecall);
        }
    }
    say("csrs: {} ended, {} illegal, {} breakpoints, {} load and {} store access faults, {} fetch", ended,
        seen[2], seen[3], seen[4] + seen[5], seen[6] + seen[7], seen[0] + seen[1]);
    say("digest storm {:x}", digest.value());
}

}  // namespace antler::guests::csrs
