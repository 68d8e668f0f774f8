// Who may use translations of a space without reading its tables again, and so must hear of every change.
#pragma once

#include <atomic>

#include "memory/flush.hpp"
#include "memory/hart_set.hpp"

namespace antler::memory {

class Space;

// Makes each hart of the mask call HartView::flush(space, request), by an IPI where it is another hart, and
// returns when all have.  The caller holds no lock.  Defined by boot/ on the machine, recorded in the tests.
void flush_harts(HartMask const& harts, Space& space, FlushRequest const& request);

// An IOMMU, or a space shadowed from this one.
class Observer {
public:
    // Returns when it uses none of these translations any more.
    virtual void flush(FlushRequest const& request) = 0;
    // It sets A and D of what it uses; else it fails where one is clear.
    [[nodiscard]] virtual bool marks_pages() const = 0;

protected:
    ~Observer() = default;

private:
    friend class Observers;
    std::atomic<Observer*> next_ = nullptr;
};

// A hart that runs in the space is told at once.  One that only may still have its translations, under a VMID
// that it does not use now, is told by the absence of its bit when it comes back: it fences before it runs.
//
//     enter:  active |= hart;  fence if hart was not in cached (cached |= hart)
//     flush:  cached = {};     tell every hart in active
//
// All of it sequentially consistent, so a hart that enters meanwhile sees one or the other.
class Observers {
public:
    explicit Observers(Space& space) : space_{space} {}
    Observers(Observers const&) = delete;
    Observers& operator=(Observers const&) = delete;

    void flush(FlushRequest const& request);

    // One hart at a time.  Whoever is attached hears of every change from then on, and uses no translation
    // before; he leaves while nobody flushes.
    void attach(Observer& observer);
    void detach(Observer& observer);
    // No observer fails where A or D is clear.
    [[nodiscard]] bool all_mark_pages() const;

    [[nodiscard]] HartSet& active() { return active_; }
    [[nodiscard]] HartSet& cached() { return cached_; }

private:
    Space& space_;
    HartSet active_{};
    HartSet cached_{};
    std::atomic<Observer*> first_ = nullptr;
};

}  // namespace antler::memory
