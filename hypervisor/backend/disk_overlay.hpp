// A disk that shows another one until it is written to: what is written stays in memory.
#pragma once

#include <array>

#include "backend/disk_memory.hpp"
#include "base/locked.hpp"
#include "memory/frames.hpp"
#include "memory/house.hpp"

namespace antler::backend {

// Many of them may be over one base, which is never written.  Its memory is the house's, charged to an owner
// who allowed so much and no more; a write beyond that fails.  Sectors are kept in chunks of a page, which
// remember which of their sectors are theirs, so that nothing is ever read from the base to be written.
class DiskOverlay final : public Disk {
public:
    // `budget` is of bytes, tables included.
    DiskOverlay(Disk& base, PieceMemory& memory, memory::Frames& frames, memory::House& house,
                memory::OwnerId owner, u64 budget);
    DiskOverlay(DiskOverlay const&) = delete;
    DiskOverlay& operator=(DiskOverlay const&) = delete;
    ~DiskOverlay();

    [[nodiscard]] DiskShape shape() const override { return shape_; }
    [[nodiscard]] DiskTarget locate(DiskOperation operation, u64 sector, u64 sectors) override;
    [[nodiscard]] Result<void> submit(DiskRequest const& request, DiskClient& client, u32 token) override;
    void go() override { base_.go(); }
    void forget(DiskClient& client) override { base_.forget(client); }
    [[nodiscard]] Result<void> prepare() override;

    // Back to the base's contents, and every byte to whom it belongs.
    [[nodiscard]] bool release_step() override;
    [[nodiscard]] u64 bytes_used() const;

private:
    static constexpr u64 chunk_sectors = page_bytes / sector_bytes;
    static constexpr u64 fan_out = page_bytes / sizeof(u64);
    static constexpr u32 levels = 3;  // 512 GiB

    // An entry of a table: the page below, and in the lowest tables which sectors of it are there.
    struct State {
        u64 root = 0;
        u64 spare = 0;  // a list of pages, through their first words
        u32 spare_count = 0;
        u64 pages = 0;  // taken from the frames, spare ones included
    };

    [[nodiscard]] static u64* table(u64 entry);
    [[nodiscard]] static u64* find(State& state, u64 chunk);
    [[nodiscard]] u64* find_or_make(State& state, u64 chunk);
    [[nodiscard]] static u64 take_spare(State& state);
    static void give_spare(State& state, u64 page);
    [[nodiscard]] static bool is_mine(State& state, u64 sector);
    [[nodiscard]] static bool write(DiskOverlay& self, State& state, DiskRequest const& request);
    void read(State& state, DiskRequest const& request);
    static void discard(State& state, DiskRequest const& request);
    void give_back(u64 page);
    [[nodiscard]] bool clear_some(u64 entry, u32 level, u32& left);

    Disk& base_;
    PieceMemory& memory_;
    memory::Frames& frames_;
    memory::House& house_;
    memory::OwnerId owner_;
    u64 most_pages_;
    DiskShape shape_;
    mutable Locked<State, Rank::disks> state_{};
};

}  // namespace antler::backend
