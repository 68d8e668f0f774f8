// Packets of TCP whose sender left something to its card, for the tests of the network.
#pragma once

#include "backend/checksum.hpp"
#include "tests/unit/backend/stations.hpp"

namespace antler::backend {

// As RFC 1071 says it, a byte at a time.
inline u16 simple_sum(std::span<u8 const> bytes, u64 sum = 0) {
    for (usize i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? u64{bytes[i]} << 8 : bytes[i];
    while (sum >> 16 != 0) sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<u16>(sum);
}

struct TcpKind {
    bool version6 = false;
    u32 options = 0;  // bytes of TCP options
    u32 tag = 0;      // bytes of a VLAN tag
};

inline u32 header_of(TcpKind kind) {
    return ethernet::header_bytes + kind.tag + (kind.version6 ? 40 : 20) + 20 + kind.options;
}

inline Frame tcp_packet(TcpKind kind, u32 payload) {
    auto frame = frame_of(station(2), station(1), header_of(kind) + payload, 7,
                          kind.version6 ? ethernet::type_ipv6 : ethernet::type_ipv4);
    if (kind.tag != 0) {
        ethernet::write16(frame.data() + 12, ethernet::type_vlan);
        ethernet::write16(frame.data() + 14, 5);
        ethernet::write16(frame.data() + 16, kind.version6 ? ethernet::type_ipv6 : ethernet::type_ipv4);
    }
    auto* const ip = frame.data() + ethernet::header_bytes + kind.tag;
    auto* const tcp = ip + (kind.version6 ? 40 : 20);
    if (kind.version6) {
        ip[0] = 0x60;
        ip[6] = 6;
    } else {
        ip[0] = 0x45;
        ip[9] = 6;
        ethernet::write16(ip + 4, 0xfffe);
    }
    ethernet::write32(tcp + 4, 0xffff'fff0);
    tcp[12] = static_cast<u8>((20 + kind.options) / 4 << 4);
    tcp[13] = 0x80 | 0x10 | 8 | 1;
    return frame;
}

inline Offload offload_of(TcpKind kind, u16 segment) {
    return {.needs_checksum = true,
            .segments = kind.version6 ? Segments::tcp6 : Segments::tcp4,
            .segment_bytes = segment,
            .checksum_start = static_cast<u16>(header_of(kind) - 20 - kind.options),
            .checksum_offset = 16};
}

}  // namespace antler::backend
