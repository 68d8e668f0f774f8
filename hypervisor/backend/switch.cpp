// A learning switch with VLANs: who gets a frame.
#include "backend/switch.hpp"

#include <new>

namespace antler::backend {

using namespace ethernet;

PortCounters Port::counters() const {
    auto const get = [](std::atomic<u64> const& from) { return from.load(std::memory_order_relaxed); };
    return {get(sent_.packets),     get(sent_.bytes),     get(sent_.drops),
            get(received_.packets), get(received_.bytes), get(received_.drops)};
}

u8* Wakes::begin_train(u32 length) {
    end_train();
    auto const& [from, to, first, second, life] = flow_;
    constexpr u32 least_mtu = FrameHead::capacity - header_bytes;
    if (from == nullptr || !from->has_link() || !to->has_link() || from->options_.mtu < least_mtu ||
        to->options_.mtu < least_mtu)
        return nullptr;
    return train_.begin(to->queue_, life) ? train_.add(length) : nullptr;
}

void Wakes::end_open_train() {
    auto& to = *flow_.to;
    flow_.from->sent_.count(train_bytes_, train_packets_);
    to.received_.count(train_bytes_, train_packets_);
    train_bytes_ = train_packets_ = 0;
    if (train_.end()) {
        add(to);
    } else {
        to.queue_.done();
    }
}

void Wakes::tell() {
    end_train();
    for (u32 i = 0; i < count_; ++i) {
        waiting_[i].receiver->packets_wait();
        waiting_[i].port->queue().done();
    }
    count_ = 0;
    flow_.from = nullptr;
}

Switch::~Switch() {
    rooms_.with([&](Rooms& rooms) {
        for (auto const taken : rooms.taken) VERIFY(!taken);
        for (auto const frame : rooms.frames) {
            if (frame == 0) continue;
            auto* const ports = static_cast<Port*>(memory::house_view(Hpa{u64{frame} * page_bytes}));
            for (u32 i = 0; i < ports_in_page; ++i) ports[i].~Port();
            frames_.give_back(memory::PageMaker::make<memory::Dirty>(
                {Hpa{u64{frame} * page_bytes}, memory::order_4k, memory::Pool::house, memory::house_owner}));
        }
    });
}

// Four ports are made when the first of them is wanted, and are never anything else: who has found one
// that is not attached any more learns it from its queue.
Result<Port*> Switch::room(PortNumber number) {
    return rooms_.with([&](Rooms& rooms) -> Result<Port*> {
        auto& frame = rooms.frames[number / ports_in_page];
        auto const view = [&] {
            return static_cast<Port*>(memory::house_view(Hpa{u64{frame} * page_bytes}));
        };
        if (frame == 0) {
            auto page = TRY(frames_.take(memory::Pool::house, memory::order_4k, memory::house_owner));
            frame = static_cast<u32>(memory::PageMaker::unmake(std::move(page)).start.raw() / page_bytes);
            auto const first = number / ports_in_page * ports_in_page;
            for (u32 i = 0; i < ports_in_page; ++i)
                new (view() + i) Port{frames_, *this, static_cast<PortNumber>(first + i)};
        }
        return view() + number % ports_in_page;
    });
}

Result<Port*> Switch::attach(PortOptions const& options, memory::OwnerId owner, Receiver& receiver) {
    if (options.mac.is_group() || options.vlan > last_vlan) return Err{Error::bad_format};
    if (options.uplink && uplink() != nullptr) return Err{Error::already_exists};
    auto const number = rooms_.with([&](Rooms& rooms) -> u32 {
        for (u32 i = 0; i < most_ports; ++i) {
            if (rooms.taken[i]) continue;
            rooms.taken[i] = true;
            return i;
        }
        return most_ports;
    });
    if (number == most_ports) return Err{Error::full};
    auto const leave = [&](Error why) {
        rooms_.with([&](Rooms& rooms) { rooms.taken[number] = false; });
        return Err{why};
    };
    auto const found = room(static_cast<PortNumber>(number));
    if (!found) return leave(found.error());
    if (options.mac != Mac{} && !table_.pin(options.mac, options.vlan, static_cast<PortNumber>(number)))
        return leave(Error::already_exists);
    auto* const port = found.value();
    port->options_ = options;
    port->receiver_ = &receiver;
    port->sent_.clear();
    port->received_.clear();
    port->set_link(true);
    port->queue_.open(owner, options.queue_pages);
    ports_[number].store(port, std::memory_order_release);
    auto end = ports_end_.load(std::memory_order_relaxed);
    while (end <= number && !ports_end_.compare_exchange_weak(end, number + 1, std::memory_order_acq_rel)) {
    }
    if (options.uplink) uplink_.store(port, std::memory_order_release);
    return port;
}

bool Switch::detach(Port& port) {
    auto const number = port.number();
    if (uplink() == &port) uplink_.store(nullptr, std::memory_order_release);
    ports_[number].store(nullptr, std::memory_order_release);
    port.queue_.close();
    if (!port.queue_.drained()) return false;
    table_.forget(number);
    rooms_.with([&](Rooms& rooms) { rooms.taken[number] = false; });
    return true;
}

bool Switch::may_pass(Port const& from, Port const& to, Vlan vlan) const {
    if (&from == &to) return false;
    if (to.options_.uplink) return true;
    return to.options_.vlan == vlan &&
           (from.options_.uplink || !(from.options_.isolated || to.options_.isolated));
}

// The addresses, perhaps a tag, and what follows the tag it came with.
bool Switch::write(PacketQueue::Slot const& into, Outgoing const& frame, Vlan vlan, bool tagged,
                   bool wants_tag) {
    auto const length = into.length();
    auto const in_head = frame.length < FrameHead::capacity ? frame.length : FrameHead::capacity;
    u32 written = 0;
    u32 read = 0;
    if (tagged || wants_tag) {
        into.write(0, std::span{frame.head.bytes, addresses_bytes});
        written = addresses_bytes;
        read = addresses_bytes + (tagged ? tag_bytes : 0);
        if (wants_tag) {
            std::array<u8, tag_bytes> tag{};
            write16(tag.data(), type_vlan);
            write16(tag.data() + 2, vlan);
            into.write(written, tag);
            written += tag_bytes;
        }
    }
    if (written == 0 && in_head == FrameHead::capacity && into.piece(0).size() >= FrameHead::capacity)
        copy_blocks(into.data(), frame.head.bytes, in_head);
    else
        into.write(written, std::span{frame.head.bytes + read, in_head - read});
    written += in_head - read;
    bool filled = true;
    while (filled && written < length) {
        auto const piece = into.piece(written);
        filled = frame.fill(frame.source, frame.length - (length - written), piece);
        written += static_cast<u32>(piece.size());
    }
    return filled;
}

u32 Switch::decide(Port& from, Outgoing const& frame, u64 now, Wakes& wakes) {
    auto const age = static_cast<u32>(now / unit_);
    auto const source = frame.head.source();
    auto const destination = frame.head.destination();
    auto const drop = [&] {
        from.sent_.drop();
        return u32{0};
    };
    if (frame.length < header_bytes || frame.length > PacketQueue::most_bytes - tag_bytes ||
        !from.has_link() || source.is_group() || source == Mac{} || !frame.offload.fits(frame.length))
        [[unlikely]]
        return drop();
    if (from.options_.guarded && source != from.options_.mac) [[unlikely]]
        return drop();
    if (frame.offload.segments == Segments::none &&
        frame.length > header_bytes + from.options_.mtu + (from.options_.uplink ? tag_bytes : 0)) [[unlikely]]
        return drop();
    // Machines cannot choose their VLAN: the uplink alone has tags, but for one that says what is so
    // anyway.
    auto vlan = from.options_.vlan;
    bool tagged = false;
    auto const type = frame.head.type();
    if (type == type_provider_vlan && !from.options_.uplink) [[unlikely]]
        return drop();
    if (type == type_vlan) [[unlikely]] {
        if (frame.length < header_bytes + tag_bytes) return drop();
        auto const tag = read16(frame.head.bytes + header_bytes) & 0xfff;
        tagged = true;
        if (from.options_.uplink && tag != 0) vlan = static_cast<Vlan>(tag);
        if (!from.options_.uplink && tag != 0 && tag != vlan) return drop();
        // The tag goes, and must not uncover another one.
        if (!from.options_.uplink && is_tag(read16(frame.head.bytes + header_bytes + 2))) return drop();
    }
    constexpr u32 share_of_machine = 32;
    constexpr u32 share_of_uplink = AddressTable::capacity / 2;
    // Its own address is pinned, and needs no learning.
    bool const known_here = source == from.options_.mac && vlan == from.options_.vlan;
    if (!known_here && !table_.learn(source, vlan, from.number_, age,
                                     from.options_.uplink ? share_of_uplink : share_of_machine)) [[unlikely]]
        return drop();
    from.sent_.count(frame.length);

    if (!destination.is_group()) [[likely]] {
        // An address that was learned on the uplink is looked for in the VLAN it is in.
        if (auto const known = table_.find(destination, vlan, age)) [[likely]] {
            auto* const to = ports_[*known].load(std::memory_order_acquire);
            if (to == nullptr) return 0;
            auto const life = to->queue_.life();  // before what it is used for
            if (!may_pass(from, *to, vlan)) return 0;
            bool const tags = wants_tag(*to, vlan);
            if (!tagged && !tags)
                wakes.flow_ = {&from, to, frame.head.word(0), Wakes::Flow::second_of(frame.head), life};
            return deliver(*to, life, frame, vlan, tagged, tags, wakes) ? 1 : 0;
        }
    }
    u32 copies = 0;
    u32 left = most_flooded_bytes;
    auto const end = ports_end_.load(std::memory_order_acquire);
    for (u32 i = 0; i < end; ++i) {
        auto* const to = ports_[i].load(std::memory_order_acquire);
        if (to == nullptr) continue;
        auto const life = to->queue_.life();
        if (!may_pass(from, *to, vlan)) continue;
        if (frame.length > left) {
            to->received_.drop();
            continue;
        }
        left -= frame.length;
        copies += deliver(*to, life, frame, vlan, tagged, wants_tag(*to, vlan), wakes) ? 1 : 0;
    }
    return copies;
}

}  // namespace antler::backend
