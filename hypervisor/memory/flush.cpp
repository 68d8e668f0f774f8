// Paying.
#include "memory/flush.hpp"

namespace antler::memory {

void FlushDebt::settle() {
    if (!freed_.empty()) frames_->release(std::move(freed_));
    request_ = {};
    paid_ = true;
}

void FlushDebt::join(FlushDebt&& more) {
    VERIFY(!paid_ && frames_ == more.frames_);
    request_.add(more.request_);
    if (!more.freed_.empty()) frames_->join(freed_, std::move(more.freed_));
    more.request_ = {};
    more.paid_ = true;
}

}  // namespace antler::memory
