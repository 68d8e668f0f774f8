// Messages between harts that are in flight while whoever gets them moves: none is lost and none comes twice.
#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"
#include "guests/lib/interrupt_file.hpp"
#include "guests/lib/random.hpp"

namespace antler::guests {
namespace {

// A sender has some identities of each hart, and uses one again when what it sent by it was taken.  So no two
// messages of one identity can become one, and the numbers of both sides are equal at every interrupt.
constexpr u32 window = 4;
constexpr u32 answer = 8;  // an identity that only ends a wait; several of those may become one
constexpr u32 first_identity = 16;
static_assert(first_identity + max_harts * window <= isa::fewest_identities + 1);

struct Slot {
    std::atomic<u64> sent = 0;
    std::atomic<u64> taken = 0;
    [[nodiscard]] bool is_free() const { return sent == taken; }
};
using Line = std::array<Slot, window>;

struct Traffic {
    std::array<std::array<Line, max_harts>, max_harts> lines{};  // by receiver, by sender
    std::array<std::atomic<bool>, max_harts> late{};
    std::atomic<u64> twice = 0;
    std::atomic<u64> strange = 0;  // identities of nobody
    std::atomic<u64> ready = 0;
    std::atomic<u64> done = 0;
    std::atomic<u64> gave_up = 0;
    std::atomic<bool> go = false;
    std::atomic<bool> leave = false;
    u64 rounds = 0;
    u32 identities = 0;
};

void take(Hart& hart, void* argument) {
    auto& traffic = *static_cast<Traffic*>(argument);
    auto const identity = isa::Stopei::identity::get(csr_stopei::swap(0));
    // A board may be late to say that nothing is pending any more.                        [aia IMSIC 10]
    if (identity == 0 || identity == answer) return;
    auto const place = u32{identity} - first_identity;
    auto const sender = place / window;
    if (identity < first_identity || sender >= guest().hart_count) {
        traffic.strange.fetch_add(1);
        return;
    }
    auto& slot = traffic.lines[hart.id][sender][place % window];
    auto const sent = slot.sent.load();  // its sender may use it again as soon as it is taken
    if (slot.taken.fetch_add(1) + 1 != sent) traffic.twice.fetch_add(1);
    File{sender}.send(answer);
}

// Until an answer comes; a message that is lost has none.
template <class Condition>
[[nodiscard]] bool wait_until(Traffic const& traffic, Condition const& condition) {
    auto const& late = traffic.late[this_hart().id];
    constexpr u64 patience = 30;
    sbi::set_timer(now() + patience * guest().hertz);
    while (!condition() && !late) {
        interrupts_off();
        if (!condition() && !late) wait_for_interrupt();
        interrupts_on();
    }
    return !late;
}

bool talk(Traffic& traffic) {
    auto const self = static_cast<u32>(this_hart().id);
    auto const harts = guest().hart_count;
    Random random{self + 1};
    for (u64 round = 0; round < traffic.rounds; ++round) {
        auto const to = random.below(harts);
        auto const which = static_cast<u32>(random.below(window));
        auto& slot = traffic.lines[to][self][which];
        if (!slot.is_free() && !wait_until(traffic, [&] { return slot.is_free(); })) return false;
        slot.sent.fetch_add(1);
        File{to}.send(first_identity + self * window + which);
        // Whoever waits and is woken is one that moves.
        if (random.one_in(4) && !wait_until(traffic, [&] { return slot.is_free(); })) return false;
    }
    return true;
}

void take_part(Traffic& traffic) {
    File{this_hart().id}.open(traffic.identities);
    on_interrupt(irq::external, take, &traffic);
    on_interrupt(
        irq::timer,
        [](Hart& hart, void* argument) {
            static_cast<Traffic*>(argument)->late[hart.id] = true;
            sbi::set_timer(sbi::never);
        },
        &traffic);
    sbi::set_timer(sbi::never);
    csr::sie::set(irq::bit(irq::external) | irq::bit(irq::timer));
    interrupts_on();
    traffic.ready.fetch_add(1);
    while (!traffic.go) pause();
    (talk(traffic) ? traffic.done : traffic.gave_up).fetch_add(1);
    sbi::set_timer(sbi::never);
}

void other(void* argument) {
    auto& traffic = *static_cast<Traffic*>(argument);
    take_part(traffic);
    while (!traffic.leave) wait_for_interrupt();
    interrupts_off();
    csr::sie::write(0);
}

[[nodiscard]] bool was_typed() {
    alignas(16) std::array<char, 16> bytes{};
    return sbi::call(sbi::Eid::debug_console, sbi::DebugConsoleFid::console_read, bytes.size(),
                     reinterpret_cast<u64>(bytes.data()), 0)
               .value != 0;
}

}  // namespace

void run() {
    constexpr u64 patience = 30'000;
    static Traffic traffic;
    auto const harts = guest().hart_count;
    traffic.identities = File::count_identities();
    traffic.rounds = number_of("rounds=");
    for (u64 hart = 1; hart < harts; ++hart) start_hart(hart, other, &traffic);
    if (!within(patience, [&] { return traffic.ready == harts - 1; })) give_up("not every hart has a file");
    traffic.go = true;
    auto const begun = now();
    take_part(traffic);
    // Some are given less of their harts than others; who waits in vain gives up.
    while (traffic.done + traffic.gave_up != harts) static_cast<void>(within(10, [] { return false; }));
    say("flight: {} messages in {} ms", harts * traffic.rounds, (now() - begun) * 1000 / guest().hertz);
    check("nobody waits in vain", traffic.gave_up == 0);
    check("none is lost", within(patience, [&] {
              for (auto const& lines : traffic.lines)
                  for (auto const& line : lines)
                      for (auto const& slot : line)
                          if (!slot.is_free()) return false;
              return true;
          }));
    check_equal("none comes twice", traffic.twice, 0);
    check_equal("and none from nobody", traffic.strange, 0);
    traffic.leave = true;
    for (u64 hart = 1; hart < harts; ++hart) File{hart}.send(answer);
    check("everybody leaves", others_stop(patience));
    // Somebody may want to look at it first.
    say("flight: waits");
    while (told("wait") && !was_typed()) static_cast<void>(within(10, [] { return false; }));
}

}  // namespace antler::guests
