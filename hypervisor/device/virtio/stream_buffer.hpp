// Bytes of a stream on their way: a ring over memory that somebody gave.
#pragma once

#include <algorithm>
#include <span>

#include "base/types.hpp"

namespace antler::device::virtio {

// Copied in and out piece by piece, so that each byte is copied once.
class StreamBuffer {
public:
    void use(std::span<u8> memory) { memory_ = memory; }
    void clear() { held_ = 0; }

    [[nodiscard]] u32 size() const { return held_; }
    [[nodiscard]] bool empty() const { return held_ == 0; }
    [[nodiscard]] u32 room() const { return capacity() - held_; }

    // Where the next bytes go, as far as they lie side by side.
    [[nodiscard]] std::span<u8> free_piece() const {
        auto const end = (start_ + held_) % capacity();
        return memory_.subspan(end, std::min(room(), capacity() - end));
    }
    void filled(u32 bytes) { held_ += bytes; }

    // The bytes behind the first `from`, as far as they lie side by side.
    [[nodiscard]] std::span<u8 const> piece(u32 from = 0) const {
        auto const at = (start_ + from) % capacity();
        return memory_.subspan(at, std::min(held_ - from, capacity() - at));
    }
    void drop(u32 bytes) {
        start_ = (start_ + bytes) % capacity();
        held_ -= bytes;
    }

    [[nodiscard]] u32 write(std::span<u8 const> bytes) {
        u32 done = 0;
        while (done < bytes.size() && room() != 0) {
            auto const to = free_piece();
            auto const count = std::min(static_cast<u32>(to.size()), static_cast<u32>(bytes.size()) - done);
            std::copy_n(bytes.begin() + done, count, to.begin());
            filled(count);
            done += count;
        }
        return done;
    }
    [[nodiscard]] u32 read(std::span<u8> into) {
        u32 done = 0;
        while (done < into.size() && held_ != 0) {
            auto const from = piece();
            auto const count = std::min(static_cast<u32>(from.size()), static_cast<u32>(into.size()) - done);
            std::copy_n(from.begin(), count, into.begin() + done);
            drop(count);
            done += count;
        }
        return done;
    }

private:
    [[nodiscard]] u32 capacity() const { return static_cast<u32>(memory_.size()); }

    std::span<u8> memory_{};
    u32 start_ = 0;
    u32 held_ = 0;
};

}  // namespace antler::device::virtio
