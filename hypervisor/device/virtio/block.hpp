// A virtio disk: requests from the driver's ring to whatever keeps the sectors, and their ends. [virtio 5.2]
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <string_view>
#include <utility>

#include "abi/virtio_block.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/queue.hpp"

namespace antler::device::virtio {

namespace block_format = abi::virtio::block;

enum class BlockOperation : u8 { read, write, flush, discard, write_zeroes };
using BlockStatus = block_format::Status;

struct BlockShape {
    u64 sectors = 0;
    u32 block_bytes = 512;
    bool read_only = false;
    bool discards = false;
    bool writes_zeroes = false;
    std::string_view serial{};
};

// What one slot asks for; of its bytes, those from `offset` on in the segments are the next.
struct BlockRequest {
    BlockOperation operation{};
    u64 sector = 0;
    u64 sectors = 0;
    std::span<Segment const> segments{};
    u32 offset = 0;  // in the first segment
};

struct BlockDone {
    u32 slot = 0;
    BlockStatus status{};
};

// Who keeps the sectors.  A request is known by its slot; there is one of each at a time.
template <class S>
concept BlockStore = requires(S& store, BlockRequest const& request) {
    { store.shape() } -> std::convertible_to<BlockShape const&>;
    store.hold();  // what ends until next_done() has said none need not be told
    // How many of its sectors were taken, at least one but for a flush; more of it is asked for when these
    // are done.  Error::busy: not now, and work() will be called; others: it cannot be done.
    { store.submit(u32{}, request) } -> std::same_as<Result<u64>>;
    store.go();  // what was submitted begins
    { store.next_done() } -> std::same_as<std::optional<BlockDone>>;
    store.call_again();  // work() is to be called soon
    store.abandon();     // nobody waits any more for what is under way
};

template <GuestMemory M, BlockStore S>
class Block final : public Model {
public:
    static constexpr u32 slots = 16;  // requests under way
    static constexpr u32 most_segments = 32;
    static constexpr u32 budget = 64;                 // of one go: requests, and their size
    static constexpr u64 sectors_of_budget = 32;      // that cost as much as a request
    static constexpr u32 stretch_sectors = 1u << 16;  // of one discard
    static constexpr u32 sector_bytes = 512;

    Block(M& memory, S& store) : memory_{memory}, store_{store} {}

    [[nodiscard]] std::string_view name() const override { return "virtio-blk"; }
    [[nodiscard]] u32 device_id() const override { return 2; }
    [[nodiscard]] u64 features() const override {
        namespace feature = block_format::feature;
        auto const& shape = store_.shape();
        return feature::segments_most | feature::block_size | feature::topology | feature::flush |
               (shape.read_only ? feature::read_only : 0) | (shape.discards ? feature::discard : 0) |
               (shape.writes_zeroes ? feature::write_zeroes : 0);
    }
    [[nodiscard]] u32 queue_count() const override { return 1; }
    [[nodiscard]] u16 queue_size(u32) const override { return 128; }

    [[nodiscard]] u64 read_config(Offset offset, Width width) override {
        auto const& shape = store_.shape();
        block_format::Configuration all{};
        all.sectors = shape.sectors;
        all.segments_most = most_segments - 2;
        all.block_bytes = sector_bytes;
        all.physical_block_exponent = static_cast<u8>(std::countr_zero(shape.block_bytes / sector_bytes));
        all.least_io_blocks = static_cast<u16>(shape.block_bytes / sector_bytes);
        all.queues = 1;
        if (shape.discards) {
            all.discard_sectors_most = stretch_sectors;
            all.discard_segments_most = 1;
            all.discard_alignment = shape.block_bytes / sector_bytes;
        }
        if (shape.writes_zeroes) {
            all.zeroes_sectors_most = stretch_sectors;
            all.zeroes_segments_most = 1;
        }
        return read_structure({reinterpret_cast<u8 const*>(&all), sizeof all}, offset, width);
    }
    void write_config(Offset, Width, u64) override {}

