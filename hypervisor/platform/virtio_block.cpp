// Requests of virtio-blk, and what becomes of them.
#include "platform/virtio_block.hpp"

#include <algorithm>

#include "base/unfilled.hpp"
#include "hart/fence.hpp"
#include "memory/physical.hpp"

namespace antler::platform {

using backend::DiskClient;
using backend::DiskOperation;
using backend::DiskPiece;
using backend::DiskRequest;
using backend::DiskStatus;
namespace block = abi::virtio::block;

namespace {

constexpr u32 max_sectors = 1u << 15;  // of one request: 16 MiB

struct Field {
    enum : u32 { sectors = 0, segments_most = 12, block_bytes = 20, discard_most = 36, zeroes_most = 48 };
};

[[nodiscard]] DmaPiece piece(void const* at, u32 bytes) {
    return {memory::house_address(at), bytes};
}

// They are counted alike; a device that says something else has failed.
[[nodiscard]] DiskStatus status_of(u8 told) {
    static_assert(static_cast<u8>(block::Status::ok) == static_cast<u8>(DiskStatus::done) &&
                  static_cast<u8>(block::Status::io_error) == static_cast<u8>(DiskStatus::failed) &&
                  static_cast<u8>(block::Status::unsupported) == static_cast<u8>(DiskStatus::unsupported));
    return told <= static_cast<u8>(block::Status::unsupported) ? static_cast<DiskStatus>(told)
                                                               : DiskStatus::failed;
}

[[nodiscard]] block::Type type_of(DiskOperation operation) {
    switch (operation) {
        case DiskOperation::read: return block::Type::read;
        case DiskOperation::write: return block::Type::write;
        case DiskOperation::flush: return block::Type::flush;
        case DiskOperation::discard: return block::Type::discard;
        case DiskOperation::write_zeroes: break;
    }
    return block::Type::write_zeroes;
}

constexpr u8 unanswered = 0xff;

}  // namespace

Result<void> VirtioBlock::start(State& state) {
    namespace feature = block::feature;
    auto& device = state.device;
    state.dead = true;
    state.quick = false;
    TRY(device.negotiate(feature::read_only | feature::block_size | feature::flush | feature::discard |
                         feature::write_zeroes | feature::segments_most |
                         abi::virtio::feature::indirect_descriptors));
    auto const entries = device.queue_entries(0, most_entries);
    TRY(device.open_queue(0, state.queue, memory_, entries));
    state.takes_tables = device.has(abi::virtio::feature::indirect_descriptors);
    auto const usable = state.takes_tables ? std::min<u32>(slots, entries) : slots;
    for (u32 i = 0; i < usable; ++i) {
        auto& mine = memory_of(i);
        state.all[i] = {.memory = &mine, .next_free = static_cast<u8>(i + 1)};
        if (!state.takes_tables) continue;
        mine.table[0] = {memory::house_address(&mine.header).raw(), sizeof mine.header,
                         abi::virtio::descriptor::next, 1};
        state.queue.tie(static_cast<u16>(i), memory::house_address(mine.table.data()));
        set_entries(state, i, 3);
    }
    state.all[usable - 1].next_free = slots;
    state.free = 0;
    shape_.sectors = device.config64(Field::sectors);
    shape_.read_only = device.has(feature::read_only);
    shape_.discards = device.has(feature::discard) && !shape_.read_only;
    shape_.writes_zeroes = device.has(feature::write_zeroes) && !shape_.read_only;
    if (device.has(feature::block_size)) shape_.block_bytes = device.config32(Field::block_bytes);
    if (shape_.block_bytes < backend::sector_bytes || shape_.block_bytes > page_bytes)
        shape_.block_bytes = backend::sector_bytes;
    // A header and a status beside the data.
    u32 const segments = device.has(feature::segments_most) ? device.config32(Field::segments_most) : 1;
    shape_.most_pieces = std::max(1u, std::min({segments, most_pieces, entries - 2u}));
    stretch_most_ = max_sectors;
    if (shape_.discards) stretch_most_ = std::min(stretch_most_, device.config32(Field::discard_most));
    if (shape_.writes_zeroes) stretch_most_ = std::min(stretch_most_, device.config32(Field::zeroes_most));
    stretch_most_ = std::max(stretch_most_, 1u);
    device.start();
    state.dead = false;
    state.quick = state.takes_tables;
    return {};
}

Result<void> VirtioBlock::open() {
    if (memory_.size() < memory_bytes()) return Err{Error::no_memory};
    TRY(state_.with([&](State& state) { return start(state); }));
    // Beyond the last slot's own bytes nothing is ours, so the answer goes where a slot's header will be.
    auto const into = std::span{reinterpret_cast<u8*>(&memory_of(slots - 1)), block::serial_bytes};
    if (ask_now(block::Type::identify, 0, into)) {
        while (serial_size_ < into.size() && into[serial_size_] >= ' ' && into[serial_size_] < 0x7f) {
            serial_[serial_size_] = static_cast<char>(into[serial_size_]);
            ++serial_size_;
        }
    }
    return state_.with([](State& state) {
        if (state.dead) return Result<void>{Err{Error::io}};
        (void)state.queue.listen();
        return Result<void>{};
    });
}

Result<void> VirtioBlock::read_now(u64 sector, std::span<u8> into) {
    if (!shape_.has(sector, into.size() / backend::sector_bytes)) return Err{Error::out_of_range};
    return ask_now(block::Type::read, sector, into);
}

// Of what ask_now() asked; it belongs to nobody.
bool VirtioBlock::is_answered(State& state) {
    if (!state.takes_tables) return state.queue.take().has_value();
    bool answered = false;
    state.queue.take_tied(1, [&](u32 index) { return answered = index == 0; });
    return answered;
}

// Nothing else is under way: the first slot is used.
Result<void> VirtioBlock::ask_now(block::Type type, u64 sector, std::span<u8> into) {
    return state_.with([&](State& state) -> Result<void> {
        if (state.dead || state.queue.in_flight() != 0) return Err{Error::bad_state};
        auto& mine = memory_of(0);
        auto const data = piece(into.data(), static_cast<u32>(into.size()));
        if (state.takes_tables) {
            set_entries(state, 0, 3);
            add_piece(state, 0, type, sector, {data.at, data.bytes});
        } else {
            mine.header = {static_cast<u32>(type), 0, sector};
            mine.status = unanswered;
            auto const header = piece(&mine.header, sizeof mine.header);
            TRY(state.queue.add({&header, 1}, std::array{data, piece(&mine.status, 1)}, 0));
        }
        if (state.queue.publish()) transport_.notify(0);
        auto const end = hart::time() + patience_.n;
        while (!is_answered(state)) {
            if (!state.queue.is_broken() && hart::time() < end) continue;
            state.dead = true;
            state.quick = false;
            state.device.reset();
            return Err{Error::io};
        }
        (void)transport_.acknowledge_interrupt();
        (void)state.queue.listen();  // for the next one, which somebody else asks for
        if (status_of(mine.status) != DiskStatus::done) return Err{Error::io};
        return {};
    });
}

backend::DiskTarget VirtioBlock::locate(DiskOperation operation, u64 sector, u64 sectors) {
    bool const stretch = operation == DiskOperation::discard || operation == DiskOperation::write_zeroes;
    return {this, sector, std::min<u64>(sectors, stretch ? stretch_most_ : max_sectors)};
}

backend::DiskStretch VirtioBlock::stretch() {
    return {this, 0, max_sectors};
}

// One function: what reads and writes of one piece need is inlined, and what others need is not called there.
[[gnu::flatten]] Result<void> VirtioBlock::submit(DiskRequest const& request, DiskClient& client, u32 token) {
    bool const moves = request.operation == DiskOperation::read ||
                       (request.operation == DiskOperation::write && !shape_.read_only);
    if (moves && request.pieces.size() == 1 && shape_.has(request.sector, request.sectors)) [[likely]] {
        auto const type = request.operation == DiskOperation::read ? block::Type::read : block::Type::write;
        bool const taken = state_.with([&] [[gnu::always_inline]] (State & state) {
            auto const index = state.free;
            if (!state.quick || index == slots || state.all[index].entries != 3) [[unlikely]]
                return false;
            add_piece(state, index, type, request.sector, request.pieces[0]);
            occupy(state, index, client, token);
            return true;
        });
        if (taken) [[likely]]
            return {};
    }
    return submit_any(request, client, token);
}

Result<void> VirtioBlock::submit_any(DiskRequest const& request, DiskClient& client, u32 token) {
    if (request.operation != DiskOperation::flush) {
        if (!shape_.has(request.sector, request.sectors)) return Err{Error::out_of_range};
        if (shape_.read_only && request.operation != DiskOperation::read) return Err{Error::denied};
        if (request.pieces.size() > shape_.most_pieces) return Err{Error::out_of_range};
    }
    if (request.operation == DiskOperation::discard && !shape_.discards) return Err{Error::not_supported};
    if (request.operation == DiskOperation::write_zeroes && !shape_.writes_zeroes)
        return Err{Error::not_supported};
    return state_.with([&](State& state) { return add(state, request, client, token); });
}

void VirtioBlock::wait_for_room(State& state, DiskClient& client) {
    if (client.waits_for_room) return;
    client.waits_for_room = true;
    client.next_waiting = state.waiting;
    state.waiting = &client;
}

void VirtioBlock::add_piece(State& state, u32 index, block::Type type, u64 sector, DiskPiece const& data) {
    namespace flag = abi::virtio::descriptor;
    auto& slot = state.all[index];
    auto& mine = *slot.memory;
    mine.status = unanswered;
    mine.header = {static_cast<u32>(type), 0, sector};
    auto const kind = type == block::Type::write ? u16{0} : flag::device_writes;
    mine.table[1] = {data.at.raw(), data.bytes, static_cast<u16>(flag::next | kind), 2};
    state.queue.add_tied(static_cast<u16>(index));
}

void VirtioBlock::occupy(State& state, u32 index, DiskClient& client, u32 token) {
    auto& slot = state.all[index];
    state.free = slot.next_free;
    slot.client = &client;
    slot.token = token;
    slot.since = {hart::time()};
}

// The last of them is the status; the first is the header since start().
void VirtioBlock::set_entries(State& state, u32 index, u32 entries) {
    auto& slot = state.all[index];
    slot.entries = static_cast<u8>(entries);
    slot.memory->table[entries - 1] = {memory::house_address(&slot.memory->status).raw(), 1,
                                       abi::virtio::descriptor::device_writes, 0};
    state.queue.set_table_entries(static_cast<u16>(index), entries);
}

Result<void> VirtioBlock::add(State& state, DiskRequest const& request, DiskClient& client, u32 token) {
    if (state.dead) return Err{Error::io};
    auto const index = state.free;
    if (index == slots || (!state.takes_tables && state.queue.room() < request.pieces.size() + 2)) {
        wait_for_room(state, client);
        return Err{Error::busy};
    }
    auto& mine = *state.all[index].memory;
    mine.status = unanswered;
    bool const moves = request.operation == DiskOperation::read || request.operation == DiskOperation::write;
    mine.header = {static_cast<u32>(type_of(request.operation)), 0, moves ? request.sector : 0};
    if (!moves) mine.stretch = {request.sector, static_cast<u32>(request.sectors), 0};
    if (state.takes_tables)
        add_table(state, index, request);
    else
        TRY(add_chain(state, index, request));
    occupy(state, index, client, token);
    return {};
}

void VirtioBlock::add_table(State& state, u32 index, DiskRequest const& request) {
    namespace flag = abi::virtio::descriptor;
    auto& mine = *state.all[index].memory;
    u32 at = 1;
    auto const add = [&](u64 address, u32 bytes, u16 flags) {
        mine.table[at] = {address, bytes, static_cast<u16>(flags | flag::next), static_cast<u16>(at + 1)};
        ++at;
    };
    u16 const kind = request.operation == DiskOperation::read ? flag::device_writes : u16{0};
    for (auto const& data : request.pieces) add(data.at.raw(), data.bytes, kind);
    if (request.operation == DiskOperation::discard || request.operation == DiskOperation::write_zeroes)
        add(memory::house_address(&mine.stretch).raw(), sizeof mine.stretch, 0);
    set_entries(state, index, at + 1);
    state.queue.add_tied(static_cast<u16>(index));
}

Result<void> VirtioBlock::add_chain(State& state, u32 slot, DiskRequest const& request) {
    auto& mine = memory_of(slot);
    Unfilled<std::array<DmaPiece, most_pieces + 2>> room;
    auto& list = room.value;
    usize count = 0;
    list[count++] = piece(&mine.header, sizeof mine.header);
    for (auto const& data : request.pieces) list[count++] = {data.at, data.bytes};
    if (request.operation == DiskOperation::discard || request.operation == DiskOperation::write_zeroes)
        list[count++] = piece(&mine.stretch, sizeof mine.stretch);
    auto const reads = request.operation == DiskOperation::read ? 1 : count;
    list[count++] = piece(&mine.status, 1);
    return state.queue.add(std::span{list}.first(reads), std::span{list}.subspan(reads, count - reads), slot);
}

void VirtioBlock::go() {
    bool const wanted = state_.with([](State& state) { return !state.dead && state.queue.publish(); });
    if (wanted) transport_.notify(0);
}

void VirtioBlock::forget(DiskClient& client) {
    state_.with([&](State& state) {
        for (auto** at = &state.waiting; *at != nullptr; at = &(*at)->next_waiting)
            if (*at == &client) {
                *at = client.next_waiting;
                break;
            }
        client.waits_for_room = false;
    });
}

// Those of one client together, while they follow each other.
template <usize most>
void VirtioBlock::Ended<most>::tell() const {
    for (usize first = 0; first < count;) {
        auto* const client = clients[first];
        auto end = first + 1;
        while (end < count && clients[end] == client) ++end;
        client->disk_done(std::span{ends}.subspan(first, end - first));
        first = end;
    }
}

template <usize most>
[[gnu::flatten]] void VirtioBlock::reap(State& state, Ended<most>& into) {
    auto const end = [&](u32 index) {
        if (index >= slots) return false;
        auto& slot = state.all[index];
        if (slot.client == nullptr) return false;
        into.add(slot, status_of(slot.memory->status));
        slot.next_free = state.free;
        state.free = static_cast<u8>(index);
        return true;
    };
    if (state.takes_tables) return state.queue.take_tied(most - static_cast<u32>(into.count), end);
    while (into.count < most) {
        auto const done = state.queue.take();
        if (!done || !end(done->token)) break;
    }
}

// A client keeps nothing locked when it hears of room, and goes only after forget().
void VirtioBlock::tell_waiting(State& state) {
    while (auto* const client = state.waiting) {
        state.waiting = client->next_waiting;
        client->waits_for_room = false;
        client->disk_has_room();
    }
}

void VirtioBlock::interrupted() {
    auto const why = transport_.acknowledge_interrupt();
    bool broken = false;
    bool more = true;
    while (more) {
        Unfilled<Ended<16>> room;
        auto& ended = room.value;
        ended.count = 0;
        state_.with([&](State& state) {
            if (state.dead) {
                more = false;
                return;
            }
            reap(state, ended);
            if (ended.count != 0) tell_waiting(state);
            more = ended.count == ended.ends.size() || !state.queue.listen();
            if (state.queue.is_broken()) more = false;
            broken = state.queue.is_broken();
            if ((why & abi::virtio::interrupt::configuration) != 0 && state.device.needs_reset())
                broken = true;
        });
        ended.tell();
    }
    if (broken) fail_all();
}

// After a reset the device touches no memory any more.
void VirtioBlock::fail_all() {
    Unfilled<Ended<slots>> room;
    auto& lost = room.value;
    lost.count = 0;
    state_.with([&](State& state) {
        state.device.reset();
        for (auto& slot : state.all)
            if (slot.client != nullptr) lost.add(slot, DiskStatus::failed);
        if (start(state)) (void)state.queue.listen();
        tell_waiting(state);
    });
    lost.tell();
}

void VirtioBlock::check(Ticks now) {
    bool const late = state_.with([&](State& state) {
        return !state.dead && std::ranges::any_of(state.all, [&](Slot const& slot) {
            return slot.client != nullptr && slot.since < now && patience_ < now - slot.since;
        });
    });
    if (late) fail_all();
}

}  // namespace antler::platform
