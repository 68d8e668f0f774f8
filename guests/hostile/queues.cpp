// Virtio devices whose driver lies: rings in odd places, chains that loop, lengths of everything.
#include "guests/hostile/hostile.hpp"
#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests::hostile {
namespace {

constexpr u64 first_slot = 0x1000'1000, slots = 8;
constexpr u32 entries = 8;

[[nodiscard]] u64 rings(Stage const& stage) {
    return stage.arena + 0x10'0000;
}
void set(u64 base, u32 at, u64 value) {
    (void)expect_trap([&] { store<u32>(base + at, static_cast<u32>(value)); });
}
void set_address(Stage& stage, u64 base, u32 at, u64 likely) {
    auto const address = stage.random.one_in(16) ? stage.evil() : likely;
    set(base, at, address);
    set(base, at + 4, address >> 32);
}
[[nodiscard]] u32 get(u64 base, u32 at) {
    u32 value = 0;
    (void)expect_trap([&] { value = load<u32>(base + at); });
    return value;
}

// As a driver does, but for one queue, and more or less.
void begin(Stage& stage, u64 base, u32 queue) {
    namespace status = abi::virtio::status;
    auto& random = stage.random;
    set(base, mmio::status, 0);
    set(base, mmio::status, status::acknowledge | status::driver);
    for (u32 half = 0; half < 2; ++half) {
        set(base, mmio::host_select, half);
        auto const offered = get(base, mmio::host_features);
        set(base, mmio::select, half);
        auto const wanted = random.one_in(3) ? offered & static_cast<u32>(random.next()) : offered;
        set(base, mmio::features, half == 1 ? wanted | 1 : wanted);
    }
    set(base, mmio::status, status::acknowledge | status::driver | status::features_ok);
    set(base, mmio::queue, random.one_in(16) ? stage.number() : queue);
    set(base, mmio::queue_size, random.one_in(8) ? random.below(70000) : entries);
    auto const at = rings(stage) + queue * 0x4000;
    set_address(stage, base, mmio::table, at);
    set_address(stage, base, mmio::available, at + 0x1000);
    set_address(stage, base, mmio::used, at + 0x2000);
    set(base, mmio::queue_ready, 1);
    set(base, mmio::status, status::acknowledge | status::driver | status::features_ok | status::driver_ok);
}

// Lengths that add up to more than there is, or to nothing.
[[nodiscard]] u32 length(Random& random) {
    switch (random.below(6)) {
        case 0: return 0;
        case 1: return ~u32{0} - static_cast<u32>(random.below(16));
        case 2: return 16;
        case 3: return 512;
        case 4: return 1;
        default: return static_cast<u32>(random.below(0x2'0000));
    }
}

void offer_chain(Stage& stage, u64 queue) {
    auto& random = stage.random;
    auto const at = rings(stage) + queue * 0x4000;
    for (u64 i = 0; i < entries; ++i) {
        auto const here = at + i * 16;
        auto const table = random.one_in(8);  // an indirect one, perhaps within another
        store<u64>(here, random.one_in(6) ? stage.evil()
                         : table          ? at + random.below(0x100)
                                          : stage.harmless());
        store<u32>(here + 8, length(random));
        auto const flags = (table ? 4 : 0) | random.below(4) | (random.one_in(2) ? 0x80 : 0);
        store<u16>(here + 12, static_cast<u16>(random.one_in(16) ? random.next() : flags));
        store<u16>(here + 14, static_cast<u16>(random.one_in(8) ? random.next() : random.below(entries)));
    }
    for (u64 i = 0; i < entries; ++i)
        store<u16>(at + 0x1004 + i * 2,
                   static_cast<u16>(random.one_in(8) ? random.next() : random.below(entries)));
    auto const index = load<u16>(at + 0x1002);
    store<u16>(at + 0x1002, static_cast<u16>(random.one_in(8) ? random.next() : index + random.below(4)));
    asm volatile("fence rw, rw" ::: "memory");
}

}  // namespace

void drive_queue(Stage& stage) {
    auto& random = stage.random;
    auto const base = first_slot + random.below(slots) * 0x1000;
    auto const queue = static_cast<u32>(random.below(4));
    switch (random.below(6)) {
        case 0: begin(stage, base, queue); break;
        case 1: set(base, mmio::status, random.one_in(2) ? 0 : random.below(256)); break;
        case 2: {
            // Changed while the device uses it.
            set(base, mmio::queue, queue);
            set_address(stage, base, random.one_of(std::array{mmio::table, mmio::available, mmio::used}),
                        stage.harmless());
            set(base, mmio::queue_ready, random.below(2));
            break;
        }
        default:
            begin(stage, base, queue);
            for (u64 i = 0; i <= random.below(3); ++i) {
                offer_chain(stage, queue);
                set(base, mmio::notify, random.one_in(16) ? stage.number() : queue);
            }
            break;
    }
}

}  // namespace antler::guests::hostile
