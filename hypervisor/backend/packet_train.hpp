// Small packets that one sender puts into a queue one behind the other, and their receiver sees all at once.
#pragma once

#include "backend/packet_queue.hpp"

namespace antler::backend {

// They share one reservation, which ends with its page.  It begins with an empty record, and that holds the
// receiver back until the train has ended.
class PacketTrain {
public:
    [[nodiscard]] bool is_open() const { return queue_ != nullptr; }

    // False: the queue has no room at this place, or no memory, or that life of it has ended.
    [[nodiscard]] bool begin(PacketQueue& queue, u32 life);
    // Where the next packet goes, of which there is nothing more to say; null: it does not fit, or no train
    // is open.
    [[nodiscard, gnu::always_inline]] u8* add(u32 length) {
        auto const bytes = PacketQueue::room_for(length);
        if (bytes > end_ - next_) return nullptr;
        auto* const record = new (next_) PacketQueue::Record{PacketQueue::simple, length, {}};
        next_ += bytes;
        return reinterpret_cast<u8*>(record) + PacketQueue::record_bytes;
    }
    // The receiver sees them.  True: it sleeps, and the caller wakes it before it calls the queue's done().
    [[nodiscard]] bool end();

private:
    static constexpr u32 least_bytes = 512;  // of a train, or it is not worth while

    PacketQueue* queue_ = nullptr;
    PacketQueue::Record* first_ = nullptr;
    u8* next_ = nullptr;
    u8* end_ = nullptr;
    u32 end_position_ = 0;
};

}  // namespace antler::backend
