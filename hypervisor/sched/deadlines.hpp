// Who wants to be woken when: a list sorted by time, touched only by the hart that owns it.
#pragma once

#include "base/types.hpp"

namespace antler::sched {

inline constexpr u64 no_deadline = ~u64{0};

struct Deadline {
    Deadline* later = nullptr;
    Deadline* sooner = nullptr;
    u64 at = no_deadline;  // no_deadline: it is in no list
};

class Deadlines {
public:
    [[nodiscard]] u64 next() const { return first_ == nullptr ? no_deadline : first_->at; }
    [[nodiscard]] Deadline* first() const { return first_; }

    void set(Deadline& deadline, u64 at) {
        if (deadline.at == at) return;
        remove(deadline);
        if (at == no_deadline) return;
        deadline.at = at;
        Deadline* before = nullptr;
        auto* after = first_;
        while (after != nullptr && after->at <= at) {
            before = after;
            after = after->later;
        }
        deadline.sooner = before;
        deadline.later = after;
        (before == nullptr ? first_ : before->later) = &deadline;
        if (after != nullptr) after->sooner = &deadline;
    }

    void remove(Deadline& deadline) {
        if (deadline.at == no_deadline) return;
        deadline.at = no_deadline;
        (deadline.sooner == nullptr ? first_ : deadline.sooner->later) = deadline.later;
        if (deadline.later != nullptr) deadline.later->sooner = deadline.sooner;
    }

private:
    Deadline* first_ = nullptr;
};

}  // namespace antler::sched
