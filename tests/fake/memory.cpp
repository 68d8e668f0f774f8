// Answers for memory/ on the host.
#include "tests/fake/memory.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace antler::fake {
namespace {

Memory* the_one = nullptr;

[[noreturn]] void give_up(char const* why, u64 at) {
    std::fprintf(stderr, "fake memory: %s (%#llx)\n", why, static_cast<unsigned long long>(at));
    std::abort();
}

}  // namespace

Memory::Memory(std::vector<HpaRange> banks) {
    if (the_one != nullptr) give_up("there is one already", 0);
    for (auto const& range : banks) {
        auto* const bytes = mmap(nullptr, range.size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (bytes == MAP_FAILED) give_up("no room for a bank", range.size);
        banks_.push_back({range, static_cast<u8*>(bytes)});
    }
    the_one = this;
}

Memory::~Memory() {
    for (auto const& bank : banks_) munmap(bank.bytes, bank.range.size);
    the_one = nullptr;
}

Memory& Memory::current() {
    if (the_one == nullptr) give_up("there is none", 0);
    return *the_one;
}

std::vector<HpaRange> Memory::banks() const {
    std::vector<HpaRange> ranges;
    for (auto const& bank : banks_) ranges.push_back(bank.range);
    return ranges;
}

u8* Memory::find(Hpa at, u64 bytes) {
    for (auto const& bank : banks_)
        if (bank.range.contains(at, bytes)) return bank.bytes + (at - bank.range.start);
    return nullptr;
}

u8* Memory::at(Hpa at, u64 bytes) {
    auto* const there = find(at, bytes);
    if (there == nullptr) give_up("no RAM there", at.raw());
    return there;
}

Hpa Memory::address_of(void const* at) const {
    auto const* const byte = static_cast<u8 const*>(at);
    for (auto const& bank : banks_)
        if (byte >= bank.bytes && byte < bank.bytes + bank.range.size)
            return bank.range.start + static_cast<u64>(byte - bank.bytes);
    give_up("not in any bank", reinterpret_cast<u64>(at));
}

std::optional<u32> Memory::read32(Hpa at) {
    u32 word = 0;
    auto const* const there = find(at, sizeof word);
    if (there == nullptr) return std::nullopt;
    std::memcpy(&word, there, sizeof word);
    return word;
}

std::optional<u64> Memory::read64(Hpa at) {
    u64 word = 0;
    auto const* const there = find(at, sizeof word);
    if (there == nullptr) return std::nullopt;
    std::memcpy(&word, there, sizeof word);
    return word;
}

Board::Board(std::vector<HpaRange> banks, u64 house_bytes, std::vector<HpaRange> reserved)
    : memory{std::move(banks)} {
    auto const ranges = memory.banks();
    auto const bytes = memory::Frames::table_bytes(ranges);
    auto const table = HpaRange{(ranges[0].end() - bytes).align_down(page_bytes), bytes};
    if (!frames.initialise(ranges, reserved, table, house_bytes)) give_up("the frames cannot be made", bytes);
}

Shortage::Shortage(memory::Frames& frames, u64 left) : frames_{frames} {
    using namespace memory;
    while (auto page = frames_.take_up_to(Pool::house, max_order, house_owner))
        held_.push_back(std::move(page).value());
    for (u64 given = 0; given < left;) {
        if (held_.empty()) give_up("so many house frames were never there", left);
        auto block = std::move(held_.back());
        held_.pop_back();
        auto const frames_of_it = block.order().frames();
        frames_.give_back(std::move(block));
        if (frames_of_it > left - given) {  // take back what is too much
            for (u64 i = 0; i < frames_of_it - (left - given); ++i)
                held_.push_back(std::move(frames_.take(Pool::house, order_4k, house_owner)).value());
            given = left;
        } else {
            given += frames_of_it;
        }
    }
}

Shortage::~Shortage() {
    for (auto& page : held_) frames_.give_back(std::move(page));
}

}  // namespace antler::fake

namespace antler::memory {

using fake::Memory;

void* house_view(Hpa at) {
    auto& fake = Memory::current();
    if (fake.on_view && !fake.looking) {
        fake.looking = true;
        fake.on_view(at);
        fake.looking = false;
    }
    return fake.at(at);
}

Hpa house_address(void const* at) {
    return Memory::current().address_of(at);
}

void* window_view(Hva at) {
    auto& fake = Memory::current();
    if (fake.on_window) return fake.at(fake.on_window(at));
    auto const stage = isa::one_stage(fake.satp, isa::Features::all(), false);
    auto const walk = isa::walk_one_stage(fake, stage, at, {.access = isa::Access::store, .sum = true});
    auto const* const leaf = std::get_if<isa::Leaf>(&walk);
    if (leaf == nullptr) return nullptr;  // an access there faults
    return fake.at(leaf->physical);
}

void zero_block(void* at, u64 bytes) {
    Memory::current().zeroed_bytes += bytes;
    // Untouched pages of an anonymous mapping are zero: large blocks cost no memory.
    if (bytes >= (u64{1} << 16) && (reinterpret_cast<u64>(at) & (page_bytes - 1)) == 0) {
        if (madvise(at, bytes, MADV_DONTNEED) == 0) return;
    }
    std::memset(at, 0, bytes);
}

// Somebody always wants this hart.
u64 zero_until_asked(void* at, u64 bytes, u64 step) {
    auto const now = std::min(bytes, step);
    zero_block(at, now);
    return now;
}

void fence_house_page(Hva at) {
    auto& fake = Memory::current();
    ++fake.page_fences;
    if (fake.on_fence_page) fake.on_fence_page(at);
}

void fence_house_windows() {
    auto& fake = Memory::current();
    ++fake.window_fences;
    if (fake.on_fence_windows) fake.on_fence_windows();
}

void flush_house(HvaRange range) {
    auto& fake = Memory::current();
    ++fake.house_flushes;
    if (fake.on_flush_house) fake.on_flush_house(range);
}

void flush_harts(HartMask const& harts, Space& space, FlushRequest const& request) {
    auto& fake = Memory::current();
    ++fake.hart_flushes;
    if (fake.on_flush_harts) fake.on_flush_harts(harts, space, request);
}

}  // namespace antler::memory
