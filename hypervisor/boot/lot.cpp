// Making a VM out of its description, and nothing out of a VM.
#include "boot/lot.hpp"

#include "base/units.hpp"
#include "boot/channels.hpp"
#include "boot/consoles.hpp"
#include "boot/disks.hpp"
#include "boot/extras.hpp"
#include "boot/flash.hpp"
#include "boot/homes.hpp"
#include "boot/networks.hpp"
#include "boot/passthrough.hpp"
#include "boot/system.hpp"

namespace antler::boot {

using abi::control::Status;
using memory::OwnerId;
using memory::Pool;

namespace {

// A bounded piece of giving back, between two turns of the guests.
constexpr u32 steps_a_call = 8;
constexpr u64 house_reserve = 256_KiB;  // for tables that come later

isa::Features shown_to(System const& all, vm::Description const& description, vm::Interrupts interrupts) {
    auto shown = all.features;
    shown.h = false;
    shown.aia = interrupts == vm::Interrupts::aia;
    abi::FdtStrings const hidden{
        {reinterpret_cast<u8 const*>(description.hidden.data()), description.hidden.size()}};
    for (auto const name : hidden) (void)isa::hide_extension(shown, name);
    return shown;
}

// What the machine costs beyond its guests' RAM.
void say_memory(System& all, std::string_view name, OwnerId owner) {
    if (all.options.log != control::Options::Log::debug) return;
    say("antler: memory: house {} KiB beyond the image, frame table {} KiB of {} MiB, tables and state of {} "
        "{} "
        "KiB\n",
        all.frames.accounting(memory::house_owner).house_bytes >> 10, all.frames.totals().table_bytes >> 10,
        all.frames.totals().ram_bytes >> 20, name, all.frames.accounting(owner).house_bytes >> 10);
}

Result<void> give_vcpu(System& all, Life& life, u32 id) {
    auto& vm = *life.vm;
    auto* const vcpu = TRY(life.store.make<vm::Vcpu>(vm, id));
    if (vm.features().v)
        vcpu->vector.registers = TRY(life.store.take(u64{32} * all.features.vector_bytes)).data();
    vm.attach(*vcpu);
    if (vm.has_files()) vcpu->give_file(*TRY(life.store.make<vm::GuestFile>(*vcpu, vm.identities())));
    vcpu->affinity = vm.description().share.harts_of(id);
    all.cores[TRY(find_home(all, vm, id))]->house(*vcpu);
    return {};
}

isa::GStageMode mode_for(System const& all, GpaRange range) {
    auto const end = range.end().raw();
    unsigned address_bits = 64;
    while (address_bits > 0 && (end - 1) >> (address_bits - 1) == 0) --address_bits;
    return all.features.gstage_for(address_bits);
}

// Only a hart with an AIA can give a guest the registers of one.  It has one unasked where the hart has files
// for guests too: in software they are slower than a PLIC.
Result<vm::Interrupts> interrupts_for(System const& all, vm::Description const& description) {
    abi::FdtStrings const hidden{
        {reinterpret_cast<u8 const*>(description.hidden.data()), description.hidden.size()}};
    bool shown = true;
    for (auto const name : hidden) shown = shown && name != "ssaia";
    if (!description.interrupts)
        return shown && all.features.aia && all.files && all.features.geilen != 0 ? vm::Interrupts::aia
                                                                                  : vm::Interrupts::plic;
    if (*description.interrupts == vm::Interrupts::aia && !all.features.aia) return Err{Error::no_aia};
    return *description.interrupts;
}

Result<void> build(System& all, Lot& lot, Life& life, OwnerId owner) {
    auto const& description = *TRY(description_of(all, lot));
    auto const interrupts = TRY(interrupts_for(all, description));
    GpaRange const range{vm::ram_base, description.memory_bytes};
    auto const mode = mode_for(all, range);
    if (mode == isa::GStageMode::bare) return Err{Error::not_supported};
    TRY(memory::ensure_free(all.frames, all.house, Pool::house, house_reserve));
    life.space = TRY(life.store.make<memory::Space>(all.frames, *all.tags, owner));
    // Devices may walk its tree too; or one of their own, where harts' leaves may be what no device gets by
    // with.
    auto features = all.features;
    auto& iommus = all.iommus->all;
    iommus.narrow(features);
    bool const parted = description.has_masters() && (description.on_demand || !iommus.all_mark_pages());
    TRY(life.space->create(mode, features, parted ? memory::DeviceTree::own : memory::DeviceTree::shared));
    memory::Colours colours{.wanted = description.colours};
    if (all.board.cache_way != 0) colours.count = memory::colours_of_way(all.board.cache_way);
    if (!colours.exist()) return Err{Error::misaligned};
    life.ram = TRY(life.store.make<vm::Ram>(*life.space, range, colours, description.on_demand));
    auto const* const described = all.board.hart(all.cores[0]->id);
    auto const hart = described != nullptr ? *described : platform::BoardHart{};
    using abi::sbi::BaseFid;
    vm::Parts const parts{
        .description = description,
        .shown = shown_to(all, description, interrupts),
        .interrupts = interrupts,
        .host_isa = {hart.extensions, hart.isa_string},
        .ids = {all.firmware.machine_id(BaseFid::get_mvendorid),
                all.firmware.machine_id(BaseFid::get_marchid), all.firmware.machine_id(BaseFid::get_mimpid)},
        .timebase = all.board.timebase,
        .ram = *life.ram,
        .identities = all.board.imsic ? all.board.imsic->identities : vm::usual_identities};
    life.vm = TRY(life.store.make<vm::Vm>(parts));
    auto const& kept = life.vm->description();
    life.vm->give_consoles(lot.consoles);
    TRY(add_disks(all, *life.vm, life.store));
    TRY(add_net_cards(all, *life.vm, life.store));
    TRY(add_extras(*life.vm, life.store));
    TRY(add_channels(all, *life.vm, life.store));
    TRY(add_flash(all, *life.vm, life.store));
    if (kept.extras.watchdog) TRY(life.vm->machine().add_watchdog());
    for (u32 id = 0; id < kept.vcpus; ++id) TRY(give_vcpu(all, life, id));
    TRY(add_devices(all, life));
    all.next_home = (all.next_home + kept.vcpus) % all.core_count;
    return {};
}

// Objects first, then what they stood on.  The space is empty.
void give_back(System& all, Lot& lot) {
    auto& life = *lot.life;
    if (life.vm != nullptr) {
        lot.starts += life.vm->starts();
        lot.last_words = life.vm->last_words();
        leave_channels(all, *life.vm);
        leave_homes(all, *life.vm);
        life.vm->~Vm();
    }
    if (life.ram != nullptr) life.ram->~Ram();
    if (life.space != nullptr) life.space->~Space();
    life.store.give_back();
    lot.life.reset();
}

// The next round that begins; is_over() begins it.
u64 next_round(System const& all) {
    return all.farewells.begun + 1;
}

bool is_over(System& all, u64 round) {
    auto& rounds = all.farewells;
    if (rounds.begun != rounds.done) {
        for (u32 i = 0; all.harts_run && i < all.core_count; ++i)
            if (all.cores[i]->farewells.load(std::memory_order_acquire) == rounds.since[i]) return false;
        rounds.done = rounds.begun;
    }
    if (rounds.done >= round) return true;
    ++rounds.begun;
    for (u32 i = 0; i < all.core_count; ++i) {
        rounds.since[i] = all.cores[i]->farewells.load(std::memory_order_acquire);
        all.cores[i]->ask_farewell();
    }
    return false;
}

bool waits_in_inbox(Life& life) {
    for (u32 id = 0; id < life.vm->vcpu_count(); ++id)
        if (auto const* const vcpu = life.vm->vcpu(id); vcpu != nullptr && vcpu->in_inbox.load()) return true;
    return false;
}

}  // namespace

Result<vm::Description*> description_in(System& all, control::Pack const& pack, u32 index) {
    TRY(pack.describe(index, all.described));
    return &all.described;
}

Result<vm::Description*> description_of(System& all, Lot const& lot) {
    return description_in(all, *lot.pack, lot.index);
}

OwnerId owner_of(u32 id) {
    return {static_cast<u16>(id + 1)};
}

control::Outcome refusal(Error why) {
    switch (why) {
        case Error::no_memory: return {Status::no_memory, "its memory does not fit into what is free"};
        case Error::already_exists: return {Status::already_exists, "a VM of this name exists already"};
        case Error::not_found: return {Status::not_found, "a disk that it names is not there"};
        case Error::not_supported: return {Status::not_supported, "this board cannot run it"};
        case Error::full: return {Status::no_memory, "there are as many VMs as there can be"};
        case Error::bad_format: return {Status::invalid, "its description cannot be understood"};
        case Error::out_of_range: return {Status::invalid, "its description names memory that it has not"};
        case Error::busy: return {Status::failed, "something that it needs is in use"};
        case Error::misaligned:
            return {Status::invalid, "this board's cache has not all the colours that it names"};
        case Error::denied: return {Status::invalid, "a channel of it has another size at its other end"};
        case Error::no_aia:
            return {Status::not_supported, "it is to have an AIA, and this board's harts have none"};
        case Error::bad_state:
        case Error::io: break;
    }
    return {Status::failed, describe(why)};
}

Result<u32> free_lot(System const& all) {
    for (u32 id = 0; id < all.lots.size(); ++id)
        if (all.lots[id].is_free()) return id;
    return Err{Error::full};
}

Result<void> define_vm(System& all, u32 id, control::Pack const& pack, u32 index, HpaRange pack_pages) {
    auto const& description = *TRY(description_in(all, pack, index));
    for (auto const& lot : all.lots)
        if (!lot.is_free() && lot.name == description.name) return Err{Error::already_exists};
    auto& lot = all.lots[id];
    auto const consoles = 1 + description.extras.console_ports;  // the serial port, and the virtio ones
    auto const pages = TRY(memory::take_pages(all.frames, all.house, console_bytes(consoles), owner_of(id)));
    lot.name = description.name;
    lot.pack.emplace(pack);
    lot.index = index;
    lot.pack_pages = pack_pages;
    lot.console_pages = pages;
    lot.consoles =
        open_consoles(all, lot.name, {static_cast<u8*>(memory::house_view(pages.start)), pages.size}, id);
    lot.starts = 0;
    lot.last_words = {};
    lot.doing = {};
    ++all.vm_count;
    all.output.with([&](Output& output) { output.name_the_speaker(all.vm_count > 1); });
    return {};
}

void undefine_vm(System& all, u32 id) {
    auto& lot = all.lots[id];
    VERIFY(!lot.is_free() && !lot.life);
    close_consoles(all, lot.consoles);
    memory::give_back_pages(all.frames, lot.console_pages);
    lot.pack.reset();
    if (lot.pack_pages.size != 0) memory::give_back_pages(all.frames, lot.pack_pages);
    lot.name = {};
    lot.consoles = {};
    lot.console_pages = lot.pack_pages = {};
    --all.vm_count;
    VERIFY(all.frames.accounting(owner_of(id)) == memory::Use{});
}

Result<vm::Vm*> build_vm(System& all, u32 id) {
    auto& lot = all.lots[id];
    VERIFY(!lot.life);
    auto& life = lot.life.emplace(all.frames, all.house, owner_of(id));
    auto const built = build(all, lot, life, owner_of(id));
    if (!built) {
        scrap_vm(all, id);
        return Err{built.error()};
    }
    all.vms[id] = life.vm;
    say_memory(all, lot.name, owner_of(id));
    return life.vm;
}

void scrap_vm(System& all, u32 id) {
    auto& lot = all.lots[id];
    all.vms[id] = nullptr;
    while (lot.life->vm != nullptr && !lot.life->vm->machine().leave()) {
    }
    leave_devices(*lot.life);
    while (lot.life->ram != nullptr && !lot.life->ram->give_back_step()) {
    }
    // It has trees before it has RAM.
    while (lot.life->space != nullptr && !lot.life->space->destroy_step()) {
    }
    give_back(all, lot);
}

bool take_apart_step(System& all, u32 id) {
    auto& lot = all.lots[id];
    if (!lot.life) return true;
    auto& life = *lot.life;
    using Stage = Life::Stage;
    switch (life.stage) {
        case Stage::lives:
            // Nobody finds it any more; who found it before has the lock.
            all.input.with([&](PortInput&) { all.vms[id] = nullptr; });
            life.vm->leave();
            life.stage = Stage::quiet;
            return false;
        case Stage::quiet:
            if (!life.vm->machine().leave()) return false;
            leave_devices(life);
            life.round = next_round(all);
            life.stage = Stage::leaves;
            return false;
        case Stage::leaves:
            if (!is_over(all, life.round)) return false;
            if (waits_in_inbox(life)) {
                life.round = next_round(all);
                return false;
            }
            // Who took the last one out of an inbox may still look at it: one more round, without any.
            if (!life.is_last_round) {
                life.is_last_round = true;
                life.round = next_round(all);
                return false;
            }
            life.stage = Stage::gives_back;
            return false;
        case Stage::gives_back:
            for (u32 step = 0; step < steps_a_call; ++step) {
                if (!life.ram->give_back_step()) continue;
                give_back(all, lot);
                return true;
            }
            return false;
    }
    return false;
}

}  // namespace antler::boot
