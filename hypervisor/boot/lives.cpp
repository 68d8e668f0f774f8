// What an operator asks of a VM's life.
#include "boot/lives.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"

namespace antler::boot {

using abi::control::Status;
using abi::control::Type;
using abi::control::VmInfo;
using abi::control::VmState;
using control::Outcome;

namespace {

constexpr u64 least_house_bytes = 512_KiB;  // free, for tables that come at any moment
constexpr Outcome done{};
constexpr Outcome later{.again = true};

Outcome wrong_state(std::string_view sentence) {
    return {Status::bad_state, sentence};
}

bool is_alive(Lot const& lot) {
    return lot.life && lot.life->stage == Life::Stage::lives && !lot.life->vm->is_over();
}

// Guest memory that nobody has, and nobody who starts will take.
u64 unclaimed(System& all) {
    auto const totals = all.frames.totals();
    auto free = totals.free_guest_bytes + totals.free_house_bytes;
    for (u32 id = 0; id < all.lots.size(); ++id) {
        auto const& lot = all.lots[id];
        if (!is_alive(lot) || !lot.life->vm->description().takes_all_memory()) continue;
        auto const wanted = lot.life->vm->description().memory_bytes;
        auto const has = all.frames.accounting(owner_of(id)).guest_bytes;
        if (wanted > has) free -= std::min(free, wanted - has);
    }
    return free;
}

Result<void> start_now(System& all, u32 id) {
    auto const& description = *TRY(description_of(all, all.lots[id]));
    if (description.takes_all_memory()) {
        if (unclaimed(all) < description.memory_bytes) return Err{Error::no_memory};
        TRY(memory::ensure_free(all.frames, all.house, memory::Pool::guest, description.memory_bytes));
    }
    auto& vm = *TRY(build_vm(all, id));
    ++all.vms_alive;
    vm.start_later();
    return {};
}

Outcome start(System& all, Lot& lot, u32 id, bool first) {
    if (first) {
        if (is_alive(lot)) return wrong_state("it runs already");
        if (lot.life && lot.life->vm->is_preserved())
            return wrong_state("what it left is kept to be looked at; destroy it first");
    }
    if (!lot.life) {
        if (!first && lot.starting) {
            lot.starting = false;
            return {Status::failed, lot.last_words};
        }
        auto const started = start_now(all, id);
        lot.starting = started.ok();
        return started ? later : refusal(started.error());
    }
    if (!lot.starting || !is_alive(lot)) return later;  // what it was before is given back first
    if (lot.life->vm->state() == VmState::starting) return later;
    lot.starting = false;
    return done;
}

Outcome destroy(Lot& lot, bool first) {
    if (!lot.life) return first ? wrong_state("it does not run") : done;
    lot.life->vm->unplug();
    return later;
}

Outcome suspend(Lot& lot) {
    if (!is_alive(lot)) return wrong_state("it does not run");
    auto& vm = *lot.life->vm;
    auto const state = vm.state();
    if (state != VmState::running && state != VmState::suspended)
        return wrong_state("it starts or ends just now");
    vm.suspend();
    return vm.stands_still() ? done : later;
}

Outcome resume(Lot& lot) {
    if (!is_alive(lot) || lot.life->vm->state() != VmState::suspended)
        return wrong_state("it is not suspended");
    if (!lot.life->vm->stands_still()) return later;
    lot.life->vm->resume();
    return done;
}

Outcome reboot(Lot& lot) {
    if (!is_alive(lot)) return wrong_state("it does not run");
    lot.life->vm->reset();
    return done;
}

// What every Linux does without any program's help: writes what it holds to its disks, makes them read-only,
// and powers off.  Each takes a while.
Outcome ask_to_end(System& all, Lot& lot, bool first) {
    if (!is_alive(lot)) return first ? wrong_state("it does not run") : done;
    auto& vm = *lot.life->vm;
    if (first) {
        if (vm.state() != VmState::running) return wrong_state("it does not run");
        if (!vm.machine().has_serial_driver())
            return {Status::not_supported,
                    "the guest has no driver at its serial port that would hear; destroy pulls the plug"};
        lot.keys_sent = 0;
        lot.next_key_at = 0;
        lot.asked_at = hart::time();
    }
    constexpr std::string_view keys = "suo";
    constexpr Nanos pause{300'000'000};
    constexpr Nanos patience{5'000'000'000};
    auto const now = hart::time();
    if (lot.keys_sent == keys.size()) return done;
    if (now - lot.asked_at > all.board.timebase.ticks(patience).n)
        return {Status::failed, "the guest does not take what is sent to its serial port"};
    if (now < lot.next_key_at || !vm.machine().send_system_request(keys[lot.keys_sent])) return later;
    ++lot.keys_sent;
    lot.next_key_at = now + all.board.timebase.ticks(pause).n;
    return lot.keys_sent == keys.size() ? done : later;
}

Outcome do_it(System& all, Type what, Lot& lot, u32 id, bool first) {
    if (what == Type::start) return start(all, lot, id, first);
    if (what == Type::destroy) return destroy(lot, first);
    if (what == Type::shutdown || what == Type::power_button) return ask_to_end(all, lot, first);
    if (what == Type::reboot) return reboot(lot);
    if (what == Type::suspend) return suspend(lot);
    if (what == Type::resume) return resume(lot);
    if (what != Type::undefine) return {Status::not_supported, "this hypervisor cannot do that"};
    if (lot.life) return wrong_state("it still runs; destroy it first");
    undefine_vm(all, id);
    return done;
}

// Where streams of the host go is said by this number alone.
bool is_taken(System& all, u64 vsock_cid) {
    return std::ranges::any_of(all.lots, [&](Lot const& lot) {
        if (lot.is_free() || vsock_cid == 0) return false;
        auto const there = description_of(all, lot);
        return there && there.value()->extras.vsock_cid == vsock_cid;
    });
}

// The VM that the pack describes, and nobody else.
Outcome define(System& all, Transfer const& transfer) {
    std::span const bytes{static_cast<u8 const*>(memory::house_view(transfer.pages.start)), transfer.bytes};
    auto const pack = control::Pack::open(bytes, transfer.pages.start);
    if (!pack) return refusal(pack.error());
    if (pack.value().vm_count() != 1) return refusal(Error::bad_format);
    auto const description = description_in(all, pack.value(), 0);
    if (!description) return refusal(description.error());
    if (is_taken(all, description.value()->extras.vsock_cid))
        return {Status::already_exists, "another VM has the CID of its vsock"};
    auto const defined = define_vm(all, transfer.lot, pack.value(), 0, transfer.pages);
    return defined ? done : refusal(defined.error());
}

}  // namespace

Outcome act(System& all, Type what, u32 id) {
    if (id >= all.lots.size() || all.lots[id].is_free()) return {Status::no_such_vm, "there is no such VM"};
    auto& lot = all.lots[id];
    auto const outcome = do_it(all, what, lot, id, lot.doing != what);
    if (outcome.again) {
        lot.doing = what;
    } else {
        lot.doing.reset();
    }
    return outcome;
}

Outcome set_memory(System& all, u32 id, u64 bytes) {
    auto* const vm = running_vm(all, id);
    if (vm == nullptr) return {Status::bad_state, "it does not run"};
    auto const& description = vm->description();
    if (!description.extras.balloon) return {Status::not_supported, "it has no balloon"};
    if (bytes > description.memory_bytes) return {Status::invalid, "it cannot have more than it began with"};
    vm->machine().set_balloon(static_cast<u32>((description.memory_bytes - bytes) / page_bytes));
    return {};
}

std::optional<u32> next_vm(System const& all, u32 from) {
    for (auto id = from; id < all.lots.size(); ++id)
        if (!all.lots[id].is_free()) return id;
    return std::nullopt;
}

std::optional<u32> find_vm(System const& all, std::string_view name) {
    for (u32 id = 0; id < all.lots.size(); ++id)
        if (!all.lots[id].is_free() && all.lots[id].name == name) return id;
    return std::nullopt;
}

vm::Vm* running_vm(System& all, u32 id) {
    return id < all.vms.size() ? all.vms[id] : nullptr;
}

bool fill_vm_info(System& all, u32 id, VmInfo& into) {
    if (id >= all.lots.size() || all.lots[id].is_free()) return false;
    auto const& lot = all.lots[id];
    into.id = id;
    into.name = lot.name;
    into.consoles = static_cast<u16>(lot.consoles.size());
    into.starts = lot.starts;
    into.last_words = lot.last_words;
    into.state = VmState::off;
    auto const use = all.frames.accounting(owner_of(id));
    into.memory_present = use.guest_bytes;
    into.pack = lot.pack_pages.size;
    into.overhead = use.house_bytes - into.pack;
    if (lot.life && lot.life->vm != nullptr) {
        auto const& vm = *lot.life->vm;
        into.state = lot.life->stage == Life::Stage::lives ? vm.state() : VmState::stopping;
        into.vcpus = vm.vcpu_count();
        into.memory = vm.description().memory_bytes;
        into.vsock_cid = vm.description().extras.vsock_cid;
        into.starts += vm.starts();
        if (!vm.last_words().empty()) into.last_words = vm.last_words();
        if (is_alive(lot) && vm.started_at() != 0)
            into.uptime = all.board.timebase.nanos({hart::time() - vm.started_at()}).n;
    } else if (auto const description = description_of(all, lot); description) {
        into.vcpus = description.value()->vcpus;
        into.memory = description.value()->memory_bytes;
        into.vsock_cid = description.value()->extras.vsock_cid;
    }
    return true;
}

bool serve_lives(System& all) {
    bool more = false;
    for (u32 id = 0; id < all.lots.size(); ++id) {
        auto& lot = all.lots[id];
        if (!lot.life) continue;
        if (lot.life->stage == Life::Stage::lives) {
            if (!lot.life->vm->is_over()) continue;
            if (lot.life->vm->is_preserved() && !lot.life->vm->is_unplugged()) continue;
        }
        more = !take_apart_step(all, id) || more;
    }
    // Trees grow on any hart; they find what they need without asking every hart for a granule.
    (void)memory::ensure_free(all.frames, all.house, memory::Pool::house, least_house_bytes);
    return more;
}

// --- a new VM

Outcome create_begin(System& all, u64 pack_bytes) {
    create_abort(all);
    constexpr u64 most = u64{1} << 30;
    if (pack_bytes == 0 || pack_bytes > most) return {Status::invalid, "no pack is of that size"};
    auto const id = free_lot(all);
    if (!id) return refusal(id.error());
    auto const pages = memory::take_pages(all.frames, all.house, pack_bytes, owner_of(id.value()));
    if (!pages) return {Status::no_memory, "the pack does not fit into what is free"};
    all.transfer = {.pages = pages.value(), .bytes = pack_bytes, .lot = id.value()};
    return done;
}

Outcome create_data(System& all, u64 offset, std::span<u8 const> bytes) {
    auto& transfer = all.transfer;
    if (transfer.pages.size == 0 || transfer.defined) return wrong_state("nothing is being created");
    if (offset != transfer.received || bytes.size() > transfer.bytes - offset)
        return {Status::invalid, "pieces come in order"};
    __builtin_memcpy(static_cast<u8*>(memory::house_view(transfer.pages.start)) + offset, bytes.data(),
                     bytes.size());
    transfer.received += bytes.size();
    return done;
}

Outcome create_commit(System& all, bool start, u32& id) {
    auto& transfer = all.transfer;
    if (transfer.pages.size == 0) return wrong_state("nothing is being created");
    if (!transfer.defined) {
        if (transfer.received != transfer.bytes) return {Status::invalid, "the pack is not whole"};
        if (auto const defined = define(all, transfer); defined.status != Status::ok) {
            create_abort(all);
            return defined;
        }
        transfer.defined = true;
    }
    id = transfer.lot;
    auto const outcome = start ? act(all, Type::start, id) : done;
    if (outcome.again) return outcome;
    if (outcome.status != Status::ok && !all.lots[id].life) undefine_vm(all, id);
    transfer = {};
    return outcome;
}

void create_abort(System& all) {
    auto& transfer = all.transfer;
    // One that is defined stays: it only was not waited for.
    if (transfer.pages.size != 0 && !transfer.defined) memory::give_back_pages(all.frames, transfer.pages);
    transfer = {};
}

}  // namespace antler::boot
