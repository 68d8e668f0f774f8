// House memory of one owner, handed out in pieces of any size and given back whole.
#pragma once

#include <new>
#include <span>

#include "base/result.hpp"
#include "memory/house.hpp"

namespace antler::memory {

// For what a VM needs besides its RAM and its tables: pieces share pages, so that a small VM is small.  One
// hart at a time uses it.  Everything is charged to the owner.
class Store {
public:
    Store(Frames& frames, House& house, OwnerId owner) : frames_{&frames}, house_{&house}, owner_{owner} {}
    Store(Store const&) = delete;
    Store& operator=(Store const&) = delete;
    ~Store() { VERIFY(first_ == nullptr); }  // a leak is found here

    [[nodiscard]] OwnerId owner() const { return owner_; }

    // Zeroed; `alignment` is a power of two up to a page.
    [[nodiscard]] Result<std::span<u8>> take(u64 bytes, u64 alignment = 16);
    template <class T, class... Arguments>
    [[nodiscard]] Result<T*> make(Arguments&&... arguments) {
        auto const place = TRY(take(sizeof(T), alignof(T)));
        return new (place.data()) T(std::forward<Arguments>(arguments)...);
    }

    // Everything that was taken; objects in it are not destroyed by this.
    void give_back();
    // What it holds, in whole pages.
    [[nodiscard]] u64 bytes() const;

private:
    // At the start of each run of pages.
    struct Run {
        Run* next;
        u64 size;
        u64 used;
    };
    [[nodiscard]] Result<Run*> add_run(u64 bytes);

    Frames* frames_;
    House* house_;
    OwnerId owner_;
    Run* first_ = nullptr;
};

// Any number of pages side by side, zeroed, and their end.
[[nodiscard]] Result<HpaRange> take_pages(Frames& frames, House& house, u64 bytes, OwnerId owner);
void give_back_pages(Frames& frames, HpaRange pages);

}  // namespace antler::memory
