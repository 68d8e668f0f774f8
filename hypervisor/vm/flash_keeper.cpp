// Groups of changed pages on their way to a disk, and back when a VM starts.
#include "vm/flash_keeper.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "memory/physical.hpp"

namespace antler::vm {

using backend::DiskOperation;
using backend::DiskStatus;
using backend::sector_bytes;
using device::FlashArray;

namespace {

constexpr u64 page_sectors = FlashKeeper::page / sector_bytes;
constexpr u32 pages_of_a_step = 16;
constexpr u64 header_magic = 0x3148'534c'4654'4e41;  // "ANTFLSH1"

[[nodiscard]] bool has(FlashArray::Pages const& pages, u64 n) {
    return n / 64 < pages.size() && (pages[n / 64] >> n % 64 & 1) != 0;
}

// Tells a group that is whole from one that is not; nobody is kept from making one up.
[[nodiscard]] u64 sum_of(std::span<u8 const> bytes, u64 sum) {
    for (usize i = 0; i + 8 <= bytes.size(); i += 8) {
        u64 word = 0;
        __builtin_memcpy(&word, bytes.data() + i, 8);
        sum = (sum ^ word) * 0x9e37'79b9'7f4a'7c15;
        sum ^= sum >> 32;
    }
    return sum;
}

}  // namespace

struct FlashKeeper::Header {
    u64 magic = header_magic;
    u64 image_bytes = 0;
    Pages pages{};
    u64 group_sum = 0;
    u64 own_sum = 0;