    void start(Transport& transport, u64 features, std::span<RingPlace const> places) override {
        transport_ = &transport;
        for (u32 i = 0; i < slots; ++i) slots_[i].next_free = static_cast<u8>(i + 1);
        free_ = 0;
        if (places[0].size == 0) return;
        queue_.open(memory_, places[0], features);
        static_cast<void>(queue_.listen());
    }
    void stop() override {
        queue_.reset();
        waiting_ = 0;
        store_.abandon();
    }
    void notify(u32) override {
        if (pump()) store_.call_again();
    }
    [[nodiscard]] bool work() override { return pump(); }

private:
    // A request whose sectors are on their way.
    struct Slot {
        u16 id = 0;  // of its chain
        u16 ring_slots = 0;
        BlockOperation operation{};
        u8 first = 0;  // segment that is not done
        u8 count = 0;  // of segments
        u8 next_free = 0;
        u32 offset = 0;
        u32 written = 0;  // bytes of the guest, when all is done
        u64 sector = 0;
        u64 sectors = 0;  // to go
        u64 taken = 0;    // of them under way
        Gpa status{};
        std::array<Segment, most_segments> segments;
    };

    // True: there is more, and nobody else will say so.  One function: what most requests need is inlined.
    [[gnu::flatten]] bool pump() {
        if (!queue_.is_open()) return false;
        u32 cost = 0;
        auto& chain = chain_;
        if (waiting_ != 0) try_again(cost);  // once: whoever is busy says when it is not
        bool drained = false;                // the driver will say when there is more
        auto const view = queue_.view();
        do {
            must_look_ = false;
            finish_some(cost);
            while (!drained && free_ != slots && cost < budget) {
                if (next(chain, view)) [[likely]]
                    take(chain, cost);
                else
                    drained = true;
            }
        } while (must_look_ && cost < budget);
        store_.go();
        if (queue_.publish()) transport_->queue_interrupt(0);
        if (queue_.is_broken()) {
            queue_.reset();
            transport_->needs_reset();
            return false;
        }
        return cost >= budget;
    }

    // Where there is none, the driver says when there is.
    [[nodiscard]] bool next(Chain& chain, DescriptorView<M> const& view) {
        while (!queue_.pop(chain, view))
            if (!queue_.is_open() || queue_.listen()) return false;
        return true;
    }

    [[gnu::noinline]] void try_again(u32& cost) {
        for (auto again = std::exchange(waiting_, 0); again != 0; again &= again - 1)
            begin_again(static_cast<u32>(std::countr_zero(again)), cost);
    }

    void finish_some(u32& cost) {
        while (cost < budget) {
            auto const done = store_.next_done();
            if (!done) return;
            ++cost;
            auto& slot = slots_[done->slot];
            if (done->status != BlockStatus::ok || slot.taken >= slot.sectors) {
                answer(done->slot, done->status);
                continue;
            }
            skip(slot);
            begin_again(done->slot, cost);
        }
    }

    // The part that is done goes off the front.
    [[gnu::noinline]] static void skip(Slot& slot) {
        slot.sector += slot.taken;
        slot.sectors -= slot.taken;
        if (slot.operation != BlockOperation::read && slot.operation != BlockOperation::write) return;
        for (auto bytes = slot.taken * sector_bytes; bytes != 0 && slot.first < slot.count;) {
            auto const left = slot.segments[slot.first].bytes - slot.offset;
            auto const step = bytes < left ? bytes : left;
            bytes -= step;
            slot.offset += static_cast<u32>(step);
            if (step == left) {
                ++slot.first;
                slot.offset = 0;
            }
        }
    }

    [[gnu::noinline]] void begin_again(u32 index, u32& cost) { begin(index, cost); }
    [[gnu::always_inline]] void begin(u32 index, u32& cost) {
        if (!std::exchange(must_look_, true)) store_.hold();
        auto& slot = slots_[index];
        BlockRequest const request{
            slot.operation,
            slot.sector,
            slot.sectors,
            {slot.segments.data() + slot.first, static_cast<usize>(slot.count - slot.first)},
            slot.offset};
        auto const taken = store_.submit(index, request);
        if (taken) {
            slot.taken = taken.value();
            cost += static_cast<u32>(slot.taken / sectors_of_budget);
        } else if (taken.error() == Error::busy) {
            waiting_ |= u32{1} << index;
        } else {
            refuse_slot(index, taken.error());
        }
    }

    [[gnu::noinline]] void refuse_slot(u32 index, Error why) {
        answer(index, why == Error::not_supported ? BlockStatus::unsupported : BlockStatus::io_error);
    }
    [[gnu::always_inline]] void answer(u32 index, BlockStatus status) {
        auto& slot = slots_[index];
        slot.next_free = static_cast<u8>(free_);
        free_ = index;
        end(slot.id, slot.ring_slots, slot.status, status, status == BlockStatus::ok ? slot.written : 1);
    }
    [[gnu::always_inline]] void end(u16 id, u16 ring_slots, Gpa where, BlockStatus status, u32 written) {
        // Where the status cannot be written the driver finds its own byte.
        static_cast<void>(put(memory_, where, static_cast<u8>(status)));
        queue_.use(id, ring_slots, written);
    }

