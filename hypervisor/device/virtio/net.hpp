// A virtio network card: packets from the driver's rings to a wire and back.   [virtio 5.1]
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

#include "device/virtio/model.hpp"
#include "device/virtio/queue.hpp"
#include "device/virtio/segments.hpp"

namespace antler::device::virtio {

// In front of every packet.   [virtio 5.1.6]
struct alignas(4) NetHeader {
    u8 flags = 0;
    u8 segments = 0;
    u16 header_bytes = 0;
    u16 segment_bytes = 0;
    u16 checksum_start = 0;
    u16 checksum_offset = 0;
    u16 buffers = 0;

    static constexpr u8 needs_checksum = 1, data_valid = 2;
    static constexpr u8 no_segments = 0, tcp4 = 1, tcp6 = 4, congestion = 0x80;
};
static_assert(sizeof(NetHeader) == 12);

namespace net_feature {
inline constexpr u64 checksum = u64{1} << 0, guest_checksum = u64{1} << 1, mtu = u64{1} << 3,
                     mac = u64{1} << 5, guest_tcp4 = u64{1} << 7, guest_tcp6 = u64{1} << 8,
                     guest_congestion = u64{1} << 9, host_tcp4 = u64{1} << 11, host_tcp6 = u64{1} << 12,
                     host_congestion = u64{1} << 13, merged_buffers = u64{1} << 15, status = u64{1} << 16;
inline constexpr u64 offloads = checksum | guest_checksum | guest_tcp4 | guest_tcp6 | guest_congestion |
                                host_tcp4 | host_tcp6 | host_congestion;
}  // namespace net_feature

struct NetOptions {
    std::array<u8, 6> mac{};
    u16 mtu = 1500;
    bool offloads = true;
};

// A packet of the driver: its first bytes, copied once, and a way to the others.
struct NetFrame {
    static constexpr u32 head_bytes = 128;
    // The header and the beginning lie as in the driver's buffer, and so that the addresses in it are
    // aligned.
    alignas(8) u32 length;
    NetHeader header;
    std::array<u8, head_bytes> head;
    void* source;
    // Copies bytes from `offset` on, behind the head; false: the driver's memory is not there.
    bool (*fill)(void* source, u32 offset, std::span<u8> into);
};
static_assert(offsetof(NetFrame, head) == 16 && offsetof(NetFrame, header) == 4);

// What is at the other end.  A packet that comes is a sequence of pieces; the first has room for a NetHeader
// in front.
template <class W>
concept NetWire = requires(W& wire, NetFrame const& frame, u64 features) {
    wire.close();                               // nobody takes anything
    wire.call_again();                          // work() is to be called soon
    wire.set_header(NetHeader{});               // of the current packet
    { wire.send(frame) } -> std::same_as<u32>;  // what it cost, in packets
    wire.sent();                                // no more for now
    wire.open(features);                        // what the driver takes unfinished
    // The next packet with room for a NetHeader in front, where it is in one piece and there is nothing to
    // say of it; empty: next() knows.
    { wire.simple() } -> std::same_as<std::span<u8>>;
    wire.take_simple(std::span<u8>{});       // it is done with
    { wire.next() } -> std::same_as<bool>;   // makes the next packet that has come the current one
    { wire.length() } -> std::same_as<u32>;  // of it
    { wire.header() } -> std::same_as<NetHeader>;
    { wire.piece(u32{}) } -> std::same_as<std::span<u8 const>>;  // from an offset on; the header comes first
    { wire.whole() } -> std::same_as<std::span<u8 const>>;       // header and all, where it lies in one piece
    wire.take(true);                                             // it is done with; false: it was lost
    { wire.sleep() } -> std::same_as<bool>;                      // false: something came meanwhile
    { wire.has_link() } -> std::same_as<bool>;
};

template <GuestMemory M, NetWire W>
class Net final : public Model {
public:
    static constexpr u32 receive_queue = 0, send_queue = 1;
    static constexpr u32 budget = 64;  // packets in one go
    static constexpr u32 most_frame_bytes = 65'535 + 14;

    Net(M& memory, W& wire, NetOptions const& options) : memory_{memory}, wire_{wire}, options_{options} {}

    [[nodiscard]] std::string_view name() const override { return "virtio-net"; }
    [[nodiscard]] u32 device_id() const override { return 1; }
    [[nodiscard]] u64 features() const override {
        using namespace net_feature;
        return mac | mtu | status | merged_buffers | (options_.offloads ? offloads : 0);
    }
    [[nodiscard]] u32 queue_count() const override { return 2; }
    [[nodiscard]] u16 queue_size(u32) const override { return 256; }

