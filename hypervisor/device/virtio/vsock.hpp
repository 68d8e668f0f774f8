// A virtio socket device: streams between its guest and the host.   [virtio 5.10]
#pragma once

#include <concepts>

#include "device/counters.hpp"
#include "device/virtio/chain_bytes.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/queue_set.hpp"
#include "device/virtio/vsock_streams.hpp"

namespace antler::device::virtio {

template <class W>
concept VsockWire = requires(W& wire) {
    wire.call_again();  // work() is to be called soon
    wire.tell_host();   // something has happened to a stream
};

template <GuestMemory M, VsockWire W>
class Vsock final : public Model, public VsockStreams {
public:
    static constexpr u32 budget = 32 * 1024;  // bytes in one go
    static constexpr u32 packet_cost = 128;   // of a packet, however short it is

    // `buffers` has memory_bytes.
    Vsock(M& memory, W& wire, VsockOptions const& options, std::span<u8> buffers)
        : VsockStreams{options, buffers}, memory_{memory}, wire_{wire} {}

    [[nodiscard]] std::string_view name() const override { return "virtio-vsock"; }
    [[nodiscard]] u32 device_id() const override { return 19; }
    [[nodiscard]] u64 features() const override {
        return vsock::feature_stream | vsock::feature_no_implied_stream;
    }
    [[nodiscard]] u32 queue_count() const override { return queues_.size(); }
    [[nodiscard]] u16 queue_size(u32) const override { return 128; }
    [[nodiscard]] u64 read_config(Offset offset, Width width) override {
        u64 const guest_cid = cid_;
        return read_structure(bytes_of(guest_cid), offset, width);
    }
    void write_config(Offset, Width, u64) override {}

    void start(Transport& transport, u64 features, std::span<RingPlace const> places) override {
        queues_.open(memory_, transport, features, places);
        wire_.call_again();
    }
    void stop() override {
        queues_.close();
        reset_event_ = false;
        forget_guest();
    }
    void notify(u32) override {
        if (work()) wire_.call_again();
    }
    [[nodiscard]] bool work() override {
        if (!queues_.is_open()) return false;
        u32 left = budget;
        tell_event();
        speak(left);
        hear(left);
        speak(left);
        if (!queues_.publish(*this)) left = 1;
        if (news_) wire_.tell_host();
        news_ = false;
        return left == 0;
    }

    void counters(CounterVisitor& each) const {
        u64 open = 0;
        for (auto const& one : connections_) open += one.stage == Stage::open ? 1 : 0;
        each("connections", connections_made_);
        each("connections_open", open);
        each("refused", refused_);
        each("sent_bytes", from_guest_);
        each("received_bytes", to_guest_);
        each("bad_packets", bad_);
    }

    // What the guest knows of its streams is not so any more: its driver ends them, and asks for its CID
    // again.   [virtio 5.10.6.7]
    void interrupt_streams() {
        forget_guest();
        reset_event_ = queues_.is_open();
        wire_.call_again();
    }

private:
    using Operation = vsock::Operation;
    using Header = vsock::Header;
    static constexpr u32 receive = vsock::receive_queue, transmit = vsock::transmit_queue,
                         events = vsock::event_queue;

    void wake() override { wire_.call_again(); }
    [[nodiscard]] bool runs() const override { return queues_.is_open(); }

    static void spend(u32& left, u32 bytes) { left -= std::min(left, bytes + packet_cost); }
    void forget_guest() {
        strays_.clear();
        for (auto& one : connections_) {
            if (one.is_free()) continue;
            one.end(false);
            news_ = true;
        }
        if (news_) wire_.tell_host();
        news_ = false;
    }

    // --- from the guest

