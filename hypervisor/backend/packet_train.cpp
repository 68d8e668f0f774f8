// Small packets behind each other: how a train is reserved, and what becomes of the rest of it.
#include "backend/packet_train.hpp"

namespace antler::backend {

bool PacketTrain::begin(PacketQueue& queue, u32 life) {
    using Queue = PacketQueue;
    return queue.book_.with([&](Queue::Book& book) {
        if (book.closed || life != queue.life_.load(std::memory_order_relaxed)) return false;
        auto const start = queue.tail_.load(std::memory_order_relaxed);
        auto const in_page = start % Queue::page_size;
        auto const bytes = Queue::page_size - in_page;
        if (bytes < least_bytes || start + bytes - book.first > queue.capacity()) return false;
        if (in_page == 0 && !queue.take_page(book, start)) return false;
        auto* const at = queue.view(start);
        first_ = new (at) Queue::Record{Queue::reserved, 0, {}};
        next_ = at + Queue::record_bytes;
        end_ = at + bytes;
        end_position_ = start + bytes;
        queue_ = &queue;
        queue.senders_.fetch_add(1, std::memory_order_relaxed);
        queue.tail_.store(end_position_, std::memory_order_release);
        return true;
    });
}

bool PacketTrain::end() {
    using Queue = PacketQueue;
    auto& queue = *queue_;
    auto const left = static_cast<u32>(end_ - next_);
    // Before the receiver sees the train: afterwards it looks at what lies behind.
    if (left != 0)
        queue.book_.with([&](Queue::Book&) {
            if (queue.tail_.load(std::memory_order_relaxed) == end_position_)
                queue.tail_.store(end_position_ - left, std::memory_order_release);
            else  // somebody has reserved behind it
                new (next_) Queue::Record{Queue::given_up, left - Queue::record_bytes, {}};
        });
    queue_ = nullptr;
    next_ = end_ = nullptr;
    return queue.publish(*first_, Queue::given_up);
}

}  // namespace antler::backend
