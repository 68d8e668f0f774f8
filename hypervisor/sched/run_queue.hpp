// Who waits for a hart: whoever had least of it, by weight, comes first.  Knows entities, never a vCPU.
#pragma once

#include "base/types.hpp"

namespace antler::sched {

inline constexpr u32 default_weight = 256;

// A cap is an allowance of ticks in each period; what is over it waits for the next.
struct Allowance {
    u64 per_period = 0;  // none: no cap
    u64 left = 0;
    u64 period_end = 0;

    // It begins to use the hart: what is left, anew where the period is over.
    void begin(u64 now, u64 period) {
        if (now < period_end) return;
        period_end = now + period;
        left = per_period;
    }
    void charge(u64 ticks) { left = ticks < left ? left - ticks : 0; }
    [[nodiscard]] bool is_used_up(u64 now) const { return per_period != 0 && left == 0 && now < period_end; }
};

// Something that can wait in one queue at a time; touched only by the hart that owns the queue.
struct Entity {
    Entity* next = nullptr;
    Entity* previous = nullptr;
    bool waiting = false;
    u32 weight = default_weight;
    u64 virtual_time = 0;  // what it had, in sixteenths of a tick of a hart shared by equals
    Allowance allowance{};

    void charge(u64 ticks) {
        constexpr u64 sixteenths = 16;
        if (weight == default_weight) [[likely]] {
            virtual_time += ticks * sixteenths;
        } else {
            virtual_time += ticks * (sixteenths * default_weight) / weight;
        }
    }
};

// Sorted by virtual time, equals in the order of their arrival.  What ran just now belongs at the end and
// what slept at the front, so the place is found quickly from either side.
// Turns are measured by a clock whose ticks are not much shorter than the shortest turns.  Who is behind
// another by no more than a turn may be mismeasured goes behind it all the same: else many who take short
// turns would overtake one another, and each look for its place among all of them.
class RunQueue {
public:
    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    [[nodiscard]] u32 size() const { return size_; }
    [[nodiscard]] Entity* first() const { return first_; }
    // What whoever was served last had: newcomers begin here.
    [[nodiscard]] u64 floor() const { return floor_; }

    void push(Entity& entity) {
        if (entity.waiting) return;
        entity.waiting = true;
        ++size_;
        auto* before = last_;
        if (first_ != nullptr && is_before(entity, *first_)) {
            before = nullptr;
        } else {
            while (before != nullptr && is_before(entity, *before)) before = before->previous;
        }
        entity.previous = before;
        entity.next = before == nullptr ? first_ : before->next;
        (before == nullptr ? first_ : before->next) = &entity;
        (entity.next == nullptr ? last_ : entity.next->previous) = &entity;
    }

    // One that is served without having waited here.
    void note_served(Entity const& served) {
        if (static_cast<i64>(served.virtual_time - floor_) > 0) floor_ = served.virtual_time;
    }
    // One that slept: it keeps a little of what it did not use, so that it comes soon, and no more.
    void wake(Entity& entity, u64 most_credit) {
        if (entity.waiting) return;
        credit(entity, most_credit);
        push(entity);
    }
    void credit(Entity& entity, u64 most) const {
        auto const least = floor_ - most;
        if (static_cast<i64>(entity.virtual_time - least) < 0) entity.virtual_time = least;
    }

    [[nodiscard]] Entity* pop_front() {
        auto* const entity = first_;
        if (entity == nullptr) return nullptr;
        remove(*entity);
        note_served(*entity);
        return entity;
    }

    // first() is served; not for an empty queue.
    [[gnu::always_inline]] void take_front() {
        auto& front = *first_;
        first_ = front.next;
        (first_ == nullptr ? last_ : first_->previous) = nullptr;
        front.waiting = false;
        --size_;
        note_served(front);
    }
    // The same, and `entity`, which did not wait and is not before it, comes into the queue.
    [[gnu::always_inline]] void exchange_front(Entity& front, Entity& entity) {
        entity.waiting = true;
        front.waiting = false;
        note_served(front);
        if (front.next == nullptr) [[likely]] {  // one for the other
            entity.next = nullptr;
            entity.previous = nullptr;
            first_ = &entity;
            last_ = &entity;
            return;
        }
        first_ = front.next;
        first_->previous = nullptr;
        auto* before = last_;
        auto const most = entity.virtual_time + clock_error;
        while (before != nullptr && static_cast<i64>(most - before->virtual_time) < 0)
            before = before->previous;
        entity.previous = before;
        entity.next = before == nullptr ? first_ : before->next;
        (before == nullptr ? first_ : before->next) = &entity;
        (entity.next == nullptr ? last_ : entity.next->previous) = &entity;
    }
    [[nodiscard]] static bool is_before(Entity const& one, Entity const& other) {
        return static_cast<i64>(one.virtual_time - other.virtual_time) < 0;
    }

    // For one that will not run; nothing if it does not wait here.
    void remove(Entity& entity) {
        if (!entity.waiting) return;
        entity.waiting = false;
        --size_;
        (entity.previous == nullptr ? first_ : entity.previous->next) = entity.next;
        (entity.next == nullptr ? last_ : entity.next->previous) = entity.previous;
    }

    // Whoever runs while nobody waits takes nothing from anybody: newcomers begin where it is.
    void nobody_waited_for(Entity const& running) {
        if (empty() && static_cast<i64>(running.virtual_time - floor_) > 0) floor_ = running.virtual_time;
    }

    // Virtual time counts from each queue's own beginning.
    void leave(Entity& entity) {
        remove(entity);
        entity.virtual_time -= floor_;
    }
    void arrive(Entity& entity) { entity.virtual_time += floor_; }

private:
    static constexpr u64 clock_error = u64{2} * 16;  // a tick at its start, another one at its end

    Entity* first_ = nullptr;
    Entity* last_ = nullptr;
    u64 floor_ = 0;
    u32 size_ = 0;
};

}  // namespace antler::sched
