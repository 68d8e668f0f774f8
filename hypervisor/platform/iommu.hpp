// One IOMMU: its directory of devices, the commands that it gets, and the faults that it reports.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <span>

#include "base/locked.hpp"
#include "base/result.hpp"
#include "isa/iommu_queues.hpp"
#include "isa/iommu_tables.hpp"
#include "memory/frames.hpp"
#include "memory/physical.hpp"

namespace antler::platform {

// Its page of registers.
class IommuRegisters {
public:
    [[nodiscard]] virtual u32 read(u32 offset) = 0;
    [[nodiscard]] virtual u64 read64(u32 offset) = 0;
    virtual void write(u32 offset, u32 value) = 0;  // after all stores before it
    virtual void write64(u32 offset, u64 value) = 0;

protected:
    ~IommuRegisters() = default;
};

class Iommu {
public:
    // How it tells of faults.
    enum class Signal : u8 { none, wire, message };
    static constexpr u32 commands = 256;  // in its queue
    static constexpr u32 records = 128;

    Iommu() = default;
    Iommu(Iommu const&) = delete;
    Iommu& operator=(Iommu const&) = delete;
    ~Iommu() = default;

    // Refuses every device from now on, whatever comes of it; numbers have so many bits.
    [[nodiscard]] Result<void> open(IommuRegisters& registers, memory::Frames& frames, u32 device_bits,
                                    bool wired);
    // For tests: it refuses everything, and the memory is given back.
    void close(memory::Frames& frames);
    // Faults are told by this message, where no wire tells of them.
    void send_messages(Hpa to, u32 data);

    [[nodiscard]] bool is_open() const { return registers_ != nullptr; }
    // It did not do what it was told, and refuses every device since.
    [[nodiscard]] bool is_dead() const { return dead_.load(std::memory_order_acquire); }
    [[nodiscard]] isa::iommu::Capabilities capabilities() const { return capabilities_; }
    [[nodiscard]] isa::iommu::DirectoryShape shape() const { return shape_; }
    [[nodiscard]] Signal signal() const { return signal_; }
    [[nodiscard]] u64 commands_done() const { return commands_done_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 faults_seen() const { return faults_seen_.load(std::memory_order_relaxed); }

    // One hart at a time changes the directory.  set() is for a device that has no entry.
    [[nodiscard]] Result<void> set(u32 device, isa::iommu::DeviceContext const& context);
    // Afterwards no access of the device is under way that went through what it had.
    void clear(u32 device);
    // Its faults are reported no longer.
    void silence(u32 device);
    [[nodiscard]] bool has(u32 device) const { return find(device) != nullptr; }

    // Calls leaf(device, words) for each device that has an entry, and table(address) for each table.
    template <class Leaf, class Table>
    void for_each_entry(Leaf&& leaf, Table&& table) const {
        walk(root_, shape_.levels - 1, 0, leaf, table);
    }

    // Returns when it has done them, and what devices did before is seen by everybody.  Any hart.
    void run(std::span<isa::iommu::Command const> list);

    // Calls body(FaultRecord const&) for what it reports, at most a queue of it, and lets it report more.
    // One hart at a time.  The answer is whether records were lost.
    template <class Body>
    bool drain(Body&& body) {
        if (!is_open()) return false;
        acknowledge();
        auto const end = tail_of_faults();
        for (u32 left = records; left != 0 && fault_head_ != end; --left) {
            auto const record = take_fault();
            body(record);
        }
        return end_of_drain();
    }

private:
    struct Queue {
        u32 tail = 0;
    };
    using Words = u64*;

    [[nodiscard]] Result<void> open_queues(memory::Frames& frames);
    [[nodiscard]] Result<void> open_directory(memory::Frames& frames, u32 device_bits);
    [[nodiscard]] bool set_mode(isa::iommu::DirectoryMode mode, Hpa root);
    [[nodiscard]] bool wait_for(u32 offset, u32 mask, u32 value);
    [[nodiscard]] bool fence_passed(u32 tail);
    void refuse_all();

    template <class Leaf, class Table>
    void walk(Hpa at, u32 level, u32 first, Leaf& leaf, Table& table) const {
        using namespace isa::iommu;
        table(at);
        auto* const words = static_cast<u64 const*>(memory::house_view(at));
        auto const each = level == 0 ? shape_.entry_bytes() / 8 : 1;
        auto const shift = level == 0 ? 0 : shape_.leaf_bits() + 9 * (level - 1);
        for (u32 i = 0; i < page_bytes / 8 / each; ++i) {
            auto const* const entry = words + u64{i} * each;
            auto const device = first | i << shift;
            if (level == 0) {
                if (TranslationControl::v::get(*entry)) leaf(device, std::span{entry, each});
            } else if (DirectoryEntry::v::get(*entry)) {
                walk(DirectoryEntry{*entry}.table(), level - 1, device, leaf, table);
            }
        }
    }
    [[nodiscard]] Words find(u32 device) const;
    [[nodiscard]] Result<Words> make(u32 device);
    [[nodiscard]] Words entry(Hpa leaf, u32 device) const;
    void forget(u32 device, u64 iohgatp);

    void acknowledge();
    [[nodiscard]] u32 tail_of_faults();
    [[nodiscard]] isa::iommu::FaultRecord take_fault();
    [[nodiscard]] bool end_of_drain();

    IommuRegisters* registers_ = nullptr;
    memory::Frames* frames_ = nullptr;
    isa::iommu::Capabilities capabilities_{};
    isa::iommu::DirectoryShape shape_{};
    Signal signal_ = Signal::none;
    std::atomic<bool> dead_ = false;
    std::atomic<u64> commands_done_ = 0;
    std::atomic<u64> faults_seen_ = 0;
    Hpa root_{};
    Hpa command_queue_{};
    Hpa fault_queue_{};
    u32 fault_head_ = 0;
    Locked<Queue, Rank::commands> queue_;
};

}  // namespace antler::platform
