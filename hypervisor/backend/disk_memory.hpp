// How a disk in memory reaches the memory of whoever asks it.
#pragma once

#include <span>

#include "backend/disk.hpp"

namespace antler::backend {

// Memory of the guest pool, which this hart sees for a moment only.
class PieceMemory {
public:
    virtual void read(Hpa at, std::span<u8> into) = 0;
    virtual void write(Hpa at, std::span<u8 const> from) = 0;

protected:
    ~PieceMemory() = default;
};

// Goes through the bytes of a list of pieces, front to back.
class PieceCursor {
public:
    PieceCursor(PieceMemory& memory, std::span<DiskPiece const> pieces) : memory_{memory}, rest_{pieces} {}

    void write(std::span<u8 const> from) {
        each(from.size(), [&](Hpa at, u64 done, u64 bytes) { memory_.write(at, from.subspan(done, bytes)); });
    }
    void read(std::span<u8> into) {
        each(into.size(), [&](Hpa at, u64 done, u64 bytes) { memory_.read(at, into.subspan(done, bytes)); });
    }

private:
    // Pieces that end too early end it.
    template <class Body>
    void each(u64 count, Body&& body) {
        for (u64 done = 0; done < count && !rest_.empty();) {
            auto const left = rest_.front().bytes - offset_;
            auto const bytes = left < count - done ? left : count - done;
            if (bytes != 0) body(rest_.front().at + offset_, done, bytes);
            done += bytes;
            offset_ += bytes;
            if (offset_ == rest_.front().bytes) {
                rest_ = rest_.subspan(1);
                offset_ = 0;
            }
        }
    }

    PieceMemory& memory_;
    std::span<DiskPiece const> rest_;
    u64 offset_ = 0;
};

}  // namespace antler::backend
