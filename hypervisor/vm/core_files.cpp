// Interrupt files of the vCPUs on one hart: who has one, and what came for those that have none.
#include <bit>

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "vm/core.hpp"
#include "vm/guest_file.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

namespace csr = hart::csr;
using abi::sbi::HartState;

namespace {

constexpr u64 external_bit = isa::Hvip::bit(isa::Interrupt::vs_external);

// Without a file VSEIP alone gives vstopi an interrupt of priority 256; this gives it one too.  QEMU knows
// the second way only.
// [aia VSLevel 3.3]
constexpr isa::Hvictl external_by_hand{isa::Hvictl::iid::set(isa::Hvictl::iprio::set(0, 255), 9)};

// QEMU 10 looks at hgeip before it waits for whoever is sending just now, and says afterwards what it saw:
// then SGEIP stays low although a file signals.  Written again it tells of what is there.
void write_watched(u64 files) {
    csr::hgeie::write_raw(files);
    if ((csr::hgeip::read_raw() & files) != 0) csr::hgeie::write_raw(files);
}

// Zero: none of them stopped.
u32 of_one_that_stopped(HartFiles const& files) {
    for (u32 guest = 1; guest <= files.count; ++guest) {
        auto const* const owner = files.owners[guest];
        if (owner != nullptr && owner->hart_state.load(std::memory_order_relaxed) == HartState::stopped)
            return guest;
    }
    return 0;
}

}  // namespace

// A file stays with its vCPU until another one needs it more, and is not taken twice within a turn.
void Core::find_file(Vcpu& vcpu) {
    auto guest = files.free();
    if (guest == 0) {
        guest = of_one_that_stopped(files);
        if (guest != 0) take_file(*files.owners[guest]);
    }
    if (guest == 0) {
        auto const now = hart::time();
        if (!vcpu.file->is_wanted() || now - files.taken_at < slice) return;
        files.taken_at = now;
        guest = files.idlest();
        take_file(*files.owners[guest]);
    }
    files.owners[guest] = &vcpu;
    vcpu.file->live_in(guest, files.page(guest));
    set_external(vcpu, false);
    vcpu.hstatus = isa::Hstatus::vgein::set(vcpu.hstatus, static_cast<u8>(guest));
}

void Core::take_file(Vcpu& vcpu) {
    auto const guest = vcpu.has_file ? vcpu.file->guest() : 0;
    if (guest == 0) return;
    watch_file(vcpu, false);
    vcpu.file->live_in_software();
    files.owners[guest] = nullptr;
    vcpu.hstatus = isa::Hstatus::vgein::set(vcpu.hstatus, 0);
    set_external(vcpu, vcpu.file->signals());
    wake_if_pending(vcpu);  // its file is not watched any more
}

void Core::rest_file(Vcpu& vcpu) {
    watch_file(vcpu, false);
}

// Those that stopped and were never in anybody's way.
void Core::take_files_of_leaving() {
    for (u32 guest = 1; guest <= files.count; ++guest)
        if (auto* const vcpu = files.owners[guest]; vcpu != nullptr && vcpu->vm.is_leaving())
            take_file(*vcpu);
}

void Core::load_file(Vcpu& vcpu) {
    csr::vsiselect::write_raw(vcpu.csrs.vsiselect);
    if ((vcpu.csrs.hvip & external_bit) != 0) csr::hvictl::write(external_by_hand);
    if (files.count == 0) return;
    if (vcpu.file->guest() == 0) find_file(vcpu);
    files.loaded_at[vcpu.file->guest()] = ++files.loads;
}

void Core::unload_file(Vcpu& vcpu) {
    vcpu.csrs.vsiselect = csr::vsiselect::read_raw();
    if ((vcpu.csrs.hvip & external_bit) != 0) csr::hvictl::write({});
    hart::fence_io();  // its messages, before the hart leaves its space
}

void Core::set_external(Vcpu& vcpu, bool level) {
    if (current == &vcpu) {
        if (level) {
            csr::hvip::set_bits(external_bit);
        } else {
            csr::hvip::clear_bits(external_bit);
        }
        csr::hvictl::write(level ? external_by_hand : isa::Hvictl{});
    } else {
        vcpu.csrs.hvip = level ? vcpu.csrs.hvip | external_bit : vcpu.csrs.hvip & ~external_bit;
    }
}

void Core::serve_messages(Vcpu& vcpu) {
    auto& file = *vcpu.file;
    if (file.guest() != 0) return file.forward();
    file.collect();
    set_external(vcpu, file.signals());
}

void Core::watch_file(Vcpu const& vcpu, bool watch) {
    auto const bit = u64{1} << vcpu.file->guest() & ~u64{1};
    auto const wanted = watch ? files.watched | bit : files.watched & ~bit;
    if (wanted == files.watched) return;
    files.watched = wanted;
    write_watched(wanted);
}

bool Core::file_signals(Vcpu const& vcpu) const {
    auto const guest = vcpu.file->guest();
    return guest != 0 && csr::hgeip::read().has(guest);
}

bool Core::serve_files() {
    auto const ready = csr::hgeip::read_raw() & files.watched;
    if (ready == 0) return false;
    files.watched &= ~ready;
    write_watched(files.watched);
    for (auto left = ready; left != 0; left &= left - 1)
        wake_if_pending(*files.owners[static_cast<u32>(std::countr_zero(left))]);
    return true;
}

}  // namespace antler::vm
