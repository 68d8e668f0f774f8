// The bytes of a list of segments, one after the other.
#pragma once

#include <algorithm>

#include "device/virtio/ring.hpp"

namespace antler::device::virtio {

// Who reads on where he was does not look for the place again.
template <GuestMemory M>
class SegmentReader {
public:
    SegmentReader(M& memory, std::span<Segment const> segments) : memory_{memory}, segments_{segments} {}

    // False: there are not so many bytes, or the memory is not there.
    [[nodiscard, gnu::always_inline]] bool read(u32 from, std::span<u8> into) {
        // Most lists are one segment.
        if (!segments_.empty() && u64{from} + into.size() <= segments_[0].bytes) [[likely]]
            return memory_.read(segments_[0].at + from, into).ok();
        return read_from_many(from, into);
    }

private:
    [[nodiscard, gnu::noinline]] bool read_from_many(u32 from, std::span<u8> into) {
        if (!skip_to(from)) return false;
        while (!into.empty()) {
            if (index_ == segments_.size()) return false;
            auto const& segment = segments_[index_];
            auto const step = std::min(static_cast<u32>(into.size()), segment.bytes - in_segment_);
            if (step != 0 && !memory_.read(segment.at + in_segment_, into.first(step)).ok()) return false;
            advance(step);
            into = into.subspan(step);
        }
        return true;
    }
    [[nodiscard]] bool skip_to(u32 wanted) {
        if (wanted < position_) index_ = in_segment_ = position_ = 0;
        while (position_ < wanted) {
            if (index_ == segments_.size()) return false;
            advance(std::min(wanted - position_, segments_[index_].bytes - in_segment_));
        }
        return true;
    }
    void advance(u32 step) {
        position_ += step;
        in_segment_ += step;
        if (in_segment_ == segments_[index_].bytes) {
            ++index_;
            in_segment_ = 0;
        }
    }

    M& memory_;
    std::span<Segment const> segments_;
    u32 index_ = 0;
    u32 in_segment_ = 0;
    u32 position_ = 0;
};

template <GuestMemory M>
class SegmentWriter {
public:
    SegmentWriter(M& memory, std::span<Segment const> segments) : memory_{memory}, segments_{segments} {}

    // Behind what was written before.
    [[nodiscard]] bool write(std::span<u8 const> bytes) {
        while (!bytes.empty()) {
            if (index_ == segments_.size()) return false;
            auto const& segment = segments_[index_];
            auto const step = std::min<usize>(bytes.size(), segment.bytes - in_segment_);
            if (step != 0 && !memory_.write(segment.at + in_segment_, bytes.first(step)).ok()) return false;
            bytes = bytes.subspan(step);
            in_segment_ += static_cast<u32>(step);
            if (in_segment_ == segment.bytes) {
                ++index_;
                in_segment_ = 0;
            }
        }
        return true;
    }

private:
    M& memory_;
    std::span<Segment const> segments_;
    u32 index_ = 0;
    u32 in_segment_ = 0;
};

}  // namespace antler::device::virtio
