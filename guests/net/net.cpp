// Two guests on one switch: one answers, the other asks by ARP, ICMP, UDP and TCP, and measures.
#include "guests/net/measure.hpp"

namespace antler::guests {
namespace {

void fill(u8* at, u32 bytes, u32 seed) {
    for (u32 i = 0; i < bytes; ++i) at[i] = static_cast<u8>(seed * 31 + i * 7);
}
bool is_filled(std::span<u8 const> bytes, u32 seed) {
    for (u32 i = 0; i < bytes.size(); ++i)
        if (bytes[i] != static_cast<u8>(seed * 31 + i * 7)) return false;
    return true;
}

u64 milliseconds(u64 n) {
    return guest().hertz / 1000 * n;
}

u32 ping(Asker& asker, u32 count) {
    u32 good = 0;
    for (u32 i = 0; i < count; ++i) {
        auto const payload = i * 37 % 1400 + 8;
        auto* const at = asker.card.room();
        auto const length = write_ip(at, 1, asker.card.mac(), asker.self, asker.mac, asker.peer, 8 + payload);
        auto* const icmp = at + ethernet_bytes + ip_bytes;
        write32(icmp, 0x0800'0000);
        write32(icmp + 4, 0x1234'0000 | i);
        fill(icmp + 8, payload, i);
        write16(icmp + 2, static_cast<u16>(~sum_of({icmp, 8 + payload})));
        asker.card.push(length);
        asker.card.kick();
        auto const reply = asker.next(1, milliseconds(2000));
        if (!reply) continue;
        auto const inner = reply->frame.subspan(ethernet_bytes + ip_bytes);
        if (inner[0] == 0 && sum_of(inner.first(8 + payload)) == 0xffff &&
            is_filled(inner.subspan(8, payload), i))
            ++good;
    }
    return good;
}

u32 echo(Asker& asker, u32 count, u32 burst, u32 payload, Sum sum) {
    u32 good = 0;
    for (u32 done = 0; done < count; done += burst) {
        for (u32 i = 0; i < burst; ++i) {
            auto* const at = asker.card.room();
            if (at == nullptr) break;
            fill(at + udp_headers, payload, done + i);
            auto const length =
                write_udp(at, asker.card.mac(), asker.self, asker.mac, asker.peer, port::echo, payload, sum);
            PacketHeader header{};
            if (sum == Sum::left_to_card)
                header = {.flags = needs_checksum,
                          .checksum_start = ethernet_bytes + ip_bytes,
                          .checksum_offset = 6};
            asker.card.push(length, header);
        }
        asker.card.kick();
        for (u32 i = 0; i < burst; ++i) {
            auto const reply = asker.next(17, milliseconds(2000));
            if (!reply) break;
            auto const* const ip = reply->frame.data() + ethernet_bytes;
            auto const udp = reply->frame.subspan(ethernet_bytes + ip_bytes, udp_bytes + payload);
            auto const pseudo = u64{sum_of({ip + 12, 8})} + 17 + udp_bytes + payload;
            bool const unfinished = (reply->header.flags & needs_checksum) != 0;
            bool const right = unfinished ? asker.card.has(feature::guest_checksum)
                                          : sum == Sum::none || sum_of(udp, pseudo) == 0xffff;
            if (right && is_filled(udp.subspan(udp_bytes, payload), done + i)) ++good;
        }
    }
    return good;
}

// A TCP packet of many segments, which the peer's card has to cut.
void send_large(Asker& asker) {
    constexpr u32 payload = 20'000, segment = 1448;
    auto* const at = reinterpret_cast<u8*>(take_pages(6));
    auto const length =
        write_ip(at, 6, asker.card.mac(), asker.self, asker.mac, asker.peer, tcp_bytes + payload);
    auto* const tcp = at + ethernet_bytes + ip_bytes;
    std::memset(tcp, 0, tcp_bytes);
    tcp[12] = 0x50;
    tcp[13] = 0x18;
    write16(tcp + 16, sum_of({at + ethernet_bytes + 12, 8}, u64{6} + tcp_bytes + payload));
    fill(tcp + tcp_bytes, payload, 1);
    asker.card.push_large({at, length}, {.flags = needs_checksum,
                                         .segments = tcp4_segments,
                                         .header_bytes = ethernet_bytes + ip_bytes + tcp_bytes,
                                         .segment_bytes = segment,
                                         .checksum_start = ethernet_bytes + ip_bytes,
                                         .checksum_offset = 16});
    auto const seen = asker.question(port::seen);
    check_equal("a large packet comes in as many segments as it has", seen.first,
                (payload + segment - 1) / segment);
    check_equal("with all its bytes", seen.second, payload);
    check_equal("and right sums", seen.third, 0);
}

// Says when the cable is pulled, and when the peer answers no more; for ever.
[[noreturn]] void watch(Asker& asker) {
    bool linked = asker.card.has_link();
    bool answered = true;
    for (;;) {
        auto const answers = ping(asker, 1) == 1;
        if (asker.card.has_link() != linked) {
            linked = !linked;
            say("net: link {}", linked ? "up" : "down");
        }
        if (answers != answered) say("net: the peer {}", answers ? "answers" : "is silent");
        answered = answers;
    }
}

void ask(Asker& asker) {
    if (told("alone")) {
        check("nobody answers who should not", !asker.find_peer(3));
        return;
    }
    if (!check("the peer is found by ARP", asker.find_peer(30))) return;
    if (told("watch")) watch(asker);
    if (told("measure")) {
        measure(asker);
        asker.tell_end();
        return;
    }
    check_equal("100 pings of all sizes are answered", ping(asker, 100), 100);
    check_equal("datagrams come back as they were", echo(asker, 640, 32, 18, Sum::whole), 640);
    check_equal("long ones too", echo(asker, 640, 16, 1472, Sum::whole), 640);
    if (asker.card.has(feature::checksum))
        check_equal("their sums may be left to the card", echo(asker, 320, 16, 700, Sum::left_to_card), 320);
    if (asker.card.has(feature::host_tcp4)) send_large(asker);
    asker.tell_end();
}

}  // namespace

void run() {
    u64 wanted = feature::checksum | feature::host_tcp4 | feature::status | feature::mtu;
    if (told("merge")) wanted |= feature::merged_buffers;
    if (told("unfinished")) wanted |= feature::guest_checksum;
    Card card{wanted};
    if (told("spoof")) card.pretend({0x52, 0x54, 0x00, 0x66, 0x66, 0x66});
    Address const self{static_cast<u8>(number_of("self="))};
    if (told("quiet")) {
        card.wait(now() + milliseconds(number_of("for=")));
        return;
    }
    if (!card.has_link()) say("net: no link");
    if (auto const peers = number_of("everybody="); peers != 0) {
        u64 answered = 0;
        for (u64 n = 1; n <= peers; ++n) {
            Asker asker{.card = card, .self = self, .peer = {static_cast<u8>(n)}};
            if (asker.find_peer(10) && ping(asker, 1) == 1) ++answered;
        }
        check_equal("everybody on the network answers", answered, peers);
        return;
    }
    if (auto const peer = number_of("peer="); peer != 0) {
        Asker asker{.card = card, .self = self, .peer = {static_cast<u8>(peer)}};
        ask(asker);
    } else {
        say("net: answers");
        answer(card, self);
        check("it was told to end", true);
    }
}

}  // namespace antler::guests
