// A function of the board's PCI on loan: how it forgets its owner.
#include "boot/lent_function.hpp"

#include "boot/system.hpp"
#include "hart/fence.hpp"
#include "platform/mmio.hpp"

namespace antler::boot {
namespace {

namespace pci = device::pci;
using device::Width;

// Zero: it has no such capability.
u32 find_capability(platform::PciFunction const& function, u8 id) {
    constexpr u32 first = 0x34;
    u32 left = 48;
    for (u32 at = function.read8(first) & 0xfcu; at != 0 && left > 0;
         --left, at = function.read8(at + 1) & 0xfcu)
        if (function.read8(at) == id) return at;
    return 0;
}

void wait(Nanos time) {
    auto const end = hart::time() + system().board.timebase.ticks(time).n;
    while (hart::time() < end) hart::pause();
}

}  // namespace

LentFunction::LentFunction(System& all, vm::Vm& machine, platform::PciFunction const& function,
                           platform::DeviceId behind)
    : all_{all}, machine_{machine}, function_{function}, behind_{behind} {
    find_bars(*all.pci);
    find_reset();
}

u64 LentFunction::load(Hpa at, Width width) {
    switch (width) {
        case Width::byte: return platform::mmio_read<u8>(at);
        case Width::half: return platform::mmio_read<u16>(at);
        case Width::word: return platform::mmio_read<u32>(at);
        case Width::doubleword: return platform::mmio_read<u64>(at);
    }
    return 0;
}

void LentFunction::store(Hpa at, Width width, u64 value) {
    switch (width) {
        case Width::byte: return platform::mmio_write(at, static_cast<u8>(value));
        case Width::half: return platform::mmio_write(at, static_cast<u16>(value));
        case Width::word: return platform::mmio_write(at, static_cast<u32>(value));
        case Width::doubleword: return platform::mmio_write(at, value);
    }
}

void LentFunction::find_bars(platform::PciBridge& bridge) {
    constexpr u32 is_port = 1, is_wide = 4, is_prefetchable = 8;
    for (u32 i = 0; i < bars_.size(); ++i) {
        raw_[i] = function_.read(pci::place::bars + 4 * i);
        auto const low = raw_[i];
        bool const wide = (low & is_port) == 0 && (low & is_wide) != 0;
        auto const range = (low & is_port) != 0 ? std::nullopt : bridge.bar(function_, i);
        if (range) bars_[i] = {*range, wide, (low & is_prefetchable) != 0};
        if (wide && i + 1 < bars_.size()) {
            ++i;
            raw_[i] = function_.read(pci::place::bars + 4 * i);
        }
    }
}

// By itself (FLR), else by losing its power, where it does not say that it remembers.
void LentFunction::find_reset() {
    constexpr u32 can_reset_function = 1u << 28, remembers = 1u << 3;
    if (auto const at = find_capability(function_, pci::capability_id::express);
        at != 0 && (function_.read(at + 4) & can_reset_function) != 0) {
        how_ = How::by_function;
        capability_ = at;
    } else if (auto const power = find_capability(function_, pci::capability_id::power);
               power != 0 && (function_.read(power + 4) & remembers) == 0) {
        how_ = How::by_power;
        capability_ = power;
    }
}

void LentFunction::reset_by_function() const {
    constexpr u32 do_it = 1u << 15;
    function_.write(capability_ + 8, (function_.read(capability_ + 8) & 0xffff) | do_it);
}

void LentFunction::reset_by_power() const {
    constexpr u32 states = 3, off = 3;
    constexpr Nanos settling{10'000'000};
    auto const before = function_.read(capability_ + 4) & ~states;
    function_.write(capability_ + 4, before | off);
    wait(settling);
    function_.write(capability_ + 4, before);
    wait(settling);
}

// It is silent for a tenth of a second at most.
void LentFunction::put_bars_back() const {
    constexpr Nanos most{100'000'000};
    auto const give_up = hart::time() + system().board.timebase.ticks(most).n;
    for (u32 i = 0; i < raw_.size(); ++i) {
        do {
            function_.write(pci::place::bars + 4 * i, raw_[i]);
        } while (function_.read(pci::place::bars + 4 * i) != raw_[i] && hart::time() < give_up);
    }
}

// What was under way is over before it forgets, and its messages to the life before are gone.
void LentFunction::reset() {
    function_.write(pci::place::command, 0);
    if (attached_) all_.iommus->all.hold(behind_);
    if (how_ == How::by_function) reset_by_function();
    if (how_ == How::by_power) reset_by_power();
    put_bars_back();
    function_.write(pci::place::command, pci::command::memory | pci::command::no_interrupt);
    if (!attached_) return;
    all_.iommus->messages.forget(machine_);
    all_.iommus->all.let_go(behind_);
}

Result<void> LentFunction::attach() {
    TRY(all_.iommus->all.attach(behind_, machine_.ram().space(), machine_.name()));
    attached_ = true;
    return {};
}

void LentFunction::leave() {
    reset();
    if (std::exchange(attached_, false)) all_.iommus->all.detach(behind_);
}

}  // namespace antler::boot
