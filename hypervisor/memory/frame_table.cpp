// Buddies: two free blocks of one size, side by side and of one pool, are one block of twice the size.
#include "memory/frame_table.hpp"

#include <algorithm>

#include "base/panic.hpp"

namespace antler::memory {
namespace {

constexpr Order order_of(u64 first_page, u64 pages, Order at_most) {
    return largest_order(pages * page_bytes, first_page * page_bytes, at_most);
}

}  // namespace

FrameTable::Bank const* FrameTable::bank_of(u64 page) const {
    for (usize i = 0; i < bank_count_; ++i)
        if (banks_[i].has(page)) return &banks_[i];
    return nullptr;
}

FrameTable::Bank const& FrameTable::bank_of_index(u32 index) const {
    for (usize i = 0; i < bank_count_; ++i)
        if (index - banks_[i].first_index < banks_[i].pages) return banks_[i];
    panic("a frame index beyond every bank", index);
}

u64 FrameTable::page_of_index(u32 index) const {
    return bank_of_index(index).page(index);
}

u64 FrameTable::end_of_reserved(u64 page) const {
    for (usize i = 0; i < hole_count_; ++i)
        if (page - holes_[i].first_page < holes_[i].end_page - holes_[i].first_page)
            return holes_[i].end_page;
    panic("a frame that is in no block and not reserved", page * page_bytes);
}

FrameInfo FrameTable::info_of(u64 page, Frame const& frame) {
    return {{address_of(page), Order{frame.order}, static_cast<Pool>(frame.pool), OwnerId{frame.owner}},
            frame.state,
            frame.state == FrameState::shared ? frame.previous : 0};
}

// Blocks are aligned to their size, so the first frame found going outwards that begins one is its first.
Frame* FrameTable::head_of(u64 page, u64& head_page) const {
    auto const* const bank = bank_of(page);
    if (bank == nullptr) return nullptr;
    for (u8 order = 0; order <= max_order.n; ++order) {
        head_page = page & ~((u64{1} << order) - 1);
        if (head_page < bank->first_page) return nullptr;
        auto& frame = frames_[bank->index(head_page)];
        if (frame.state != FrameState::inside) return frame.order >= order ? &frame : nullptr;
    }
    return nullptr;
}

Result<void> FrameTable::carve(u64 first_page, u64 end_page) {
    for (usize i = 0; i < hole_count_; ++i) {
        auto& hole = holes_[i];
        if (first_page < hole.first_page || end_page > hole.end_page) continue;
        auto const before = Hole{hole.first_page, first_page};
        auto const after = Hole{end_page, hole.end_page};
        if (before.first_page == before.end_page) {
            hole = after.first_page == after.end_page ? holes_[--hole_count_] : after;
        } else {
            if (after.first_page != after.end_page) {
                if (hole_count_ == max_reserved) return Err{Error::full};
                holes_[hole_count_++] = after;
            }
            hole = before;
        }
        return {};
    }
    return Err{Error::not_found};
}

void FrameTable::add_blocks(u64 first_page, u64 end_page, Pool pool) {
    while (first_page < end_page) {
        auto const order = order_of(first_page, end_page - first_page, max_order);
        free_block(*bank_of(first_page), first_page, order.n, pool);
        first_page += order.frames();
    }
}

void FrameTable::push_free(Bank const& bank, u64 page, u8 order, Pool pool) {
    auto const index = bank.index(page);
    auto& first = free_[index_of(pool)][order];
    frames_[index] = {first, 0, 0, order, FrameState::free, static_cast<u8>(pool)};
    if (first != 0) frames_[first - 1].previous = index + 1;
    first = index + 1;
}

void FrameTable::unlink_free(Frame& frame) {
    if (frame.previous != 0) {
        frames_[frame.previous - 1].next = frame.next;
    } else {
        free_[frame.pool][frame.order] = frame.next;
    }
    if (frame.next != 0) frames_[frame.next - 1].previous = frame.previous;
    frame = {};
}

void FrameTable::free_block(Bank const& bank, u64 page, u8 order, Pool pool) {
    free_frames_[index_of(pool)] += u64{1} << order;
    frames_[bank.index(page)] = {};
    for (; order < max_order.n; ++order) {
        auto const buddy = page ^ u64 { 1 } << order;
        if (!bank.has(buddy)) break;
        auto& frame = frames_[bank.index(buddy)];
        if (frame.state != FrameState::free || frame.order != order || frame.pool != index_of(pool)) break;
        unlink_free(frame);
        page &= buddy;
    }
    push_free(bank, page, order, pool);
}

// It is in no list any more.
[[gnu::always_inline]] inline Block FrameTable::hand_out(Frame& frame, u64 page, Order order, Pool pool,
                                                         OwnerId owner) {
    frame = {0, 0, owner.value, order.n, FrameState::taken, static_cast<u8>(pool)};
    free_frames_[index_of(pool)] -= order.frames();
    charge(owner, pool, order.frames());
    return {address_of(page), order, pool, owner};
}

Result<Block> FrameTable::take(Pool pool, Order order, OwnerId owner) {
    if (order > max_order || owner.value >= max_owners) return Err{Error::out_of_range};
    auto& lists = free_[index_of(pool)];
    u8 have = order.n;
    if (auto const first = lists[have]; first != 0) [[likely]] {
        // Nobody is before it, so this is less than unlink_free().
        auto& frame = frames_[first - 1];
        lists[have] = frame.next;
        if (frame.next != 0) frames_[frame.next - 1].previous = 0;
        return hand_out(frame, page_of_index(first - 1), order, pool, owner);
    }
    while (have <= max_order.n && lists[have] == 0) ++have;
    if (have > max_order.n) return Err{Error::no_memory};
    auto const index = lists[have] - 1;
    return take_out(index, page_of_index(index), order, pool, owner);
}

Block FrameTable::take_out(u32 index, u64 page, Order order, Pool pool, OwnerId owner) {
    auto const& bank = bank_of_index(index);
    auto start = bank.page(index);
    auto have = frames_[index].order;
    unlink_free(frames_[index]);
    while (have > order.n) {
        --have;
        auto const middle = start + (u64{1} << have);
        if (page >= middle) {
            push_free(bank, start, have, pool);
            start = middle;
        } else {
            push_free(bank, middle, have, pool);
        }
    }
    return hand_out(frames_[bank.index(start)], start, order, pool, owner);
}

Result<Block> FrameTable::take_coloured(Pool pool, Colours const& colours, OwnerId owner) {
    if (owner.value >= max_owners || !colours.exist()) return Err{Error::out_of_range};
    for (u8 order = 0; order <= max_order.n; ++order) {
        auto link = free_[index_of(pool)][order];
        for (u32 looks = 0; link != 0 && looks < most_looks; ++looks, link = frames_[link - 1].next) {
            auto const start = page_of_index(link - 1);
            auto const pages = std::min<u64>(u64{1} << order, colours.count);
            for (u64 page = start; page < start + pages; ++page)
                if (colours.has(address_of(page))) return take_out(link - 1, page, order_4k, pool, owner);
        }
    }
    return Err{Error::no_memory};
}

Result<Block> FrameTable::take_up_to(Pool pool, Order order, OwnerId owner) {
    for (;; --order.n) {
        auto block = take(pool, order, owner);
        if (block || order.n == 0) return block;
    }
}

void FrameTable::discharge(OwnerId owner, Pool pool, u64 frames) {
    auto& held = held_[index_of(pool)][owner.value];
    VERIFY(held >= frames);
    held -= frames;
}

void FrameTable::release(Block block) {
    auto const page = page_of(block.start);
    auto const* const bank = bank_of(page);
    VERIFY(bank != nullptr);
    auto& frame = frames_[bank->index(page)];
    if (frame.order != block.order.n || frame.owner != block.owner.value)
        panic("a page given back that is not like that", block.start.raw(), block.order.n);
    if (frame.state == FrameState::shared) {
        if (--frame.previous != 0) return;
    } else if (frame.state != FrameState::taken) {
        panic("a page given back that nobody holds", block.start.raw());
    }
    discharge(block.owner, block.pool, block.order.frames());
    free_block(*bank, page, block.order.n, block.pool);
}

Result<Block> FrameTable::adopt(Hpa at, Order order, Pool pool, OwnerId owner) {
    if (!at.is_aligned(order.bytes())) return Err{Error::misaligned};
    if (owner.value >= max_owners) return Err{Error::out_of_range};
    auto const page = page_of(at);
    auto const* const bank = bank_of(page);
    if (bank == nullptr || bank->end_page() - page < order.frames()) return Err{Error::out_of_range};
    TRY(carve(page, page + order.frames()));
    frames_[bank->index(page)] = {0, 0, owner.value, order.n, FrameState::taken, static_cast<u8>(pool)};
    charge(owner, pool, order.frames());
    return Block{at, order, pool, owner};
}

Result<void> FrameTable::release_reserved(HpaRange range) {
    auto const first = page_after(range.start);
    auto const end = page_of(range.end());
    if (first >= end) return {};
    auto const* const bank = bank_of(first);
    if (bank == nullptr || end > bank->end_page()) return Err{Error::out_of_range};
    TRY(carve(first, end));
    add_blocks(first, end, Pool::house);
    return {};
}

void FrameTable::share(Block const& block) {
    auto& frame = frames_[bank_of(page_of(block.start))->index(page_of(block.start))];
    VERIFY(frame.state == FrameState::taken && frame.order == block.order.n);
    frame.state = FrameState::shared;
    frame.previous = 1;
}

void FrameTable::share_again(Block const& block) {
    auto& frame = frames_[bank_of(page_of(block.start))->index(page_of(block.start))];
    VERIFY(frame.state == FrameState::shared && frame.order == block.order.n && frame.previous != ~u32{0});
    ++frame.previous;
}

void FrameTable::charge_to(Block const& block, OwnerId owner) {
    VERIFY(owner.value < max_owners);
    auto& frame = frames_[bank_of(page_of(block.start))->index(page_of(block.start))];
    VERIFY(frame.state == FrameState::taken && frame.owner == block.owner.value);
    discharge(block.owner, block.pool, block.order.frames());
    charge(owner, block.pool, block.order.frames());
    frame.owner = owner.value;
}

Result<Hpa> FrameTable::withdraw(Pool from) {
    auto const block = TRY(take(from, order_2m, house_owner));
    discharge(house_owner, from, order_2m.frames());
    frames_[bank_of(page_of(block.start))->index(page_of(block.start))].state = FrameState::moving;
    return block.start;
}

void FrameTable::deposit(Hpa granule, Pool to) {
    auto const page = page_of(granule);
    auto const& bank = *bank_of(page);
    VERIFY(frames_[bank.index(page)].state == FrameState::moving);
    free_block(bank, page, order_2m.n, to);
}

void FrameTable::cut(u64 head_page, Frame& head, u64 page, u8 order) {
    auto* frame = &head;
    while (frame->order > order) {
        --frame->order;
        auto const middle = head_page + (u64{1} << frame->order);
        auto& second = frames_[bank_of(middle)->index(middle)];
        second = *frame;  // owner, state and count are those of the whole
        if (page >= middle) {
            head_page = middle;
            frame = &second;
        }
    }
    VERIFY(head_page == page);
}

void FrameTable::retire(HpaRange range, FrameList& into) {
    VERIFY(range.start.is_aligned(page_bytes) && (range.size & (page_bytes - 1)) == 0);
    auto page = page_of(range.start);
    auto const end = page_of(range.end());
    while (page < end) {
        u64 head_page = 0;
        auto* head = head_of(page, head_page);
        VERIFY(head != nullptr && (head->state == FrameState::taken || head->state == FrameState::shared));
        if (head_page != page || head_page + (u64{1} << head->order) > end) {
            cut(head_page, *head, page, order_of(page, end - page, Order{head->order}).n);
            head = &frames_[bank_of(page)->index(page)];
        }
        page += u64{1} << head->order;
        if (head->state == FrameState::shared && --head->previous != 0) continue;
        head->state = FrameState::retired;
        head->next = 0;
        auto const link = static_cast<u32>(head - frames_) + 1;
        if (into.last_ != 0) {
            frames_[into.last_ - 1].next = link;
        } else {
            into.first_ = link;
        }
        into.last_ = link;
    }
}

void FrameTable::release(FrameList&& list) {
    for (auto link = list.first_; link != 0;) {
        auto const frame = frames_[link - 1];
        VERIFY(frame.state == FrameState::retired);
        auto const page = page_of_index(link - 1);
        auto const pool = static_cast<Pool>(frame.pool);
        discharge(OwnerId{frame.owner}, pool, u64{1} << frame.order);
        free_block(*bank_of(page), page, frame.order, pool);
        link = frame.next;
    }
    list.first_ = list.last_ = 0;
}

void FrameTable::join(FrameList& into, FrameList&& more) {
    if (more.first_ == 0) return;
    if (into.last_ != 0) {
        frames_[into.last_ - 1].next = more.first_;
    } else {
        into.first_ = more.first_;
    }
    into.last_ = more.last_;
    more.first_ = more.last_ = 0;
}

std::optional<FrameInfo> FrameTable::inspect(Hpa at) const {
    u64 head_page = 0;
    auto const* const head = head_of(page_of(at), head_page);
    if (head == nullptr) return std::nullopt;
    return info_of(head_page, *head);
}

u64 FrameTable::ram_bytes() const {
    u64 pages = 0;
    for (usize i = 0; i < bank_count_; ++i) pages += banks_[i].pages;
    return pages * page_bytes;
}

std::optional<HpaRange> FrameTable::next_house_range(Hpa from) const {
    HpaRange found{};
    for (usize i = 0; i < bank_count_; ++i) {
        auto const& bank = banks_[i];
        for (u64 page = std::max(bank.first_page, page_of(from)); page < bank.end_page();) {
            u64 head_page = 0;
            auto const* const head = head_of(page, head_page);
            auto const end = head == nullptr ? end_of_reserved(page) : head_page + (u64{1} << head->order);
            if (head != nullptr && static_cast<Pool>(head->pool) == Pool::house) {
                if (found.size == 0) found.start = address_of(page);
                found.size = address_of(end) - found.start;
            } else if (found.size != 0) {
                return found;
            }
            page = end;
        }
        if (found.size != 0) return found;
    }
    return std::nullopt;
}

}  // namespace antler::memory
