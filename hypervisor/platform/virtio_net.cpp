// Packets between the board's network card and a switch.
#include "platform/virtio_net.hpp"

#include <algorithm>

#include "hart/fence.hpp"
#include "memory/physical.hpp"

namespace antler::platform {

using backend::PacketQueue;
using backend::Segments;

namespace {

// [virtio 5.1.3]
namespace feature {
constexpr u64 checksum = u64{1} << 0, guest_checksum = u64{1} << 1, host_tcp4 = u64{1} << 11,
              host_tcp6 = u64{1} << 12, host_congestion = u64{1} << 13, status = u64{1} << 16;
}
constexpr u8 needs_checksum = 1, data_valid = 2, tcp4 = 1, tcp6 = 4, congestion = 0x80;
constexpr u32 status_offset = 6;  // of the configuration   [virtio 5.1.4]
constexpr u16 link_up = 1;

}  // namespace

Result<void> VirtioNet::open(backend::Switch& where) {
    if (memory_.size() < memory_bytes()) return Err{Error::no_memory};
    TRY(device_.negotiate(feature::checksum | feature::guest_checksum | feature::host_tcp4 |
                          feature::host_tcp6 | feature::host_congestion | feature::status));
    does_ = {.checksum = device_.has(feature::checksum),
             .tcp4 = device_.has(feature::host_tcp4),
             .tcp6 = device_.has(feature::host_tcp6),
             .congestion = device_.has(feature::host_congestion)};
    auto const open_queue = [&](u16 index, DriverQueue& queue) -> Result<void> {
        if (device_.queue_entries(index, entries) != entries) return Err{Error::not_supported};
        return device_.open_queue(index, queue, memory_.subspan(index * queue_room(), queue_room()), entries);
    };
    TRY(receiving_.with([&](Receiving& receiving) { return open_queue(receive_queue, receiving.queue); }));
    TRY(sending_.with([&](Sending& sending) -> Result<void> {
        TRY(open_queue(send_queue, sending.queue));
        for (u32 i = 0; i < entries; ++i) sending.free[sending.free_count++] = static_cast<u8>(i);
        return {};
    }));
    port_ = TRY(
        where.attach({.uplink = true, .queue_pages = PacketQueue::most_pages}, memory::house_owner, *this));
    device_.start();
    read_link();
    receiving_.with([&](Receiving& receiving) {
        for (u32 i = 0; i < entries; ++i) offer(receiving.queue, i);
        if (receiving.queue.publish()) transport_.notify(receive_queue);
        (void)receiving.queue.listen();
    });
    return {};
}

void VirtioNet::read_link() {
    if (device_.has(feature::status)) port_->set_link((device_.config16(status_offset) & link_up) != 0);
}

void VirtioNet::interrupted() {
    if (port_ == nullptr) return;
    auto const why = transport_.acknowledge_interrupt();
    if ((why & abi::virtio::interrupt::configuration) != 0) read_link();
    if ((why & abi::virtio::interrupt::used_buffer) == 0) return;
    receive();
    transmit();
}

void VirtioNet::offer(DriverQueue& queue, u32 index) {
    DmaPiece const piece{memory::house_address(buffer(receive_queue, index) + header_offset),
                         buffer_bytes - header_offset};
    (void)queue.add({}, {&piece, 1}, index);  // there is room for as many as there are buffers
}

void VirtioNet::receive() {
    backend::Wakes wakes;
    receiving_.with([&](Receiving& receiving) {
        auto& queue = receiving.queue;
        u32 done = 0;
        do {
            while (done < budget) {
                auto const one = queue.take();
                if (!one) break;
                ++done;
                auto const index = one->token % entries;
                deliver(buffer(receive_queue, index), std::min(one->written, buffer_bytes - header_offset),
                        wakes);
                offer(queue, index);
            }
            if (queue.publish()) transport_.notify(receive_queue);
        } while (!queue.listen() && done < budget);
    });
}

void VirtioNet::deliver(u8* packet, u32 bytes, backend::Wakes& wakes) {
    if (bytes < sizeof(Header)) return;
    Header header;
    __builtin_memcpy(&header, packet + header_offset, sizeof header);
    backend::Offload offload{.needs_checksum = (header.flags & needs_checksum) != 0,
                             .checksum_valid = (header.flags & data_valid) != 0,
                             .checksum_start = header.checksum_start,
                             .checksum_offset = header.checksum_offset};
    auto* const frame = packet + frame_offset;
    port_->where().send(*port_,
                        {.head = {frame},
                         .length = bytes - static_cast<u32>(sizeof(Header)),
                         .offload = offload,
                         .source = frame,
                         .fill =
                             [](void* source, u32 offset, std::span<u8> into) {
                                 __builtin_memcpy(into.data(), static_cast<u8*>(source) + offset,
                                                  into.size());
                                 return true;
                             }},
                        hart::time(), wakes);
}

void VirtioNet::take_back(Sending& sending) {
    while (auto const one = sending.queue.take()) {
        u32 at = one->token % entries;
        for (u32 left = sending.pieces[at]; left != 0 && sending.free_count < entries; --left) {
            sending.free[sending.free_count++] = static_cast<u8>(at);
            at = sending.next[at] % entries;
        }
    }
}

void VirtioNet::add(Sending& sending, std::span<u8 const> buffers, u32 last_bytes) {
    std::array<DmaPiece, most_pieces> pieces;
    for (usize i = 0; i < buffers.size(); ++i) {
        bool const first = i == 0;
        bool const last = i + 1 == buffers.size();
        auto const offset = first ? header_offset : frame_offset;
        auto const bytes = (last ? last_bytes : frame_room) + (first ? u32{sizeof(Header)} : 0);
        pieces[i] = {memory::house_address(buffer(send_queue, buffers[i]) + offset), bytes};
        if (!last) sending.next[buffers[i]] = buffers[i + 1];
    }
    sending.pieces[buffers[0]] = static_cast<u8>(buffers.size());
    (void)sending.queue.add(std::span{pieces}.first(buffers.size()), {}, buffers[0]);
}

bool VirtioNet::put_packet(Sending& sending, PacketQueue::Slot const& packet) {
    auto const length = packet.length();
    auto const count = (length + frame_room - 1) / frame_room;
    if (count > sending.free_count) return false;
    auto const buffers = std::span{sending.free}.subspan(sending.free_count - count, count);
    auto const& offload = packet.offload();
    Header header{};
    if (offload.needs_checksum) {
        header.flags = needs_checksum;
        header.checksum_start = offload.checksum_start;
        header.checksum_offset = offload.checksum_offset;
    }
    if (offload.segments != Segments::none) {
        header.segments = offload.segments == Segments::tcp4 ? tcp4 : tcp6;
        if (offload.congestion) header.segments |= congestion;
        header.segment_bytes = offload.segment_bytes;
        header.header_bytes = static_cast<u16>(offload.checksum_start + 20);
    }
    __builtin_memcpy(buffer(send_queue, buffers[0]) + header_offset, &header, sizeof header);
    u32 done = 0;
    for (auto const index : buffers) {
        auto const bytes = std::min(length - done, frame_room);
        packet.read(done, {buffer(send_queue, index) + frame_offset, bytes});
        done += bytes;
    }
    add(sending, buffers, length - (count - 1) * frame_room);
    sending.free_count -= count;
    return true;
}

bool VirtioNet::put_segments(Sending& sending, PacketQueue::Slot const& packet) {
    while (sending.free_count != 0) {
        auto const piece = sending.segmenter->next(packet);
        if (!piece) return true;
        if (piece->length() > frame_room) continue;  // no frame of this network
        auto const buffers = std::span{sending.free}.subspan(sending.free_count - 1, 1);
        auto* const at = buffer(send_queue, buffers[0]);
        Header const header{};
        __builtin_memcpy(at + header_offset, &header, sizeof header);
        std::copy(piece->header.begin(), piece->header.end(), at + frame_offset);
        packet.read(piece->payload_at, {at + frame_offset + piece->header.size(), piece->payload_bytes});
        add(sending, buffers, piece->length());
        --sending.free_count;
    }
    return false;
}

void VirtioNet::transmit() {
    sending_.with([&](Sending& sending) {
        auto& from = port_->queue();
        u32 done = 0;
        // What is under way comes back with an interrupt, which goes on here.
        for (; done < budget || sending.queue.in_flight() == 0; ++done) {
            take_back(sending);
            auto const packet = from.front();
            if (!packet) {
                if (from.sleep()) break;
                continue;
            }
            bool put = true;
            if (!sending.segmenter && !does_.take_segments(packet->offload())) {
                sending.segmenter = backend::Segmenter::of(*packet);
                if (!sending.segmenter) {
                    port_->lost();
                    from.pop(*packet);
                    continue;
                }
            }
            if (sending.segmenter) {
                put = put_segments(sending, *packet);
                if (put) sending.segmenter.reset();
            } else {
                if (packet->offload().needs_checksum && !does_.checksum) backend::finish_checksum(*packet);
                put = put_packet(sending, *packet);
            }
            if (put) {
                from.pop(*packet);
                continue;
            }
            // Buffers come back with an interrupt, unless some have come meanwhile.
            if (sending.queue.publish()) transport_.notify(send_queue);
            if (sending.queue.listen()) break;
        }
        if (sending.queue.publish()) transport_.notify(send_queue);
        if (done >= budget) (void)sending.queue.listen();
    });
}

}  // namespace antler::platform
