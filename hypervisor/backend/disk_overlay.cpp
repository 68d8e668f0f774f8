// Chunks of a page in a tree of three levels.
#include "backend/disk_overlay.hpp"

#include <algorithm>

#include "memory/physical.hpp"
#include "memory/store.hpp"

namespace antler::backend {
namespace {

constexpr u64 sectors_mask = 0xff;  // of an entry of the lowest table; the page's address is above
constexpr u64 index_bits = 9;
constexpr u32 spare_wanted = 64;  // pages that prepare() gets at a time

[[nodiscard]] u8* bytes_of(u64 entry) {
    return static_cast<u8*>(memory::house_view(Hpa{entry & ~(page_bytes - 1)}));
}
[[nodiscard]] u64 index_at(u64 chunk, u32 level) {
    return chunk >> (index_bits * level) & ((u64{1} << index_bits) - 1);
}

}  // namespace

DiskOverlay::DiskOverlay(Disk& base, PieceMemory& memory, memory::Frames& frames, memory::House& house,
                         memory::OwnerId owner, u64 budget)
    : base_{base},
      memory_{memory},
      frames_{frames},
      house_{house},
      owner_{owner},
      most_pages_{budget / page_bytes},
      shape_{base.shape()} {
    constexpr u64 most_sectors = fan_out * fan_out * fan_out * chunk_sectors;
    shape_.sectors = std::min(shape_.sectors, most_sectors);
    shape_.read_only = false;
    shape_.discards = true;
    shape_.writes_zeroes = false;
}

DiskOverlay::~DiskOverlay() {
    while (!release_step()) {
    }
}

u64* DiskOverlay::table(u64 entry) {
    return reinterpret_cast<u64*>(bytes_of(entry));
}

u64 DiskOverlay::take_spare(State& state) {
    auto const page = state.spare;
    if (page == 0) return 0;
    state.spare = *table(page);
    --state.spare_count;
    return page;
}

void DiskOverlay::give_spare(State& state, u64 page) {
    *table(page) = state.spare;
    state.spare = page;
    ++state.spare_count;
}

u64* DiskOverlay::find(State& state, u64 chunk) {
    auto at = state.root;
    for (u32 level = levels; level-- > 0;) {
        if (at == 0) return nullptr;
        auto* const entry = table(at) + index_at(chunk, level);
        if (level == 0) return entry;
        at = *entry;
    }
    return nullptr;
}

// Null where no spare page is left; what it made so far stays for the next time.
u64* DiskOverlay::find_or_make(State& state, u64 chunk) {
    auto* entry = &state.root;
    for (u32 level = levels; level-- > 0;) {
        if (*entry == 0) {
            auto const page = take_spare(state);
            if (page == 0) return nullptr;
            __builtin_memset(bytes_of(page), 0, page_bytes);
            *entry = page;
        }
        entry = table(*entry) + index_at(chunk, level);
    }
    if ((*entry & ~sectors_mask) == 0) {
        auto const page = take_spare(state);
        if (page == 0) return nullptr;
        *entry = page;
    }
    return entry;
}

bool DiskOverlay::is_mine(State& state, u64 sector) {
    auto const* const entry = find(state, sector / chunk_sectors);
    return entry != nullptr && (*entry >> (sector % chunk_sectors) & 1) != 0;
}

DiskTarget DiskOverlay::locate(DiskOperation operation, u64 sector, u64 sectors) {
    if (operation != DiskOperation::read) return {this, sector, sectors};
    // Sectors of one kind: ours, or the base's.
    bool mine = false;
    auto const count = state_.with([&](State& state) {
        mine = is_mine(state, sector);
        u64 same = 1;
        while (same < sectors && is_mine(state, sector + same) == mine) ++same;
        return same;
    });
    return mine ? DiskTarget{this, sector, count} : base_.locate(operation, sector, count);
}

void DiskOverlay::read(State& state, DiskRequest const& request) {
    PieceCursor cursor{memory_, request.pieces};
    for (u64 done = 0; done < request.sectors;) {
        auto const sector = request.sector + done;
        auto const within = sector % chunk_sectors;
        auto const count = std::min(chunk_sectors - within, request.sectors - done);
        auto const* const entry = find(state, sector / chunk_sectors);
        if (entry == nullptr) return;
        cursor.write({bytes_of(*entry) + within * sector_bytes, count * sector_bytes});
        done += count;
    }
}

// All chunks are had before the first byte is copied, so that a write happens whole or not at all.
bool DiskOverlay::write(DiskOverlay& self, State& state, DiskRequest const& request) {
    auto const last = (request.sector + request.sectors - 1) / chunk_sectors;
    for (auto chunk = request.sector / chunk_sectors; chunk <= last; ++chunk)
        if (self.find_or_make(state, chunk) == nullptr) return false;
    PieceCursor cursor{self.memory_, request.pieces};
    for (u64 done = 0; done < request.sectors;) {
        auto const sector = request.sector + done;
        auto const within = sector % chunk_sectors;
        auto const count = std::min(chunk_sectors - within, request.sectors - done);
        auto* const entry = find(state, sector / chunk_sectors);
        cursor.read({bytes_of(*entry) + within * sector_bytes, count * sector_bytes});
        *entry |= ((u64{1} << count) - 1) << within;
        done += count;
    }
    return true;
}

// Whole chunks give their page back, and show the base again.
void DiskOverlay::discard(State& state, DiskRequest const& request) {
    auto const end = (request.sector + request.sectors) / chunk_sectors;
    for (auto chunk = (request.sector + chunk_sectors - 1) / chunk_sectors; chunk < end; ++chunk) {
        auto* const entry = find(state, chunk);
        if (entry == nullptr || *entry == 0) continue;
        give_spare(state, *entry & ~sectors_mask);
        *entry = 0;
    }
}

Result<void> DiskOverlay::submit(DiskRequest const& request, DiskClient& client, u32 token) {
    if (request.operation != DiskOperation::flush && !shape_.has(request.sector, request.sectors))
        return Err{Error::out_of_range};
    if (request.sectors == 0 || request.operation == DiskOperation::flush) {
        client.disk_done(std::array{DiskEnd{token, DiskStatus::done}});
        return {};
    }
    if (request.operation == DiskOperation::read) {
        state_.with([&](State& state) { read(state, request); });
    } else if (request.operation == DiskOperation::write) {
        if (!state_.with([&](State& state) { return write(*this, state, request); }))
            return Err{Error::no_memory};
    } else if (request.operation == DiskOperation::discard) {
        state_.with([&](State& state) { discard(state, request); });
    } else {
        return Err{Error::not_supported};
    }
    client.disk_done(std::array{DiskEnd{token, DiskStatus::done}});
    return {};
}

Result<void> DiskOverlay::prepare() {
    auto const wanted = state_.with([&](State& state) {
        auto const allowed = most_pages_ > state.pages ? most_pages_ - state.pages : 0;
        auto const lacks = state.spare_count < spare_wanted ? spare_wanted - state.spare_count : 0;
        return std::pair{std::min<u64>(allowed, lacks), state.spare_count};
    });
    if (wanted.first == 0) return wanted.second != 0 ? Result<void>{} : Err{Error::no_memory};
    auto const pages = memory::take_pages(frames_, house_, wanted.first * page_bytes, owner_);
    if (!pages) return wanted.second != 0 ? Result<void>{} : Err{pages.error()};
    state_.with([&](State& state) {
        for (u64 at = 0; at < pages.value().size; at += page_bytes)
            give_spare(state, (pages.value().start + at).raw());
        state.pages += pages.value().size / page_bytes;
    });
    return {};
}

void DiskOverlay::give_back(u64 page) {
    memory::give_back_pages(frames_, {Hpa{page}, page_bytes});
}

// True when the table and all below it are gone.
bool DiskOverlay::clear_some(u64 entry, u32 level, u32& left) {
    for (u64 i = 0; i < fan_out; ++i) {
        auto& below = table(entry)[i];
        if (below == 0) continue;
        if (level > 0) {
            if (!clear_some(below, level - 1, left)) return false;
        } else {
            if (left == 0) return false;
            --left;
            give_back(below & ~(page_bytes - 1));
        }
        below = 0;
    }
    give_back(entry);
    return true;
}

bool DiskOverlay::release_step() {
    constexpr u32 pages_of_a_step = 64;
    return state_.with([&](State& state) {
        auto left = pages_of_a_step;
        if (state.root != 0 && !clear_some(state.root, levels - 1, left)) return false;
        state.root = 0;
        while (auto const page = take_spare(state)) {
            give_back(page);
            if (left-- == 0) return false;
        }
        state = {};
        return true;
    });
}

u64 DiskOverlay::bytes_used() const {
    return state_.with([](State& state) { return state.pages * page_bytes; });
}

}  // namespace antler::backend