    void hear(u32& left) {
        auto& queue = queues_[transmit];
        // What cannot be answered is not heard.   [virtio 5.10.6.1]
        while (left != 0 && !strays_.full() && queues_.next(transmit, chain_)) {
            Header header{};
            auto const count = read_chain(memory_, chain_, 0, bytes_of(header));
            if (!count) return queue.break_it();
            u32 used = 0;
            if (*count != sizeof header || header.source_cid != cid_ || header.source_cid_high != 0) {
                ++bad_;
            } else if (!hear(header, used)) {
                return queue.break_it();
            }
            spend(left, used);
            queue.use(chain_, 0);
        }
    }

    // False: the packet's memory is not there.
    [[nodiscard]] bool hear(Header const& header, u32& used) {
        bool const here = header.destination_cid == vsock::host_cid && header.destination_cid_high == 0 &&
                          header.type == vsock::type_stream;
        auto* const one = here ? find(header.destination_port, header.source_port) : nullptr;
        if (one == nullptr) {
            if (here && header.operation == Operation::request) {
                if (auto* const fresh = free_connection(); fresh != nullptr) {
                    fresh->begin(next_id_++, Stage::knocking, header.destination_port, header.source_port);
                    fresh->note_credit(header);
                    news_ = true;
                    return true;
                }
                ++refused_;
            } else {
                ++bad_;
            }
            if (header.operation != Operation::reset) answer_by_reset(header);
            return true;
        }
        if (one->stage == Stage::over) return true;  // it will be told
        one->note_credit(header);
        return hear(*one, header, used);
    }

    [[nodiscard]] bool hear(VsockConnection& one, Header const& header, u32& used) {
        switch (header.operation) {
            case Operation::response:
                if (one.stage != Stage::calling || (one.owes & VsockConnection::request) != 0) break;
                one.stage = Stage::open;
                ++connections_made_;
                news_ = true;
                return true;
            case Operation::reset:
                one.end(false);
                news_ = true;
                return true;
            case Operation::shutdown: shut_down(one, header.flags); return true;
            case Operation::credit_request:
                if (one.stage == Stage::open) one.owes |= VsockConnection::credit_update;
                return true;
            case Operation::credit_update: return true;
            case Operation::data: {
                auto const room = chain_.readable_bytes - static_cast<u32>(sizeof header);
                if (one.stage != Stage::open || one.guest_finished || header.length > room ||
                    header.length > one.to_host.room())
                    break;
                used = header.length;
                return take_data(one, header.length);
            }
            case Operation::invalid:
            case Operation::request: break;
        }
        // It broke a rule: that is the end of the stream, and of nothing else.
        ++bad_;
        one.end(true);
        news_ = true;
        return true;
    }

    // Hints are never taken back; who has said both waits for a reset.   [virtio 5.10.6.5]
    void shut_down(VsockConnection& one, u32 flags) {
        using namespace vsock;
        one.guest_finished = one.guest_finished || (flags & no_more_sending) != 0;
        if ((flags & no_more_receiving) != 0) {
            one.guest_deaf = true;
            one.to_guest.clear();
        }
        if ((one.guest_finished && one.guest_deaf) || one.stage != Stage::open) one.end(true);
        news_ = true;
    }

    [[nodiscard]] bool take_data(VsockConnection& one, u32 length) {
        one.received += length;
        from_guest_ += length;
        if (one.host_left) {
            static_cast<void>(one.note_room(buffer_bytes));
            return true;
        }
        for (u32 done = 0; done < length;) {
            auto const piece = one.to_host.free_piece();
            auto const wanted = std::min(static_cast<u32>(piece.size()), length - done);
            auto const count =
                read_chain(memory_, chain_, static_cast<u32>(sizeof(Header)) + done, piece.first(wanted));
            if (count != wanted) return false;
            one.to_host.filled(wanted);
            done += wanted;
        }
        if (length != 0) news_ = true;
        return true;
    }

    void answer_by_reset(Header const& header) {
        static_cast<void>(strays_.push({header.destination_cid, header.destination_cid_high,
                                        header.destination_port, header.source_port, header.type}));
    }

    // --- to the guest

