// Packets on their way to one receiver: a bounded ring of bytes in pages that are taken when they are needed.
#pragma once

#include <array>
#include <atomic>
#include <new>
#include <optional>
#include <span>

#include "backend/offload.hpp"
#include "base/locked.hpp"
#include "base/result.hpp"
#include "memory/frames.hpp"
#include "memory/physical.hpp"

namespace antler::backend {

// Any number of senders reserve room, fill it without a lock, and publish it; one receiver at a time takes
// packets out, in the order of their reservations.  A packet may begin anywhere in a page and end pages
// later.
class PacketQueue {
    struct Record {
        std::atomic<u32> state;
        u32 length;
        Offload offload;
    };

public:
    static constexpr u32 headroom_bytes = 12;
    static constexpr u32 alignment = 32;            // of packets, and of the room that each has
    static constexpr u32 most_pages = 128;          // 512 KiB: seven of the largest packets
    static constexpr u32 most_bytes = 65'535 + 18;  // of a packet: the largest datagram, tagged

    // Closed, and holding nothing.
    explicit PacketQueue(memory::Frames& frames) : frames_{frames} {}
    ~PacketQueue() { VERIFY(pages_held() == 0); }
    PacketQueue(PacketQueue const&) = delete;
    PacketQueue& operator=(PacketQueue const&) = delete;

    // Whole pages, `pages` of them at most, a power of two, are charged to `owner` while packets wait in
    // them.
    void open(memory::OwnerId owner, u32 pages);
    // Of this time that it is open; a sender learns it before it decides that a packet belongs here.
    [[nodiscard]] u32 life() const { return life_.load(std::memory_order_acquire); }

    // Room that a sender has, or a packet that the receiver has.
    class Slot {
    public:
        [[nodiscard]] u32 length() const { return length_; }
        // The bytes from `offset` on, as far as they lie in one page; nothing beyond the end.
        [[nodiscard]] std::span<u8> piece(u32 offset) const {
            if (offset >= length_) return {};
            auto const position = start() + offset;
            auto const left = page_size - position % page_size;
            auto const bytes = length_ - offset;
            return {offset == 0 ? data_ : queue_->view(position), bytes < left ? bytes : left};
        }
        // All of it, where it lies in one page.
        [[nodiscard]] bool is_whole() const { return start() % page_size + length_ <= page_size; }
        [[nodiscard]] u8* data() const { return data_; }
        // Copies of stretches inside it; what is beyond is left out.
        void write(u32 offset, std::span<u8 const> from) const {
            for_each_piece(offset, from.size(), [&](u8* there, u32 done, u32 bytes) {
                __builtin_memcpy(there, from.data() + done, bytes);
            });
        }
        void read(u32 offset, std::span<u8> into) const {
            for_each_piece(offset, into.size(), [&](u8 const* there, u32 done, u32 bytes) {
                __builtin_memcpy(into.data() + done, there, bytes);
            });
        }
        // Bytes in front of the packet that its receiver may use, and whether they lie directly in front of
        // it.
        [[nodiscard]] std::span<u8> headroom() const {
            auto* const end = headroom_adjoins() ? data_ : reinterpret_cast<u8*>(record_) + record_bytes;
            return {end - headroom_bytes, headroom_bytes};
        }
        [[nodiscard]] bool headroom_adjoins() const { return (position_ + record_bytes) % page_size != 0; }
        [[nodiscard]] Offload const& offload() const { return record_->offload; }
        void set_offload(Offload const& offload) const { record_->offload = offload; }

    private:
        friend class PacketQueue;
        Slot(PacketQueue& queue, Record& record, u32 position, u32 length)
            : queue_{&queue}, record_{&record}, position_{position}, length_{length} {
            data_ = headroom_adjoins() ? reinterpret_cast<u8*>(record_) + record_bytes : queue.view(start());
        }
        [[nodiscard]] u32 start() const { return position_ + record_bytes; }
        template <class Body>
        void for_each_piece(u32 offset, usize bytes, Body&& body) const {
            for (u32 done = 0; done < bytes;) {
                auto const there = piece(offset + done);
                if (there.empty()) return;
                auto const wanted = static_cast<u32>(bytes) - done;
                auto const count = wanted < there.size() ? wanted : static_cast<u32>(there.size());
                body(there.data(), done, count);
                done += count;
            }
        }
        [[nodiscard]] bool is_simple() const {
            return offload().is_plain() && is_whole() && headroom_adjoins();
        }
        PacketQueue* queue_;
        Record* record_;
        u8* data_ = nullptr;  // its first byte
        u32 position_;        // of the record
        u32 length_;
    };

    // By a sender.  An error: the queue is full, there is no memory, or that life of it has ended.
    [[nodiscard]] Result<Slot> reserve(u32 length, Offload const& offload, u32 life);
    // Hands it to the receiver, or gives it up when it could not be filled.  True: the receiver sleeps, and
    // the caller wakes it before it calls done().
    [[nodiscard]] bool publish(Slot const& slot, bool filled) {
        return publish(*slot.record_, !filled ? given_up : slot.is_simple() ? simple : ready);
    }
    // Once for each reservation; afterwards the caller does not touch the queue.
    void done() { senders_.fetch_sub(1, std::memory_order_release); }

