// Packets on their way to one receiver: taking pages and giving them back.
#include "backend/packet_queue.hpp"

namespace antler::backend {

bool PacketQueue::take_page(Book& book, u32 position) {
    auto& frame = frame_at(position);
    if (frame.load(std::memory_order_relaxed) != 0) return true;
    if (book.spare != 0) {
        frame.store(book.spare, std::memory_order_relaxed);
        book.spare = 0;
        return true;
    }
    auto taken = frames_.take(memory::Pool::house, memory::order_4k, owner_);
    if (!taken) return false;
    auto const block = memory::PageMaker::unmake(std::move(taken).value());
    frame.store(static_cast<u32>(block.start.raw() / page_bytes), std::memory_order_relaxed);
    ++book.pages_held;
    return true;
}

void PacketQueue::give_back(Book& book, u32 frame) {
    memory::Block const block{.start = Hpa{u64{frame} * page_bytes},
                              .order = memory::order_4k,
                              .pool = memory::Pool::house,
                              .owner = owner_};
    frames_.give_back(memory::PageMaker::make<memory::Dirty>(block));
    --book.pages_held;
}

void PacketQueue::open(memory::OwnerId owner, u32 pages) {
    book_.with([&](Book& book) {
        owner_ = owner;
        page_mask_ = pages - 1;
        head_ = 0;
        tail_.store(0, std::memory_order_relaxed);
        asleep_.store(true, std::memory_order_relaxed);
        book = {.closed = false};
        life_.fetch_add(1, std::memory_order_release);
    });
}

void PacketQueue::free_behind() {
    auto const now_first = head_ & ~(page_size - 1);
    // The page that was emptied last is kept for the next one; a queue that runs takes and gives none.
    book_.with([&](Book& book) {
        for (; book.first != now_first; book.first += page_size) {
            auto const frame = frame_at(book.first).exchange(0, std::memory_order_relaxed);
            if (book.spare == 0) {
                book.spare = frame;
            } else {
                give_back(book, frame);
            }
        }
    });
}

bool PacketQueue::sleep() {
    asleep_.store(true, std::memory_order_seq_cst);
    if (head_ == tail_.load(std::memory_order_seq_cst) ||
        record(head_).state.load(std::memory_order_seq_cst) == reserved)
        return true;
    asleep_.store(false, std::memory_order_relaxed);
    return false;
}

bool PacketQueue::drained() {
    if (senders_.load(std::memory_order_acquire) != 0) return false;
    book_.with([&](Book& book) {
        for (auto& entry : frames_of_)
            if (auto const frame = entry.exchange(0, std::memory_order_relaxed); frame != 0)
                give_back(book, frame);
        if (book.spare != 0) give_back(book, book.spare);
        book.spare = 0;
    });
    return true;
}

}  // namespace antler::backend
