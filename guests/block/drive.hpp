// A driver of a virtio disk on mmio: eight requests under way, each of one page.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "abi/virtio_block.hpp"
#include "abi/virtio_transport.hpp"
#include "guests/lib/devices.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

using BlockType = abi::virtio::block::Type;
using BlockStatus = abi::virtio::block::Status;

class Drive {
public:
    static constexpr u32 depth = 8;
    static constexpr u32 page = 4096;
    static constexpr u32 page_sectors = page / 512;
    static constexpr u16 entries = 64;

    // The disk in this place among the disks; none where there are fewer.
    [[nodiscard]] static std::optional<Drive> find(u32 index);

    [[nodiscard]] u64 sectors() const { return sectors_; }
    [[nodiscard]] bool has(u64 feature) const { return (features_ & feature) != 0; }
    [[nodiscard]] u8* data(u32 slot) const { return reinterpret_cast<u8*>(data_ + u64{slot} * page); }
    // Of the last request of a slot.
    [[nodiscard]] BlockStatus status(u32 slot) const {
        return static_cast<BlockStatus>(*reinterpret_cast<u8 const volatile*>(status_ + slot));
    }

    // Puts a request of a whole page into the ring; kick() shows it.
    void put(u32 slot, BlockType type, u64 sector);
    // The same for any number of bytes of the slot's page.
    void put_bytes(u32 slot, BlockType type, u64 sector, u32 bytes);
    // True: the device is to be told.
    [[nodiscard]] bool publish();
    void kick() {
        if (publish()) tell();
    }
    void tell() const { store<u32>(base_ + 0x050, 0); }
    // The slot of the next request that has ended.
    [[nodiscard]] std::optional<u32> take();
    // Spins until there is one, and counts how often it looked; each look is `spin_instructions`.
    [[nodiscard]] u64 spin();
    static constexpr u64 spin_instructions = 3;

    // One request alone; nothing: it did not end in time.
    [[nodiscard]] std::optional<BlockStatus> ask(BlockType type, u64 sector, u32 bytes = page);
    // The same by interrupt.
    [[nodiscard]] std::optional<BlockStatus> ask_and_sleep(BlockType type, u64 sector, u32 seconds = 10);

    // For a copy: from now on nobody is behind it but play_the_device(), which ends so many requests.
    void detach();
    void play_the_device(u32 count);

private:
    Drive() = default;
    struct Used {
        u32 id, bytes;
    };

    u64 base_ = 0;
    u32 source_ = 0;
    u64 features_ = 0;
    u64 sectors_ = 0;
    u64 headers_ = 0;
    u64 status_ = 0;
    u64 data_ = 0;
    abi::virtio::Descriptor* table_ = nullptr;
    u16 volatile* available_ = nullptr;  // flags, index, ring, used_event
    u16 volatile* used_ = nullptr;       // flags, index, elements, avail_event
    u16 posted_ = 0;
    u16 told_ = 0;
    u16 taken_ = 0;
};

}  // namespace antler::guests
