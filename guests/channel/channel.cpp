// One end of a channel: what is put into shared memory is seen at the other end, and the bell is heard there.
#include "guests/lib/channel.hpp"
#include "guests/lib/devices.hpp"

namespace antler::guests {
namespace {

constexpr u64 status = 0, ring = 4, heard = 8;
constexpr u32 was_rung = 1, is_present = 2;

// Sleeps until the bell is heard by an interrupt.
bool wait_for_bell(Channel const& channel, Wires const& wires) {
    auto const end = now() + guest().hertz * 60;
    while (now() < end) {
        if (wires.pending(channel.source)) {
            auto const source = wires.claim();
            bool const rung = (load<u32>(channel.bell + status) & was_rung) != 0;
            store<u32>(channel.bell + heard, 1);
            wires.complete(source);
            if (source == channel.source && rung) return true;
        }
        sbi::set_timer(now() + guest().hertz / 10);
        wait_for_interrupt();
    }
    return false;
}

constexpr u64 rounds = 100;

// Writes a number at the front and one at the end of the memory, the other end answers with their sum.
void ask(Channel const& channel, Wires const& wires) {
    check("the other end comes",
          within(20'000, [&] { return (load<u32>(channel.bell + status) & is_present) != 0; }));
    auto const last = channel.memory + channel.bytes - 8;
    u64 good = 0;
    for (u64 i = 1; i <= rounds; ++i) {
        store<u64>(channel.memory + 8, i * 3);
        store<u64>(last, i * 4);
        asm volatile("fence rw, rw" ::: "memory");
        store<u64>(channel.memory, i);
        store<u32>(channel.bell + ring, 1);
        if (!wait_for_bell(channel, wires)) break;
        if (load<u64>(channel.memory + 16) == i * 7) ++good;
    }
    check_equal("every question was answered, by memory and bell", good, rounds);
}

void answer(Channel const& channel, Wires const& wires) {
    auto const last = channel.memory + channel.bytes - 8;
    u64 seen = 0;
    while (seen != rounds && wait_for_bell(channel, wires)) {
        auto const now_at = load<u64>(channel.memory);
        if (now_at == seen) continue;
        seen = now_at;
        store<u64>(channel.memory + 16, load<u64>(channel.memory + 8) + load<u64>(last));
        asm volatile("fence rw, rw" ::: "memory");
        store<u32>(channel.bell + ring, 1);
    }
    check_equal("every question was heard", seen, rounds);
}

}  // namespace

void run() {
    auto const channel = find_channel();
    Wires const wires{this_hart().id};
    wires.open(channel.source);
    csr::sie::set(irq::bit(irq::external) | irq::bit(irq::timer));
    say("channel: {} KiB at {:x}, bell {}", channel.bytes >> 10, channel.memory, channel.source);
    if (told("ask")) {
        ask(channel, wires);
    } else {
        answer(channel, wires);
    }
}

}  // namespace antler::guests
