// Gives devices of the board to VMs and takes them back.
#include "boot/passthrough.hpp"

#include "abi/pci_place.hpp"
#include "boot/drivers.hpp"
#include "boot/lot.hpp"
#include "boot/system.hpp"
#include "hart/fence.hpp"
#include "platform/mmio.hpp"
#include "vm/pci_host.hpp"
#include "vm/vcpu.hpp"

namespace antler::boot {
namespace {

namespace pci = device::pci;
using device::Width;

constexpr u32 header_type = 0x0c;  // of the word that has it
constexpr u32 header_type_mask = 0x7f'0000;

}  // namespace

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

// Zero: it has no such capability.
u32 LentFunction::find_express() const {
    constexpr u32 first = 0x34;
    u32 left = 48;
    for (u32 at = function_.read8(first) & 0xfcu; at != 0 && left > 0;
         --left, at = function_.read8(at + 1) & 0xfcu)
        if (function_.read8(at) == pci::capability_id::express) return at;
    return 0;
}

// It is silent for a tenth of a second at most; its BARs are put back as soon as it takes them.
void LentFunction::reset() {
    constexpr u32 can_be_reset = 1u << 28, do_it = 1u << 15;
    constexpr u64 most_nanos = 100'000'000;
    function_.write(pci::place::command, 0);
    if (auto const express = find_express();
        express != 0 && (function_.read(express + 4) & can_be_reset) != 0)
        function_.write(express + 8, (function_.read(express + 8) & 0xffff) | do_it);
    auto const give_up = hart::time() + system().board.timebase.ticks({most_nanos}).n;
    for (u32 i = 0; i < raw_.size(); ++i) {
        do {
            function_.write(pci::place::bars + 4 * i, raw_[i]);
        } while (function_.read(pci::place::bars + 4 * i) != raw_[i] && hart::time() < give_up);
    }
    function_.write(pci::place::command, pci::command::memory | pci::command::no_interrupt);
}

Result<void> Loans::refuse(std::string_view host, std::string_view why, Error error,
                           std::string_view neighbour) const {
    say("antler: {}: device {}: {}{}{}\n", machine_.name(), host, why, neighbour.empty() ? "" : " ",
        neighbour);
    return Err{error};
}

Result<void> Loans::add(std::string_view host, memory::Store& store) {
    return abi::parse_pci_place(host) ? add_function(host, store) : add_device(host, store);
}

Result<void> Loans::add_device(std::string_view host, memory::Store& store) {
    auto& device = *TRY(store.make<LentBoardDevice>());
    device.path = host;
    if (auto const refused = find_lendable(all_, host, device.of_board))
        return refuse(host, refused->why, refused->error, refused->neighbour);
    devices_[device_count_++] = &device;
    auto const lent = lend(all_, machine_, store, device);
    return lent ? lent : refuse(host, "there is no room for it in the VM", lent.error());
}

bool Loans::has(platform::BoardDevice const& device) const {
    for (u32 i = 0; i < device_count_; ++i)
        if (devices_[i]->overlaps(device)) return true;
    return false;
}

Result<void> Loans::add_function(std::string_view host, memory::Store& store) {
    auto const place = abi::parse_pci_place(host);
    std::optional<platform::PciFunction> found{};
    u32 in_group = 0;
    if (all_.pci && place->domain == 0 && place->bus == 0) {
        all_.pci->for_each([&](platform::PciFunction const& each) {
            if (each.requester() == place->requester()) found = each;
        });
        if (found)
            all_.pci->for_each([&](platform::PciFunction const& each) {
                in_group += all_.pci->group_of(each) == all_.pci->group_of(*found) ? 1 : 0;
            });
    }
    if (!found) return refuse(host, "the board has no such function of PCI", Error::not_supported);
    if ((found->read(header_type) & header_type_mask) != 0)
        return refuse(host, "it is a bridge", Error::not_supported);
    auto const behind = all_.iommus->all.covers(found->requester());
    if (!behind || all_.iommus->all[behind->iommu].is_dead())
        return refuse(host, "it reaches all memory by itself, and no IOMMU is in its way",
                      Error::not_supported);
    if (in_group > 1)
        return refuse(host, "other functions are in its group: they reach it without the IOMMU",
                      Error::not_supported);
    if (all_.iommus->all.is_attached(*behind)) return refuse(host, "it is in use", Error::busy);
    if (machine_.has_files() && !has_messages_) {
        if (!all_.iommus->messages.can_redirect())
            return refuse(host, "this board cannot lead its messages to a guest", Error::not_supported);
        TRY(all_.iommus->messages.open(all_.frames, machine_));
        has_messages_ = true;
    }

    all_.pci->enable(*found);
    auto& host_bridge = *TRY(machine_.machine().need_pci(store));
    auto& lent = *TRY(store.make<LentFunction>(*all_.pci, *found, *behind));
    auto& shown = lent.shown();
    lent.reset();
    shown.look();
    auto const messages = TRY(store.take(sizeof(pci::Message) * (shown.vectors() + 1)));
    auto* const first = new (messages.data()) pci::Message[shown.vectors() + 1];
    TRY(map(host, shown, host_bridge));
    shown.describe({first, shown.vectors()});
    shown.power_on();
    auto const attached = all_.iommus->all.attach(*behind, machine_.ram().space(), machine_.name());
    if (!attached) {
        lent.reset();
        return refuse(host, "the IOMMU cannot take it", attached.error());
    }
    functions_[count_++] = &lent;
    host_bridge.put(TRY(host_bridge.next_device()), shown);
    host_bridge.lend(shown);
    return {};
}

// Other pages than those of its messages are the guest's own.
Result<void> Loans::map(std::string_view name, vm::PciPassthrough& shown, vm::PciHost& host) {
    auto& space = machine_.ram().space();
    constexpr isa::Permissions may{.read = true, .write = true};
    for (u32 i = 0; i < pci::bar_count; ++i) {
        auto const& range = shown.board_bar(i).range;
        if (range.size == 0) continue;
        if (range.size % page_bytes != 0 || !range.start.is_aligned(page_bytes))
            return refuse(name, "a page of its registers is not its own", Error::misaligned);
        auto const at = host.place_bar(range.size);
        if (!at) return refuse(name, "its registers do not fit into the window", Error::full);
        TRY(all_.house.map_device(range));
        shown.place(i, *at);
        Result<void> mapped{};
        shown.for_each_open_stretch(i, [&](u64 offset, u64 bytes) {
            if (mapped) mapped = space.map_borrowed(*at + offset, {range.start + offset, bytes}, may);
        });
        TRY(mapped);
    }
    return {};
}

void Loans::give_back() {
    for (; device_count_ > 0; --device_count_) take_back(*devices_[device_count_ - 1]);
    for (; count_ > 0; --count_) {
        auto& lent = *functions_[count_ - 1];
        lent.reset();
        all_.iommus->all.detach(lent.behind());
    }
    if (!std::exchange(has_messages_, false)) return;
    all_.iommus->messages.close(all_.frames, machine_);
}

Wanted wanted_devices(System const& all, control::Pack const& pack) {
    Wanted wanted;
    for (u32 index = 0; index < pack.vm_count(); ++index) {
        auto const description = pack.describe(index);
        if (!description) continue;
        for (usize i = 0; i < description.value().device_count; ++i) {
            auto const host = description.value().devices[i];
            auto const place = abi::parse_pci_place(host);
            if (place && wanted.count < Wanted::most) wanted.requesters[wanted.count++] = place->requester();
            if (place || wanted.device_count == Wanted::most) continue;
            auto const found = platform::find_device(all.board_tree, all.board, host);
            if (found.device) wanted.registers[wanted.device_count++] = found.device->registers[0].start;
        }
    }
    return wanted;
}

Result<void> add_devices(System& all, Life& life) {
    auto const& description = life.vm->description();
    if (description.device_count == 0) return {};
    life.loans = TRY(life.store.make<Loans>(all, *life.vm));
    for (usize i = 0; i < description.device_count; ++i)
        TRY(life.loans->add(description.devices[i], life.store));
    life.vm->machine().open_lent();
    return {};
}

void leave_devices(Life& life) {
    if (life.loans == nullptr) return;
    life.loans->give_back();
    life.loans = nullptr;
}

}  // namespace antler::boot
