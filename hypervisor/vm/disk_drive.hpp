// A VM's disk: the virtio model, and the disk of the house that it stands for.
#pragma once

#include <array>
#include <atomic>

#include "backend/disk.hpp"
#include "device/virtio/block.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/virtio_front.hpp"
#include "vm/virtio_slot.hpp"

namespace antler::vm {

// Between the model and its disk: guest addresses become physical ones, and what ends on any hart is kept
// until the VM's own hart asks.  Only disk_done() and disk_has_room() may be called without the device lock.
class DiskWire final : public backend::DiskClient {
public:
    static constexpr u32 tokens = 32;
    static constexpr u32 most_pieces = 32;
    static constexpr u64 most_sectors = 2048;  // of one request to the disk

    DiskWire(Vm& vm, backend::Disk& disk, std::string_view serial);

    void disk_done(std::span<backend::DiskEnd const> ended) override;
    void disk_has_room() override { wake_always(); }

    // device::virtio::BlockStore
    [[nodiscard]] device::virtio::BlockShape const& shape() const { return shape_; }
    void hold() { asked_.store(true, std::memory_order_relaxed); }
    [[nodiscard, gnu::always_inline]] Result<u64> submit(u32 slot,
                                                         device::virtio::BlockRequest const& request);
    void go();
    [[nodiscard]] std::optional<device::virtio::BlockDone> next_done();
    void call_again() { wake_always(); }
    void abandon();

    // While no lock is held: finds memory for a request that lacked it.
    void prepare();
    // The VM does not run any more: true when nothing is under way, and what the disk held was given back.
    [[nodiscard]] bool leave();

    [[nodiscard]] u64 requests() const { return requests_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 read_bytes() const { return read_bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 written_bytes() const { return written_bytes_.load(std::memory_order_relaxed); }

private:
    [[nodiscard]] backend::DiskTarget target_of(backend::DiskOperation operation, u64 sector, u64 sectors);
    // Nothing: it is not one piece of memory and of the disk.
    [[nodiscard, gnu::always_inline]] std::optional<Hpa> place_of(
        device::virtio::BlockRequest const& request);
    [[nodiscard, gnu::always_inline]] Result<u64> hand_over(u32 slot, backend::Disk& disk,
                                                            backend::DiskOperation operation, u64 sector,
                                                            u64 sectors,
                                                            std::span<backend::DiskPiece const> pieces);
    // By value, so that the one that most requests do without stays in registers.
    [[nodiscard, gnu::noinline]] Result<u64> submit_any(u32 slot, device::virtio::BlockRequest request);
    [[nodiscard, gnu::noinline]] Result<u64> not_taken(u32 slot, Error why);
    [[nodiscard]] Result<u64> gather(device::virtio::BlockRequest const& request, u64 bytes, bool writes,
                                     std::span<backend::DiskPiece> into, usize& count);
    [[nodiscard, gnu::noinline]] bool reserve();
    void wake();
    void wake_always();

    Vm& vm_;
    backend::Disk& disk_;
    Ram::Finder finder_;
    device::virtio::BlockShape shape_;
    backend::DiskStretch stretch_;
    usize most_pieces_;
    u64 most_at_once_;  // sectors of a read or write
    std::array<std::atomic<backend::DiskStatus>, tokens> status_{};
    std::atomic<u32> ended_ = 0;       // tokens that have ended since next_done() looked
    std::atomic<bool> asked_ = false;  // whoever ends one need not say so
    u32 known_ = 0;                    // ended, and not told to the model, from known_token_ on
    u32 known_token_ = 0;
    u32 under_way_ = 0;
    u32 abandoned_ = 0;  // of them, nobody's
    u32 train_ = 0;      // requests that are counted as DMA since go(),
    u32 reserved_ = 0;   // and of them those that were not asked for yet
    std::atomic<bool> lacks_memory_ = false;
    std::atomic<bool> out_of_memory_ = false;
    std::atomic<u64> requests_ = 0;
    std::atomic<u64> read_bytes_ = 0;
    std::atomic<u64> written_bytes_ = 0;
};

class DiskDrive final : public VirtioSlot {
public:
    DiskDrive(Vm& vm, SlotWire const& wire, backend::Disk& disk, std::string_view serial);

    [[nodiscard]] VirtioFront& registers() override { return registers_; }
    [[nodiscard]] device::virtio::Model& model() override { return model_; }
    void reset() override { registers_.power_on(); }
    [[nodiscard]] bool leave() override { return wire_.leave(); }
    void prepare() override { wire_.prepare(); }
    void counters(device::CounterVisitor& each) const override {
        each("requests", wire_.requests());
        each("read_bytes", wire_.read_bytes());
        each("written_bytes", wire_.written_bytes());
    }

    [[nodiscard]] DiskWire& wire() { return wire_; }

private:
    DiskWire wire_;
    device::virtio::Block<Ram, DiskWire> model_;
    VirtioFront registers_;
};

}  // namespace antler::vm