    [[nodiscard]] u64 sum() const {
        return sum_of({reinterpret_cast<u8 const*>(this), offsetof(Header, own_sum)}, header_magic);
    }
};

void FlashKeeper::disk_done(std::span<backend::DiskEnd const> ended) {
    auto const status = ended.front().status;  // there is one request at a time
    auto& owner = owner_;
    transfer_.store(status == DiskStatus::done ? Transfer::done : Transfer::failed,
                    std::memory_order_release);
    owner.ask_for_work();
    owner.transfer_ended();  // the last touch: now the VM may go
}

// Carries what is between the cursor and `to`, which are sectors of `memory` and behind `at` on the disk;
// true when it is there.  One transfer at a time.
Result<bool> FlashKeeper::carry(DiskOperation operation, u64 at, std::span<u8> memory, u64 to) {
    switch (transfer_.load(std::memory_order_acquire)) {
        case Transfer::under_way: return false;
        case Transfer::failed:
            transfer_.store(Transfer::none, std::memory_order_relaxed);
            return Err{Error::io};
        case Transfer::done:
            transfer_.store(Transfer::none, std::memory_order_relaxed);
            cursor_ += carried_;
            break;
        case Transfer::none: break;
    }
    if (cursor_ >= to) return true;
    bool const moves = operation != DiskOperation::flush;
    auto const wanted = moves ? to - cursor_ : 0;
    auto const target = disk_.locate(operation, moves ? at + cursor_ : 0, wanted);
    if (target.disk == nullptr) return Err{Error::io};
    carried_ = moves ? std::min(target.sectors, wanted) : to;
    backend::DiskPiece piece{};
    backend::DiskRequest request{.operation = operation};
    if (moves) {
        piece = {memory::house_address(memory.data() + cursor_ * sector_bytes),
                 static_cast<u32>(carried_ * sector_bytes)};
        request = {operation, target.sector, carried_, {&piece, 1}};
    }
    transfer_.store(Transfer::under_way, std::memory_order_relaxed);
    owner_.transfer_begins();
    auto const taken = target.disk->submit(request, *this, 0);
    if (taken) {
        disk_.go();
        return false;
    }
    transfer_.store(Transfer::none, std::memory_order_relaxed);
    owner_.transfer_ended();
    if (taken.error() == Error::busy) return false;
    return Err{taken.error()};
}

// The same for the pages of the group, each at its place.
Result<bool> FlashKeeper::carry_group(DiskOperation operation, u64 at, std::span<u8> memory) {
    while (true) {
        auto first = cursor_ / page_sectors;
        while (first < pages() && !has(group_, first)) cursor_ = ++first * page_sectors;
        if (first == pages()) return true;
        auto end = first + 1;
        while (end < pages() && end < first + pages_of_a_step && has(group_, end)) ++end;
        if (!TRY(carry(operation, at, memory, end * page_sectors))) return false;
    }
}

Result<bool> FlashKeeper::flush() {
    return carry(DiskOperation::flush, 0, {}, 1);
}

// Sums up a few pages of the group; true when that was all.
bool FlashKeeper::sum_some() {
    auto const end = std::min(pages(), cursor_ + pages_of_a_step);
    for (; cursor_ < end; ++cursor_)
        if (has(group_, cursor_)) sum_ = sum_of(memory_.copy.subspan(cursor_ * page, page), sum_);
    return cursor_ == pages();
}

bool FlashKeeper::has_header() const {
    auto const& said = header();
    return said.magic == header_magic && said.image_bytes == memory_.cells.size() &&
           said.own_sum == said.sum();
}

// --- writing

void FlashKeeper::go_to(Stage stage) {
    stage_ = stage;
    cursor_ = 0;
}

// True: there is more at once.
Result<bool> FlashKeeper::step(FlashArray& array) {
    switch (stage_) {
        case Stage::idle:
            asked_ = false;
            if (!array.has_changed()) return false;
            asked_ = true;
            group_ = array.begin_copy(memory_.copy);
            sum_ = 0;
            go_to(Stage::copies);
            return true;
        case Stage::copies:
            if (array.copy_some(pages_of_a_step)) go_to(Stage::sums);
            return true;
        case Stage::sums:
            if (sum_some()) go_to(Stage::group);
            return true;
        case Stage::group:
            if (!TRY(carry_group(DiskOperation::write, image_sectors(), memory_.copy))) return false;
            header() = {.image_bytes = memory_.cells.size(), .pages = group_, .group_sum = sum_};
            header().own_sum = header().sum();
            go_to(Stage::header);
            return true;
        case Stage::header:
            if (!TRY(carry(DiskOperation::write, 2 * image_sectors(), memory_.header, 1))) return false;
            go_to(Stage::group_flush);
            return true;
        case Stage::group_flush:
            if (!TRY(flush())) return false;
            go_to(Stage::image);
            return true;
        case Stage::image:
            if (!TRY(carry_group(DiskOperation::write, 0, memory_.copy))) return false;
            go_to(Stage::image_flush);
            return true;
        case Stage::image_flush:
            if (!TRY(flush())) return false;
            failed_at_.reset();
            lost_ = false;
            go_to(Stage::idle);
            return true;
    }
    return false;
}

void FlashKeeper::note(FlashArray const& array) {
    if (seen_ == array.changes()) return;
    seen_ = array.changes();
    if (!std::exchange(asked_, true)) owner_.ask_for_work();
}

bool FlashKeeper::work(FlashArray& array) {
    if (loading_ != Loading::loaded || failed_at_ == array.changes()) return false;
    auto const more = step(array);
    if (more) return more.value();
    // Tried again when the guest has written something else, or when it ends.
    lost_ = true;
    asked_ = false;
    if (stage_ == Stage::image || stage_ == Stage::image_flush) {
        go_to(Stage::image);  // until that is whole, the group must stay
    } else {
        array.put_back(group_);
        go_to(Stage::idle);
    }
    failed_at_ = array.changes();
    return false;
}

bool FlashKeeper::settle(FlashArray& array) {
    while (work(array)) {
    }
    if (failed_at_ != array.changes()) return stage_ == Stage::idle && !array.has_changed();
    if (std::exchange(last_try_, true)) return true;
    failed_at_.reset();
    return false;
}

bool FlashKeeper::leave() {
    if (transfer_.load(std::memory_order_acquire) == Transfer::under_way) return false;
    disk_.forget(*this);
    return disk_.release_step();
}

// --- reading

Result<bool> FlashKeeper::load_step(FlashArray& array) {
    auto const next = [&](Loading what) {
        loading_ = what;
        cursor_ = 0;
        return false;
    };
    switch (loading_) {
        case Loading::image: {
            auto const end =
                std::min(image_sectors(), (cursor_ / page_sectors + pages_of_a_step) * page_sectors);
            if (TRY(carry(DiskOperation::read, 0, memory_.cells, end)) && cursor_ == image_sectors())
                return next(Loading::header);
            return false;
        }
        case Loading::header:
            if (!TRY(carry(DiskOperation::read, 2 * image_sectors(), memory_.header, 1))) return false;
            if (has_header()) {
                group_ = header().pages;
                sum_ = 0;
                return next(Loading::group);
            }
            // No image that was ever kept begins with a page of zeros.
            if (std::ranges::all_of(memory_.cells.first(page), [](u8 byte) { return byte == 0; })) {
                std::ranges::copy(memory_.first, memory_.cells.begin());
                for (u64 n = 0; n < pages(); ++n) group_[n / 64] |= u64{1} << n % 64;
                array.put_back(group_);
            }
            return next(Loading::loaded);
        case Loading::group:
            if (!TRY(carry_group(DiskOperation::read, image_sectors(), memory_.copy))) return false;
            return next(Loading::sums);
        case Loading::sums:
            if (!sum_some()) return false;
            // Where the next group was being written over it, the image is whole without it.
            if (sum_ == header().group_sum) {
                for (u64 n = 0; n < pages(); ++n)
                    if (has(group_, n))
                        std::ranges::copy(memory_.copy.subspan(n * page, page),
                                          memory_.cells.begin() + static_cast<std::ptrdiff_t>(n * page));
                array.put_back(group_);
            }
            return next(Loading::loaded);
        case Loading::loaded: break;
    }
    return true;
}

}  // namespace antler::vm
