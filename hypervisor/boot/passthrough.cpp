// Gives devices of the board to VMs and takes them back.
#include "boot/passthrough.hpp"

#include "abi/pci_place.hpp"
#include "boot/drivers.hpp"
#include "boot/lot.hpp"
#include "boot/system.hpp"
#include "vm/pci_host.hpp"
#include "vm/vcpu.hpp"

namespace antler::boot {
namespace {

namespace pci = device::pci;

constexpr u32 header_type = 0x0c;  // of the word that has it
constexpr u32 header_type_mask = 0x7f'0000;

}  // namespace

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
    if (place->domain != 0 || place->bus != 0)
        return refuse(host, "only functions of the first bus are lent, and it is behind a bridge",
                      Error::not_supported);
    if (all_.pci) {
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
    auto& lent = *TRY(store.make<LentFunction>(all_, machine_, *found, *behind));
    if (!lent.forgets()) TRY(bind(host, found->requester()));
    auto& shown = lent.shown();
    lent.reset();
    shown.look();
    auto const source = TRY(lend_pin(host, *found, store));
    if (source != 0) shown.wire_pin();
    auto const messages = TRY(store.take(sizeof(pci::Message) * (shown.vectors() + 1)));
    auto* const first = new (messages.data()) pci::Message[shown.vectors() + 1];
    TRY(map(host, shown, host_bridge));
    shown.describe({first, shown.vectors()});
    shown.power_on();
    auto const attached = lent.attach();
    if (!attached) {
        lent.reset();
        return refuse(host, "the IOMMU cannot take it", attached.error());
    }
    functions_[count_++] = &lent;
    auto const device = TRY(host_bridge.next_device());
    host_bridge.put(device, shown);
    if (source != 0) host_bridge.lead_pin(device, source);
    host_bridge.lend(shown);
    return {};
}

// The guest's source for its pin; 0: it has none, or the wire is somebody else's too, who would wait for this
// guest to serve it.
Result<u32> Loans::lend_pin(std::string_view host, platform::PciFunction const& function,
                            memory::Store& store) {
    auto const told = function.pin() != 0 ? all_.pci->interrupt(function) : std::nullopt;
    auto const wire = told ? all_.board.wire(told) : std::nullopt;
    if (!wire) return 0u;
    for (auto const& pin : std::span{pins_}.first(pin_count_))
        if (pin.wire == *wire) return pin.source;
    if (all_.lent_wires.is_lent(*wire) || all_.lent_wires.is_used(all_, *wire)) {
        say("antler: {}: device {}: its wire has somebody else's devices too: it sends messages or nothing\n",
            machine_.name(), host);
        return 0u;
    }
    auto* const line = TRY(all_.lent_wires.lend(all_, *wire, machine_));
    auto& into = *TRY(machine_.machine().need_lent(store));
    auto const source = TRY(into.add_wire(*line));
    LentWires::lead_to(*line, machine_.machine(), source);
    pins_[pin_count_++] = {*wire, line, source};
    return source;
}

Result<void> Loans::bind(std::string_view host, u16 requester) {
    auto const owner = all_.attachments.owner(requester);
    if (owner == machine_.name()) return {};
    if (!owner.empty())
        return refuse(host, "it cannot be reset, and may still do what it was told by", Error::busy, owner);
    if (!all_.attachments.add(requester, machine_.name()))
        return refuse(host, "it cannot be reset, and there are too many of its kind", Error::full);
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
        lent.leave();
    }
    for (; pin_count_ > 0; --pin_count_) LentWires::take_back(*pins_[pin_count_ - 1].line);
    if (!std::exchange(has_messages_, false)) return;
    all_.iommus->messages.close(all_.frames, machine_);
}

std::string_view Attachments::owner(u16 requester) const {
    for (auto const& one : std::span{all}.first(count))
        if (one.requester == requester) return {one.vm.data(), one.size};
    return {};
}

bool Attachments::add(u16 requester, std::string_view vm) {
    if (count == most) return false;
    auto& one = all[count++];
    one.requester = requester;
    one.size = static_cast<u8>(vm.copy(one.vm.data(), one.vm.size()));
    return true;
}

Wanted wanted_devices(System& all, control::Pack const& pack) {
    Wanted wanted;
    for (u32 index = 0; index < pack.vm_count(); ++index) {
        auto const description = description_in(all, pack, index);
        if (!description) continue;
        for (usize i = 0; i < description.value()->device_count; ++i) {
            auto const host = description.value()->devices[i];
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
