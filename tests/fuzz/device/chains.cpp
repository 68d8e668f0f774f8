// Chains of every wrong shape, changed and reset in the middle: a device goes no further than its ring says,
// and works again when its driver does.
#include <iterator>

#include "base/panic.hpp"
#include "device/virtio/rng.hpp"
#include "tests/fake/virtio_driver.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace antler;
using namespace antler::device;
using namespace antler::device::virtio;

using Memory = fake::DriverMemory;
constexpr u32 ram_bytes = 64 * 1024;
constexpr u64 ram = fake::driver_ram;
constexpr u16 entries = 8;
constexpr u8 drawn = 4;

struct Source {
    bool dry = false;
    bool draw(std::span<u8> into) {
        std::fill(into.begin(), into.end(), drawn);
        return !dry;
    }
    void call_again() {}
};

// Buffers, the rings themselves, tables, ends, and what wraps.
u64 address(fuzz::Input& input) {
    constexpr u64 likely[] = {ram + 0x4000,
                              ram + 0x5000,
                              ram + 0x5ff8,
                              ram,
                              ram + 0x400,
                              ram + 0x800,
                              ram + 0x6000,
                              ram + 0x6040,
                              0,
                              ram + ram_bytes,
                              ram + ram_bytes - 1,
                              ~u64{0},
                              ~u64{0} - 15,
                              ram + ram_bytes - 16,
                              0x1000'0000,
                              ram + 0x4001};
    auto const choice = input.take<u8>();
    return choice < 8 ? input.take<u64>() : likely[choice % std::size(likely)];
}

u32 length(fuzz::Input& input) {
    constexpr u32 likely[] = {0,    1,         16,      32,           48,     256,
                              4096, ram_bytes, ~u32{0}, u32{1} << 31, 8 * 16, 0xffff'fff0};
    auto const choice = input.take<u8>();
    return choice < 8 ? input.take<u32>() : likely[choice % std::size(likely)];
}

class Driver {
public:
    Driver(Memory& memory, fake::DriverCard& card, u8 how) : memory_{memory}, card_{card} { start(how); }

    void start(u8 how) {
        features_ = feature::version_1 | feature::indirect | ((how & 1) != 0 ? feature::packed : 0) |
                    ((how & 2) != 0 ? feature::event_index : 0);
        fake::start_device(card_, features_, {.entries = entries});
    }
    void put(Offset at, u64 value) {
        static_cast<void>(card_.write(at, Width::word, static_cast<u32>(value)));
    }
    // A descriptor of the queue's table or of an indirect one; a packed one has its flags where `next` is.
    void describe(fuzz::Input& input) {
        auto const where = input.take<u8>();
        auto const table = where % 3 == 0 ? ram : ram + 0x6000 + where % 4 * 0x40;
        auto const at = table + where / 16 % entries * sizeof(Descriptor);
        auto const bits = input.take<u16>();
        auto const flags = static_cast<u16>(bits & 0x8087);
        Descriptor const one{address(input), length(input), flags,
                             static_cast<u16>(input.take<u8>() % 16 == 0 ? bits : bits >> 8 & 7)};
        static_cast<void>(virtio::put(memory_, Gpa{at}, one));
    }
    void offer(fuzz::Input& input) {
        auto const how = input.take<u16>();
        auto const index = static_cast<u16>(how % 16 == 0 ? how : last_ + (how >> 4) % 3);
        static_cast<void>(virtio::put(memory_, Gpa{ram + 0x404u + last_ % entries * 2u},
                                      static_cast<u16>(how % 8 == 0 ? how : how >> 8 & 7)));
        static_cast<void>(virtio::put(memory_, Gpa{ram + 0x402}, index));
        last_ = index;
        put(0x050, how % 32 == 0 ? how : 0);
    }
    void reconfigure(fuzz::Input& input) {
        constexpr Offset registers[] = {0x030, 0x038, 0x044, 0x080, 0x084, 0x090,
                                        0x094, 0x0a0, 0x0a4, 0x024, 0x020};
        auto const at = registers[input.take<u8>() % std::size(registers)];
        put(at, input.take<u8>() % 2 == 0 ? input.take<u32>() : address(input));
    }

private:
    Memory& memory_;
    fake::DriverCard& card_;
    u64 features_ = 0;
    u16 last_ = 0;
};

// What came before is forgotten: one good buffer comes back full.
void works_again(Memory& memory, fake::DriverCard& card, Source& source, Model& rng) {
    source.dry = false;
    std::fill(memory.bytes.begin(), memory.bytes.end(), u8{0});
    fake::start_device(card, feature::version_1, {.entries = entries});
    memory.at<Descriptor>(ram) = Descriptor{ram + 0x4000, 64, flag_write, 0};
    memory.at<u16>(ram + 0x402) = 1;
    static_cast<void>(card.write(0x050, Width::word, 0));
    static_cast<void>(rng.work());
    VERIFY(memory.at<u16>(ram + 0x802) == 1);
    VERIFY(memory.at<u32>(ram + 0x808) == 64);
    VERIFY(memory.bytes[0x4000] == drawn && memory.bytes[0x403f] == drawn && memory.bytes[0x4040] == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    fuzz::Input input{data, size};
    Memory memory{ram_bytes};
    Source source;
    Rng<Memory, Source> rng{memory, source};
    fake::DriverCard card{{}, rng};
    Driver driver{memory, card, input.take<u8>()};
    while (!input.empty()) {
        memory.touched = 0;
        auto const what = input.take<u8>();
        switch (what % 16) {
            case 0: driver.put(0x070, what >> 4 & 1 ? 0 : what); break;
            case 1: driver.start(what >> 4); break;
            case 2: driver.reconfigure(input); break;
            case 3: source.dry = (what & 16) != 0; break;
            case 4:
            case 5: static_cast<void>(rng.work()); break;
            case 6:
            case 7:
            case 8: driver.offer(input); break;
            default: driver.describe(input); break;
        }
        // A budget of chains, each as long as the longest table, and what is drawn for them.
        VERIFY(memory.touched < u64{1} << 20);
    }
    works_again(memory, card, source, rng);
    return 0;
}
