// A program of random actions from a seed, life after life, until so many are done as the command line says.
//
//   seed=N        the first life's; each next life has the next one
//   actions=N     in all lives
//   again         every life has the first seed
//   life=N        in one life, 1000 without
//   verbose       says every action before it is done
//
// One life again: the seed that it said, with actions=N life=N.
#include "guests/hostile/hostile.hpp"

namespace antler::guests {
namespace hostile {
namespace {

struct Action {
    std::string_view name;
    void (*run)(Stage&);
    u32 weight;
};

constexpr std::array actions{
    Action{"register", use_register, 20},
    Action{"instruction", use_instruction, 8},
    Action{"nonsense", run_nonsense, 10},
    Action{"access", access, 20},
    Action{"call", call, 14},
    Action{"tree", build_tree, 12},
    Action{"queue", drive_queue, 8},
    Action{"interrupt", be_interrupted, 3},
    Action{"rewritten", run_rewritten, 3},
    Action{"harts", start_harts, 2},
};

constexpr u32 all_weights() {
    u32 sum = 0;
    for (auto const& action : actions) sum += action.weight;
    return sum;
}

[[nodiscard]] Action const& choose(Random& random) {
    auto left = random.below(all_weights());
    for (auto const& action : actions) {
        if (left < action.weight) return action;
        left -= action.weight;
    }
    return actions[0];
}

// An interrupt that comes while code of no good runs ends that code: it goes on at an illegal instruction.
void end_code(Hart& hart) {
    if (hart.expected == nullptr) return;
    static constexpr u32 illegal = 0;
    hart.pc = reinterpret_cast<u64>(&illegal);
    hart.sstatus |= sstatus_bit::spp;
}

void answer_interrupts() {
    on_interrupt(irq::software, [](Hart&, void*) { csr::sip::clear(irq::bit(irq::software)); });
    on_interrupt(irq::timer, [](Hart& hart, void*) {
        sbi::set_timer(sbi::never);
        end_code(hart);
    });
    for (u64 code = 0; code < 16; ++code)
        if (code != irq::software && code != irq::timer)
            on_interrupt(code, [](Hart& hart, void*) {
                csr::sip::write(0);
                csr::sie::write(irq::bit(irq::timer));
                end_code(hart);
            });
}

}  // namespace

void Stage::restore() const {
    constexpr u64 user_xlen_64 = u64{2} << 32;
    csr::sstatus::write(sstatus_bit::fs_initial | sstatus_bit::vs_initial | user_xlen_64);
    if (csr::satp::read() != 0) {
        csr::satp::write(0);
        sfence_vma();
    }
    csr::sie::write(irq::bit(irq::timer));
    csr::scounteren::write(~u64{0});
    csr::senvcfg::write(0);
    // QEMU 10.0.13 ends itself at an access of whole registers that begins beyond them, which hold two
    // elements at least.
    if (has_vectors && csr::vstart::read() > 1) csr::vstart::write(1);
}

void Stage::limit_time() const {
    auto const time = now();
    if (!has_sstc) return static_cast<void>(sbi::set_timer(time + tick));
    auto const left = csr::stimecmp::read() - time;
    if (left < tick / 2 || left > tick) csr::stimecmp::write(time + tick);
}

void Stage::write(Mode mode, u32 instruction) {
    code.move_on();
    code.write(mode, instruction);
}

Outcome Stage::run_at(Mode mode, u64 at, Operands operands) {
    limit_time();
    return run_code(mode, at, operands);
}

Outcome Stage::run(Mode mode, u32 instruction, Operands operands) {
    write(mode, instruction);
    return run_at(mode, code.at(), operands);
}

}  // namespace hostile

void run() {
    using namespace hostile;
    auto const channel = find_channel();
    auto& ledger = ledger_of(channel);
    auto const life = ledger.lives.fetch_add(1);
    auto const seed = number_of("seed=") + (told("again") ? 0 : life);
    auto const goal = number_of("actions=");
    auto const most = number_of("life=") != 0 ? number_of("life=") : 1000;
    auto const verbose = told("verbose");
    if (ledger.actions >= goal) {
        ledger.ended = 1;
        while (true) wait_for_interrupt();
    }
    say("hostile: seed {}, life {}, {} actions behind it", seed, life, ledger.actions.load());
    answer_interrupts();
    Stage stage{seed, ledger};
    stage.restore();
    if (stage.harts > 1) (void)start_hart(1, disturb, &stage);
    for (u64 done = 0; done < most && ledger.actions < goal; ++done) {
        auto const& action = choose(stage.random);
        if (verbose) say("hostile: {} {}", done, action.name);
        stage.doing = action.name;
        stage.done = done;
        action.run(stage);
        stage.restore();
        ledger.actions.fetch_add(1);
    }
    destroy_self(stage);
}

}  // namespace antler::guests
