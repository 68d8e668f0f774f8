// Loads, stores, atomics, vectors, across pages and off by one, where devices are and where nothing is.
#include "guests/hostile/hostile.hpp"
#include "guests/lib/encode.hpp"

namespace antler::guests::hostile {
namespace {

using encode::amo;
using encode::vector;

constexpr std::array accesses{
    encode::load(0),
    encode::load(1),
    encode::load(2),
    encode::load(3),
    encode::load(4),
    encode::load(5),
    encode::load(6),
    encode::load(7),
    encode::store(0),
    encode::store(1),
    encode::store(2),
    encode::store(3),
    encode::store(4),
    0x410cU,
    0x610cU,
    0xc110U,
    0xe110U,
    encode::load_float(1),
    encode::load_float(2),
    encode::load_float(3),
    encode::store_float(1),
    encode::store_float(2),
    encode::store_float(3),
    amo(2, 2, 0),
    amo(2, 3, 0),
    amo(3, 2),
    amo(3, 3),
    amo(1, 2),
    amo(1, 3),
    amo(0, 2),
    amo(8, 3),
    amo(0x1c, 2),
    amo(0, 0),
    amo(5, 2),
    amo(5, 3),
    amo(5, 4),
    vector(0, 0, false, 0),
    vector(0, 6, false, 0),
    vector(2, 6, false, 12),
    vector(0, 0, false, 16),
    vector(0, 0, true, 0),
    vector(0, 6, true, 0),
    vector(0, 0, false, 8),
    vector(0, 0, true, 8),
    vector(1, 5, false, 8),
    vector(3, 7, true, 8),
    encode::cbo(0),
    encode::cbo(1),
    encode::cbo(2),
    encode::cbo(4),
    0x0005'6013U,
    0x0015'6013U,
    0x0035'6013U,
};

constexpr bool is_of_units(u32 instruction) {
    auto const opcode = instruction & 0x7f;
    return opcode == 0x07 || opcode == 0x27;
}
constexpr bool is_indexed(u32 instruction) {
    return instruction == vector(1, 5, false, 8) || instruction == vector(3, 7, true, 8);
}

// v8 to v15 become distances that leave this guest's own code and stack alone.
void set_indices(Stage& stage) {
    if (!stage.has_vectors) return;
    auto const table = stage.harmless() & ~u64{0xfff};
    for (u64 i = 0; i < 0x1000; i += 8) store<u64>(table + i, stage.random.below(0x2000));
    (void)expect_trap([&] {
        register u64 a0 asm("a0") = table;
        constexpr u32 load_eight = 7U << 29 | 1U << 25 | 8U << 20 | 10U << 15 | 8U << 7 | 0x07U;
        asm volatile("csrwi vstart, 0\n .word %1" ::"r"(a0), "i"(load_eight) : "memory");
    });
}

// A hart without vectors has them as illegal instructions.
void set_vectors(Random& random) {
    auto const type = static_cast<u32>(random.below(256));
    if (random.one_in(4))
        (void)expect_trap([&] {
            register u64 a0 asm("a0") = type;
            register u64 a1 asm("a1") = random.below(300);
            asm volatile(".insn r 0x57, 7, 0x40, x0, a1, a0" ::"r"(a0), "r"(a1) : "memory");
        });
}

}  // namespace

void access(Stage& stage) {
    auto& random = stage.random;
    set_vectors(random);
    auto at = random.one_in(4) ? stage.evil() : stage.device();
    auto data = stage.number();
    // These words switch a VM off or reset it, which is another action.
    if (at < 0x10'1000 && data << 48 != 0) data = random.below(0x100);
    auto const instruction = random.one_of(accesses);
    if (is_indexed(instruction)) set_indices(stage);
    // A hart's own interrupt files refuse such an access, and OpenSBI 1.6, which then tries it, may try for
    // ever.
    constexpr u64 files = 0x2800'0000, files_end = 0x2800'8000, reach = 0x2100;
    if (is_of_units(instruction) && at + reach > files && at < files_end) at = stage.harmless();
    (void)stage.run(stage.mode(), instruction, {.a0 = at, .a2 = data});
}

void run_rewritten(Stage& stage) {
    auto& random = stage.random;
    store<u32>(stage.rewritten, encode::load(2));
    auto const mode = stage.mode();
    store<u32>(stage.rewritten + 4, last_instruction(mode));
    fence_i();
    for (int i = 0; i < 4; ++i)
        (void)stage.run_at(mode, stage.rewritten, {.a0 = stage.device() & ~u64{7}, .a2 = random.below(256)});
}

}  // namespace antler::guests::hostile
