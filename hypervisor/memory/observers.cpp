// Telling everybody who may use a stale translation.
#include "memory/observers.hpp"

namespace antler::memory {

void Observers::flush(FlushRequest const& request) {
    cached_.clear();  // before `active` is read: whoever enters after that finds its bit gone
    auto const harts = active_.snapshot();
    if (!harts.empty()) flush_harts(harts, space_, request);
    // Whoever is attached after this is read starts from entries that are changed already.
    for (auto* observer = first_.load(); observer != nullptr; observer = observer->next_.load())
        observer->flush(request);
}

void Observers::attach(Observer& observer) {
    observer.next_.store(first_.load());
    first_.store(&observer);
}

bool Observers::all_mark_pages() const {
    for (auto const* observer = first_.load(); observer != nullptr; observer = observer->next_.load())
        if (!observer->marks_pages()) return false;
    return true;
}

void Observers::detach(Observer& observer) {
    for (auto* link = &first_; link->load() != nullptr; link = &link->load()->next_) {
        if (link->load() != &observer) continue;
        link->store(observer.next_.load());
        observer.next_.store(nullptr);
        return;
    }
}

}  // namespace antler::memory