    // By the receiver: the first packet, if there is one; it stays until pop().
    [[nodiscard]] std::optional<Slot> front();
    void pop(Slot const& slot) { advance(slot.position_, slot.length_); }
    // The same for most packets: where the first has nothing left to do, and lies in one piece with its
    // headroom directly in front, all of that.  Nothing: front() knows.
    [[nodiscard]] std::span<u8> simple_front() {
        if (head_ == tail_.load(std::memory_order_acquire)) return {};
        auto& first = record(head_);
        if (first.state.load(std::memory_order_acquire) != simple) return {};
        return {reinterpret_cast<u8*>(&first) + (record_bytes - headroom_bytes),
                headroom_bytes + first.length};
    }
    void pop_simple(std::span<u8> packet) {
        advance(head_, static_cast<u32>(packet.size()) - headroom_bytes);
    }
    // The receiver wants to be woken; false: something has come meanwhile.
    [[nodiscard]] bool sleep();
    // Forgets what waits.
    void drop_all() {
        while (auto const slot = front()) pop(*slot);
    }

    // No more packets; then, again until true, everything it holds goes back.  No receiver comes any more.
    void close() {
        book_.with([](Book& book) { book.closed = true; });
    }
    [[nodiscard]] bool drained();

    [[nodiscard]] u32 capacity() const { return (page_mask_ + 1) * page_size; }
    [[nodiscard]] u32 pages_held() {
        return book_.with([](Book& book) { return book.pages_held; });
    }

private:
    friend class PacketTrain;
    static constexpr auto page_size = static_cast<u32>(page_bytes);
    static constexpr u32 record_bytes = alignment;
    // Of a record; `simple` is ready, and there is nothing to say of it.
    static constexpr u32 reserved = 0, ready = 1, given_up = 2, simple = 3;
    static_assert(sizeof(Record) + headroom_bytes <= record_bytes);

    // Under the lock: what is taken.
    struct Book {
        u32 spare = 0;  // the frame that was emptied last
        u32 first = 0;  // position of the first page that is held
        u32 pages_held = 0;
        bool closed = true;
    };

    [[nodiscard]] static constexpr u32 room_for(u32 length) {
        return (record_bytes + length + record_bytes - 1) & ~(record_bytes - 1);
    }
    [[nodiscard]] std::atomic<u32>& frame_at(u32 position) {
        return frames_of_[position / page_size & page_mask_];
    }
    [[nodiscard]] u8* view(u32 position) {
        auto const frame = frame_at(position).load(std::memory_order_relaxed);
        return static_cast<u8*>(memory::house_view(Hpa{u64{frame} * page_bytes})) + position % page_size;
    }
    [[nodiscard]] Record& record(u32 position) { return *reinterpret_cast<Record*>(view(position)); }
    [[nodiscard]] bool publish(Record& record, u32 state) {
        // The partner of sleep(): either the receiver sees the packet, or we see that it sleeps.
        record.state.store(state, std::memory_order_seq_cst);
        return asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false, std::memory_order_seq_cst);
    }
    [[nodiscard]] bool take_page(Book& book, u32 position);
    void give_back(Book& book, u32 frame);
    void advance(u32 position, u32 length) {
        head_ = position + room_for(length);
        if (position / page_size != head_ / page_size) [[unlikely]]
            free_behind();
    }
    void free_behind();

    memory::Frames& frames_;
    memory::OwnerId owner_{};
    u32 page_mask_ = 0;
    std::atomic<u32> life_ = 0;        // changes when it is open again, and everything else has been set
    u32 head_ = 0;                     // the receiver's
    std::atomic<u32> tail_ = 0;        // written under the lock
    std::atomic<bool> asleep_ = true;  // the receiver wants to be woken
    std::atomic<u32> senders_ = 0;     // between reserve() and done()
    Locked<Book, Rank::packets> book_;
    // By page of the ring; zero: none.  Written under the lock; whoever has a slot knows that its pages are
    // there.
    std::array<std::atomic<u32>, most_pages> frames_of_{};
};

inline Result<PacketQueue::Slot> PacketQueue::reserve(u32 length, Offload const& offload, u32 life) {
    if (length > most_bytes) return Err{Error::out_of_range};
    auto const bytes = room_for(length);
    return book_.with([&](Book& book) -> Result<Slot> {
        if (book.closed || life != life_.load(std::memory_order_relaxed)) return Err{Error::bad_state};
        auto const start = tail_.load(std::memory_order_relaxed);
        auto const end = start + bytes;
        if (end - book.first > capacity()) return Err{Error::full};
        // The page that it begins in is there, unless it begins with it.
        auto const first_new = (start + page_size - 1) & ~(page_size - 1);
        for (u32 at = first_new; static_cast<i32>(at - end) < 0; at += page_size)
            if (!take_page(book, at)) return Err{Error::no_memory};
        auto& record = *new (view(start)) Record;
        record.state.store(reserved, std::memory_order_relaxed);
        record.length = length;
        record.offload = offload;
        senders_.fetch_add(1, std::memory_order_relaxed);
        tail_.store(end, std::memory_order_release);
        return Slot{*this, record, start, length};
    });
}

inline std::optional<PacketQueue::Slot> PacketQueue::front() {
    while (head_ != tail_.load(std::memory_order_acquire)) {
        auto const head = head_;
        auto& first = record(head);
        auto const state = first.state.load(std::memory_order_acquire);
        if (state == reserved) return std::nullopt;
        if (state != given_up) return Slot{*this, first, head, first.length};
        advance(head_, first.length);
    }
    return std::nullopt;
}

}  // namespace antler::backend
