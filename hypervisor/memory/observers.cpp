// Telling everybody who may use a stale translation.
#include "memory/observers.hpp"

namespace antler::memory {

void Observers::flush(FlushRequest const& request) {
    cached_.clear();  // before `active` is read: whoever enters after that finds its bit gone
    auto const harts = active_.snapshot();
    if (!harts.empty()) flush_harts(harts, space_, request);
    for (auto* observer = first_; observer != nullptr; observer = observer->next_) observer->flush(request);
}

void Observers::attach(Observer& observer) {
    observer.next_ = first_;
    first_ = &observer;
}

void Observers::detach(Observer& observer) {
    for (auto** link = &first_; *link != nullptr; link = &(*link)->next_) {
        if (*link != &observer) continue;
        *link = observer.next_;
        observer.next_ = nullptr;
        return;
    }
}

}  // namespace antler::memory
