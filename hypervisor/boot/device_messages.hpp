// Interrupt messages of devices that VMs own: to the file of a vCPU, or into memory while it has none.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "abi/pack.hpp"
#include "base/locked.hpp"
#include "memory/page.hpp"
#include "platform/host_imsic.hpp"
#include "platform/interrupt_table.hpp"
#include "platform/iommus.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

// An IOMMU that stores messages in memory need not do so atomically, so nobody else changes a file there
// while it may: each vCPU has two, and what came to one is taken when messages go to the other.
//                                                                           [aia IOMMU MRIF without atomic]
class DeviceMessages final : public platform::InterruptHandler {
public:
    static constexpr u32 most_vcpus = abi::pack::most_vcpus;

    explicit DeviceMessages(platform::Iommus& iommus) : iommus_{iommus} {}

    // Where notices go; without it, and without files in memory, a guest's messages are not redirected.
    void take_notices(platform::HostImsic::Message notice) { notice_ = notice; }
    [[nodiscard]] bool can_redirect() const { return notice_ && iommus_.stores_messages(); }

    // Before the VM starts, and before its devices are attached.
    [[nodiscard]] Result<void> open(memory::Frames& frames, vm::Vm& vm);
    // After its devices were detached, when the VM ends.
    void close(memory::Frames& frames, vm::Vm& vm);

    // The VM begins anew: what came into memory and was not taken is of its life before.
    void forget(vm::Vm const& vm);

    // Each table of messages leads to the files of its own VM's vCPUs, or to its memory, and no two vCPUs
    // have one file.  What is wrong first, and whose, if anything is.  Any hart, at any time.
    struct Finding {
        char const* what = "";
        vm::Vm* vm = nullptr;
        u32 file = 0;
    };
    [[nodiscard]] std::optional<Finding> audit(memory::Frames& frames);

    // Messages came into memory, for whichever vCPU.
    void interrupted() override;

    // How many came there, and how often a notice told of some; a glance, from any hart.
    [[nodiscard]] u64 stored() const { return stored_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 notices() const { return notices_.load(std::memory_order_relaxed); }

private:
    using File = isa::iommu::MemoryFile;
    struct State;
    struct Guest final : vm::FileObserver {
        void file_leaves(vm::Vcpu& vcpu, Hpa page) override;
        void file_lives_at(vm::Vcpu& vcpu, Hpa page) override;

        DeviceMessages* all = nullptr;
        vm::Vm* vm = nullptr;  // none: nobody's
        std::optional<memory::Page<memory::Zeroed>> files{};
        std::array<u8, most_vcpus> which{};  // of the two, where messages go
        std::array<bool, most_vcpus> in_memory{};
        std::array<Hpa, most_vcpus> pages{};  // else of its file
    };
    struct State {
        std::array<Guest, 32> guests{};
    };

    [[nodiscard]] static File* file(Guest& guest, u32 vcpu, u32 which);
    void store_in(Guest& guest, u32 vcpu, u8 which);
    void lead_to(Guest& guest, u32 vcpu, Hpa page);
    void take(Guest& guest, u32 vcpu, u32 which);
    [[nodiscard]] char const* audit_file(State& state, Guest& guest, u32 number);

    platform::Iommus& iommus_;
    std::optional<platform::HostImsic::Message> notice_{};
    Locked<State, Rank::cards> state_;
    std::atomic<u64> stored_ = 0;
    std::atomic<u64> notices_ = 0;
};

}  // namespace antler::boot
