// What the driver of a virtio device has, for the tests: memory, an interrupt line, and registers to begin
// with.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "device/virtio/mmio.hpp"

namespace antler::fake {

inline constexpr u64 driver_ram = 0x8000'0000;

struct DriverMemory {
    explicit DriverMemory(usize size) : bytes(size) {}

    std::vector<u8> bytes;
    u64 touched = 0;  // so that unbounded work is noticed

    u8* find(Gpa at, usize count) {
        touched += count + 1;
        auto const offset = at.raw() - driver_ram;
        return offset <= bytes.size() && count <= bytes.size() - offset ? bytes.data() + offset : nullptr;
    }
    Result<void> read(Gpa at, std::span<u8> out) {
        auto const* const from = find(at, out.size());
        if (from == nullptr) return Err{Error::out_of_range};
        if (!out.empty()) std::memcpy(out.data(), from, out.size());
        return {};
    }
    Result<void> write(Gpa at, std::span<u8 const> in) {
        auto* const to = find(at, in.size());
        if (to == nullptr) return Err{Error::out_of_range};
        if (!in.empty()) std::memcpy(to, in.data(), in.size());
        return {};
    }
    template <class T>
    T& at(u64 where) {
        return *reinterpret_cast<T*>(bytes.data() + (where - driver_ram));
    }
};

struct DriverLine {
    bool* level = nullptr;  // where it is wanted
    void set(bool high) {
        if (level != nullptr) *level = high;
    }
};
using DriverCard = device::virtio::Mmio<DriverLine>;

// Where the rings of queue n begin, and their parts.
struct RingPlan {
    u32 queues = 1;
    u16 entries = 8;
    u64 apart = 0x1000;
    u64 available = 0x400;
    u64 used = 0x800;
    [[nodiscard]] constexpr u64 ring(u32 queue) const { return driver_ram + queue * apart; }
};

// Starts the device as a driver should.   [virtio 3.1.1]
template <class Card>
void start_device(Card&& card, u64 features, RingPlan const& plan) {
    auto const put = [&](device::Offset at, u64 value) {
        static_cast<void>(card.write(at, device::Width::word, static_cast<u32>(value)));
    };
    constexpr u32 acknowledge = 1, driver = 2, driver_ok = 4, features_ok = 8;
    put(0x070, 0);
    put(0x070, acknowledge | driver);
    put(0x024, 0);
    put(0x020, features);
    put(0x024, 1);
    put(0x020, features >> 32);
    put(0x070, acknowledge | driver | features_ok);
    for (u32 queue = 0; queue < plan.queues; ++queue) {
        put(0x030, queue);
        put(0x038, plan.entries);
        put(0x080, plan.ring(queue));
        put(0x090, plan.ring(queue) + plan.available);
        put(0x0a0, plan.ring(queue) + plan.used);
        put(0x044, 1);
    }
    put(0x070, acknowledge | driver | features_ok | driver_ok);
}

}  // namespace antler::fake
