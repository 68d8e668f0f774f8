// Interrupts, waits, harts that come and go, and the end of a life.
#include "guests/hostile/hostile.hpp"
#include "guests/lib/encode.hpp"

extern "C" void guest_hart_entry();
extern "C" antler::u8 guest_code_end[];

namespace antler::guests::hostile {
namespace {

// What the other hart puts where the first one executes.
constexpr std::array rewrites{
    encode::load(2),
    encode::load(0),
    encode::store(2),
    encode::amo(0, 2),
    encode::load_float(3),
    encode::hypervisor(0x36, 0, 11),
    encode::csr(encode::CsrOp::read, 0x600),
    encode::csr(encode::CsrOp::read, 0xc01),
    0x0000'0013U,
    0x9002'9002U,
    0x410c'410cU,
    0U,
    0x1050'0073U,
};

constexpr u32 suspend_keeping = 0, suspend_losing = 0x8000'0000;

void stop_at_once(void*) {}
void suspend_first(void*) {
    sbi::set_timer(now() + guest().hertz / 1000);
    csr::sie::write(irq::bit(irq::timer));
    (void)sbi::hart_suspend(suspend_keeping);
}
// It begins anew when it is woken, and stops.
void forget_and_stop(void*) {
    this_hart().body = stop_at_once;
    sbi::set_timer(now() + guest().hertz / 1000);
    csr::sie::write(irq::bit(irq::timer));
    (void)sbi::hart_suspend(suspend_losing, reinterpret_cast<u64>(&guest_hart_entry),
                            reinterpret_cast<u64>(&this_hart()));
}
void send_and_stop(void*) {
    for (u64 i = 0; i < 10; ++i) (void)sbi::send_ipi(7);
}

// What comes of it does not matter; `bits` says which of the others it is for.
void fence_others(Random& random, u64 bits) {
    auto const function = random.below(8);
    (void)sbi::call(static_cast<u64>(sbi::Eid::rfence), function, bits, random.below(2),
                    random.next() >> random.below(64), random.below(0x4000), random.below(4));
}

// Its own code, and where its first hart begins to handle a trap: who has changed those may well stand still.
u64 sum_of_itself() {
    u64 sum = 0;
    auto const end = reinterpret_cast<u64>(guest_code_end);
    for (auto at = reinterpret_cast<u64>(&_start); at < end; at += 8) sum = sum * 3 + load<u64>(at);
    auto const& first = guest().harts[0];
    for (auto const part : {first.stack_top, first.trap_stack_top, reinterpret_cast<u64>(first.guest)})
        sum = sum * 3 + part;
    return sum;
}

// So long nothing may happen in a life.
constexpr u64 patience_seconds = 20;

}  // namespace

void be_interrupted(Stage& stage) {
    auto& random = stage.random;
    auto const when = now();
    csr::sie::write(irq::bit(irq::timer) | irq::bit(irq::software) | irq::bit(irq::external));
    switch (random.below(5)) {
        case 0:  // many that are due
            interrupts_on();
            for (int i = 0; i < 6; ++i) sbi::set_timer(random.one_in(2) ? when : now() + random.below(50));
            break;
        case 1:  // many to itself and to whoever is there
            interrupts_on();
            for (int i = 0; i < 6; ++i) (void)sbi::send_ipi(random.below(8), random.one_in(8) ? ~u64{0} : 0);
            break;
        case 2:  // a wait that somebody ends
            sbi::set_timer(when + random.below(stage.tick));
            (void)sbi::send_ipi(2);
            wait_for_interrupt();
            break;
        case 3:  // a wait that is over before it begins
            (void)sbi::send_ipi(1);
            wait_for_interrupt();
            interrupts_on();
            break;
        default:
            sbi::set_timer(when + random.below(100));
            (void)sbi::hart_suspend(suspend_keeping);
            break;
    }
    interrupts_off();
}

void start_harts(Stage& stage) {
    auto& random = stage.random;
    if (stage.harts < 3) return;
    for (int i = 0; i < 2; ++i) {
        constexpr std::array bodies{stop_at_once, suspend_first, forget_and_stop, send_and_stop};
        if (random.one_in(2)) (void)start_hart(2, random.one_of(bodies), nullptr);
        (void)sbi::hart_status(random.one_in(4) ? stage.number() : random.below(4));
        (void)sbi::send_ipi(4);
        if (random.one_in(4)) fence_others(random, 6);
        // One that runs, one that does not exist, this one.
        if (random.one_in(4))
            (void)sbi::hart_start(random.one_in(2) ? 0 : 3 + stage.number(), stage.evil(), 0);
    }
}

void disturb(void* argument) {
    auto& stage = *static_cast<Stage*>(argument);
    on_interrupt(irq::software, [](Hart&, void*) { csr::sip::clear(irq::bit(irq::software)); });
    Random random{now()};
    auto const whole = sum_of_itself();
    u64 seen = 0;
    u64 since = now();
    while (true) {
        for (int i = 0; i < 10; ++i) switch (random.below(8)) {
                case 0: (void)sbi::send_ipi(random.below(8)); break;
                case 1: fence_others(random, random.below(8)); break;
                case 2:
                    (void)expect_trap([&] { (void)load<u32>(0x1000'1000 + random.below(0x1000) * 4); });
                    break;
                case 3:
                    (void)expect_trap([&] { (void)load<u32>(0xc00'0000 + random.below(0x1000) * 4); });
                    break;
                case 4: (void)sbi::hart_status(random.below(4)); break;
                default:
                    store<u32>(stage.rewritten, random.one_of(rewrites));
                    asm volatile("fence rw, rw" ::: "memory");
                    break;
            }
        csr::sip::clear(irq::bit(irq::software));
        csr::sie::write(irq::bit(irq::timer));
        sbi::set_timer(now() + 2 * stage.tick);
        wait_for_interrupt();
        auto const actions = stage.ledger.actions.load();
        if (actions != seen) {
            seen = actions;
            since = now();
        } else if (now() - since > patience_seconds * guest().hertz) {
            bool const is_whole = sum_of_itself() == whole;
            say("hostile: nothing happens any more behind {} actions, in number {} ({}) of this life{}",
                actions, stage.done, stage.doing, is_whole ? "" : ", and its own code is another");
            (is_whole ? stage.ledger.stuck : stage.ledger.lost).fetch_add(1);
            stage.ledger.actions.fetch_add(1);
            (void)sbi::reset(sbi::ResetType::cold_reboot, sbi::ResetReason::none);
        }
    }
}

void destroy_self(Stage& stage) {
    auto& random = stage.random;
    // Somebody who begins where there may be nothing good.
    if (stage.harts > 2 && random.one_in(4))
        (void)sbi::hart_start(2, random.one_in(2) ? stage.rewritten : stage.elsewhere(), stage.number());
    constexpr u64 test_device = 0x10'0000;
    switch (random.below(8)) {
        case 0: (void)sbi::reset(sbi::ResetType::cold_reboot, sbi::ResetReason::none); break;
        case 1: (void)sbi::reset(sbi::ResetType::warm_reboot, sbi::ResetReason::none); break;
        case 2: (void)sbi::reset(sbi::ResetType::shutdown, sbi::ResetReason::system_failure); break;
        case 3: (void)sbi::reset(sbi::ResetType::shutdown, sbi::ResetReason::none); break;
        case 4: store<u32>(test_device, 0x7777); break;
        case 5: store<u32>(test_device, 0x3333); break;
        case 6:
            (void)sbi::call(static_cast<u64>(sbi::Eid::system_reset), 0, stage.number(), stage.number());
            break;
        default:  // a trap handler that is nowhere
            csr::stvec::write(0xffff'ffff'0000'0000);
            asm volatile(".word 0");
            break;
    }
    (void)sbi::reset(sbi::ResetType::cold_reboot, sbi::ResetReason::none);
    give_up("still alive");
}

}  // namespace antler::guests::hostile
