// A VM's network card: what lies between its driver and the switch.
#include "vm/net_card.hpp"

#include "hart/fence.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

using backend::Offload;
using backend::Segments;
using device::virtio::NetHeader;

Result<void> NetWire::plug_in(backend::Switch& where, backend::PortOptions const& options,
                              memory::OwnerId owner) {
    port_ = TRY(where.attach(options, owner, *this));
    port_->set_link(false);  // until a driver listens
    return {};
}

bool NetWire::unplug() {
    if (port_ == nullptr) return true;
    if (!port_->where().detach(*port_)) return false;
    port_ = nullptr;
    return true;
}

void NetWire::set_cable(bool plugged) {
    cable_ = plugged;
    if (port_ != nullptr) port_->set_link(open_ && cable_);
}

void NetWire::packets_wait() {
    vm_.machine().ask_for_work();
}

void NetWire::call_again() {
    vm_.machine().ask_for_work();
}

void NetWire::open(u64 features) {
    using namespace device::virtio::net_feature;
    takes_ = {.checksum = (features & guest_checksum) != 0,
              .tcp4 = (features & guest_tcp4) != 0,
              .tcp6 = (features & guest_tcp6) != 0,
              .congestion = (features & guest_congestion) != 0};
    open_ = true;
    if (port_ == nullptr) return;
    port_->queue().drop_all();
    static_cast<void>(port_->queue().sleep());
    set_cable(cable_);
}

void NetWire::close() {
    open_ = false;
    segment_.reset();
    segmenter_.reset();
    slot_.reset();
    if (port_ == nullptr) return;
    port_->set_link(false);
    port_->queue().drop_all();
}

namespace {

[[gnu::noinline]] Offload offload_of(NetHeader const& header) {
    auto const kind = header.segments & ~NetHeader::congestion;
    return {.needs_checksum = (header.flags & NetHeader::needs_checksum) != 0,
            .checksum_valid = (header.flags & NetHeader::data_valid) != 0,
            .congestion = (header.segments & NetHeader::congestion) != 0,
            // A packet of any other kind is larger than a frame, and lost for that.
            .segments = kind == NetHeader::tcp4   ? Segments::tcp4
                        : kind == NetHeader::tcp6 ? Segments::tcp6
                                                  : Segments::none,
            .segment_bytes = header.segment_bytes,
            .checksum_start = header.checksum_start,
            .checksum_offset = header.checksum_offset};
}

}  // namespace

u32 NetWire::send(device::virtio::NetFrame const& frame) {
    if (port_ == nullptr) return 1;
    if (frame.header.flags == 0 && frame.header.segments == 0 &&
        port_->where().send_behind(*port_, {frame.head.data()}, frame.length, wakes_)) [[likely]]
        return 1;
    return send_any(frame);
}

u32 NetWire::send_any(device::virtio::NetFrame const& frame) {
    bool const plain = frame.header.flags == 0 && frame.header.segments == 0;
    return port_->where().send(*port_,
                               {.head = {frame.head.data()},
                                .length = frame.length,
                                .offload = plain ? Offload{} : offload_of(frame.header),
                                .source = frame.source,
                                .fill = frame.fill},
                               hart::time(), wakes_);
}

std::span<u8> NetWire::simple() {
    if (slot_ || port_ == nullptr) return {};
    return port_->queue().simple_front();
}

bool NetWire::next() {
    if (segment_ || (slot_ && !segmenter_)) return true;
    while (port_ != nullptr) {
        if (segmenter_) {
            segment_ = segmenter_->next(*slot_);
            if (segment_) return true;
            segmenter_.reset();
            port_->queue().pop(*slot_);
            slot_.reset();
        }
        slot_ = port_->queue().front();
        if (!slot_) return false;
        auto const& offload = slot_->offload();
        if (takes_.take_segments(offload)) {
            if (offload.needs_checksum && !takes_.checksum) backend::finish_checksum(*slot_);
            return true;
        }
        segmenter_ = backend::Segmenter::of(*slot_);
        if (segmenter_) continue;
        port_->lost();
        port_->queue().pop(*slot_);
        slot_.reset();
    }
    return false;
}

NetHeader NetWire::header() const {
    if (segment_ || slot_->offload().is_plain()) return {};
    auto const& offload = slot_->offload();
    NetHeader header{};
    if (offload.needs_checksum) {
        header.flags = NetHeader::needs_checksum;
        header.checksum_start = offload.checksum_start;
        header.checksum_offset = offload.checksum_offset;
    } else if (offload.checksum_valid && takes_.checksum) {
        header.flags = NetHeader::data_valid;
    }
    if (offload.segments == Segments::none) return header;
    header.segments = offload.segments == Segments::tcp4 ? NetHeader::tcp4 : NetHeader::tcp6;
    if (offload.congestion) header.segments |= NetHeader::congestion;
    header.segment_bytes = offload.segment_bytes;
    constexpr u16 least_tcp_header = 20;
    header.header_bytes = static_cast<u16>(offload.checksum_start + least_tcp_header);
    return header;
}

u8* NetWire::headroom() const {
    return segment_ ? segment_->header.data() - sizeof(NetHeader) : slot_->headroom().data();
}

void NetWire::set_header(NetHeader const& header) {
    static_assert(sizeof header == backend::PacketQueue::headroom_bytes);
    __builtin_memcpy(__builtin_assume_aligned(headroom(), 4), &header, sizeof header);
}

std::span<u8 const> NetWire::piece(u32 at) const {
    constexpr auto before = static_cast<u32>(sizeof(NetHeader));
    if (segment_) {
        auto const with_header = before + static_cast<u32>(segment_->header.size());
        if (at < with_header) return {headroom() + at, with_header - at};
        auto const done = at - with_header;
        auto const piece = slot_->piece(segment_->payload_at + done);
        return piece.first(std::min<usize>(piece.size(), segment_->payload_bytes - done));
    }
    if (at >= before) return slot_->piece(at - before);
    if (!slot_->headroom_adjoins()) return {headroom() + at, before - at};
    return {headroom() + at, before - at + slot_->piece(0).size()};
}

std::span<u8 const> NetWire::whole() const {
    if (segment_ || !slot_->headroom_adjoins() || !slot_->is_whole()) return {};
    return {slot_->data() - sizeof(NetHeader), sizeof(NetHeader) + slot_->length()};
}

void NetWire::take(bool arrived) {
    if (!arrived) port_->lost();
    if (segment_) {
        segment_.reset();
        return;
    }
    port_->queue().pop(*slot_);
    slot_.reset();
}

bool NetWire::sleep() {
    return port_ == nullptr || (!slot_ && port_->queue().sleep());
}

NetCard::NetCard(Vm& vm, SlotWire const& wire, device::virtio::NetOptions const& options)
    : wire_{vm}, model_{vm.ram(), wire_, options}, registers_{wire, model_} {}

void NetCard::set_cable(bool plugged) {
    if (plugged == wire_.has_link()) return;
    wire_.set_cable(plugged);
    model_.link_changed();
}

void NetCard::counters(device::CounterVisitor& each) const {
    auto const* const port = wire_.port();
    if (port == nullptr) return;
    auto const counted = port->counters();
    each("sent_packets", counted.sent_packets);
    each("sent_bytes", counted.sent_bytes);
    each("sent_drops", counted.sent_drops);
    each("received_packets", counted.received_packets);
    each("received_bytes", counted.received_bytes);
    each("received_drops", counted.received_drops);
    each("link", wire_.has_link() ? 1 : 0);
}

}  // namespace antler::vm
