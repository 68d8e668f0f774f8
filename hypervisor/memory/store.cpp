// Runs of pages, cut to the length that is needed.
#include "memory/store.hpp"

#include "memory/physical.hpp"

namespace antler::memory {

Result<HpaRange> take_pages(Frames& frames, House& house, u64 bytes, OwnerId owner) {
    auto const size = (bytes + page_bytes - 1) & ~(page_bytes - 1);
    if (size == 0 || size < bytes || size > max_order.bytes()) return Err{Error::out_of_range};
    Order order{};
    while (order.bytes() < size) ++order.n;
    // Enough in all need not be enough in one piece: one granule more, until there is.
    auto page = frames.take(Pool::house, order, owner);
    for (u64 more = 0; !page; more += granule_bytes) {
        auto const had = frames.totals().free_house_bytes;
        if (more > 2 * order.bytes() + 2 * granule_bytes) return Err{Error::no_memory};
        TRY(ensure_free(frames, house, Pool::house, had + 1));
        page = frames.take(Pool::house, order, owner);
    }
    auto const start = PageMaker::unmake(std::move(page).value()).start;
    if (size != order.bytes()) give_back_pages(frames, {start + size, order.bytes() - size});
    zero_block(house_view(start), size);
    return HpaRange{start, size};
}

void give_back_pages(Frames& frames, HpaRange pages) {
    FrameList list;
    frames.retire(pages, list);
    frames.release(std::move(list));
}

Result<std::span<u8>> Store::take(u64 bytes, u64 alignment) {
    VERIFY(alignment != 0 && alignment <= page_bytes);
    auto const place_in = [&](Run& run) -> u8* {
        auto const at = (run.used + alignment - 1) & ~(alignment - 1);
        if (at > run.size || run.size - at < bytes) return nullptr;
        run.used = at + bytes;
        return reinterpret_cast<u8*>(&run) + at;
    };
    for (auto* run = first_; run != nullptr; run = run->next)
        if (auto* const place = place_in(*run); place != nullptr)
            return std::span<u8>{place, static_cast<usize>(bytes)};
    auto* const run = TRY(add_run(bytes + alignment - 1));
    return std::span<u8>{place_in(*run), static_cast<usize>(bytes)};
}

Result<Store::Run*> Store::add_run(u64 bytes) {
    auto const pages = TRY(take_pages(*frames_, *house_, bytes + sizeof(Run), owner_));
    first_ = new (house_view(pages.start)) Run{first_, pages.size, sizeof(Run)};
    return first_;
}

void Store::give_back() {
    while (first_ != nullptr) {
        auto* const run = first_;
        first_ = run->next;
        give_back_pages(*frames_, {house_address(run), run->size});
    }
}

u64 Store::bytes() const {
    u64 sum = 0;
    for (auto const* run = first_; run != nullptr; run = run->next) sum += run->size;
    return sum;
}

}  // namespace antler::memory
