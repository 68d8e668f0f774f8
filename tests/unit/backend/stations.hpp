// A switch on a fake board with stations that write down what they get, for the tests of the network.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "backend/switch.hpp"
#include "tests/fake/memory.hpp"

namespace antler::backend {

using Frame = std::vector<u8>;

inline Mac station(u8 n) {
    return Mac::of({2, 0, 0, 0, 0, n});
}

// A frame of `length` bytes that count up from `seed`.
inline Frame frame_of(Mac to, Mac from, u32 length = 60, u8 seed = 0, u16 type = 0x0800) {
    Frame frame(length);
    for (u32 i = 0; i < length; ++i) frame[i] = static_cast<u8>(seed + i);
    std::ranges::copy(to.bytes(), frame.begin());
    std::ranges::copy(from.bytes(), frame.begin() + 6);
    ethernet::write16(frame.data() + 12, type);
    return frame;
}
inline Frame tagged(Frame frame, u16 tag) {
    std::array<u8, 4> bytes{};
    ethernet::write16(bytes.data(), ethernet::type_vlan);
    ethernet::write16(bytes.data() + 2, tag);
    frame.insert(frame.begin() + 12, bytes.begin(), bytes.end());
    return frame;
}

class Station final : public Receiver {
public:
    void packets_wait() override { ++woken; }

    std::vector<Frame> take() {
        std::vector<Frame> frames;
        while (auto const slot = port->queue().front()) {
            Frame frame(slot->length());
            slot->read(0, frame);
            offloads.push_back(slot->offload());
            port->queue().pop(*slot);
            frames.push_back(std::move(frame));
        }
        return frames;
    }

    Port* port = nullptr;
    u32 woken = 0;
    std::vector<Offload> offloads{};
};

class Lan {
public:
    ~Lan() {
        for (auto& one : stations_) EXPECT_TRUE(where.detach(*one->port));
    }
    Station& add(PortOptions const& options, u16 owner = 1) {
        auto& one = *stations_.emplace_back(std::make_unique<Station>());
        auto port = where.attach(options, memory::OwnerId{owner}, one);
        EXPECT_TRUE(port.ok());
        one.port = port.value();
        return one;
    }
    u32 send(Station& from, Frame const& frame, Offload const& offload = {}, u64 now = 0) {
        Wakes wakes;
        return send(from, frame, offload, now, wakes);
    }
    u32 send(Station& from, Frame const& frame, Offload const& offload, u64 now, Wakes& wakes) {
        alignas(8) std::array<u8, FrameHead::capacity> head{};
        std::copy_n(frame.begin(), std::min<usize>(frame.size(), FrameHead::capacity), head.begin());
        auto const length = static_cast<u32>(frame.size());
        if (offload == Offload{} && where.send_behind(*from.port, {head.data()}, length, wakes)) return 1;
        auto const fill = [](void* source, u32 offset, std::span<u8> into) {
            auto const& bytes = *static_cast<Frame const*>(source);
            EXPECT_LE(offset + into.size(), bytes.size());
            std::copy_n(bytes.begin() + offset, into.size(), into.begin());
            return true;
        };
        return where.send(*from.port,
                          {.head = {head.data()},
                           .length = length,
                           .offload = offload,
                           .source = const_cast<Frame*>(&frame),
                           .fill = fill},
                          now, wakes);
    }
    void remove(Station& gone) {
        EXPECT_TRUE(where.detach(*gone.port));
        std::erase_if(stations_, [&](auto const& one) { return one.get() == &gone; });
    }

    fake::Board board{};
    Switch where{board.frames, 1};

private:
    std::vector<std::unique_ptr<Station>> stations_{};
};

}  // namespace antler::backend
