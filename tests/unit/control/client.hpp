// A client at the other end of the control channel, for tests of the server.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/server.hpp"
#include "tests/fake/control.hpp"

namespace antler::control {

using wire::Kind;
using wire::Status;
using wire::Type;

struct Received {
    wire::Header header{};
    std::vector<u8> payload{};

    template <class M>
    [[nodiscard]] M as() const {
        M message;
        EXPECT_TRUE(wire::decode(message, payload));
        return message;
    }
    [[nodiscard]] Type type() const { return static_cast<Type>(header.type); }
    [[nodiscard]] Status status() const { return as<wire::Reply>().status; }
};

class ControlServer : public testing::Test {
protected:
    ControlServer() {
        for (usize i = 0; i < 2; ++i) {
            consoles_[i].vm = operations_.names[i];
            (void)consoles_[i].said.move_to(rings_[i]);
            outward_.with([&](auto& outward) { EXPECT_TRUE(outward.hub.add(consoles_[i])); });
        }
    }

    template <wire::Message M>
    void ask(Type type, M const& message, u32 sequence) {
        std::array<u8, wire::most_frame> room{};
        auto const frame = wire::encode_frame(
            room, {.kind = Kind::request, .type = static_cast<u16>(type), .sequence = sequence}, message);
        channel_.in.insert(channel_.in.end(), frame.begin(), frame.end());
    }

    // Lets the server work until it has nothing to do, and takes what it said.
    std::vector<Received> listen() {
        for (int turns = 0; turns < 10'000; ++turns) {
            now_.n += 1'000'000;
            auto const later = server_.work(channel_, now_);
            if (later == Server::never && channel_.in.empty()) break;
        }
        return heard();
    }
    std::vector<Received> heard() {
        std::vector<Received> frames;
        wire::Bytes left{channel_.out};
        while (!left.empty()) {
            left = left.subspan(finder_.feed(left));
            while (auto const frame = finder_.next())
                frames.push_back({frame->header, {frame->payload.begin(), frame->payload.end()}});
        }
        channel_.out.clear();
        EXPECT_EQ(finder_.garbage(), 0u);
        return frames;
    }

    template <wire::Message M>
    Received answer_to(Type type, M const& message) {
        ask(type, message, ++sequence_);
        auto const frames = listen();
        for (auto const& frame : frames)
            if (frame.header.kind == Kind::reply && frame.header.sequence == sequence_ &&
                frame.header.flags == 0)
                return frame;
        ADD_FAILURE() << "no answer";
        return {};
    }
    void greet() { ASSERT_EQ(answer_to(Type::hello, wire::Hello{}).status(), Status::ok); }

    void say(usize console, std::string_view text) {
        outward_.with([&](auto& outward) { (void)outward.hub.write(consoles_[console], text); });
    }

    fake::Operations operations_{};
    fake::Channel channel_{};
    backend::LockedOutward outward_{};
    std::array<backend::Console, 2> consoles_{};
    std::array<std::array<u8, 8'192>, 2> rings_{};
    Server server_{operations_, outward_};
    wire::FrameFinder<> finder_{};
    Nanos now_{};
    u32 sequence_ = 0;
};

}  // namespace antler::control
