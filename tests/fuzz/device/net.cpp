// A network card whose driver may do anything: rings, headers and registers hold whatever the input says.
#include <algorithm>
#include <cstring>
#include <deque>
#include <span>
#include <vector>

#include "base/panic.hpp"
#include "device/virtio/net.hpp"
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
    std::deque<std::vector<u8>> waiting{};
    u64 sent_bytes = 0;
    bool again = false;

    void open(u64) {}
    void close() { waiting.clear(); }
    void call_again() { again = true; }
    u32 send(NetFrame const& frame) {
        VERIFY(frame.length <= 65'535 + 14);
        std::vector<u8> all(frame.length);
        auto const held = std::min<u32>(frame.length, NetFrame::head_bytes);
        std::ranges::copy(std::span{frame.head}.first(held), all.begin());
        if (frame.length > held)
            static_cast<void>(frame.fill(frame.source, held, std::span{all}.subspan(held)));
        sent_bytes += all.size();
        return 1;
    }
    void sent() {}
    std::span<u8> simple() {
        bool const has = !waiting.empty() && waiting.front().size() % 3 == 0;
        return has ? std::span{waiting.front()} : std::span<u8>{};
    }
    void take_simple(std::span<u8> packet) {
        VERIFY(packet.data() == waiting.front().data());
        waiting.pop_front();
    }
    bool next() { return !waiting.empty(); }
    u32 length() { return static_cast<u32>(waiting.front().size() - sizeof(NetHeader)); }
    NetHeader header() { return {}; }
    void set_header(NetHeader const& header) { std::memcpy(waiting.front().data(), &header, sizeof header); }
    std::span<u8 const> piece(u32 at) {
        std::span<u8 const> const all = waiting.front();
        VERIFY(at < all.size());
        return all.subspan(at, std::min<usize>(100, all.size() - at));
    }
    std::span<u8 const> whole() {
        return waiting.front().size() % 2 == 0 ? std::span<u8 const>{waiting.front()} : std::span<u8 const>{};
    }
    void take(bool) { waiting.pop_front(); }
    bool sleep() { return waiting.empty(); }
    bool has_link() { return true; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    fuzz::Input input{data, size};
    Memory memory{ram_bytes};
    Wire wire;
    Net<Memory, Wire> net{memory, wire, {}};
    fake::DriverCard card{{}, net};

    auto const start = input.take<u32>();
    u64 features = feature::version_1 | net.features();
    if ((start & 1) != 0) features |= feature::packed;
    if ((start & 2) != 0) features |= feature::indirect;
    if ((start & 4) != 0) features |= feature::event_index;
    if ((start & 8) != 0) features &= ~net_feature::merged_buffers;
    // A driver that starts the device as it should; what is in the rings is the input's.
    fake::start_device(card, features,
                       {.queues = 2,
                        .entries = static_cast<u16>(1u << (start >> 8) % 9),
                        .apart = 0x4000,
                        .available = 0x1000,
                        .used = 0x2000});

    while (!input.empty()) {
        memory.touched = 0;
        switch (input.take<u8>() % 7) {
            case 0: {
                auto const offset = input.take<u16>() % 0x200;
                static_cast<void>(card.write(offset & ~3u, Width::word, input.take<u32>()));
                break;
            }
            case 1: static_cast<void>(card.read(input.take<u16>() % 0x200 & ~3u, Width::word)); break;
            case 2: {
                auto const at = input.take<u16>();
                auto const part = input.some(input.take<u8>());
                static_cast<void>(memory.write(Gpa{ram_start + at}, part));
                break;
            }
            case 3: {
                // A descriptor that makes some sense.
                auto const at = input.take<u16>();
                auto const where = input.take<u8>();
                Descriptor const one{ram_start + input.take<u16>(), input.take<u16>(), input.take<u16>(),
                                     input.take<u16>()};
                static_cast<void>(put(memory, Gpa{ram_start + (at % 2) * 0x4000 + where * sizeof one}, one));
                break;
            }
            case 4: {
                auto const part = input.some(input.take<u8>());
                std::vector<u8> packet(sizeof(NetHeader) + 14 + input.take<u16>());
                std::memcpy(packet.data() + sizeof(NetHeader), part.data(),
                            std::min(part.size(), packet.size() - 12));
                if (wire.waiting.size() < 8) wire.waiting.push_back(std::move(packet));
                break;
            }
            case 5: static_cast<void>(card.write(0x050, Width::word, input.take<u8>() % 2)); break;
            default: static_cast<void>(net.work()); break;
        }
        // 64 packets of 64 KiB, and what it takes to find them.
        VERIFY(memory.touched < u64{64} * 3 * 65'536 * 2);
    }
    return 0;
}
