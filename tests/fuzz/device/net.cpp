// A network card whose driver may do anything: rings, headers and registers hold whatever the input says.
#include <cstdlib>
#include <cstring>
#include <deque>
#include <span>
#include <vector>

#include "base/panic.hpp"
#include "device/virtio/mmio.hpp"
#include "device/virtio/net.hpp"

namespace {

using namespace antler;
using namespace antler::device;
using namespace antler::device::virtio;

constexpr u64 ram_start = 0x8000'0000;
constexpr u32 ram_bytes = 64 * 1024;

struct Memory {
    std::vector<u8> bytes = std::vector<u8>(ram_bytes);
    u64 touched = 0;  // so that unbounded work is noticed
    u8* find(Gpa at, usize count) {
        touched += count + 1;
        auto const offset = at.raw() - ram_start;
        return offset <= ram_bytes && count <= ram_bytes - offset ? bytes.data() + offset : nullptr;
    }
    Result<void> read(Gpa at, std::span<u8> out) {
        auto const* const from = find(at, out.size());
        if (from == nullptr) return Err{Error::out_of_range};
        std::memcpy(out.data(), from, out.size());
        return {};
    }
    Result<void> write(Gpa at, std::span<u8 const> in) {
        auto* const to = find(at, in.size());
        if (to == nullptr) return Err{Error::out_of_range};
        std::memcpy(to, in.data(), in.size());
        return {};
    }
};

struct Line {
    bool* level;
    void set(bool high) { *level = high; }
};

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
        std::memcpy(all.data(), frame.head.data(), held);
        if (frame.length > held)
            static_cast<void>(frame.fill(frame.source, held, std::span{all}.subspan(held)));
        sent_bytes += all.size();
        return 1;
    }
    void sent() {}
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

class Input {
public:
    explicit Input(std::span<u8 const> bytes) : bytes_{bytes} {}
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    template <class T>
    T take() {
        T value{};
        auto const count = std::min(sizeof value, bytes_.size());
        std::memcpy(&value, bytes_.data(), count);
        bytes_ = bytes_.subspan(count);
        return value;
    }
    std::span<u8 const> some(usize most) {
        auto const count = std::min(most, bytes_.size());
        auto const part = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return part;
    }

private:
    std::span<u8 const> bytes_;
};

// A driver that starts the device as it should; what is in the rings is the input's.
void set_up(Mmio<Line>& card, u64 features, u16 size) {
    auto const put = [&](Offset at, u32 value) { static_cast<void>(card.write(at, Width::word, value)); };
    put(0x070, 0);
    put(0x070, 3);
    put(0x024, 0);
    put(0x020, static_cast<u32>(features));
    put(0x024, 1);
    put(0x020, static_cast<u32>(features >> 32));
    put(0x070, 11);
    for (u32 queue = 0; queue < 2; ++queue) {
        put(0x030, queue);
        put(0x038, size);
        auto const at = ram_start + queue * 0x4000;
        put(0x080, static_cast<u32>(at));
        put(0x090, static_cast<u32>(at + 0x1000));
        put(0x0a0, static_cast<u32>(at + 0x2000));
        put(0x044, 1);
    }
    put(0x070, 15);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    Input input{{data, size}};
    Memory memory;
    Wire wire;
    bool level = false;
    Net<Memory, Wire> net{memory, wire, {}};
    Mmio<Line> card{Line{&level}, net};

    auto const start = input.take<u32>();
    u64 features = feature::version_1 | net.features();
    if ((start & 1) != 0) features |= feature::packed;
    if ((start & 2) != 0) features |= feature::indirect;
    if ((start & 4) != 0) features |= feature::event_index;
    if ((start & 8) != 0) features &= ~net_feature::merged_buffers;
    set_up(card, features, static_cast<u16>(1u << (start >> 8) % 9));

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
