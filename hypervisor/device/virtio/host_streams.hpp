// The host's end of a VM's streams, as whoever speaks for the host uses it.
#pragma once

#include <optional>
#include <span>

#include "base/types.hpp"

namespace antler::device::virtio {

// A stream's number, which no other of the same VM ever has, not in another life of it either.
using StreamId = u64;

struct StreamState {
    enum class Stage : u8 {
        calling,   // the guest has not answered
        knocking,  // the host has not
        open,
        over,  // the guest's end is gone; what it said before can still be read
    };
    Stage stage = Stage::over;
    bool guest_finished = false;  // nothing comes behind what can be read
    u32 readable = 0;
    u32 writable = 0;
    u32 host_port = 0;
    u32 guest_port = 0;
};

struct Knock {
    StreamId stream = 0;
    u32 host_port = 0;
    u32 guest_port = 0;
};

// Nothing here waits; what the guest has to be told is told when its driver has room.
class HostStreams {
public:
    [[nodiscard]] virtual u32 cid() const = 0;
    // A new stream to a port of the guest; nothing: its driver does not run, or it has as many as can be.
    [[nodiscard]] virtual std::optional<StreamId> call(u32 port) = 0;
    // The n-th guest's wish to be let in that nobody has taken; whoever takes it answers by accept or close.
    [[nodiscard]] virtual std::optional<Knock> knock(u32 n) const = 0;
    virtual void take(StreamId stream) = 0;
    virtual void refuse(StreamId stream) = 0;  // one that nobody took
    virtual void accept(StreamId stream) = 0;
    // Over, where there is no such stream.
    [[nodiscard]] virtual StreamState state(StreamId stream) const = 0;
    [[nodiscard]] virtual u32 read(StreamId stream, std::span<u8> into) = 0;
    [[nodiscard]] virtual u32 write(StreamId stream, std::span<u8 const> bytes) = 0;
    // The host will write nothing more.
    virtual void finish(StreamId stream) = 0;
    // The host is done with it.  What it wrote still reaches the guest, unless `at_once`.
    virtual void close(StreamId stream, bool at_once) = 0;

protected:
    ~HostStreams() = default;
};

}  // namespace antler::device::virtio
