// Who waits for a hart: first come, first served.  Knows entities, never a vCPU.
#pragma once

#include "base/types.hpp"

namespace antler::sched {

// Something that can wait in one queue at a time; touched only by the hart that owns the queue.
struct Entity {
    Entity* next = nullptr;
    bool waiting = false;
};

class RunQueue {
public:
    [[nodiscard]] bool empty() const { return first_ == nullptr; }

    void push_back(Entity& entity) {
        if (entity.waiting) return;
        entity.waiting = true;
        entity.next = nullptr;
        if (first_ == nullptr) {
            first_ = &entity;
        } else {
            last_->next = &entity;
        }
        last_ = &entity;
    }

    [[nodiscard]] Entity* pop_front() {
        auto* const entity = first_;
        if (entity == nullptr) return nullptr;
        first_ = entity->next;
        entity->waiting = false;
        return entity;
    }

    // For one that will not run; nothing if it does not wait here.
    void remove(Entity& entity) {
        if (!entity.waiting) return;
        entity.waiting = false;
        Entity* before = nullptr;
        for (auto* at = first_; at != &entity; at = at->next) before = at;
        (before == nullptr ? first_ : before->next) = entity.next;
        if (last_ == &entity) last_ = before;
    }

private:
    Entity* first_ = nullptr;
    Entity* last_ = nullptr;
};

}  // namespace antler::sched
