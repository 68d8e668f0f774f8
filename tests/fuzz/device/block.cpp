// A disk whose driver may do anything: rings, headers and registers hold whatever the input says.
#include <span>
#include <vector>

#include "base/panic.hpp"
#include "device/virtio/block.hpp"
#include "tests/fake/virtio_driver.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace antler;
using namespace antler::device;
using namespace antler::device::virtio;

using Memory = fake::DriverMemory;
constexpr u64 ram_start = fake::driver_ram;
constexpr u32 ram_bytes = 64 * 1024;

// Checks that what reaches it can be done.
struct Store {
    BlockShape told{.sectors = 1000, .discards = true, .writes_zeroes = true, .serial = "fuzz"};
    u32 under_way = 0;
    std::vector<BlockDone> pending{};
    std::vector<BlockDone> ended{};
    u8 mood = 0;
    u64 asked = 0;

    [[nodiscard]] BlockShape const& shape() const { return told; }
    void hold() {}
    [[nodiscard]] Result<u64> submit(u32 slot, BlockRequest const& request) {
        ++asked;
        VERIFY((under_way & (1u << slot)) == 0);
        if (request.operation == BlockOperation::flush) {
            VERIFY(request.sectors == 0);
        } else {
            VERIFY(request.sectors != 0 && request.sector <= told.sectors &&
                   request.sectors <= told.sectors - request.sector);
            VERIFY(!told.read_only || request.operation == BlockOperation::read);
        }
        if (request.operation == BlockOperation::read || request.operation == BlockOperation::write) {
            u64 bytes = 0;
            for (auto const& segment : request.segments) bytes += segment.bytes;
            VERIFY(request.offset < request.segments[0].bytes &&
                   bytes - request.offset == request.sectors * 512);
        }
        if (mood % 5 == 1) return Err{Error::busy};
        if (mood % 5 == 2) return Err{Error::denied};
        auto const taken = mood % 5 == 3 ? std::min<u64>(request.sectors, 1 + mood / 5) : request.sectors;
        under_way |= 1u << slot;
        (mood % 2 == 0 ? pending : ended)
            .push_back({slot, mood % 7 == 6 ? BlockStatus::io_error : BlockStatus::ok});
        return taken;
    }
    void go() {}
    [[nodiscard]] std::optional<BlockDone> next_done() {
        if (ended.empty()) return std::nullopt;
        auto const done = ended.back();
        ended.pop_back();
        under_way &= ~(1u << done.slot);
        return done;
    }
    void call_again() {}
    void abandon() {
        pending.clear();
        ended.clear();
        under_way = 0;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    fuzz::Input input{data, size};
    Memory memory{ram_bytes};
    Store store;
    auto const start = input.take<u32>();
    store.told.read_only = (start & 8) != 0;
    Block<Memory, Store> block{memory, store};
    fake::DriverCard disk{{}, block};
    u64 features = feature::version_1 | block.features();
    if ((start & 1) != 0) features |= feature::packed;
    if ((start & 2) != 0) features |= feature::indirect;
    if ((start & 4) != 0) features |= feature::event_index;
    // A driver that starts the device as it should; what is in the ring is the input's.
    fake::start_device(
        disk, features,
        {.entries = static_cast<u16>(1u << (start >> 8) % 8), .available = 0x1000, .used = 0x2000});

    while (!input.empty()) {
        memory.touched = 0;
        store.asked = 0;
        switch (input.take<u8>() % 7) {
            case 0: {
                auto const offset = input.take<u16>() % 0x200;
                static_cast<void>(disk.write(offset & ~3u, Width::word, input.take<u32>()));
                break;
            }
            case 1: static_cast<void>(disk.read(input.take<u16>() % 0x200 & ~3u, Width::word)); break;
            case 2: {
                auto const at = input.take<u16>();
                auto const part = input.some(input.take<u8>());
                static_cast<void>(memory.write(Gpa{ram_start + at}, part));
                break;
            }
            case 3: {
                // A request that makes some sense: a header, data and a status.
                auto const slot = input.take<u8>() % 8;
                abi::virtio::block::Header const header{input.take<u8>() % 15u, 0, input.take<u16>() % 1010u};
                auto const at = ram_start + 0x3000 + slot * 0x100;
                static_cast<void>(put(memory, Gpa{at}, header));
                u16 const kind = (header.type & 1) != 0 ? 0 : flag_write;
                u32 const bytes = input.take<u8>() % 16 * 512u;
                auto const table = Gpa{ram_start + slot * 3 * sizeof(Descriptor)};
                auto const next = static_cast<u16>(slot * 3);
                static_cast<void>(put(memory, table, Descriptor{at, 16, flag_next, u16(next + 1)}));
                static_cast<void>(
                    put(memory, table + 16,
                        Descriptor{ram_start + 0x5000, bytes, u16(kind | flag_next), u16(next + 2)}));
                static_cast<void>(put(memory, table + 32, Descriptor{at + 32, 1, flag_write, 0}));
                auto index = u16{0};
                static_cast<void>(fetch(memory, Gpa{ram_start + 0x1002}, index));
                static_cast<void>(
                    put(memory, Gpa{ram_start + 0x1004 + 2 * (index % (1u << (start >> 8) % 8))}, next));
                static_cast<void>(put(memory, Gpa{ram_start + 0x1002}, u16(index + 1)));
                break;
            }
            case 4:
                store.mood = input.take<u8>();
                store.ended.insert(store.ended.end(), store.pending.begin(), store.pending.end());
                store.pending.clear();
                break;
            case 5: static_cast<void>(disk.write(0x050, Width::word, input.take<u8>() % 2)); break;
            default: static_cast<void>(block.work()); break;
        }
        // A budget of requests, what it takes to find them, and their headers.
        VERIFY(memory.touched < u64{64} * 129 * 64);
        VERIFY(store.asked <= 64 + 16);
    }
    return 0;
}
