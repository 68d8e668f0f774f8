// The bytes of a chain as one stretch, copied once.
#pragma once

#include <algorithm>

#include "device/virtio/ring.hpp"

namespace antler::device::virtio {

// Reads from `from` on what fits into `into`; how much that was, or nothing where memory is missing.
template <GuestMemory M>
[[nodiscard]] std::optional<u32> read_chain(M& memory, Chain const& chain, u32 from, std::span<u8> into) {
    u32 done = 0;
    for (auto const& segment : chain.to_read()) {
        if (done == into.size()) break;
        if (from >= segment.bytes) {
            from -= segment.bytes;
            continue;
        }
        auto const step = std::min(static_cast<u32>(into.size()) - done, segment.bytes - from);
        if (!memory.read(segment.at + from, into.subspan(done, step)).ok()) return std::nullopt;
        done += step;
        from = 0;
    }
    return done;
}

// Writes from `from` on, as much as there is room for.
template <GuestMemory M>
[[nodiscard]] std::optional<u32> write_chain(M& memory, Chain const& chain, std::span<u8 const> bytes,
                                             u32 from = 0) {
    u32 done = 0;
    for (auto const& segment : chain.to_write()) {
        if (done == bytes.size()) break;
        if (from >= segment.bytes) {
            from -= segment.bytes;
            continue;
        }
        auto const step = std::min(static_cast<u32>(bytes.size()) - done, segment.bytes - from);
        if (!memory.write(segment.at + from, bytes.subspan(done, step)).ok()) return std::nullopt;
        done += step;
        from = 0;
    }
    return done;
}

// Little-endian numbers of a message, as the harts have them.
template <class T>
[[nodiscard]] std::span<u8> bytes_of(T& value) {
    return {reinterpret_cast<u8*>(&value), sizeof value};
}
template <class T>
[[nodiscard]] std::span<u8 const> bytes_of(T const& value) {
    return {reinterpret_cast<u8 const*>(&value), sizeof value};
}

}  // namespace antler::device::virtio
