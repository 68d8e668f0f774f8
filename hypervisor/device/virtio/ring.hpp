// What the two kinds of virtqueues have in common: where they are, chains of buffers, and reading them once.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/seams.hpp"

namespace antler::device::virtio {

// Features of the queues themselves.   [virtio 6]
namespace feature {
inline constexpr u64 indirect = u64{1} << 28, event_index = u64{1} << 29, version_1 = u64{1} << 32,
                     packed = u64{1} << 34;
}

// As the driver set it up, latched at DRIVER_OK.
struct RingPlace {
    u16 size = 0;
    Gpa descriptors{}, driver{}, device{};
};
struct RingOptions {
    bool indirect = false, event_index = false;
};

struct Descriptor {
    u64 address;
    u32 bytes;
    u16 flags_or_id;  // split: flags; packed: id
    u16 next_or_flags;
};
static_assert(sizeof(Descriptor) == 16);

inline constexpr u16 flag_next = 1, flag_write = 2, flag_indirect = 4;

// A stretch of guest memory; whoever uses it has it checked.
struct Segment {
    Gpa at;
    u32 bytes;
};

// A buffer of the driver: first what the device reads, then what it writes.
struct Chain {
    static constexpr u32 most_segments = 128;
    u16 id;        // as the driver knows it
    u16 slots;     // of the ring
    u16 readable;  // segments
    u16 count;     // of all segments
    u32 readable_bytes;
    u32 writable_bytes;
    std::array<Segment, most_segments> segments;

    [[nodiscard]] std::span<Segment const> to_read() const { return {segments.data(), readable}; }
    [[nodiscard]] std::span<Segment const> to_write() const {
        return {segments.data() + readable, static_cast<usize>(count - readable)};
    }

    void clear() {
        slots = readable = count = 0;
        readable_bytes = writable_bytes = 0;
    }
    // False: the driver broke a rule.
    [[nodiscard]] bool add(u64 address, u32 bytes, bool write) {
        if (count == most_segments) return false;
        auto& total = write ? writable_bytes : readable_bytes;
        if (bytes > ~u32{0} - total) return false;
        if (!write && count != readable)
            return false;  // what the device reads comes first   [virtio 2.7.4.2]
        total += bytes;
        segments[count++] = {Gpa{address}, bytes};
        if (!write) ++readable;
        return true;
    }
};

enum class Popped : u8 { chain, empty, broken };

// Where in a queue its device was; going back un-pops what was popped since.
struct RingMark {
    u16 next;
    bool wrap;
};

template <class T, GuestMemory M>
[[nodiscard, gnu::always_inline]] inline bool fetch(M& memory, Gpa at, T& into) {
    if constexpr (requires { memory.load(at, into); }) {
        return memory.load(at, into);
    } else {
        return memory.read(at, {reinterpret_cast<u8*>(&into), sizeof into}).ok();
    }
}
template <class T, GuestMemory M>
[[nodiscard, gnu::always_inline]] inline bool put(M& memory, Gpa at, T const& value) {
    if constexpr (requires { memory.store(at, value); }) {
        return memory.store(at, value);
    } else {
        return memory.write(at, {reinterpret_cast<u8 const*>(&value), sizeof value}).ok();
    }
}

// A descriptor of a split ring as it lies in memory, two words.
struct RawDescriptor {
    u64 address;
    u64 rest;
    [[nodiscard]] u32 bytes() const { return static_cast<u32>(rest); }
    [[nodiscard]] u32 flags() const { return static_cast<u32>(rest >> 32); }  // and `next` above them
    [[nodiscard]] u32 next() const { return static_cast<u32>(rest >> 48); }
};
static_assert(sizeof(RawDescriptor) == sizeof(Descriptor));

// A table of descriptors while chains are read, and no longer: where the memory shows it in one piece it is
// looked for once.
template <GuestMemory M>
class DescriptorView {
public:
    [[gnu::always_inline]] DescriptorView(M& memory, Gpa at, u32 count) : memory_{memory}, at_{at} {
        if constexpr (requires { memory.seen(at, u64{}); })
            seen_ = memory.seen(at, u64{count} * sizeof(RawDescriptor));
    }
    [[nodiscard, gnu::always_inline]] bool load(u32 index, RawDescriptor& into) const {
        if constexpr (requires { M::load_seen(seen_, into.address, into.rest); })
            if (seen_ != nullptr && M::load_seen(static_cast<RawDescriptor const*>(seen_) + index,
                                                 into.address, into.rest)) [[likely]]
                return true;
        RawDescriptor slowly;  // so that the other one may stay in registers
        if (!load_slowly(index, slowly)) return false;
        into = slowly;
        return true;
    }

private:
    [[nodiscard, gnu::noinline]] bool load_slowly(u32 index, RawDescriptor& into) const {
        return fetch(memory_, at_ + u64{index} * sizeof into, into);
    }

    M& memory_;
    Gpa at_;
    void const* seen_ = nullptr;
};

// A table that one descriptor points to: read at once, a part at a time.   [virtio 2.7.5.3, 2.8.7]
template <GuestMemory M, class Next>
[[nodiscard]] bool read_table(M& memory, u64 address, u32 bytes, Next&& next) {
    constexpr u32 part = 16;
    auto const entries = bytes / sizeof(Descriptor);
    if (bytes % sizeof(Descriptor) != 0 || entries == 0 || entries > 4096) return false;
    std::array<Descriptor, part> held;
    u32 first = 0;
    u32 count = 0;
    for (u32 at = 0, steps = 0; steps <= Chain::most_segments; ++steps) {
        if (at >= entries) return false;
        if (at - first >= count) {
            first = at;
            count = entries - at < part ? static_cast<u32>(entries) - at : part;
            auto const read = memory.read(Gpa{address + u64{first} * sizeof(Descriptor)},
                                          {reinterpret_cast<u8*>(held.data()), count * sizeof(Descriptor)});
            if (!read.ok()) return false;
        }
        // The index of the one that follows; itself: that was the last; nothing: broken.
        std::optional<u32> const follows = next(held[at - first], at, static_cast<u32>(entries));
        if (!follows) return false;
        if (*follows == at) return true;
        at = *follows;
    }
    return false;
}

}  // namespace antler::device::virtio
