// Any bytes at the control channel, also inside right frames: the server lives on and answers a hello.
#include <cstdlib>
#include <memory>

#include "control/server.hpp"
#include "tests/fake/control.hpp"

namespace {

using namespace antler;
namespace wire = abi::control;

// Lets the server work; true when it has said something of this type and sequence.
bool hears(control::Server& server, fake::Channel& channel, wire::FrameFinder<>& finder, Nanos& now, u16 type,
           u32 sequence) {
    bool found = false;
    for (int turn = 0; turn < 2'000; ++turn) {
        now.n += 1'000'000;
        (void)server.work(channel, now);
        wire::Bytes left{channel.out};
        while (!left.empty()) {
            left = left.subspan(finder.feed(left));
            while (auto const frame = finder.next())
                found = found || (frame->header.type == type && frame->header.sequence == sequence);
        }
        channel.out.clear();
        if (found) break;
    }
    if (finder.garbage() != 0) std::abort();
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    fake::Operations operations;
    operations.dump = "dump";
    fake::Channel channel;
    backend::LockedOutward outward;
    std::array<u8, 64> ring{};
    backend::Console console;
    console.vm = "rtos";
    (void)console.said.move_to(ring);
    outward.with([&](auto& out) { (void)out.hub.add(console); });
    for (u32 port = 1; port < 4; ++port) operations.knock(port).to_host = "bytes";
    auto const server = std::make_unique<control::Server>(operations, outward);
    Nanos now{};
    wire::FrameFinder<> finder;

    std::array<u8, wire::most_frame> room{};
    auto const put = [&](wire::Header header, auto const& message) {
        auto const frame = wire::encode_frame(room, header, message);
        channel.in.insert(channel.in.end(), frame.begin(), frame.end());
    };
    constexpr auto hello = static_cast<u16>(wire::Type::hello);
    put({.kind = wire::Kind::request, .type = hello, .sequence = 1}, wire::Hello{});

    // Records: a byte says how much follows and whether it is a frame's payload or noise.
    std::span<u8 const> left{data, size};
    while (left.size() >= 3) {
        auto const count = std::min<usize>(left[0] & 0x3f, left.size() - 3);
        auto const payload = left.subspan(3, count);
        if ((left[0] & 0x40) != 0) {
            channel.in.insert(channel.in.end(), payload.begin(), payload.end());
        } else {
            auto const type = static_cast<u16>(0x100 + left[1]);
            std::copy(payload.begin(), payload.end(), room.begin() + wire::header_bytes);
            auto const frame = wire::seal(
                room, {.kind = wire::Kind::request, .type = type, .length = static_cast<u16>(count)});
            channel.in.insert(channel.in.end(), frame.begin(), frame.end());
        }
        if ((left[0] & 0x80) != 0) channel.takes = left[2];
        outward.with([&](auto& out) { (void)out.hub.write(console, "text"); });
        for (auto& stream : operations.streams) {
            using Stage = device::virtio::StreamState::Stage;
            if (stream.state.stage == Stage::calling)
                stream.state.stage = left[2] % 2 != 0 ? Stage::open : Stage::over;
            if (stream.to_host.empty() && left[2] % 8 == 0) stream.to_host = "more";
        }
        server->streams_changed();
        (void)server->work(channel, now);
        channel.takes = ~usize{0};
        left = left.subspan(3 + count);
    }
    (void)hears(*server, channel, finder, now, 0, 0);
    put({.kind = wire::Kind::request, .type = hello, .sequence = 0xfeed}, wire::Hello{});
    if (!hears(*server, channel, finder, now, hello, 0xfeed)) std::abort();
    outward.with([&](auto& out) { out.hub.remove(console); });
    return 0;
}
