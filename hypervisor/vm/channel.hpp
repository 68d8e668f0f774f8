// A channel: memory that two VMs share, and a bell at each end.
#pragma once

#include <array>
#include <atomic>
#include <string_view>

#include "base/locked.hpp"
#include "base/units.hpp"
#include "device/device.hpp"
#include "memory/owner.hpp"
#include "vm/machine.hpp"

namespace antler::vm {

// Where a VM sees its n-th channel: QEMU's virt board has nothing of ours there.
struct ChannelPlace {
    GpaRange memory{};
    GpaRange bell{};
    u32 source = 0;
};
inline constexpr u64 most_channel_bytes = 16_MiB;
[[nodiscard]] constexpr ChannelPlace channel_place(u32 n, u64 bytes) {
    return {{Gpa{0x6000'0000 + n * most_channel_bytes}, bytes},
            {Gpa{0x1002'0000 + u64{n} * 0x1000}, 0x1000},
            64 + n};
}

// What both ends have in common.  It stays while either VM lives.
struct Channel {
    std::array<std::string_view, 2> names{};  // of the VMs; their lots outlive it
    HpaRange memory{};
    memory::OwnerId owner{};
    u32 users = 0;  // the boot hart's
    // Who is at an end now; one that leaves takes itself out, and is not called after that.
    Locked<std::array<ChannelEnd*, 2>, Rank::ports> ends{};

    [[nodiscard]] bool is_free() const { return users == 0; }
};

// The registers at one end, each of 32 bits:
//   0  read   bit 0: the bell was rung; bit 1: there is somebody at the other end
//   4  write  rings at the other end
//   8  write  the bell was heard: it is quiet until it is rung again
class ChannelEnd final : public device::Device {
public:
    ChannelEnd(Vm& vm, Channel& channel, u32 side, u32 number, DeviceLine line)
        : vm_{vm}, channel_{channel}, side_{side}, number_{number}, line_{line} {}

    [[nodiscard]] std::string_view name() const override { return "channel"; }
    [[nodiscard]] Result<u64> read(device::Offset offset, device::Width width) override;
    [[nodiscard]] Result<void> write(device::Offset offset, device::Width width, u64 value) override;

    [[nodiscard]] ChannelPlace place() const { return channel_place(number_, channel_.memory.size); }
    // Whom it leads to.
    [[nodiscard]] std::string_view with() const { return channel_.names[1 - side_]; }
    [[nodiscard]] Channel& channel() { return channel_; }

    // From now on the other end's bell is heard here.
    void enter();
    // Once more nothing: the VM is over.
    void leave();
    // As after power-on.
    void reset();
    // With the VM's device lock held: what was rung meanwhile is told to the guest.
    void work();

private:
    void ring();

    Vm& vm_;
    Channel& channel_;
    u32 side_;
    u32 number_;
    DeviceLine line_;
    std::atomic<bool> rung_ = false;  // by the other end, on any hart
    bool pending_ = false;
};

}  // namespace antler::vm
