// Somebody who is left alone: its memory, registers, clock and share of time stay as they are, whatever its
// neighbour does, until that one has done all it was told to.
#include "guests/hostile/ledger.hpp"
#include "guests/lib/devices.hpp"

extern "C" {
antler::u64 victim_hold(antler::u64 seed, antler::u64 rounds);
void fpv_fill_floats(antler::u64 seed);
antler::u64 fpv_wrong_floats(antler::u64 seed);
void fpv_fill_vectors(antler::u64 seed);
antler::u64 fpv_wrong_vectors(antler::u64 seed, antler::u8* scratch);
antler::u64 fpv_vector_bytes();
}

namespace antler::guests {
namespace {

// Each word of the memory holds its own address and this.
constexpr u64 tag = 0x7669'6374'696d'0000;
constexpr u64 words = (u64{4} << 20) / 8;
constexpr u64 words_at_once = 8192;
constexpr u64 hold_rounds = 2000;

struct Wrong {
    u64 words = 0, registers = 0, floats = 0, vectors = 0, counters = 0, clock = 0;
};

class Victim {
public:
    Victim() {
        csr::sstatus::set(sstatus_bit::fs_initial);
        floats_ = !expect_trap([] { fpv_fill_floats(0); });
        csr::sstatus::set(sstatus_bit::vs_initial);
        vectors_ = !expect_trap([] { (void)fpv_vector_bytes(); });
        for (u64 i = 0; i < words; ++i) memory_[i] = tag ^ reinterpret_cast<u64>(memory_ + i);
        csr::sie::write(irq::bit(irq::timer));
        start_ = last_ = now();
        clock_start_ = rtc::read();
        cycles_ = csr::cycle::read();
        retired_ = csr::instret::read();
    }

    // It rests within each round, holding its canaries: whoever is beside it has the hart meanwhile.
    void round() {
        auto const seed = rounds_ * 0x9e37'79b9'7f4a'7c15;
        if (floats_) fpv_fill_floats(seed);
        if (vectors_) fpv_fill_vectors(seed);
        sbi::set_timer(now() + guest().hertz / 500);
        wrong.registers += victim_hold(seed, hold_rounds) != 0;
        if (floats_) wrong.floats += fpv_wrong_floats(seed);
        if (vectors_) wrong.vectors += fpv_wrong_vectors(seed, scratch_);
        auto const first = rounds_ * words_at_once % words;
        for (u64 i = first; i < first + words_at_once; ++i)
            wrong.words += memory_[i] != (tag ^ reinterpret_cast<u64>(memory_ + i));
        look_at_clocks();
        ++rounds_;
    }

    [[nodiscard]] u64 rounds() const { return rounds_; }
    [[nodiscard]] u64 longest() const { return longest_; }
    [[nodiscard]] u64 ticks() const { return last_ - start_; }
    [[nodiscard]] bool has_vectors() const { return vectors_; }
    // The RTC has gone on as fast as the time CSR.
    [[nodiscard]] bool clocks_agree() const {
        auto const by_csr = (now() - start_) * (1'000'000'000 / guest().hertz);
        auto const by_rtc = rtc::read() - clock_start_;
        return by_rtc + 1'000'000'000 > by_csr && by_csr + 1'000'000'000 > by_rtc;
    }

    Wrong wrong{};

private:
    void look_at_clocks() {
        auto const time = now();
        auto const cycles = csr::cycle::read();
        auto const retired = csr::instret::read();
        wrong.clock += time < last_;
        // What a round must have cost at least.
        wrong.counters += cycles <= cycles_ || retired - retired_ < hold_rounds;
        longest_ = time - last_ > longest_ ? time - last_ : longest_;
        last_ = time;
        cycles_ = cycles;
        retired_ = retired;
    }

    u64 volatile* memory_ = reinterpret_cast<u64 volatile*>(take_pages(words * 8 / 4096));
    u8* scratch_ = reinterpret_cast<u8*>(take_pages(8));
    bool floats_ = false, vectors_ = false;
    u64 start_ = 0, last_ = 0, clock_start_ = 0, cycles_ = 0, retired_ = 0;
    u64 rounds_ = 0, longest_ = 0;
};

// The neighbour may be slow, but it does something.
constexpr u64 patience_seconds = 60;

}  // namespace

void run() {
    auto const& ledger = ledger_of(find_channel());
    Victim victim;
    say("victim: floating point and vectors of {}", victim.has_vectors() ? "this hart" : "nobody");
    u64 actions = 0;
    u64 since = now();
    bool moves = true;
    while (ledger.ended == 0 && moves) {
        victim.round();
        auto const seen = ledger.actions.load();
        if (seen != actions) since = now();
        actions = seen;
        moves = now() - since < patience_seconds * guest().hertz;
    }
    auto const milliseconds = [](u64 ticks) { return ticks * 1000 / guest().hertz; };
    auto const lives = ledger.lives.load();
    auto const stuck = ledger.stuck.load();
    say("victim: {} rounds beside {} actions in {} lives, of which {} ended themselves and {} stood still; "
        "the longest took {} ms",
        victim.rounds(), actions, lives, ledger.lost.load(), stuck, milliseconds(victim.longest()));
    auto const seconds = victim.ticks() / guest().hertz;
    say("victim: {} actions a second", seconds == 0 ? 0 : actions / seconds);
    auto const& wrong = victim.wrong;
    check_equal("words of memory that changed", wrong.words, 0);
    check_equal("integer registers that changed", wrong.registers, 0);
    check_equal("floating-point registers that changed", wrong.floats, 0);
    check_equal("vector registers that changed", wrong.vectors, 0);
    check_equal("counters that stood still or ran backwards", wrong.counters, 0);
    check_equal("times that ran backwards", wrong.clock, 0);
    check("the clock goes as the time CSR does", victim.clocks_agree());
    check("no round took longer than two seconds", milliseconds(victim.longest()) < 2000);
    check("the neighbour has never stood still", moves);
    check_equal("lives of the neighbour that stood still", stuck, 0);
}

}  // namespace antler::guests
