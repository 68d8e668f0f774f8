// Every kind of access, to memory, to devices and to where nothing is; and jumps.
//
// What may come of it, in a guest as on a board:
//   memory           it works, or a misaligned one is refused (4, 6, or an access fault)
//   [norm:pma_mag_exc] a device         plain aligned accesses of the device's widths work, others are
//   access faults; atomics and
//                    vectors may work (QEMU does them) or be access faults (Antler) [norm:pma_amo_levels]
//   nothing there    an access fault: 5 for loads and LR, 7 for stores, SC and AMO [norm:pma_chk_paddr]
// and never a guest-page fault, whatever the instruction.                                [norm:hedeleg_acc]
#include "guests/csrs/csrs.hpp"
#include "guests/lib/device_tree.hpp"
#include "guests/lib/encode.hpp"

namespace antler::guests::csrs {
namespace {

enum class Kind : u8 { load, store, atomic, conditional, hint, cache };

struct Row {
    std::string_view name;
    Kind kind;
    u32 bits;    // address in a0, data in a2, f12, v8
    u32 width;   // bytes
    bool plain;  // a device has to take it, if it has the width
};

using encode::amo;
using encode::cbo;
using encode::vector;

constexpr std::array rows{
    Row{"lb", Kind::load, encode::load(0), 1, true},
    Row{"lbu", Kind::load, encode::load(4), 1, true},
    Row{"lh", Kind::load, encode::load(1), 2, true},
    Row{"lhu", Kind::load, encode::load(5), 2, true},
    Row{"lw", Kind::load, encode::load(2), 4, true},
    Row{"lwu", Kind::load, encode::load(6), 4, true},
    Row{"ld", Kind::load, encode::load(3), 8, true},
    Row{"sb", Kind::store, encode::store(0), 1, true},
    Row{"sh", Kind::store, encode::store(1), 2, true},
    Row{"sw", Kind::store, encode::store(2), 4, true},
    Row{"sd", Kind::store, encode::store(3), 8, true},
    Row{"c.lw", Kind::load, 0x410c, 4, true},
    Row{"c.ld", Kind::load, 0x610c, 8, true},
    Row{"c.sw", Kind::store, 0xc110, 4, true},
    Row{"c.sd", Kind::store, 0xe110, 8, true},
    Row{"flh", Kind::load, encode::load_float(1), 2, false},
    Row{"flw", Kind::load, encode::load_float(2), 4, false},
    Row{"fld", Kind::load, encode::load_float(3), 8, false},
    Row{"fsh", Kind::store, encode::store_float(1), 2, false},
    Row{"fsw", Kind::store, encode::store_float(2), 4, false},
    Row{"fsd", Kind::store, encode::store_float(3), 8, false},
    Row{"lr.w", Kind::load, amo(2, 2, 0), 4, false},
    Row{"lr.d", Kind::load, amo(2, 3, 0), 8, false},
    Row{"sc.w", Kind::conditional, amo(3, 2), 4, false},
    Row{"sc.d", Kind::conditional, amo(3, 3), 8, false},
    Row{"amoswap.w", Kind::atomic, amo(1, 2), 4, false},
    Row{"amoswap.d", Kind::atomic, amo(1, 3), 8, false},
    Row{"amoadd.w", Kind::atomic, amo(0, 2), 4, false},
    Row{"amoor.d", Kind::atomic, amo(8, 3), 8, false},
    Row{"amomaxu.w", Kind::atomic, amo(0x1c, 2), 4, false},
    Row{"amoadd.b", Kind::atomic, amo(0, 0), 1, false},
    Row{"amocas.w", Kind::atomic, amo(5, 2), 4, false},
    Row{"vle8.v", Kind::load, vector(0, 0, false, 0), 1, false},
    Row{"vle32.v", Kind::load, vector(0, 6, false, 0), 4, false},
    Row{"vlse32.v", Kind::load, vector(2, 6, false, 12), 4, false},
    Row{"vle8ff.v", Kind::load, vector(0, 0, false, 16), 1, false},
    Row{"vse8.v", Kind::store, vector(0, 0, true, 0), 1, false},
    Row{"vse32.v", Kind::store, vector(0, 6, true, 0), 4, false},
    Row{"vl1re8.v", Kind::load, vector(0, 0, false, 8), 1, false},
    Row{"vs1r.v", Kind::store, vector(0, 0, true, 8), 1, false},
    Row{"cbo.inval", Kind::cache, cbo(0), 64, false},
    Row{"cbo.clean", Kind::cache, cbo(1), 64, false},
    Row{"cbo.flush", Kind::cache, cbo(2), 64, false},
    Row{"cbo.zero", Kind::cache, cbo(4), 64, false},
    Row{"prefetch.i", Kind::hint, 0x0005'6013, 1, false},
    Row{"prefetch.r", Kind::hint, 0x0015'6013, 1, false},
    Row{"prefetch.w", Kind::hint, 0x0035'6013, 1, false},
};

enum class Place : u8 { memory, device, nothing };

struct Target {
    std::string_view name;
    Place place;
    u64 address;
    bool compared = true;  // goes into the digest
    u32 widest = 8;        // that a device has to take
    u32 narrowest = 1;
};

// What may come of an access to nothing.  SC may fail without looking, if it has no reservation.
[[nodiscard]] Allowed refused(Kind kind) {
    switch (kind) {
        case Kind::load: return Allowed{Exception::load_access, Exception::load_misaligned};
        case Kind::atomic:
        case Kind::store:
            // QEMU's cause for a misaligned AMO is the load's.
            return Allowed{Exception::store_access, Exception::store_misaligned, Exception::load_misaligned};
        case Kind::conditional:
            return Allowed{no_trap, Exception::store_access, Exception::store_misaligned,
                           Exception::load_misaligned};
        case Kind::hint: return Allowed{no_trap};
        case Kind::cache: return Allowed{no_trap, Exception::store_access, Exception::load_access};
    }
    return Allowed{no_trap};
}

[[nodiscard]] bool is_allowed(Row const& row, Target const& target, u64 cause) {
    // Every instruction here may be one that the hart does not have, or not in this mode.
    if (cause == static_cast<u64>(Exception::illegal_instruction)) return !row.plain;
    bool const aligned = target.address % row.width == 0;
    switch (target.place) {
        case Place::memory: return cause == no_trap || (!aligned && refused(row.kind).has(cause));
        case Place::device:
            if (row.plain && aligned && row.width <= target.widest && row.width >= target.narrowest)
                return cause == no_trap;
            return cause == no_trap || refused(row.kind).has(cause);
        case Place::nothing: return refused(row.kind).has(cause);
    }
    return false;
}

void set_vector_length() {
    // Four elements of 32 bits; where there is no V, the vector rows are illegal instructions.
    (void)expect_trap([] { asm volatile(".insn i 0x57, 7, x0, x0, 0x0d0" ::: "memory"); });
    (void)expect_trap([] { asm volatile(".word 0xcd027057" ::: "memory"); });
}

// Two pages, and the first may be all there is.
[[nodiscard]] std::array<Target, 16> targets() {
    auto const ram_end = guest().ram.end().raw();
    auto const memory = take_pages(2);
    return {{
        {"memory", Place::memory, memory},
        {"memory, off by one", Place::memory, memory + 1},
        {"memory, across pages", Place::memory, memory + page_bytes - 3},
        {"the UART's scratch register", Place::device, 0x1000'0007, false, 1},
        {"the UART's line status", Place::device, 0x1000'0005, false, 1},
        {"a PLIC priority", Place::device, 0xc00'0004, false, 4, 4},
        {"a PLIC priority, off by two", Place::device, 0xc00'0006, false, 0},
        {"the RTC's alarm", Place::device, 0x10'100c, false, 4, 4},
        {"behind the UART", Place::nothing, 0x1000'0f00, false},
        {"a hole", Place::nothing, 0x1f00'0000},
        {"a hole, off by one", Place::nothing, 0x1f00'0001},
        {"the word behind memory", Place::nothing, ram_end},
        {"far above memory", Place::nothing, u64{1} << 38},
        {"beyond what stage 2 can name", Place::nothing, u64{1} << 45},
        {"the top of the physical addresses", Place::nothing, (u64{1} << 56) - 64},
        {"the end of all addresses", Place::nothing, ~u64{63}},
    }};
}

}  // namespace

void access_oddly() {
    CodePage const page;
    Digest digest;
    auto const all = targets();
    u64 accesses = 0;
    u64 device_atomics = 0;
    bool const verbose = told("verbose");  // to find what differs, when the digests do
    {
        Verdict verdict{"odd accesses"};
        for (auto const& row : rows) {
            for (auto const& target : all) {
                // Its last word is a board's to decide; nobody may hang on it.
                for (auto const mode : modes) {
                    csr::sstatus::set(sstatus_bit::fs_initial | sstatus_bit::vs_initial);
                    set_vector_length();
                    auto const outcome = page.run(mode, row.bits, {.a0 = target.address, .a2 = 0});
                    ++accesses;
                    // OpenSBI steps over these two where nothing is, as if they had worked.
                    bool const half = row.name == "flh" || row.name == "fsh";
                    bool good = is_allowed(row, target, outcome.cause) ||
                                (half && outcome.cause == no_trap && !sbi::by_antler());
                    // The trap is at the instruction, and names an address of the access (of the block, for
                    // cbo.zero).
                    if (outcome.cause != no_trap && outcome.cause != 2)
                        good = good && outcome.epc == page.at() &&
                               outcome.tval - (target.address & ~u64{63}) < 320;
                    TextBuffer<100> text;
                    if (!good) print(text, "{} to {}", row.name, target.name);
                    verdict.expect(good, text.view(), mode, outcome);
                    // An SC without a reservation need not look at its address, nor a cache operation.
                    bool const certain = row.kind != Kind::cache && row.kind != Kind::conditional && !half;
                    if (target.compared && certain) digest.add(outcome.cause);
                    if (verbose)
                        say("access {} to {} in {}: {}", row.name, target.name, name(mode), outcome.cause);
                    if (target.place == Place::device && row.kind == Kind::atomic && outcome.cause == no_trap)
                        ++device_atomics;
                }
            }
        }
    }
    say("csrs: {} accesses, {} atomics that a device took", accesses, device_atomics);
    say("digest accesses {:x}", digest.value());
}

void jump_oddly() {
    auto const ram_end = guest().ram.end().raw();
    auto const page = take_pages(1);
    store<u16>(page + 2, 0x8082);  // c.jr ra, at an address that is not a multiple of four
    fence_i();
    struct Jump {
        std::string_view name;
        u64 to;
        Allowed allowed;
    };
    constexpr Allowed fetch_access{Exception::fetch_access};
    // QEMU fetches from devices, and finds nothing legal there.
    constexpr Allowed device{Exception::fetch_access, Exception::illegal_instruction};
    std::array const jumps{
        Jump{"an odd address, whose lowest bit jalr drops", page + 3, Allowed{no_trap}},
        Jump{"address zero", 0, fetch_access},
        Jump{"a hole", 0x1f00'0000, fetch_access},
        Jump{"behind memory", ram_end, fetch_access},
        Jump{"far above memory", u64{1} << 38, fetch_access},
        Jump{"beyond what stage 2 can name", u64{1} << 45, fetch_access},
        Jump{"the end of all addresses", ~u64{1}, fetch_access},
        Jump{"the clock", 0x10'1008, device},
        Jump{"the PLIC", 0xc00'0000, device},
    };
    Verdict verdict{"odd jumps"};
    Digest digest;
    for (auto const& jump : jumps) {
        // Address zero is firmware's on a board: QEMU's virt has a debug ROM's hole there.
        auto const trap = expect_trap([&] { reinterpret_cast<void (*)()>(jump.to)(); });
        auto const outcome = trap ? Outcome{trap->cause, trap->tval, trap->epc} : Outcome{};
        bool good = jump.allowed.has(outcome.cause);
        if (outcome.cause == static_cast<u64>(Exception::fetch_access))
            good = good && outcome.epc == (jump.to & ~u64{1}) && outcome.tval == outcome.epc;
        verdict.expect(good, jump.name, Mode::supervisor, outcome);
        if (jump.allowed.has(1) != jump.allowed.has(2)) digest.add(outcome.cause);
    }
    // An instruction of which one half is there.
    store<u16>(ram_end - 2, 0x0513);
    fence_i();
    auto const trap = expect_trap([&] { reinterpret_cast<void (*)()>(ram_end - 2)(); });
    auto const outcome = trap ? Outcome{trap->cause, trap->tval, trap->epc} : Outcome{};
    verdict.expect(outcome.cause == 1 && outcome.epc == ram_end - 2 && outcome.tval == ram_end,
                   "an instruction that leaves memory", Mode::supervisor, outcome);
    say("digest jumps {:x}", digest.value());
}

}  // namespace antler::guests::csrs
