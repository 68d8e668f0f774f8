// Requests of a VM's disk on their way to the house's, and back.
#include "vm/disk_drive.hpp"

#include <algorithm>

#include "base/unfilled.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

using backend::DiskEnd;
using backend::DiskOperation;
using backend::DiskPiece;
using backend::DiskStatus;
using backend::sector_bytes;
using device::virtio::BlockDone;
using device::virtio::BlockOperation;
using device::virtio::BlockRequest;
using device::virtio::BlockStatus;

namespace {

[[nodiscard]] DiskOperation operation_of(BlockOperation operation) {
    switch (operation) {
        case BlockOperation::read: return DiskOperation::read;
        case BlockOperation::write: return DiskOperation::write;
        case BlockOperation::flush: return DiskOperation::flush;
        case BlockOperation::discard: return DiskOperation::discard;
        case BlockOperation::write_zeroes: break;
    }
    return DiskOperation::write_zeroes;
}

[[nodiscard]] BlockStatus status_of(DiskStatus status) {
    switch (status) {
        case DiskStatus::done: return BlockStatus::ok;
        case DiskStatus::unsupported: return BlockStatus::unsupported;
        case DiskStatus::failed: break;
    }
    return BlockStatus::io_error;
}

}  // namespace

void DiskWire::wake_always() {
    vm_.machine().ask_for_work();
}

void DiskWire::wake() {
    if (!asked_.load(std::memory_order_seq_cst) && !asked_.exchange(true, std::memory_order_seq_cst))
        wake_always();
}

// Pairs with next_done(), which clears asked_ before it looks: either it sees the end, or we wake it.
void DiskWire::disk_done(std::span<DiskEnd const> ended) {
    auto& machine = vm_.machine();
    u32 tokens = 0;
    for (auto const& one : ended) {
        status_[one.token].store(one.status, std::memory_order_relaxed);
        tokens |= u32{1} << one.token;
    }
    ended_.fetch_or(tokens, std::memory_order_seq_cst);
    wake();
    machine.end_dma(static_cast<u32>(ended.size()));  // the last touch: now the VM may go
}

DiskWire::DiskWire(Vm& vm, backend::Disk& disk, std::string_view serial)
    : vm_{vm}, disk_{disk}, finder_{vm.ram()}, stretch_{disk.stretch()} {
    auto const shape = disk.shape();
    shape_ = {.sectors = shape.sectors,
              .block_bytes = shape.block_bytes,
              .read_only = shape.read_only,
              .discards = shape.discards,
              .writes_zeroes = shape.writes_zeroes,
              .serial = serial};
    most_pieces_ = std::min<usize>(most_pieces, shape.most_pieces);
    most_at_once_ = std::min(most_sectors, stretch_.most_sectors);
}

// The first `bytes` of what is left of a request, as far as there is room for pieces; whole sectors.
Result<u64> DiskWire::gather(BlockRequest const& request, u64 bytes, bool writes, std::span<DiskPiece> into,
                             usize& count) {
    u64 done = 0;
    u64 offset = request.offset;
    for (auto const& segment : request.segments) {
        while (offset < segment.bytes && done < bytes && count < into.size()) {
            auto const found = TRY(finder_.find(segment.at + offset));
            // The disk must not write what the guest may not.
            if (writes && !found.writable) return Err{Error::denied};
            auto const piece = std::min({found.bytes, segment.bytes - offset, bytes - done});
            if (count != 0 && into[count - 1].at + into[count - 1].bytes == found.at)
                into[count - 1].bytes += static_cast<u32>(piece);
            else
                into[count++] = {found.at, static_cast<u32>(piece)};
            done += piece;
            offset += piece;
        }
        if (done == bytes || count == into.size()) break;
        offset = 0;
    }
    // A sector that is not all there goes with the next part.
    for (auto extra = done % sector_bytes; extra != 0;) {
        auto& last = into[count - 1];
        auto const step = std::min<u64>(extra, last.bytes);
        last.bytes -= static_cast<u32>(step);
        if (last.bytes == 0) --count;
        extra -= step;
        done -= step;
    }
    if (done == 0) return Err{Error::out_of_range};
    return done;
}

// The model asks for nothing beyond the disk, and writes to none that is read-only.
backend::DiskTarget DiskWire::target_of(DiskOperation operation, u64 sector, u64 sectors) {
    bool const moves = operation == DiskOperation::read || operation == DiskOperation::write;
    if (moves) sectors = std::min(sectors, most_sectors);
    if (moves && stretch_.disk != nullptr && sector < shape_.sectors && sectors <= shape_.sectors - sector)
        [[likely]]
        return {stretch_.disk, stretch_.first + sector, std::min(sectors, stretch_.most_sectors)};
    return disk_.locate(operation, sector, sectors);
}

// DMA is counted for as many requests as may follow, and go() takes back what was too much: from the first of
// them on no page goes.
bool DiskWire::reserve() {
    auto& machine = vm_.machine();
    machine.begin_dma(tokens);
    if (machine.is_dma_held()) {
        machine.end_dma(tokens);
        wake_always();
        return false;
    }
    train_ += tokens;
    reserved_ = tokens;
    return true;
}