    [[gnu::noinline]] void refuse_chain(u16 id, u16 ring_slots, Gpa where, BlockStatus status, u32 written) {
        end(id, ring_slots, where, status, written);
    }

    // Reads the beginning of what the device may read.
    template <class T>
    [[nodiscard]] bool fetch_front(Chain const& chain, u32 from, T& into) {
        if (from == 0 && chain.readable != 0 && chain.segments[0].bytes >= sizeof into) [[likely]]
            return fetch(memory_, chain.segments[0].at, into);
        return gather_front(chain, from, into);
    }
    template <class T>
    [[nodiscard, gnu::noinline]] bool gather_front(Chain const& chain, u32 from, T& into) {
        auto* bytes = reinterpret_cast<u8*>(&into);
        u32 left = sizeof into;
        for (auto const& segment : chain.to_read()) {
            if (left == 0) break;
            if (from >= segment.bytes) {
                from -= segment.bytes;
                continue;
            }
            auto const step = std::min(left, segment.bytes - from);
            if (!memory_.read(segment.at + from, {bytes, step}).ok()) return false;
            bytes += step;
            left -= step;
            from = 0;
        }
        return left == 0;
    }

    // The last byte that the device may write.
    [[nodiscard]] static Gpa status_of(Chain const& chain) {
        auto const& last = chain.segments[chain.count - 1u];  // there is one that the device writes
        if (last.bytes != 0) [[likely]]
            return last.at + (last.bytes - 1);
        return status_of_empty(chain);
    }
    [[nodiscard, gnu::noinline]] static Gpa status_of_empty(Chain const& chain) {
        auto const list = chain.to_write();
        for (auto i = list.size(); i-- > 0;)
            if (list[i].bytes != 0) return list[i].at + (list[i].bytes - 1);
        return {};
    }

    void take(Chain const& chain, u32& cost) {
        ++cost;
        if (chain.writable_bytes == 0) return queue_.use(chain, 0);  // there is no place for an answer
        auto const status = status_of(chain);
        auto const refuse = [&](BlockStatus why) { refuse_chain(chain.id, chain.slots, status, why, 1); };
        block_format::Header header;
        if (!fetch_front(chain, 0, header)) [[unlikely]]
            return refuse(BlockStatus::io_error);

        using Type = block_format::Type;
        auto const type = static_cast<Type>(header.type);
        auto const index = free_;
        auto& slot = slots_[index];
        auto const& shape = store_.shape();
        bool good = false;
        slot.first = slot.count = 0;
        slot.offset = 0;
        slot.sector = header.sector;
        slot.written = 1;
        if (type == Type::read) {
            slot.operation = BlockOperation::read;
            slot.written = chain.writable_bytes;
            good = keep(slot, chain.to_write(), 0, chain.writable_bytes - 1) &&
                   fits(slot, shape, chain.writable_bytes - 1);
        } else if (type == Type::write) {
            slot.operation = BlockOperation::write;
            good = !shape.read_only && keep_behind(slot, chain) &&
                   fits(slot, shape, chain.readable_bytes - sizeof header);
        } else {
            auto const understood = understand(slot, type, chain, shape);
            if (!understood) return;
            if (*understood == BlockStatus::unsupported) return refuse(BlockStatus::unsupported);
            good = *understood == BlockStatus::ok;
        }
        if (!good) [[unlikely]]
            return refuse(BlockStatus::io_error);
        slot.id = chain.id;
        slot.ring_slots = chain.slots;
        slot.status = status;
        free_ = slot.next_free;
        begin(index, cost);
    }

    // What does not read or write; nothing: it has its answer.
    [[nodiscard, gnu::noinline]] std::optional<BlockStatus> understand(Slot& slot, block_format::Type type,
                                                                       Chain const& chain,
                                                                       BlockShape const& shape) {
        using Type = block_format::Type;
        auto const stretch = [&](bool supported, BlockOperation operation) {
            if (!supported) return BlockStatus::unsupported;
            slot.operation = operation;
            return read_stretch(slot, chain, shape) ? BlockStatus::ok : BlockStatus::io_error;
        };
        switch (type) {
            case Type::flush:
                slot.operation = BlockOperation::flush;
                slot.sector = slot.sectors = 0;
                return BlockStatus::ok;
            case Type::identify: identify(chain, shape); return std::nullopt;
            case Type::discard: return stretch(shape.discards, BlockOperation::discard);
            case Type::write_zeroes: return stretch(shape.writes_zeroes, BlockOperation::write_zeroes);
            case Type::read:
            case Type::write:
            default: return BlockStatus::unsupported;
        }
    }