    [[nodiscard]] u64 read_config(Offset offset, Width width) override {
        std::array<u8, 12> bytes{};
        std::copy(options_.mac.begin(), options_.mac.end(), bytes.begin());
        bytes[6] = wire_.has_link() ? 1 : 0;
        bytes[10] = static_cast<u8>(options_.mtu);
        bytes[11] = static_cast<u8>(options_.mtu >> 8);
        return read_structure(bytes, offset, width);
    }
    void write_config(Offset, Width, u64) override {}

    void start(Transport& transport, u64 features, std::span<RingPlace const> places) override {
        transport_ = &transport;
        features_ = features;
        if (places[receive_queue].size != 0) receive_.open(memory_, places[receive_queue], features);
        if (places[send_queue].size != 0) send_.open(memory_, places[send_queue], features);
        wire_.open(features);
        if (send_.is_open()) static_cast<void>(send_.listen());
    }
    void stop() override {
        receive_.reset();
        send_.reset();
        waits_for_buffers_ = false;
        wire_.close();
    }
    void notify(u32 queue) override {
        if (queue == send_queue) {
            more_to_send_ = send_some();
        } else if (waits_for_buffers_) {
            waits_for_buffers_ = false;
            more_to_receive_ = receive_some();
        }
        if (more_to_send_ || more_to_receive_) wire_.call_again();
        complain();
    }
    [[nodiscard]] bool work() override {
        if (transport_ == nullptr) return false;
        more_to_receive_ = receive_some();
        if (more_to_send_) more_to_send_ = send_some();
        complain();
        return more_to_send_ || more_to_receive_;
    }
    // The wire's link has come or gone.
    void link_changed() {
        if (transport_ != nullptr) transport_->config_interrupt();
    }

private:
    void complain() {
        if (!receive_.is_broken() && !send_.is_broken()) return;
        receive_.reset();
        send_.reset();
        more_to_send_ = more_to_receive_ = false;
        transport_->needs_reset();
    }

    static bool fill(void* source, u32 offset, std::span<u8> into) {
        return static_cast<SegmentReader<M>*>(source)->read(offset + u32{sizeof(NetHeader)}, into);
    }

    // True: there is more.
    [[gnu::flatten]] bool send_some() {
        if (!send_.is_open()) return false;
        auto& chain = chain_;
        u32 cost = 0;
        bool more = true;
        auto const view = send_.view();
        for (; cost < budget; ++cost) {
            if (!send_.pop(chain, view)) {
                if (!send_.is_open() || send_.listen()) {
                    more = false;
                    break;
                }
                continue;
            }
            cost += send_one(chain);
            send_.use(chain, 0);
        }
        wire_.sent();
        if (send_.publish()) transport_->queue_interrupt(send_queue);
        return more && send_.is_open();
    }

    // What it cost beyond one packet.
    u32 send_one(Chain const& chain) {
        SegmentReader<M> reader{memory_, chain.to_read()};
        auto const bytes = chain.readable_bytes;
        if (bytes < sizeof(NetHeader) || bytes - sizeof(NetHeader) > most_frame_bytes) return 0;
        NetFrame frame;
        frame.length = bytes - static_cast<u32>(sizeof(NetHeader));
        auto const held = std::min(bytes, static_cast<u32>(sizeof(NetHeader)) + NetFrame::head_bytes);
        std::span const start{reinterpret_cast<u8*>(&frame.header), held};
        if (!reader.read(0, start)) return 0;
        frame.source = &reader;
        frame.fill = fill;
        auto const cost = wire_.send(frame);
        return cost > 0 ? cost - 1 : 0;
    }

    // True: there is more.
    [[gnu::flatten]] bool receive_some() {
        if (!receive_.is_open()) return false;
        auto& chain = chain_;
        bool more = true;
        auto const view = receive_.view();
        for (u32 done = 0; done < budget; ++done) {
            auto const simple = wire_.simple();
            if (simple.empty() && !wire_.next()) [[unlikely]] {
                if (wire_.sleep()) {
                    more = false;
                    break;
                }
                continue;
            }
            auto const mark = receive_.mark();
            auto const put = receive_one(chain, view, simple, mark);
            if (put == Put::done) [[likely]]
                continue;
            if (put == Put::no_room) {
                // The driver says when it has put more buffers there than those that were not enough; unless
                // it has just done so.
                waits_for_buffers_ = true;
                bool const quiet = receive_.listen();
                receive_.rewind(mark);
                if (quiet) {
                    more = false;
                    break;
                }
                waits_for_buffers_ = false;
                if (!receive_.is_open()) break;
                continue;
            }
            if (wire_.next()) wire_.take(false);
        }
        if (receive_.publish()) transport_->queue_interrupt(receive_queue);
        return more && receive_.is_open();
    }

    enum class Put : u8 { done, lost, no_room };

    struct Used {
        u16 id, slots;
        u32 bytes;
    };

