// A learning switch with VLANs that joins virtual machines with each other and with the host's network card.
#pragma once

#include <array>
#include <atomic>

#include "backend/address_table.hpp"
#include "backend/packet_queue.hpp"
#include "backend/packet_train.hpp"

namespace antler::backend {

// Who takes packets out of a port's queue.
class Receiver {
public:
    // Packets wait, and it asked to be told.  From any hart, perhaps with a device's lock held: it only
    // signals.
    virtual void packets_wait() = 0;

protected:
    ~Receiver() = default;  // never deleted through this type
};

struct PortOptions {
    Mac mac{};  // whose address is known and nobody else's; zero: not known
    Vlan vlan =
        no_vlan;  // its frames are of this VLAN, and carry no tag; of the uplink: of frames without one
    bool uplink = false;    // frames of VLANs carry their tags
    bool isolated = false;  // speaks with the uplink only
    bool guarded = false;   // sends from its own address only
    u32 queue_pages = 8;    // a power of two
    u32 mtu = ethernet::standard_mtu;
};

// Of a port, as its station sees it.
struct PortCounters {
    u64 sent_packets = 0, sent_bytes = 0, sent_drops = 0;
    u64 received_packets = 0, received_bytes = 0, received_drops = 0;
};

class Switch;

class Port {
public:
    Port(memory::Frames& frames, Switch& where, PortNumber number)
        : switch_{where}, number_{number}, queue_{frames} {}

    [[nodiscard]] PacketQueue& queue() { return queue_; }
    [[nodiscard]] PortOptions const& options() const { return options_; }
    [[nodiscard]] PortNumber number() const { return number_; }
    [[nodiscard]] Switch& where() { return switch_; }
    [[nodiscard]] PortCounters counters() const;

    // A packet that its receiver could not use.
    void lost() { received_.drop(); }

    // Without a link nothing goes in or out.
    [[nodiscard]] bool has_link() const { return link_.load(std::memory_order_relaxed); }
    void set_link(bool up) { link_.store(up, std::memory_order_relaxed); }

private:
    friend class Switch;
    friend class Wakes;
    struct Counted {
        std::atomic<u64> packets = 0, bytes = 0, drops = 0;
        void clear() {
            for (auto* one : {&packets, &bytes, &drops}) one->store(0, std::memory_order_relaxed);
        }
        void count(u64 length, u32 count = 1) {
            packets.fetch_add(count, std::memory_order_relaxed);
            bytes.fetch_add(length, std::memory_order_relaxed);
        }
        void drop() { drops.fetch_add(1, std::memory_order_relaxed); }
    };

    Switch& switch_;
    PortNumber number_;
    PortOptions options_{};
    Receiver* receiver_ = nullptr;
    std::atomic<bool> link_ = true;
    Counted sent_{};
    Counted received_{};
    PacketQueue queue_;
};

// What a sender has done to receivers and not told them yet: they are woken together, when it has sent all it
// has.
class Wakes {
public:
    Wakes() = default;
    ~Wakes() { tell(); }
    Wakes(Wakes const&) = delete;
    Wakes& operator=(Wakes const&) = delete;
    void tell();

private:
    friend class Switch;
    // Where the last frame went: others with the same addresses and type go there too, until all are told.
    struct Flow {
        Port* from = nullptr;  // null: none
        Port* to = nullptr;
        u64 first = 0, second = 0;  // words of the frame
        u32 life = 0;
        [[nodiscard]] bool has(Port const& sender, FrameHead head) const {
            return first == head.word(0) && second == second_of(head) && from == &sender;
        }
        [[nodiscard]] static u64 second_of(FrameHead head) {
            constexpr u64 addresses_and_type = (u64{1} << 48) - 1;
            return head.word(8) & addresses_and_type;
        }
    };
    void add(Port& port) {
        if (count_ == waiting_.size()) tell();
        waiting_[count_++] = {&port, port.receiver_};
    }
    // Where the next small frame of the flow goes, or null: it goes alone.
    [[nodiscard, gnu::noinline]] u8* begin_train(u32 length);
    void end_train() {
        if (train_.is_open()) [[unlikely]]
            end_open_train();
    }
    [[gnu::noinline]] void end_open_train();
    struct Waiting {
        Port* port;
        Receiver* receiver;
    };
    std::array<Waiting, 8> waiting_;
    u32 count_ = 0;
    Flow flow_{};
    PacketTrain train_{};
    u32 train_packets_ = 0;
    u32 train_bytes_ = 0;
};

// A frame that somebody sends: its first bytes, which were copied once, and a way to the others.
struct Outgoing {
    FrameHead head;
    u32 length;
    Offload offload;
    // Copies the frame's bytes from `offset` on, which lie behind the head; false: they cannot be had.
    void* source = nullptr;
    bool (*fill)(void* source, u32 offset, std::span<u8> into) = nullptr;
};

class Switch {
public:
    static constexpr u32 most_ports = 252;
    static constexpr u32 most_flooded_bytes = 256 * 1024;  // of one frame, to all ports together

    // `unit` ticks are one of the table's units of age, about a second.
    Switch(memory::Frames& frames, u64 ticks_per_unit) : frames_{frames}, unit_{ticks_per_unit} {}
    ~Switch();
    Switch(Switch const&) = delete;
    Switch& operator=(Switch const&) = delete;

    // The queue's pages are charged to `owner`; the port itself is the switch's.
    [[nodiscard]] Result<Port*> attach(PortOptions const& options, memory::OwnerId owner, Receiver& receiver);
    // Again until true; its receiver is not called after that.
    [[nodiscard]] bool detach(Port& port);

