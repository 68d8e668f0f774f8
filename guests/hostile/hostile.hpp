// A guest that tries what comes to its mind: actions chosen by a seed, of which none may hurt anybody else.
#pragma once

#include "guests/hostile/ledger.hpp"
#include "guests/lib/random.hpp"
#include "guests/lib/run_code.hpp"

extern "C" void _start();

namespace antler::guests::hostile {

// Whatever devices write to, tables lie in and code runs into, so that the guest itself lives on.
inline constexpr u64 arena_bytes = 4 << 20;
inline constexpr u64 table_pages = 16;

class Stage {
public:
    Stage(u64 seed, Ledger& ledger)
        : random{seed},
          ledger{ledger},
          arena{take_pages(arena_bytes / page_bytes, 2 << 20)},
          rewritten{take_pages(1)},
          guarded{guard_tables()},
          own_start{reinterpret_cast<u64>(&_start)},
          ram_end{guest().ram.end().raw()},
          harts{guest().hart_count},
          tick{guest().hertz / 1000},
          has_sstc{!expect_trap([] { (void)csr::stimecmp::read(); })},
          has_vectors{!expect_trap([] {
              csr::sstatus::set(sstatus_bit::vs_initial);
              (void)csr::vstart::read();
          })} {}

    // What programmers forget: ends, holes, devices, pages that meet, addresses of somebody else.
    [[nodiscard]] u64 evil();
    [[nodiscard]] u64 any_address();
    // The address of a device's register, of every size, or across the end of its page.
    [[nodiscard]] u64 device();
    // Where something may be written.
    [[nodiscard]] u64 harmless() { return arena + random.below(arena_bytes - 64); }
    // A number: few bits, many bits, an address.
    [[nodiscard]] u64 number();
    // Where it may be sent to without its own registers hurting it: not into its own memory.
    [[nodiscard]] u64 elsewhere();
    [[nodiscard]] u64 guard_tables() const;
    [[nodiscard]] Mode mode() { return random.one_in(2) ? Mode::user : Mode::supervisor; }

    // An interrupt ends what lasts longer than a tick, or than half of one.  Where the hart has a timer for
    // it nobody is called, and one that is set already is left alone; calls for it are actions.
    void limit_time() const;
    // Puts it where none was lately.
    void write(Mode mode, u32 instruction);
    // One instruction, which a timer ends if it does not.
    Outcome run(Mode mode, u32 instruction, Operands operands);
    Outcome run_at(Mode mode, u64 code, Operands operands);
    // What actions may have changed and the next one counts on.
    void restore() const;

    Random random;
    Ledger& ledger;
    CodePage code{};
    u64 arena;
    u64 rewritten;  // a page whose first word another hart changes
    u64 guarded;    // satp with which U-mode sees everything but what this guest needs to go on
    u64 own_start;  // from here to the arena is what it needs to go on
    u64 ram_end;
    u64 harts;
    u64 tick;
    bool has_sstc;
    bool has_vectors;
    // For whoever asks why nothing happens any more.
    std::string_view doing{};
    u64 done = 0;
};

// Each is one action.
void use_register(Stage& stage);     // every CSR, read, written, set and cleared
void use_instruction(Stage& stage);  // the hypervisor's, the firmware's, and those of one mode
void run_nonsense(Stage& stage);     // any instruction in U-mode
void access(Stage& stage);           // devices and holes, in every way and width
void call(Stage& stage);             // SBI
void build_tree(Stage& stage);       // a page table that is none, and accesses through it
void drive_queue(Stage& stage);      // virtio rings that lie
void be_interrupted(Stage& stage);   // timers, messages and waits
void run_rewritten(Stage& stage);    // code that another hart changes
void start_harts(Stage& stage);      // and stops and suspends them

// On the second hart, for ever: disturbs the first one, and ends a life in which nothing happens any more.
void disturb(void* stage);
// Ends this life in one of many ways.
[[noreturn]] void destroy_self(Stage& stage);

}  // namespace antler::guests::hostile
