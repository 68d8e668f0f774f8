// A virtio disk of a board that is not there: our own device model, behind the registers that a driver uses.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "device/virtio/block.hpp"
#include "device/virtio/mmio.hpp"
#include "platform/virtio_transport.hpp"
#include "tests/fake/memory.hpp"

namespace antler::fake {

// Physical memory, seen as a guest's.
struct PlainMemory {
    Result<void> read(Gpa at, std::span<u8> into) {
        auto const* const from = Memory::current().find(Hpa{at.raw()}, into.size());
        if (from == nullptr) return Err{Error::out_of_range};
        __builtin_memcpy(into.data(), from, into.size());
        return {};
    }
    Result<void> write(Gpa at, std::span<u8 const> bytes) {
        auto* const to = Memory::current().find(Hpa{at.raw()}, bytes.size());
        if (to == nullptr) return Err{Error::out_of_range};
        __builtin_memcpy(to, bytes.data(), bytes.size());
        return {};
    }
};

// Sectors in a vector; what is asked ends when, and in the order, that the test wants.
class SectorStore {
public:
    explicit SectorStore(u64 sectors) : bytes(sectors * 512) { shape_.sectors = sectors; }

    std::vector<u8> bytes;
    device::virtio::BlockShape shape_{};
    std::optional<u64> bad_sector{};  // an access fails
    u64 most_sectors = ~u64{0};       // of one part
    u32 busy = 0;                     // so many times it takes nothing
    bool silent = false;              // nothing ends any more
    std::deque<device::virtio::BlockDone> ended{};
    std::vector<device::virtio::BlockDone> pending{};
    std::vector<std::pair<device::virtio::BlockOperation, u64>> log{};
    bool asked_again = false;
    u32 gone = 0;

    [[nodiscard]] device::virtio::BlockShape const& shape() const { return shape_; }
    [[nodiscard]] Result<u64> submit(u32 slot, device::virtio::BlockRequest const& request) {
        using device::virtio::BlockOperation;
        if (busy != 0) {
            --busy;
            return Err{Error::busy};
        }
        log.emplace_back(request.operation, request.sector);
        auto const sectors = std::min(request.sectors, most_sectors);
        auto status = device::virtio::BlockStatus::ok;
        if (bad_sector && *bad_sector - request.sector < sectors)
            status = device::virtio::BlockStatus::io_error;
        else
            move(request, sectors);
        pending.push_back({slot, status});
        return sectors;
    }
    void hold() {}
    void go() { ++gone; }
    [[nodiscard]] std::optional<device::virtio::BlockDone> next_done() {
        if (ended.empty()) return std::nullopt;
        auto const done = ended.front();
        ended.pop_front();
        return done;
    }
    void call_again() { asked_again = true; }
    void abandon() {
        ended.clear();
        pending.clear();
    }

    // One of those under way ends.
    void finish(usize index) {
        if (silent || pending.empty()) return;
        auto const at = pending.begin() + static_cast<isize>(index % pending.size());
        ended.push_back(*at);
        pending.erase(at);
    }
    void finish_all() {
        while (!silent && !pending.empty()) finish(0);
    }

private:
    using isize = std::ptrdiff_t;
    void move(device::virtio::BlockRequest const& request, u64 sectors) {
        using device::virtio::BlockOperation;
        auto* at = bytes.data() + request.sector * 512;
        auto left = sectors * 512;
        PlainMemory memory;
        if (request.operation == BlockOperation::write_zeroes) __builtin_memset(at, 0, left);
        if (request.operation != BlockOperation::read && request.operation != BlockOperation::write) return;
        u64 offset = request.offset;
        for (auto const& segment : request.segments) {
            auto const count = std::min<u64>(left, segment.bytes - offset);
            if (request.operation == BlockOperation::read)
                (void)memory.write(segment.at + offset, {at, count});
            else
                (void)memory.read(segment.at + offset, {at, count});
            at += count;
            left -= count;
            offset = 0;
        }
    }
};

struct Line {
    bool* level;
    void set(bool to) const { *level = to; }
};

class VirtioDisk final : public platform::VirtioTransport {
public:
    explicit VirtioDisk(u64 sectors) : store{sectors} {}

    PlainMemory memory{};
    SectorStore store;
    bool line = false;
    bool at_once = true;  // what is notified is done before notify() returns
    u64 withheld = 0;     // features that it does not offer
    platform::QueuePlace place{};
    device::virtio::Block<PlainMemory, SectorStore> model{memory, store};
    device::virtio::Mmio<Line> registers{Line{&line}, model};

    void work() {
        while (model.work()) {
        }
    }

    [[nodiscard]] abi::virtio::DeviceId device() const override { return abi::virtio::DeviceId::block; }
    [[nodiscard]] std::optional<platform::BoardWire> wire() const override { return std::nullopt; }
    [[nodiscard]] u8 status() override { return static_cast<u8>(get(0x070)); }
    void set_status(u8 status) override { set(0x070, status); }
    [[nodiscard]] u64 device_features() override {
        set(0x014, 0);
        u64 const low = get(0x010);
        set(0x014, 1);
        return (u64{get(0x010)} << 32 | low) & ~withheld;
    }
    void set_driver_features(u64 features) override {
        set(0x024, 0);
        set(0x020, static_cast<u32>(features));
        set(0x024, 1);
        set(0x020, static_cast<u32>(features >> 32));
    }
    [[nodiscard]] u16 queue_most(u16 queue) override {
        set(0x030, queue);
        return static_cast<u16>(get(0x034));
    }
    void enable_queue(u16 queue, platform::QueuePlace const& its_place) override {
        place = its_place;
        set(0x030, queue);
        set(0x038, place.entries);
        set_address(0x080, place.descriptors);
        set_address(0x090, place.available);
        set_address(0x0a0, place.used);
        set(0x044, 1);
    }
    void notify(u16 queue) override {
        set(0x050, queue);
        if (!at_once) return;
        store.finish_all();
        work();
        store.finish_all();
        work();
    }
    [[nodiscard]] u32 acknowledge_interrupt() override {
        auto const why = get(0x060);
        set(0x064, why);
        return why;
    }
    [[nodiscard]] u32 config(u32 offset, u32 width) override {
        return static_cast<u32>(registers.read(0x100 + offset, static_cast<device::Width>(width)).value());
    }
    void set_config(u32, u32, u32) override {}
    [[nodiscard]] u32 config_generation() override { return get(0x0fc); }

private:
    [[nodiscard]] u32 get(u32 at) {
        return static_cast<u32>(registers.read(at, device::Width::word).value());
    }
    void set(u32 at, u32 value) { (void)registers.write(at, device::Width::word, value); }
    void set_address(u32 at, Hpa place) {
        set(at, static_cast<u32>(place.raw()));
        set(at + 4, static_cast<u32>(place.raw() >> 32));
    }
};

}  // namespace antler::fake
