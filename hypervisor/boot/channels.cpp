// Who shares which memory.
#include "boot/channels.hpp"

#include "abi/pack.hpp"
#include "boot/system.hpp"
#include "memory/zero.hpp"

namespace antler::boot {

using memory::Pool;

namespace {

memory::OwnerId owner_of_channel(u32 n) {
    return {static_cast<u16>(abi::pack::most_vms + 1 + n)};
}
static_assert(abi::pack::most_vms + 1 + max_channels <= memory::max_owners);

// Pages of the guests' pool side by side, zeroed.
Result<HpaRange> take_shared_pages(System& all, u64 bytes, memory::OwnerId owner) {
    memory::Order order{};
    while (order.bytes() < bytes) ++order.n;
    memory::ZeroJob job{TRY(all.frames.take(Pool::guest, order, owner))};
    auto& core = this_boot_core();
    while (!job.step(core.view, memory::granule_bytes)) core.serve_fences();
    auto const start = memory::PageMaker::unmake(std::move(job).finish()).start;
    if (bytes != order.bytes()) memory::give_back_pages(all.frames, {start + bytes, order.bytes() - bytes});
    return HpaRange{start, bytes};
}

// The n-th channel between the two, if it exists already; else a new one.
Result<vm::Channel*> channel_between(System& all, std::string_view self, std::string_view with, u32 nth,
                                     u64 bytes) {
    vm::Channel* room = nullptr;
    u32 room_index = 0;
    for (u32 i = 0; i < max_channels; ++i) {
        auto& one = all.channels.all[i];
        if (one.is_free()) {
            if (room == nullptr) {
                room = &one;
                room_index = i;
            }
            continue;
        }
        auto const& names = one.names;
        bool const ours = (names[0] == self && names[1] == with) || (names[0] == with && names[1] == self);
        if (!ours || nth-- != 0) continue;
        if (one.memory.size != bytes) return Err{Error::denied};
        return &one;
    }
    if (room == nullptr) return Err{Error::full};
    room->owner = owner_of_channel(room_index);
    room->memory = TRY(take_shared_pages(all, bytes, room->owner));
    room->names = {self, with};
    return room;
}

void put_away(System& all, vm::Channel& channel) {
    if (channel.users != 0) return;
    memory::give_back_pages(all.frames, channel.memory);
    channel.memory = {};
    channel.names = {};
}

Result<void> add_channel(System& all, vm::Vm& machine, memory::Store& store, u32 n) {
    auto const& description = machine.description();
    auto const& wanted = description.channels[n];
    u32 nth = 0;
    for (u32 i = 0; i < n; ++i) nth += description.channels[i].with == wanted.with ? 1 : 0;
    auto const bytes = (wanted.bytes + page_bytes - 1) & ~(page_bytes - 1);
    if (bytes == 0 || bytes > vm::most_channel_bytes) return Err{Error::out_of_range};
    auto& channel = *TRY(channel_between(all, description.name, wanted.with, nth, bytes));
    auto const side = channel.names[0] == description.name ? 0U : 1U;
    auto const mapped = machine.ram().space().map_borrowed(vm::channel_place(n, bytes).memory.start,
                                                           channel.memory, {true, true, false});
    auto const end = mapped ? machine.machine().add_channel(store, channel, side) : mapped;
    if (!end) {
        put_away(all, channel);
        return end;
    }
    ++channel.users;
    return {};
}

}  // namespace

Result<void> add_channels(System& all, vm::Vm& machine, memory::Store& store) {
    for (u32 n = 0; n < machine.description().channel_count; ++n) TRY(add_channel(all, machine, store, n));
    return {};
}

void leave_channels(System& all, vm::Vm& machine) {
    for (auto* const end : machine.machine().channels()) {
        --end->channel().users;
        put_away(all, end->channel());
    }
}

}  // namespace antler::boot
