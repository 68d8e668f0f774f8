// Streams between guests and an operator, as the control channel knows them.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "abi/control.hpp"
#include "base/units.hpp"
#include "device/virtio/host_streams.hpp"

namespace antler::control {

// Where a stream ends that an operator has: a VM by its number, and a stream of its that no other is.
struct StreamPlace {
    u32 vm = 0;
    device::virtio::StreamId stream = 0;
};

// A guest that wants to be let in.
struct Caller {
    StreamPlace at{};
    std::string_view vm{};
    u32 cid = 0;
    u32 guest_port = 0;
    u32 port = 0;
};

// Ports of the host that somebody listens at.
class PortSet {
public:
    [[nodiscard]] bool empty() const { return !every_ && count_ == 0; }
    [[nodiscard]] bool contains(u32 port) const {
        return every_ || std::ranges::find(held(), port) != held().end();
    }
    // False: there are as many as can be.
    [[nodiscard]] bool add(u32 port) {
        if (port == abi::control::every_port) {
            every_ = true;
        } else if (std::ranges::find(held(), port) == held().end()) {
            if (count_ == ports_.size()) return false;
            ports_[count_++] = port;
        }
        return true;
    }
    void remove(u32 port) {
        if (port == abi::control::every_port) every_ = false;
        for (u32 i = 0; i < count_; ++i)
            if (ports_[i] == port) ports_[i--] = ports_[--count_];
    }

private:
    [[nodiscard]] std::span<u32 const> held() const { return std::span{ports_}.first(count_); }

    bool every_ = false;
    u32 count_ = 0;
    std::array<u32, 32> ports_{};
};

// A stream that a client has.  Both directions have credit, so that neither end waits for the other in here.
struct ClientStream {
    enum class Stage : u8 { calling, offered, open };
    u32 number = 0;  // as the client knows it; 0: free
    StreamPlace at{};
    Stage stage = Stage::open;
    u32 credit = 0;    // bytes that the client takes yet
    u32 granted = 0;   // bytes that it may send yet
    u32 sequence = 0;  // of the request that waits for the guest
    Nanos deadline{};  // of that
    bool told_finished = false;
};

}  // namespace antler::control
