// Windows: entries of a hart's own root, changed by nobody else.
#include "memory/hart_view.hpp"

#include <algorithm>
#include <atomic>

namespace antler::memory {

using isa::Pte;

namespace {

using Entry = isa::Word<isa::native>;

void store(Hpa table, u64 index, Pte pte) {
    std::atomic_ref{static_cast<Entry*>(house_view(table))[index]}.store(static_cast<Entry>(pte.raw),
                                                                         std::memory_order_release);
}

constexpr unsigned copy_page_slot = 1;
constexpr Hva granule_slot = copy_window;
constexpr Hva page_slot{copy_window.raw() + granule_bytes};

}  // namespace

Result<void> HartView::create(House& house, u32 hart_index) {
    auto copy_table = TRY(house.frames().take_zeroed(order_4k, house_owner));
    auto page_table = house.frames().take_zeroed(order_4k, house_owner);
    auto const root = page_table ? house.add_root() : Result<Hpa>{Err{Error::no_memory}};
    if (!root) {
        house.frames().give_back(std::move(copy_table));
        if (page_table) house.frames().give_back(std::move(page_table).value());
        return Err{root.error()};
    }
    root_ = root.value();
    copy_table_ = PageMaker::unmake(std::move(copy_table)).start;
    page_table_ = PageMaker::unmake(std::move(page_table).value()).start;
    store(copy_table_, copy_page_slot, Pte::table(page_table_));
    store(root_, copy_window_entry, Pte::table(copy_table_));
    index_ = hart_index;
    place_ = HartSet::place_of(hart_index);
    window_entries_ = static_cast<Entry*>(house_view(root_)) + vm_window_first_entry;
    return {};
}

auto HartView::begin(Space& next) -> Entered {
    next.observers().active().add(index_);  // from here on it hears of changes
    auto const ticket = next.admit(index_);
    tag_ = ticket.tag;
    auto* const left = serves_ == &next ? nullptr : serves_;
    serves_ = &next;
    refresh();
    return {ticket, left};
}

Space* HartView::hide() {
    auto* const left = serves_;
    serves_ = nullptr;
    tag_ = {};
    refresh();
    return left;
}

void HartView::finish(Space* left) {
    if (left != nullptr) left->observers().active().remove(index_);
}

void HartView::refresh() {
    u64 const gigabytes = serves_ == nullptr ? 0 : std::min(serves_->gigabytes(), vm_window_gigabytes);
    if (gigabytes <= Space::known_gigabytes && serves_ != nullptr && serves_->knows_gigabytes()) {
        for (u64 n = 0; n < gigabytes; ++n)
            store(root_, vm_window_first_entry + n, {static_cast<Entry>(serves_->known_gigabyte(n))});
    } else if (gigabytes != 0) {
        serves_->with_tree([&](Stage2& tree) {
            for (u64 n = 0; n < gigabytes; ++n) {
                auto const entry = tree.exists() ? tree.gigabyte_entry(n) : Pte{};
                store(root_, vm_window_first_entry + n, entry);
                if (n < Space::known_gigabytes) serves_->know_gigabyte(n, entry.raw);
            }
            if (gigabytes <= Space::known_gigabytes && tree.exists()) serves_->know_gigabytes();
        });
    }
    for (u64 n = gigabytes; n < shown_gigabytes_; ++n) store(root_, vm_window_first_entry + n, {});
    shows_few_ = serves_ != nullptr && gigabytes <= Space::known_gigabytes;
    shown_gigabytes_ = std::max(gigabytes, Space::known_gigabytes);
    fence_house_windows(FenceSite::windows_shown);
}

CopyGuard HartView::open(HpaRange memory, bool writable) {
    VERIFY(!copy_open_ && memory.size != 0 && memory.size <= granule_bytes);
    VERIFY(memory.start.is_aligned(page_bytes) && (memory.size & (page_bytes - 1)) == 0);
    copy_open_ = true;
    Pte::Leaf const leaf{.may = {true, writable, false}};
    if (memory.size == granule_bytes && memory.start.is_aligned(granule_bytes)) {
        store(copy_table_, 0, Pte::leaf(memory.start, leaf));
        fence_house_page(FenceSite::granule_opened, granule_slot);
        return {*this, memory, granule_slot};
    }
    u64 const pages = memory.size / page_bytes;
    for (u64 i = 0; i < pages; ++i) store(page_table_, i, Pte::leaf(memory.start + i * page_bytes, leaf));
    if (pages == 1) {
        fence_house_page(FenceSite::page_opened, page_slot);
    } else {
        fence_house_windows(FenceSite::pages_opened);
    }
    return {*this, memory, page_slot};
}

void HartView::close(HpaRange memory) {
    copy_open_ = false;
    if (memory.size == granule_bytes && memory.start.is_aligned(granule_bytes)) {
        store(copy_table_, 0, {});
        return fence_house_page(FenceSite::granule_closed, granule_slot);
    }
    u64 const pages = memory.size / page_bytes;
    for (u64 i = 0; i < pages; ++i) store(page_table_, i, {});
    if (pages == 1) return fence_house_page(FenceSite::page_closed, page_slot);
    fence_house_windows(FenceSite::pages_closed);
}

}  // namespace antler::memory
