// A disk, whoever uses it and whatever is behind it: requests go in, and are done later, on any hart.
#pragma once

#include <span>

#include "base/address.hpp"
#include "base/result.hpp"

namespace antler::backend {

inline constexpr u64 sector_bytes = 512;

enum class DiskOperation : u8 { read, write, flush, discard, write_zeroes };
enum class DiskStatus : u8 { done, failed, unsupported };

// Physical memory that is read or written while the request is under way: whoever submits it keeps it there.
struct DiskPiece {
    Hpa at{};
    u32 bytes = 0;
};

struct DiskRequest {
    DiskOperation operation{};
    u64 sector = 0;
    u64 sectors = 0;
    // For read and write: as many bytes as the sectors have, `most_pieces` at most.  Only submit() looks.
    std::span<DiskPiece const> pieces{};
};

struct DiskShape {
    u64 sectors = 0;
    u32 block_bytes = sector_bytes;  // what it likes to be asked for
    u32 most_pieces = 32;            // of one request
    bool read_only = false;
    bool discards = false;
    bool writes_zeroes = false;

    // What a request says of sectors may be asked of this disk.
    [[nodiscard]] constexpr bool has(u64 sector, u64 count) const {
        return sector <= sectors && count <= sectors - sector;
    }
};

// A request that has ended.
struct DiskEnd {
    u32 token = 0;
    DiskStatus status{};
};

// Who asks.  Both are called on any hart, perhaps from within submit(), perhaps while that hart holds locks:
// they note what happened, and leave the rest for later.
class DiskClient {
public:
    virtual void disk_done(std::span<DiskEnd const> ended) = 0;
    // After submit() was refused: it is worth trying again.
    virtual void disk_has_room() = 0;
    // Among those that wait for room; belongs to the disk.
    DiskClient* next_waiting = nullptr;
    bool waits_for_room = false;

protected:
    ~DiskClient() = default;
};

class Disk;

// Where a request goes: the disk that does it, and the place there.  No disk: it cannot be done.
struct DiskTarget {
    Disk* disk = nullptr;
    u64 sector = 0;
    u64 sectors = 0;  // how many one request may name: at least one, but for a flush
};

// Where all of a disk lies, when that is one stretch of the one that does its reads and writes, for ever.
struct DiskStretch {
    Disk* disk = nullptr;  // none: only locate() knows
    u64 first = 0;
    u64 most_sectors = 0;  // of one read or write
};

class Disk {
public:
    [[nodiscard]] virtual DiskShape shape() const = 0;

    // Who is to be asked for the first of these sectors.  The others may lie elsewhere.
    [[nodiscard]] virtual DiskTarget locate(DiskOperation operation, u64 sector, u64 sectors) = 0;
    // The same for all reads and writes that lie within the disk, once.
    [[nodiscard]] virtual DiskStretch stretch() { return {}; }

    // Of what locate() said.  Taken: disk_done() follows, or has been called.  Error::busy: nothing happened,
    // and disk_has_room() follows; Error::no_memory: nothing happened, prepare() may help; other errors: it
    // will never work.
    [[nodiscard]] virtual Result<void> submit(DiskRequest const& request, DiskClient& client, u32 token) = 0;
    // Begins what was submitted: called once for many requests.
    virtual void go() = 0;

    // The client goes: disk_has_room() does not follow any more.  Nothing of its is under way.
    virtual void forget(DiskClient& client) = 0;

    // Nobody asks any more: what it holds goes, a bounded step at a time; true when nothing is left.
    [[nodiscard]] virtual bool release_step() { return true; }

    // Finds memory for what comes; called while no lock is held.
    [[nodiscard]] virtual Result<void> prepare() { return {}; }

protected:
    ~Disk() = default;
};

}  // namespace antler::backend
