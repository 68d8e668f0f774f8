// What a packet costs the hypervisor: all time, less the two guests' own.
#include "guests/net/measure.hpp"

namespace antler::guests {

bool Asker::find_peer(u32 times) {
    for (u32 i = 0; i < times; ++i) {
        card.push(write_arp(card.room(), 1, card.mac(), self, {}, peer));
        card.kick();
        auto const until = now() + guest().hertz / 10;
        while (now() < until) {
            card.wait(until);
            while (auto const received = card.receive()) {
                if (!is_arp(received->frame, 2)) continue;
                auto const* const arp = received->frame.data() + ethernet_bytes;
                if (read32(arp + 14) != peer.value()) continue;
                std::memcpy(mac.data(), arp + 8, mac.size());
                return true;
            }
        }
    }
    return false;
}

std::optional<Card::Received> Asker::next(u8 protocol, u64 ticks) {
    auto const until = now() + ticks;
    for (;;) {
        while (auto const received = card.receive())
            if (is_ip(received->frame, protocol)) return received;
        if (now() >= until) return std::nullopt;
        card.wait(until);
    }
}

Report Asker::question(u16 port) {
    for (int tries = 0; tries < 5; ++tries) {
        card.push(write_udp(card.room(), card.mac(), self, mac, peer, port, sizeof(Report), Sum::none));
        card.kick();
        auto const reply = next(17, guest().hertz * 2);
        if (!reply) continue;
        Report report;
        std::memcpy(&report, reply->frame.data() + udp_headers, sizeof report);
        return report;
    }
    give_up("the peer does not answer");
}

void Asker::tell_end() {
    card.push(write_udp(card.room(), card.mac(), self, mac, peer, port::end, 18, Sum::none));
    card.kick();
    (void)next(17, guest().hertz);
}

namespace {

constexpr u32 burst = 64;
constexpr u32 rounds = 50;

struct Cost {
    u64 tenths;         // of an instruction, for a packet
    u64 exits_of_1000;  // of both guests, for a thousand packets
};

Cost cost_of(Asker& asker, u32 frame_bytes) {
    auto const payload = frame_bytes - udp_headers;
    auto& card = asker.card;
    auto const round = [&] {
        for (u32 i = 0; i < burst; ++i) {
            auto* at = card.room();
            while (at == nullptr) {
                card.kick();
                at = card.room();
            }
            card.push(
                write_udp(at, card.mac(), asker.self, asker.mac, asker.peer, port::echo, payload, Sum::none));
        }
        card.kick();
        u32 back = 0;
        while (back < burst && asker.next(17, guest().hertz)) ++back;
        return back;
    };
    (void)round();
    auto const theirs = asker.question(port::effort);
    auto const begun = now();
    auto const own = card.effort.own + begun - card.effort.since;
    auto const exits = card.effort.exits;
    u64 packets = 0;
    for (u32 i = 0; i < rounds; ++i) packets += 2 * round();
    auto const ended = now();
    auto const own_after = card.effort.own + ended - card.effort.since;
    auto const exits_after = card.effort.exits;
    auto const theirs_after = asker.question(port::effort);
    // The questions are theirs alone, and a packet more or less of 3,200.
    auto const guests = own_after - own + theirs_after.first - theirs.first;
    auto const all = ended - begun;
    auto const ours = all > guests ? all - guests : 0;
    return {ours * (1'000'000'000 / guest().hertz) * 10 / packets,
            (exits_after - exits + theirs_after.second - theirs.second) * 1000 / packets};
}

}  // namespace

void measure(Asker& asker) {
    if (wanted("row=", "net_64") || wanted("row=", "net_exits")) {
        auto const small = cost_of(asker, 64);
        say("bench net_64 {}.{}", small.tenths / 10, small.tenths % 10);
        say("bench net_exits {}", small.exits_of_1000);
    }
    if (wanted("row=", "net_1500")) {
        auto const large = cost_of(asker, 1500);
        say("bench net_1500 {}.{}", large.tenths / 10, large.tenths % 10);
    }
}

}  // namespace antler::guests
