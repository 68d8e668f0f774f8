// Checksums and segments in software.
#include "backend/segments.hpp"

#include <algorithm>

#include "backend/checksum.hpp"
#include "backend/ethernet.hpp"

namespace antler::backend {

using namespace ethernet;

namespace {

constexpr u8 protocol_tcp = 6;
constexpr u32 ip4_header = 20, ip6_header = 40, tcp_header = 20;
constexpr u8 fin = 1, push = 8, congestion_window_reduced = 0x80;

void add_stretch(Checksum& sum, PacketQueue::Slot const& packet, u32 at, u32 bytes) {
    while (bytes != 0) {
        auto const piece = packet.piece(at);
        if (piece.empty()) return;
        auto const count = std::min(bytes, static_cast<u32>(piece.size()));
        sum.add(piece.first(count));
        at += count;
        bytes -= count;
    }
}

}  // namespace

void finish_checksum(PacketQueue::Slot const& packet) {
    auto offload = packet.offload();
    if (!offload.needs_checksum || !offload.fits(packet.length())) return;
    Checksum sum;
    add_stretch(sum, packet, offload.checksum_start, packet.length() - offload.checksum_start);
    std::array<u8, 2> bytes{};
    // Zero would say of a UDP datagram that it has no checksum; all ones mean the same sum.
    auto const value = sum.value();
    write16(bytes.data(), value == 0 ? u16{0xffff} : value);
    packet.write(u32{offload.checksum_start} + offload.checksum_offset, bytes);
    offload.needs_checksum = false;
    offload.checksum_valid = true;
    packet.set_offload(offload);
}

std::optional<Segmenter> Segmenter::of(PacketQueue::Slot const& packet) {
    auto const offload = packet.offload();
    Segmenter all;
    auto const held = std::min(packet.length(), most_header_bytes);
    packet.read(0, std::span{all.original_}.first(held));
    auto const* const bytes = all.original_.data();
    all.version6_ = offload.segments == Segments::tcp6;
    u32 type_at = addresses_bytes;
    if (held < header_bytes + tag_bytes) return std::nullopt;
    if (read16(bytes + type_at) == type_vlan) type_at += tag_bytes;
    all.network_ = type_at + 2;
    all.transport_ = offload.checksum_start;
    auto const least = all.network_ + (all.version6_ ? ip6_header : ip4_header);
    if (offload.segments == Segments::none ||
        read16(bytes + type_at) != (all.version6_ ? type_ipv6 : type_ipv4) || all.transport_ < least ||
        all.transport_ + tcp_header > held)
        return std::nullopt;
    if (!all.version6_ && (all.network_ + (bytes[all.network_] & 0xf) * 4u != all.transport_ ||
                           bytes[all.network_ + 9] != protocol_tcp))
        return std::nullopt;
    auto const tcp_bytes = (bytes[all.transport_ + 12] >> 4) * 4u;
    all.header_bytes_ = all.transport_ + tcp_bytes;
    if (tcp_bytes < tcp_header || all.header_bytes_ > held) return std::nullopt;
    all.payload_bytes_ = packet.length() - all.header_bytes_;
    all.segment_bytes_ = offload.segment_bytes;
    if (all.segment_bytes_ == 0) return std::nullopt;
    all.count_ =
        all.payload_bytes_ == 0 ? 1 : (all.payload_bytes_ + all.segment_bytes_ - 1) / all.segment_bytes_;
    if (all.count_ > most_segments) return std::nullopt;
    return all;
}

std::optional<Segmenter::Piece> Segmenter::next(PacketQueue::Slot const& packet) {
    if (index_ == count_) return std::nullopt;
    auto const done = index_ * segment_bytes_;
    auto const bytes = std::min(segment_bytes_, payload_bytes_ - done);
    bool const last = index_ + 1 == count_;
    auto* const header = header_.data() + headroom_bytes;
    std::copy_n(original_.begin(), header_bytes_, header);
    auto* const ip = header + network_;
    auto* const tcp = header + transport_;
    auto const tcp_length = header_bytes_ - transport_ + bytes;

    write32(tcp + 4, read32(tcp + 4) + done);
    if (!last) tcp[13] &= static_cast<u8>(~(fin | push));
    if (index_ != 0) tcp[13] &= static_cast<u8>(~congestion_window_reduced);
    Checksum sum;
    if (version6_) {
        write16(ip + 4, static_cast<u16>(header_bytes_ - network_ - ip6_header + bytes));
        sum.add(std::span{ip + 8, 32});
    } else {
        write16(ip + 2, static_cast<u16>(header_bytes_ - network_ + bytes));
        write16(ip + 4, static_cast<u16>(read16(ip + 4) + index_));
        write16(ip + 10, 0);
        Checksum of_header;
        of_header.add(std::span{ip, transport_ - network_});
        write16(ip + 10, of_header.value());
        sum.add(std::span{ip + 12, 8});
    }
    sum.add16(protocol_tcp);
    sum.add32(tcp_length);
    write16(tcp + 16, 0);
    sum.add(std::span{tcp, header_bytes_ - transport_});
    add_stretch(sum, packet, header_bytes_ + done, bytes);
    write16(tcp + 16, sum.value());
    ++index_;
    return Piece{
        .header = {header, header_bytes_}, .payload_at = header_bytes_ + done, .payload_bytes = bytes};
}

}  // namespace antler::backend