    [[nodiscard]] static bool keep_behind(Slot& slot, Chain const& chain) {
        constexpr u32 header = sizeof(block_format::Header);
        auto const list = chain.to_read();
        if (list[0].bytes == header) return keep(slot, list.subspan(1), 0, chain.readable_bytes - header);
        return keep(slot, list, header, chain.readable_bytes - header);
    }

    // Remembers `count` bytes of a list of segments, from `from` on.
    [[nodiscard]] static bool keep(Slot& slot, std::span<Segment const> list, u32 from, u64 count) {
        // One page, and nothing else in its segment.
        if (from == 0 && !list.empty() && list[0].bytes == count) [[likely]] {
            slot.segments[0] = list[0];
            slot.count = 1;
            return true;
        }
        return keep_many(slot, list, from, count);
    }
    [[nodiscard, gnu::noinline]] static bool keep_many(Slot& slot, std::span<Segment const> list, u32 from,
                                                       u64 count) {
        for (auto const& segment : list) {
            if (count == 0) return true;
            if (from >= segment.bytes) {
                from -= segment.bytes;
                continue;
            }
            if (slot.count == most_segments) return false;
            auto const bytes = std::min<u64>(count, segment.bytes - from);
            slot.segments[slot.count++] = {segment.at + from, static_cast<u32>(bytes)};
            count -= bytes;
            from = 0;
        }
        return count == 0;
    }

    [[nodiscard]] static bool fits(Slot& slot, BlockShape const& shape, u64 bytes) {
        slot.sectors = bytes / sector_bytes;
        return bytes != 0 && bytes % sector_bytes == 0 && is_within(shape, slot.sector, slot.sectors);
    }
    [[nodiscard]] static bool is_within(BlockShape const& shape, u64 sector, u64 sectors) {
        return sector <= shape.sectors && sectors <= shape.sectors - sector;
    }

    [[nodiscard, gnu::noinline]] bool read_stretch(Slot& slot, Chain const& chain, BlockShape const& shape) {
        block_format::Stretch stretch;
        if (chain.readable_bytes != sizeof(block_format::Header) + sizeof stretch ||
            !fetch_front(chain, sizeof(block_format::Header), stretch))
            return false;
        slot.sector = stretch.sector;
        slot.sectors = stretch.sectors;
        bool const flags_known = slot.operation == BlockOperation::write_zeroes
                                     ? stretch.flags <= block_format::Stretch::unmap
                                     : stretch.flags == 0;
        return flags_known && stretch.sectors != 0 && stretch.sectors <= stretch_sectors &&
               !shape.read_only && is_within(shape, slot.sector, slot.sectors);
    }

    // The serial number, with zeroes behind it.   [virtio 5.2.6]
    [[gnu::noinline]] void identify(Chain const& chain, BlockShape const& shape) {
        std::array<u8, block_format::serial_bytes> text{};
        for (usize i = 0; i < text.size() && i < shape.serial.size(); ++i)
            text[i] = static_cast<u8>(shape.serial[i]);
        u32 done = 0;
        bool good = chain.writable_bytes > text.size();
        for (auto const& segment : chain.to_write()) {
            auto const step = std::min<u32>(segment.bytes, static_cast<u32>(text.size()) - done);
            if (!good || step == 0) break;
            good = memory_.write(segment.at, {text.data() + done, step}).ok();
            done += step;
        }
        end(chain.id, chain.slots, status_of(chain), good ? BlockStatus::ok : BlockStatus::io_error,
            good ? done + 1 : 1);
    }

    M& memory_;
    S& store_;
    Transport* transport_ = nullptr;
    Queue<M> queue_{};
    std::array<Slot, slots> slots_;
    u32 free_ = slots;        // the first of a list, which start() makes; `slots`: none
    u32 waiting_ = 0;         // slots whose request the store has not taken
    bool must_look_ = false;  // the store was asked something since we looked for what has ended
    Chain chain_;             // the one at hand, which is larger than a frame may be
};

}  // namespace antler::device::virtio
