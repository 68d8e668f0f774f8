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
}

// Most requests: all of it in one piece.
bool DiskWire::gather_one(BlockRequest const& request, u64 bytes, bool writes, DiskPiece& into) {
    if (request.segments.empty()) return false;
    auto const& segment = request.segments[0];
    if (segment.bytes < request.offset + bytes) return false;
    auto const found = finder_.find(segment.at + request.offset);
    if (!found || found.value().bytes < bytes || (writes && !found.value().writable)) return false;
    into = {found.value().at, static_cast<u32>(bytes)};
    return true;
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

Result<u64> DiskWire::submit(u32 slot, BlockRequest const& request) {
    auto const bit = u32{1} << slot;
    if ((under_way_ & bit) != 0) return Err{Error::busy};  // of the guest's life before
    auto const operation = operation_of(request.operation);
    bool const moves = operation == DiskOperation::read || operation == DiskOperation::write;
    auto const target = target_of(operation, request.sector, request.sectors);
    if (target.disk == nullptr) return Err{Error::io};
    auto sectors = target.sectors;
    Unfilled<std::array<DiskPiece, most_pieces>> room;
    auto& pieces = room.value;
    usize count = 0;
    auto& machine = vm_.machine();
    machine.begin_dma();  // from here on no page goes
    if (machine.is_dma_held()) [[unlikely]] {
        machine.end_dma();
        wake_always();
        return Err{Error::busy};
    }
    if (moves) {
        auto const wanted = sectors * sector_bytes;
        bool const reads = operation == DiskOperation::read;
        if (!gather_one(request, wanted, reads, pieces[0])) [[unlikely]] {
            auto const bytes = gather(request, wanted, reads, std::span{pieces}.first(most_pieces_), count);
            if (!bytes) {
                machine.end_dma();
                return Err{bytes.error()};
            }
            sectors = bytes.value() / sector_bytes;
        } else {
            count = 1;
        }
    }
    under_way_ |= bit;
    auto const taken =
        target.disk->submit({operation, target.sector, sectors, std::span{pieces}.first(count)}, *this, slot);
    if (taken) [[likely]] {
        submitted_ = true;
        requests_.store(requests() + 1, std::memory_order_relaxed);
        auto& moved = operation == DiskOperation::read ? read_bytes_ : written_bytes_;
        if (count != 0)
            moved.store(moved.load(std::memory_order_relaxed) + sectors * sector_bytes,
                        std::memory_order_relaxed);
        return sectors;
    }
    return not_taken(slot, taken.error());
}

// The disk has no room, or no memory, or will never do it.
Result<u64> DiskWire::not_taken(u32 slot, Error why) {
    under_way_ &= ~(u32{1} << slot);
    vm_.machine().end_dma();
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
