// Entropy, console and balloon whose driver may do anything with rings and registers.
#include <vector>

#include "base/panic.hpp"
#include "device/virtio/balloon.hpp"
#include "device/virtio/console.hpp"
#include "device/virtio/rng.hpp"
#include "tests/fake/virtio_driver.hpp"

namespace {

using namespace antler;
using namespace antler::device;
using namespace antler::device::virtio;

using Memory = fake::DriverMemory;
constexpr u32 ram_bytes = 64 * 1024;

// Behind all three.
struct Wire {
    bool busy = false;
    bool draw(std::span<u8> into) {
        std::fill(into.begin(), into.end(), u8{4});
        return true;
    }
    void write(u32, std::string_view) {}
    usize read(u32, std::span<u8> into) {
        std::fill(into.begin(), into.end(), u8{'a'});
        return into.size();
    }
    std::string_view name(u32) { return "port"; }
    ConsoleSize size(u32) { return {80, 24}; }
    void give_back(std::span<GpaRange const> ranges) {
        VERIFY(!busy && !ranges.empty() && ranges.size() <= 64);
        busy = true;
    }
    bool is_busy() { return busy; }
    void never_mind() { busy = false; }
    void call_again() {}
};

void drive(Memory& memory, Wire& wire, Model& model, u8 const* data, usize size) {
    fake::DriverCard device{{}, model};
    auto const take = [&] {
        if (size == 0) return u32{0};
        --size;
        return u32{*data++};
    };
    auto const put_word = [&](Offset at, u32 value) {
        static_cast<void>(device.write(at, Width::word, value));
    };
    u64 const features = model.features() | feature::version_1 | feature::indirect |
                         (take() % 2 != 0 ? feature::packed : 0) |
                         (take() % 2 != 0 ? feature::event_index : 0);
    fake::start_device(device, features, {.queues = model.queue_count()});
    while (size != 0) {
        memory.touched = 0;
        auto const what = take();
        if (what < 32) {
            put_word((take() << 2) & 0x1ff, take() | take() << 8);
        } else if (what < 64) {
            put_word(0x050, take() % 9);
        } else if (what < 96) {
            wire.busy = false;
            static_cast<void>(model.work());
        } else {
            auto at = (take() % 9) * 0x1000 + (take() << 2);
            for (u32 i = 0; i < what - 96 && size != 0; ++i)
                memory.bytes[at++ % ram_bytes] = static_cast<u8>(take());
        }
        VERIFY(memory.touched < u64{16} << 20);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    if (size < 4) return 0;
    Memory memory{ram_bytes};
    Wire wire;
    Rng<Memory, Wire> rng{memory, wire};
    Console<Memory, Wire> console{memory, wire, {.ports = 3}};
    Balloon<Memory, Wire> balloon{memory, wire, true};
    Model* const models[] = {&rng, &console, &balloon};
    drive(memory, wire, *models[data[0] % 3], data + 1, size - 1);
    return 0;
}