    // Called by one hart at a time for a port.  Returns how many ports it was copied to.
    [[gnu::always_inline]] u32 send(Port& from, Outgoing const& frame, u64 now, Wakes& wakes);
    // The same for a small frame with nothing left to do to it, which goes where the one before went; its
    // receiver sees it when `wakes` tells.  False: nothing happened.
    [[nodiscard, gnu::always_inline]] bool send_behind(Port& from, FrameHead head, u32 length, Wakes& wakes);

    [[nodiscard]] Port* uplink() { return uplink_.load(std::memory_order_acquire); }
    [[nodiscard]] AddressTable& table() { return table_; }

private:
    static constexpr u32 ports_in_page = 4;
    static_assert(sizeof(Port) * ports_in_page <= page_bytes);

    [[nodiscard]] Result<Port*> room(PortNumber number);
    [[nodiscard]] bool may_pass(Port const& from, Port const& to, Vlan vlan) const;
    [[gnu::always_inline]] bool deliver(Port& to, u32 life, Outgoing const& frame, Vlan vlan, bool tagged,
                                        bool wants_tag, Wakes& wakes);
    [[nodiscard]] static bool wants_tag(Port const& to, Vlan vlan) {
        return to.options_.uplink && vlan != to.options_.vlan;
    }
    [[gnu::noinline]] u32 decide(Port& from, Outgoing const& frame, u64 now, Wakes& wakes);

    [[nodiscard, gnu::noinline]] bool write(PacketQueue::Slot const& into, Outgoing const& frame, Vlan vlan,
                                            bool tagged, bool wants_tag);

    memory::Frames& frames_;
    u64 unit_;
    AddressTable table_{};
    std::array<std::atomic<Port*>, most_ports> ports_{};
    std::atomic<u32> ports_end_ = 0;
    std::atomic<Port*> uplink_ = nullptr;
    // Pages of ports, which stay; a port that was detached is used again.
    struct Rooms {
        std::array<u32, most_ports / ports_in_page> frames{};
        std::array<bool, most_ports> taken{};
    };
    Locked<Rooms, Rank::ports> rooms_{};
};

// Whole blocks, of which both sides have as many as begin in `bytes`.
[[gnu::always_inline]] inline void copy_blocks(u8* to, u8 const* from, u32 bytes) {
    constexpr u32 block = PacketQueue::alignment;
    for (u32 at = 0; at < bytes; at += block)
        __builtin_memcpy(__builtin_assume_aligned(to + at, 8), __builtin_assume_aligned(from + at, 8), block);
}
static_assert(FrameHead::capacity % PacketQueue::alignment == 0);

inline bool Switch::deliver(Port& to, u32 life, Outgoing const& frame, Vlan vlan, bool tagged, bool wants_tag,
                            Wakes& wakes) {
    auto const change = (wants_tag ? int{ethernet::tag_bytes} : 0) - (tagged ? int{ethernet::tag_bytes} : 0);
    auto const length = static_cast<u32>(static_cast<int>(frame.length) + change);
    auto const most = ethernet::header_bytes + to.options_.mtu + (wants_tag ? ethernet::tag_bytes : 0);
    if (!to.has_link() || (frame.offload.segments == Segments::none && length > most)) {
        to.received_.drop();
        return false;
    }
    auto offload = frame.offload;
    if (change != 0) offload.move(change);
    auto const slot = to.queue_.reserve(length, offload, life);
    if (!slot) {
        to.received_.drop();
        return false;
    }
    auto const& into = slot.value();
    bool filled = true;
    if (!tagged && !wants_tag && length <= FrameHead::capacity && into.is_whole()) [[likely]] {
        copy_blocks(into.data(), frame.head.bytes, length);
    } else {
        filled = write(into, frame, vlan, tagged, wants_tag);
    }
    if (filled) [[likely]] {
        to.received_.count(length);
    } else {
        to.received_.drop();
    }
    if (to.queue_.publish(into, filled)) {
        wakes.add(to);
    } else {
        to.queue_.done();
    }
    return filled;
}

inline bool Switch::send_behind(Port& from, FrameHead head, u32 length, Wakes& wakes) {
    bool const small = length - ethernet::header_bytes <= FrameHead::capacity - ethernet::header_bytes;
    if (!small || !wakes.flow_.has(from, head)) return false;
    auto* into = wakes.train_.add(length);
    if (into == nullptr) [[unlikely]] {
        into = wakes.begin_train(length);
        if (into == nullptr) return false;
    }
    copy_blocks(into, head.bytes, length);
    ++wakes.train_packets_;
    wakes.train_bytes_ += length;
    return true;
}

inline u32 Switch::send(Port& from, Outgoing const& frame, u64 now, Wakes& wakes) {
    wakes.end_train();  // what was sent before arrives before
    // Most frames go where the one before went.
    auto& flow = wakes.flow_;
    if (flow.has(from, frame.head) && frame.length - ethernet::header_bytes <= from.options_.mtu &&
        from.has_link() && frame.offload.segments == Segments::none && frame.offload.fits(frame.length))
        [[likely]] {
        from.sent_.count(frame.length);
        return deliver(*flow.to, flow.life, frame, no_vlan, false, false, wakes) ? 1 : 0;
    }
    flow.from = nullptr;
    return decide(from, frame, now, wakes);
}

}  // namespace antler::backend
