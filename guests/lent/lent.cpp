// The board's clock on loan: it is in the tree where nothing of the VM's own is, keeps the board's time, and
// each of its alarms comes once, through its own wire.
#include "guests/lib/devices.hpp"

namespace antler::guests {
namespace {

constexpr u64 lent_from = 0x1100'0000, lent_to = 0x1800'0000;
constexpr u64 time_low = 0, time_high = 4, alarm_low = 8, alarm_high = 12, irq_enabled = 16,
              alarm_status = 24, clear_interrupt = 28;

struct Clock {
    u64 base = 0;
    u32 source = 0;
    [[nodiscard]] u64 read() const {
        u64 const low = load<u32>(base + time_low);
        return low | u64{load<u32>(base + time_high)} << 32;
    }
    void ring_at(u64 when) const {
        store<u32>(base + alarm_high, static_cast<u32>(when >> 32));
        store<u32>(base + alarm_low, static_cast<u32>(when));
    }
};

Clock find_clock() {
    auto const tree = device_tree();
    abi::FdtWalk walk{tree};
    while (walk.next()) {
        auto const node = walk.node();
        auto const region = walk.reg();
        auto const wire = node.property("interrupts");
        if (!node.compatible("google,goldfish-rtc") || !region || !wire) continue;
        if (region->address < lent_from || region->address >= lent_to) continue;
        check_equal("the tree tells of whole registers", region->size, 0x1000);
        return {region->address, wire->cell(0).value_or(0)};
    }
    give_up("the device tree has no clock of the board's");
}

struct Rung {
    Wires wires;
    Clock clock;
    std::atomic<u32> times = 0;
    std::atomic<u32> others = 0;
};

}  // namespace

void run() {
    auto const clock = find_clock();
    // The board's runs as ours does, from its own zero.
    auto const mine = rtc::read();
    auto const its = clock.read();
    auto const apart = its > mine ? its - mine : mine - its;
    say("lent: at {:x}, source {}, {} ns apart", clock.base, clock.source, apart);
    check("both clocks say the same to the second", apart < 1'000'000'000);

    Rung rung{.wires = Wires{this_hart().id}, .clock = clock};
    on_interrupt(
        irq::external,
        [](Hart&, void* argument) {
            auto& r = *static_cast<Rung*>(argument);
            auto const source = r.wires.claim();
            if (source == 0) return;
            if (source == r.clock.source && load<u32>(r.clock.base + alarm_status) == 0) {
                store<u32>(r.clock.base + clear_interrupt, 1);
                r.times.fetch_add(1);
            } else {
                r.others.fetch_add(1);
            }
            r.wires.complete(source);
        },
        &rung);
    rung.wires.open(clock.source);
    csr::sie::set(irq::bit(irq::external));
    interrupts_on();
    store<u32>(clock.base + irq_enabled, 1);
    u32 const alarms = number_of("alarms=") != 0 ? number_of("alarms=") : 50;
    u32 waited_well = 0;
    for (u32 i = 1; i <= alarms; ++i) {
        // Now and then before the wait, now and then meanwhile, now and then at once.
        clock.ring_at(clock.read() + u64{i} % 3 * 500'000);
        auto const end = now() + 2 * guest().hertz;
        while (rung.times < i && now() < end)
            if (i % 2 == 0) pause();
        waited_well += rung.times == i ? 1 : 0;
    }
    interrupts_off();
    check_equal("each alarm came once", waited_well, alarms);
    check_equal("and nothing else", rung.others, 0);
    store<u32>(clock.base + irq_enabled, 0);
    if (told("leave=ringing")) {  // the next owner is not to hear of it
        rung.wires.close(clock.source);
        store<u32>(clock.base + irq_enabled, 1);
        clock.ring_at(clock.read());
    }
}

}  // namespace antler::guests