void DiskWire::go() {
    auto const train = std::exchange(train_, 0);
    if (train == 0) return;
    auto const left = std::exchange(reserved_, 0);
    if (left != 0) vm_.machine().end_dma(left);
    if (left == train) return;
    requests_.store(requests() + (train - left), std::memory_order_relaxed);
    disk_.go();
}

Result<u64> DiskWire::submit(u32 slot, BlockRequest const& request) {
    if ((under_way_ & u32{1} << slot) != 0) return Err{Error::busy};  // of the guest's life before
    if (reserved_ == 0 && !reserve()) [[unlikely]]
        return Err{Error::busy};
    auto const at = place_of(request);
    if (!at) [[unlikely]]
        return submit_any(slot, request);
    auto const operation = operation_of(request.operation);
    auto const sectors = request.sectors;
    DiskPiece const piece{*at, static_cast<u32>(sectors * sector_bytes)};
    return hand_over(slot, *stretch_.disk, operation, stretch_.first + request.sector, sectors, {&piece, 1});
}

// The model asks for nothing beyond the disk, and writes to none that is read-only.
std::optional<Hpa> DiskWire::place_of(BlockRequest const& request) {
    bool const reads = request.operation == BlockOperation::read;
    if ((!reads && request.operation != BlockOperation::write) || stretch_.disk == nullptr ||
        request.sectors > most_at_once_ || request.sector >= shape_.sectors ||
        request.sectors > shape_.sectors - request.sector || request.segments.empty()) [[unlikely]]
        return std::nullopt;
    auto const bytes = request.sectors * sector_bytes;
    auto const& segment = request.segments[0];
    if (segment.bytes < request.offset + bytes) [[unlikely]]
        return std::nullopt;
    return finder_.find_all(segment.at + request.offset, bytes, reads);
}

// What lies on several pages, or in several places of the disk.
Result<u64> DiskWire::submit_any(u32 slot, BlockRequest request) {
    auto const operation = operation_of(request.operation);
    bool const moves = operation == DiskOperation::read || operation == DiskOperation::write;
    auto const target = target_of(operation, request.sector, request.sectors);
    if (target.disk == nullptr) return Err{Error::io};
    auto sectors = target.sectors;
    Unfilled<std::array<DiskPiece, most_pieces>> room;
    auto& pieces = room.value;
    usize count = 0;
    if (moves) {
        auto const into = std::span{pieces}.first(most_pieces_);
        sectors =
            TRY(gather(request, sectors * sector_bytes, operation == DiskOperation::read, into, count)) /
            sector_bytes;
    }
    return hand_over(slot, *target.disk, operation, target.sector, sectors, std::span{pieces}.first(count));
}

Result<u64> DiskWire::hand_over(u32 slot, backend::Disk& disk, DiskOperation operation, u64 sector,
                                u64 sectors, std::span<DiskPiece const> pieces) {
    under_way_ |= u32{1} << slot;
    auto const taken = disk.submit({operation, sector, sectors, pieces}, *this, slot);
    if (!taken) [[unlikely]]
        return not_taken(slot, taken.error());
    --reserved_;
    auto& moved = operation == DiskOperation::read ? read_bytes_ : written_bytes_;
    if (!pieces.empty())
        moved.store(moved.load(std::memory_order_relaxed) + sectors * sector_bytes,
                    std::memory_order_relaxed);
    return sectors;
}

// The disk has no room, or no memory, or will never do it.
Result<u64> DiskWire::not_taken(u32 slot, Error why) {
    under_way_ &= ~(u32{1} << slot);
    if (why != Error::no_memory) return Err{why};
    if (out_of_memory_.exchange(false)) return Err{Error::io};
    lacks_memory_.store(true);
    wake_always();
    return Err{Error::busy};
}

std::optional<BlockDone> DiskWire::next_done() {
    while (true) {
        if (known_ == 0) {
            if (asked_.load(std::memory_order_relaxed)) asked_.store(false, std::memory_order_seq_cst);
            if (ended_.load(std::memory_order_seq_cst) == 0) return std::nullopt;
            known_ = ended_.exchange(0, std::memory_order_acquire);
            known_token_ = 0;
        }
        // Tokens are few, and given from the lowest on.
        for (; (known_ & 1) == 0; known_ >>= 1) ++known_token_;
        auto const token = known_token_++;
        known_ >>= 1;
        auto const bit = u32{1} << token;
        under_way_ &= ~bit;
        if ((abandoned_ & bit) != 0) [[unlikely]] {
            abandoned_ &= ~bit;
            continue;
        }
        return BlockDone{token, status_of(status_[token].load(std::memory_order_relaxed))};
    }
}

void DiskWire::abandon() {
    abandoned_ |= under_way_;
    lacks_memory_.store(false);
    out_of_memory_.store(false);
}

void DiskWire::prepare() {
    if (!lacks_memory_.exchange(false)) return;
    if (!disk_.prepare()) out_of_memory_.store(true);
}

bool DiskWire::leave() {
    abandon();
    while (next_done()) {
    }
    if (under_way_ != 0) return false;
    disk_.forget(*this);
    return disk_.release_step();
}

DiskDrive::DiskDrive(Vm& vm, SlotWire const& wire, backend::Disk& disk, std::string_view serial)
    : wire_{vm, disk, serial}, model_{vm.ram(), wire_}, registers_{wire, model_} {}

}  // namespace antler::vm
