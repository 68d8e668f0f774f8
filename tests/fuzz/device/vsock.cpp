// A socket device whose driver and whose host may do anything: rings, headers and registers hold whatever the
// input says.
#include <vector>

#include "base/panic.hpp"
#include "device/virtio/vsock.hpp"
#include "tests/fake/virtio_driver.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace antler;
using namespace antler::device;
using namespace antler::device::virtio;

using Memory = fake::DriverMemory;
constexpr u64 ram_start = fake::driver_ram;
constexpr u32 ram_bytes = 64 * 1024;

struct Wire {
    void call_again() {}
    void tell_host() {}
};

using Sockets = Vsock<Memory, Wire>;
constexpr u32 guest_cid = 3;

// Rings of a driver that means well lie here, buffers behind them.
constexpr fake::RingPlan plan{.queues = 3};
constexpr u64 buffers = ram_start + 0x4000;

// A host that does what hosts do with some stream, in an order that is the input's.
void act_as_host(Sockets& sockets, fuzz::Input& input, StreamId& stream) {
    HostStreams& host = sockets;
    std::array<u8, 9'000> bytes{};
    switch (input.take<u8>() % 10) {
        case 0:
            if (auto const made = host.call(input.take<u8>())) stream = *made;
            break;
        case 1:
            if (auto const knock = host.knock(input.take<u8>() % 4)) {
                host.take(knock->stream);
                stream = knock->stream;
            }
            break;
        case 2:
            if (auto const knock = host.knock(0)) host.refuse(knock->stream);
            break;
        case 3: host.accept(stream); break;
        case 4: {
            auto const wanted = input.take<u16>() % bytes.size();
            VERIFY(host.read(stream, std::span{bytes}.first(wanted)) <= wanted);
            break;
        }
        case 5: {
            auto const offered = input.take<u16>() % bytes.size();
            VERIFY(host.write(stream, std::span{bytes}.first(offered)) <= offered);
            break;
        }
        case 6: host.finish(stream); break;
        case 7: host.close(stream, false); break;
        case 8: host.close(stream, true); break;
        default: stream = input.take<u8>() % 32; break;
    }
    auto const state = host.state(stream);
    VERIFY(state.readable <= Sockets::buffer_bytes && state.writable <= Sockets::buffer_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    fuzz::Input input{data, size};
    Memory memory{ram_bytes};
    Wire wire;
    std::vector<u8> room(Sockets::memory_bytes);
    Sockets sockets{memory, wire, {.cid = guest_cid}, room};
    fake::DriverCard card{{}, sockets};
    u64 const features = feature::version_1 | vsock::feature_stream;
    fake::start_device(card, features | ((input.take<u8>() & 1) != 0 ? feature::packed : 0), plan);
    StreamId stream = 1;
    std::array<u16, 3> posted{};

    // A buffer in a split ring, as a driver that means well has it.
    auto const post = [&](u32 queue, u64 at, u32 bytes, bool write) {
        auto const n = static_cast<u16>(posted[queue] % plan.entries);
        Descriptor const one{at, bytes, static_cast<u16>(write ? flag_write : 0), 0};
        static_cast<void>(put(memory, Gpa{plan.ring(queue) + n * sizeof one}, one));
        static_cast<void>(put(memory, Gpa{plan.ring(queue) + 0x404 + n * 2u}, n));
        static_cast<void>(put(memory, Gpa{plan.ring(queue) + 0x402}, ++posted[queue]));
        static_cast<void>(card.write(0x050, Width::word, queue));
    };

    while (!input.empty()) {
        memory.touched = 0;
        switch (input.take<u8>() % 9) {
            case 0:
                static_cast<void>(
                    card.write(input.take<u16>() % 0x200 & ~3u, Width::word, input.take<u32>()));
                break;
            case 1: static_cast<void>(card.read(input.take<u16>() % 0x200 & ~3u, Width::word)); break;
            case 2: {
                auto const at = input.take<u16>();
                static_cast<void>(memory.write(Gpa{ram_start + at}, input.some(input.take<u8>())));
                break;
            }
            case 3:
            case 4: {
                // A packet that makes some sense.
                auto const what = input.take<u16>();
                vsock::Header const header{
                    .source_cid = what % 64 == 0 ? 9u : guest_cid,
                    .destination_cid = what % 63 == 0 ? 9u : vsock::host_cid,
                    .source_port = input.take<u8>() % 8u,
                    .destination_port = (what & 0x100) != 0 ? (1u << 30) + what % 4 : what % 4,
                    .length = input.take<u16>() % 5'000u,
                    .type = static_cast<u16>(what % 62 == 0 ? 2 : 1),
                    .operation = static_cast<vsock::Operation>(input.take<u8>() % 9),
                    .flags = input.take<u8>() % 4u,
                    .buffer_bytes = input.take<u16>(),
                    .forwarded = input.take<u16>()};
                auto const at = buffers + posted[1] % plan.entries * 0x400u;
                static_cast<void>(put(memory, Gpa{at}, header));
                post(1, at, (what & 0x200) != 0 ? sizeof header + header.length : input.take<u16>(), false);
                break;
            }
            case 5: post(0, buffers + 0x4000, input.take<u16>() % 0x4000u, true); break;
            case 6: act_as_host(sockets, input, stream); break;
            case 7:
                if (input.take<u8>() % 16 == 0) sockets.interrupt_streams();
                post(2, buffers + 0x8000, input.take<u8>(), true);
                break;
            default: static_cast<void>(sockets.work()); break;
        }
        // What one go may move, in both directions, and what it takes to find it.
        VERIFY(memory.touched < u64{4} << 20);
    }
    return 0;
}