    void speak(u32& left) {
        while (left != 0 && !strays_.empty()) {
            auto const stray = *strays_.peek();
            Header const header{.source_cid = stray.cid,
                                .source_cid_high = stray.cid_high,
                                .destination_cid = cid_,
                                .source_port = stray.host_port,
                                .destination_port = stray.guest_port,
                                .type = stray.type,
                                .operation = Operation::reset};
            if (!next_room(left) || !say(header, nullptr, left)) return;
            static_cast<void>(strays_.pop());
        }
        // A packet of each in its turn.
        for (u32 quiet = 0; left != 0 && quiet < most_connections;) {
            auto& one = connections_[turn_];
            auto const operation = one.is_free() ? Operation::invalid : one.next();
            if (operation == Operation::invalid) {
                ++quiet;
            } else {
                quiet = 0;
                if (!say(one, operation, left)) return;
            }
            turn_ = (turn_ + 1) % most_connections;
        }
    }

    // A buffer that has room for a header at least.
    [[nodiscard]] bool next_room(u32& left) {
        auto& queue = queues_[receive];
        while (left != 0 && queues_.next(receive, chain_)) {
            if (chain_.writable_bytes >= sizeof(Header)) return true;
            queue.use(chain_, 0);
            spend(left, 0);
        }
        return false;
    }

    [[nodiscard]] bool say(VsockConnection& one, Operation operation, u32& left) {
        if (!next_room(left)) return false;
        auto const room = chain_.writable_bytes - static_cast<u32>(sizeof(Header));
        u32 length = 0;
        if (operation == Operation::data) {
            length = std::min({room, one.to_guest.size(), one.credit()});
            if (length == 0) {  // a buffer for headers only
                queues_[receive].use(chain_, 0);
                spend(left, 0);
                return true;
            }
        }
        Header const header{.source_cid = vsock::host_cid,
                            .destination_cid = cid_,
                            .source_port = one.host_port,
                            .destination_port = one.guest_port,
                            .length = length,
                            .type = vsock::type_stream,
                            .operation = operation,
                            .flags = operation == Operation::shutdown ? one.shutdown_due() : 0,
                            .buffer_bytes = buffer_bytes,
                            .forwarded = one.forwarded()};
        if (!say(header, &one.to_guest, left)) return false;
        if (length != 0) {
            one.to_guest.drop(length);
            one.sent += length;
            to_guest_ += length;
            news_ = news_ || one.host_here;
        }
        one.was_told(operation);
        return true;
    }

    [[nodiscard]] bool say(Header const& header, StreamBuffer const* data, u32& left) {
        auto& queue = queues_[receive];
        auto at = static_cast<u32>(sizeof header);
        bool good = write_chain(memory_, chain_, bytes_of(header)) == at;
        for (u32 done = 0; good && done < header.length;) {
            auto const held = data->piece(done);
            auto const piece = held.first(std::min<usize>(held.size(), header.length - done));
            good = write_chain(memory_, chain_, piece, at + done) == piece.size();
            done += static_cast<u32>(piece.size());
        }
        if (!good) {
            queue.break_it();
            return false;
        }
        spend(left, header.length);
        queue.use(chain_, at + header.length);
        return true;
    }

    void tell_event() {
        auto& queue = queues_[events];
        if (!reset_event_ || !queues_.next(events, chain_)) return;
        auto const id = vsock::event_transport_reset;
        auto const written = write_chain(memory_, chain_, bytes_of(id));
        if (!written) return queue.break_it();
        queue.use(chain_, *written);
        reset_event_ = false;
    }

    M& memory_;
    W& wire_;
    QueueSet<M, 3> queues_{};
    u32 turn_ = 0;
    bool news_ = false;         // for the host
    bool reset_event_ = false;  // for the guest
    u64 from_guest_ = 0;
    u64 to_guest_ = 0;
    u64 bad_ = 0;
    Chain chain_;  // the one at hand, which is larger than a frame may be
};

}  // namespace antler::device::virtio