    // Copies into the driver's buffers, the first of which is at `mark`; the packet is taken when that is
    // done. Where there is no room the ring is behind all buffers that there are.
    [[gnu::always_inline]] Put receive_one(Chain& chain, DescriptorView<M> const& view, std::span<u8> simple,
                                           RingMark mark) {
        if (!receive_.pop(chain, view)) return receive_.is_open() ? Put::no_room : Put::lost;
        if (!simple.empty() && chain.readable == 0 && chain.segments[0].bytes >= simple.size()) [[likely]] {
            constexpr NetHeader in_one_buffer{.buffers = 1};
            __builtin_memcpy(__builtin_assume_aligned(simple.data(), 4), &in_one_buffer,
                             sizeof in_one_buffer);
            if (memory_.write(chain.segments[0].at, simple).ok()) [[likely]] {
                receive_.use(chain, static_cast<u32>(simple.size()));
                wire_.take_simple(simple);
                return Put::done;
            }
        }
        return receive_any(chain, mark);
    }
    [[gnu::noinline]] Put receive_any(Chain& chain, RingMark mark) {
        if (!wire_.next()) return Put::lost;
        auto const put = put_any(chain, mark);
        if (put == Put::done) wire_.take(true);
        return put;
    }

    // A packet may take several buffers, where that was agreed.
    Put put_any(Chain& chain, RingMark mark) {
        auto const length = wire_.length() + static_cast<u32>(sizeof(NetHeader));
        bool const merges = (features_ & net_feature::merged_buffers) != 0;
        if (chain.writable_bytes >= length) return put_into_one(chain, length);
        if (!merges) {
            receive_.use(chain, 0);  // a buffer too small for what may come is the driver's mistake
            return Put::lost;
        }
        return put_into_many(chain, length, mark);
    }

    Put put_into_one(Chain const& chain, u32 length) {
        auto header = wire_.header();
        header.buffers = 1;
        wire_.set_header(header);
        auto const whole = wire_.whole();
        auto const& first = chain.segments[0];
        if (!whole.empty() && chain.readable == 0 && first.bytes >= length) [[likely]] {
            bool const good = memory_.write(first.at, whole).ok();
            receive_.use(chain, good ? length : 0);
            return good ? Put::done : Put::lost;
        }
        return put_pieces_into_one(chain, length);
    }
    [[gnu::noinline]] Put put_pieces_into_one(Chain const& chain, u32 length) {
        SegmentWriter<M> writer{memory_, chain.to_write()};
        for (u32 at = 0; at < length;) {
            auto const piece = wire_.piece(at);
            if (piece.empty() || !writer.write(piece)) {
                receive_.use(chain, 0);
                return Put::lost;
            }
            at += static_cast<u32>(piece.size());
        }
        receive_.use(chain, length);
        return Put::done;
    }

    [[gnu::noinline]] Put put_into_many(Chain& chain, u32 length, RingMark mark) {
        // First whether there are enough, and how many that is, which the header says.
        std::array<Used, most_merged> used;
        u32 count = 0;
        u32 room = 0;
        for (bool popped = true;; popped = receive_.pop(chain)) {
            if (!popped) return receive_.is_open() ? Put::no_room : Put::lost;
            auto const bytes = std::min(chain.writable_bytes, length - room);
            used[count++] = {chain.id, chain.slots, bytes};
            room += bytes;
            if (room == length) break;
            if (count == used.size()) {
                for (auto const& one : used) receive_.use(one.id, one.slots, 0);
                return Put::lost;
            }
        }
        auto header = wire_.header();
        header.buffers = static_cast<u16>(count);
        wire_.set_header(header);
        // Then once more through the same chains.  The driver may have changed them: what counts is what is
        // read now.
        receive_.rewind(mark);
        bool good = receive_.begin_group(count);
        u32 at = 0;
        for (u32 i = 0; i < count; ++i) {
            if (!receive_.pop(chain)) {
                receive_.break_it();
                return Put::lost;
            }
            auto left = std::min(used[i].bytes, chain.writable_bytes);
            auto const bytes = left;
            SegmentWriter<M> writer{memory_, chain.to_write()};
            while (good && left != 0) {
                auto piece = wire_.piece(at);
                piece = piece.first(std::min<usize>(piece.size(), left));
                good = !piece.empty() && writer.write(piece);
                at += static_cast<u32>(piece.size());
                left -= static_cast<u32>(piece.size());
            }
            receive_.use(chain, bytes);
        }
        return good ? Put::done : Put::lost;
    }
    static constexpr u32 most_merged = 48;

    M& memory_;
    W& wire_;
    NetOptions options_;
    Transport* transport_ = nullptr;
    u64 features_ = 0;
    Queue<M> receive_{};
    Queue<M> send_{};
    bool waits_for_buffers_ = false;  // a packet is there, and no room for it
    bool more_to_send_ = false;
    bool more_to_receive_ = false;
    Chain chain_;  // the one at hand, which is larger than a frame may be
};

}  // namespace antler::device::virtio
