// Small frames, and the guest that answers them.
#include "guests/net/talk.hpp"

namespace antler::guests {

u16 sum_of(std::span<u8 const> bytes, u64 start) {
    u64 sum = start;
    for (usize i = 0; i + 1 < bytes.size(); i += 2) sum += read16(bytes.data() + i);
    if (bytes.size() % 2 != 0) sum += u64{bytes.back()} << 8;
    while (sum >> 16 != 0) sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<u16>(sum);
}

namespace {

void write_addresses(u8* at, Mac const& to, Mac const& from, u16 type) {
    std::memcpy(at, to.data(), to.size());
    std::memcpy(at + 6, from.data(), from.size());
    write16(at + 12, type);
}

// Of the pseudo header in front of UDP and TCP.
u64 pseudo_sum(u8 const* ip, u8 protocol, u32 length) {
    return u64{sum_of({ip + 12, 8})} + protocol + length;
}

struct Seen {
    u64 segments = 0, bytes = 0, wrong = 0;
};

void see_tcp(std::span<u8 const> frame, Seen& seen) {
    auto const* const ip = frame.data() + ethernet_bytes;
    auto const length = u32{read16(ip + 2)} - ip_bytes;
    if (length < tcp_bytes || length > frame.size() - ethernet_bytes - ip_bytes) {
        ++seen.wrong;
        return;
    }
    if (sum_of({ip + ip_bytes, length}, pseudo_sum(ip, 6, length)) != 0xffff) ++seen.wrong;
    ++seen.segments;
    seen.bytes += length - tcp_bytes;
}

void swap_ends(u8* frame) {
    std::array<u8, 6> mac{};
    std::memcpy(mac.data(), frame, 6);
    std::memcpy(frame, frame + 6, 6);
    std::memcpy(frame + 6, mac.data(), 6);
    auto* const ip = frame + ethernet_bytes;
    auto const source = read32(ip + 12);
    write32(ip + 12, read32(ip + 16));
    write32(ip + 16, source);
}

void report(u8* udp, u32 payload, Report const& report) {
    if (payload >= sizeof report) std::memcpy(udp + udp_bytes, &report, sizeof report);
    write16(udp + 6, 0);
}

}  // namespace

u32 write_arp(u8* at, u16 operation, Mac const& from, Address sender, Mac const& to, Address target) {
    write_addresses(at, operation == 1 ? Mac{255, 255, 255, 255, 255, 255} : to, from, 0x0806);
    auto* const arp = at + ethernet_bytes;
    write32(arp, 0x0001'0800);
    write16(arp + 4, 0x0604);
    write16(arp + 6, operation);
    std::memcpy(arp + 8, from.data(), 6);
    write32(arp + 14, sender.value());
    std::memcpy(arp + 18, to.data(), 6);
    write32(arp + 24, target.value());
    return ethernet_bytes + 28;
}

u32 write_ip(u8* at, u8 protocol, Mac const& from, Address sender, Mac const& to, Address target,
             u32 payload) {
    write_addresses(at, to, from, 0x0800);
    auto* const ip = at + ethernet_bytes;
    write16(ip, 0x4500);
    write16(ip + 2, ip_bytes + payload);
    write32(ip + 4, 0);
    write16(ip + 8, u32{64} << 8 | protocol);
    write16(ip + 10, 0);
    write32(ip + 12, sender.value());
    write32(ip + 16, target.value());
    write16(ip + 10, static_cast<u16>(~sum_of({ip, ip_bytes})));
    return ethernet_bytes + ip_bytes + payload;
}

u32 write_udp(u8* at, Mac const& from, Address sender, Mac const& to, Address target, u16 to_port,
              u32 payload, Sum sum) {
    auto const length = write_ip(at, 17, from, sender, to, target, udp_bytes + payload);
    auto* const ip = at + ethernet_bytes;
    auto* const udp = ip + ip_bytes;
    write16(udp, to_port);
    write16(udp + 2, to_port);
    write16(udp + 4, udp_bytes + payload);
    write16(udp + 6, 0);
    auto const pseudo = pseudo_sum(ip, 17, udp_bytes + payload);
    if (sum == Sum::whole) write16(udp + 6, static_cast<u16>(~sum_of({udp, udp_bytes + payload}, pseudo)));
    if (sum == Sum::left_to_card) write16(udp + 6, sum_of({}, pseudo));
    return length;
}

bool is_arp(std::span<u8 const> frame, u16 operation) {
    return frame.size() >= ethernet_bytes + 28 && read16(frame.data() + 12) == 0x0806 &&
           read16(frame.data() + ethernet_bytes + 6) == operation;
}

bool is_ip(std::span<u8 const> frame, u8 protocol) {
    return frame.size() >= udp_headers && read16(frame.data() + 12) == 0x0800 &&
           frame[ethernet_bytes + 9] == protocol;
}

void answer(Card& card, Address self, u64 nap, void (*between)()) {
    Seen seen;
    for (bool on = true; on;) {
        card.wait(nap == 0 ? sbi::never : now() + nap);
        if (between != nullptr) between();
        while (auto const received = card.receive()) {
            auto const frame = received->frame;
            u8* at = nullptr;
            while ((at = card.room()) == nullptr) card.kick();
            if (is_arp(frame, 1) && read32(frame.data() + ethernet_bytes + 24) == self.value()) {
                Mac asker{};
                std::memcpy(asker.data(), frame.data() + ethernet_bytes + 8, 6);
                Address const who{frame[ethernet_bytes + 17]};
                card.push(write_arp(at, 2, card.mac(), self, asker, who));
                continue;
            }
            if (is_ip(frame, 6)) {
                see_tcp(frame, seen);
                continue;
            }
            bool const ping = is_ip(frame, 1) && frame[ethernet_bytes + ip_bytes] == 8;
            if (!ping && !is_ip(frame, 17)) continue;
            std::memcpy(at, frame.data(), frame.size());
            swap_ends(at);
            auto* const inner = at + ethernet_bytes + ip_bytes;
            auto const payload = static_cast<u32>(frame.size()) - udp_headers;
            PacketHeader header{};
            if (ping) {
                inner[0] = 0;  // its sum grows by what the type shrinks
                auto const sum = u32{read16(inner + 2)} + 0x0800;
                write16(inner + 2, (sum & 0xffff) + (sum >> 16));
            } else if (udp_port_of(frame) == port::effort) {
                report(inner, payload, {card.effort.own + now() - card.effort.since, card.effort.exits});
            } else if (udp_port_of(frame) == port::seen) {
                report(inner, payload, {seen.segments, seen.bytes, seen.wrong});
                seen = {};
            } else if (udp_port_of(frame) == port::end) {
                on = false;
            } else if (udp_port_of(frame) != port::echo) {
                continue;
            } else if ((received->header.flags & needs_checksum) != 0) {
                // What the card may finish came unfinished, and goes on like that: both ends are the same to
                // it.
                header = {.flags = needs_checksum,
                          .checksum_start = received->header.checksum_start,
                          .checksum_offset = received->header.checksum_offset};
            }
            card.push(static_cast<u32>(frame.size()), header);
        }
        card.kick();
    }
}

}  // namespace antler::guests
