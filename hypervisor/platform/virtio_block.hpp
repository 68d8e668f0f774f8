// A disk of the board behind virtio: requests of all harts, straight into the memory of whoever asks.
#pragma once

#include <array>
#include <string_view>

#include "abi/virtio_block.hpp"
#include "backend/disk.hpp"
#include "base/locked.hpp"
#include "base/units.hpp"
#include "platform/interrupt_table.hpp"
#include "platform/virtio_device.hpp"

namespace antler::platform {

class VirtioBlock final : public backend::Disk, public InterruptHandler {
public:
    static constexpr u16 most_entries = 256;
    static constexpr u32 slots = 64;  // requests under way
    static constexpr u32 most_pieces = 32;

    // House memory for its queue and its requests.
    [[nodiscard]] static constexpr u64 memory_bytes() { return slots_offset() + slots * sizeof(SlotMemory); }

    // `patience`: a request that takes longer fails, and the device is reset.
    VirtioBlock(VirtioTransport& transport, std::span<u8> memory, Ticks patience)
        : transport_{transport}, memory_{memory}, patience_{patience}, state_{transport} {}
    VirtioBlock(VirtioBlock const&) = delete;
    VirtioBlock& operator=(VirtioBlock const&) = delete;

    // Starts the device and asks for its serial number.
    [[nodiscard]] Result<void> open();
    [[nodiscard]] std::string_view serial() const { return {serial_.data(), serial_size_}; }
    // Sectors into the house's memory, waiting for them: while the machine starts.
    [[nodiscard]] Result<void> read_now(u64 sector, std::span<u8> into);

    [[nodiscard]] backend::DiskShape shape() const override { return shape_; }
    [[nodiscard]] backend::DiskTarget locate(backend::DiskOperation operation, u64 sector,
                                             u64 sectors) override;
    [[nodiscard]] backend::DiskStretch stretch() override;
    [[nodiscard]] Result<void> submit(backend::DiskRequest const& request, backend::DiskClient& client,
                                      u32 token) override;
    void go() override;
    void forget(backend::DiskClient& client) override;

    void interrupted() override;
    // Looks for requests that take too long; now and then, on any hart.
    void check(Ticks now);

private:
    // What the device reads and writes for each request besides the data.
    struct SlotMemory {
        abi::virtio::block::Header header;
        abi::virtio::block::Stretch stretch;
        u8 status;
        // A header, the data, and a status, where the queue takes tables: the slot's descriptor of the queue
        // points here for ever.
        std::array<abi::virtio::Descriptor, most_pieces + 2> table;
    };
    struct Slot {
        backend::DiskClient* client = nullptr;
        SlotMemory* memory = nullptr;
        Ticks since{};
        u32 token = 0;
        u8 next_free = 0;
        u8 entries = 0;  // of its table, as the queue knows it
    };
    struct State {
        explicit State(VirtioTransport& transport) : device{transport} {}
        VirtioDevice device;
        DriverQueue queue{};
        std::array<Slot, slots> all{};
        u8 free = 0;  // the first of a list; `slots`: none
        bool dead = true;
        bool takes_tables = false;
        bool quick = false;  // alive, and takes them
        backend::DiskClient* waiting = nullptr;
    };
    // Requests that have ended, and whose they were.
    template <usize most>
    struct Ended {
        std::array<backend::DiskClient*, most> clients;
        std::array<backend::DiskEnd, most> ends;
        usize count;
        void add(Slot& slot, backend::DiskStatus status) {
            clients[count] = slot.client;
            ends[count++] = {slot.token, status};
            slot.client = nullptr;
        }
        void tell() const;
    };

    [[nodiscard]] static constexpr u64 slots_offset() {
        return (DriverQueue::memory_bytes(most_entries) + 63) & ~u64{63};
    }
    [[nodiscard]] SlotMemory& memory_of(u32 slot) const {
        return reinterpret_cast<SlotMemory*>(memory_.data() + slots_offset())[slot];
    }
    [[nodiscard]] Result<void> start(State& state);
    [[nodiscard, gnu::noinline]] Result<void> submit_any(backend::DiskRequest const& request,
                                                         backend::DiskClient& client, u32 token);
    [[nodiscard, gnu::noinline]] Result<void> add(State& state, backend::DiskRequest const& request,
                                                  backend::DiskClient& client, u32 token);
    // A read or write of one piece, where the queue takes tables, in a slot with three entries.
    static void add_piece(State& state, u32 index, abi::virtio::block::Type type, u64 sector,
                          backend::DiskPiece const& data);
    static void occupy(State& state, u32 index, backend::DiskClient& client, u32 token);
    static void wait_for_room(State& state, backend::DiskClient& client);
    // A table that the queue points to, or a chain in the queue itself.
    static void add_table(State& state, u32 index, backend::DiskRequest const& request);
    [[nodiscard]] Result<void> add_chain(State& state, u32 index, backend::DiskRequest const& request);
    static void set_entries(State& state, u32 index, u32 entries);
    [[nodiscard]] static bool is_answered(State& state);
    [[nodiscard]] Result<void> ask_now(abi::virtio::block::Type type, u64 sector, std::span<u8> into);
    template <usize most>
    static void reap(State& state, Ended<most>& into);
    static void tell_waiting(State& state);
    void fail_all();

    VirtioTransport& transport_;
    std::span<u8> memory_;
    Ticks patience_;
    backend::DiskShape shape_{};
    u32 stretch_most_ = 0;  // sectors of one discard or write_zeroes
    std::array<char, abi::virtio::block::serial_bytes> serial_{};
    u8 serial_size_ = 0;
    Locked<State, Rank::disks> state_;
};

}  // namespace antler::platform
