// Small frames of ARP, ICMP, UDP and TCP between two guests, and the one that answers.
#pragma once

#include "guests/net/card.hpp"

namespace antler::guests {

// 10.9.0.n, as the command line says.
struct Address {
    u8 n = 0;
    [[nodiscard]] u32 value() const { return 0x0a09'0000 | n; }
};

namespace port {
inline constexpr u16 echo = 7, effort = 8, seen = 9, end = 10;
}

// What the answering guest tells of itself: its effort, or the TCP segments it has seen.
struct Report {
    u64 first = 0, second = 0, third = 0;
};

inline constexpr u32 ethernet_bytes = 14, ip_bytes = 20, udp_bytes = 8, tcp_bytes = 20;
inline constexpr u32 udp_headers = ethernet_bytes + ip_bytes + udp_bytes;

[[nodiscard]] inline u16 read16(u8 const* at) {
    return static_cast<u16>(at[0] << 8 | at[1]);
}
[[nodiscard]] inline u32 read32(u8 const* at) {
    return u32{read16(at)} << 16 | read16(at + 2);
}
inline void write16(u8* at, u32 value) {
    at[0] = static_cast<u8>(value >> 8);
    at[1] = static_cast<u8>(value);
}
inline void write32(u8* at, u32 value) {
    write16(at, value >> 16);
    write16(at + 2, value & 0xffff);
}

// The sum of 16-bit words, not inverted.
[[nodiscard]] u16 sum_of(std::span<u8 const> bytes, u64 start = 0);

enum class Sum : u8 { whole, left_to_card, none };

// Frames in place; each returns its length.
u32 write_arp(u8* at, u16 operation, Mac const& from, Address sender, Mac const& to, Address target);
u32 write_ip(u8* at, u8 protocol, Mac const& from, Address sender, Mac const& to, Address target,
             u32 payload);
u32 write_udp(u8* at, Mac const& from, Address sender, Mac const& to, Address target, u16 to_port,
              u32 payload, Sum sum);

[[nodiscard]] bool is_arp(std::span<u8 const> frame, u16 operation);
[[nodiscard]] bool is_ip(std::span<u8 const> frame, u8 protocol);
[[nodiscard]] inline u16 udp_port_of(std::span<u8 const> frame) {
    return read16(frame.data() + ethernet_bytes + ip_bytes + 2);
}

// Answers until it is told to end; calls `between` after each `nap`, where there is one.
void answer(Card& card, Address self, u64 nap = 0, void (*between)() = nullptr);

}  // namespace antler::guests
