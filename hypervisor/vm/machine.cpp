// Accesses to a VM's devices, and the wires from them to its vCPUs and to the board.
#include "vm/machine.hpp"

#include <new>

#include "hart/fence.hpp"
#include "vm/channel.hpp"
#include "vm/kept_flash.hpp"
#include "vm/lent_devices.hpp"
#include "vm/net_card.hpp"
#include "vm/outside.hpp"
#include "vm/virtio_front.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

void VcpuLines::signal(u32 number, bool level) const {
    auto* const vcpu = vm->vcpu(number);
    if (vcpu == nullptr) return;
    vcpu->external.store(level, std::memory_order_release);
    vcpu->signal(Request::external_changed);
}

void VcpuLines::send(u32 number, u32 identity) const {
    if (auto const* const vcpu = vm->vcpu(number); vcpu != nullptr && vcpu->has_file)
        vcpu->file->send(identity);
}

bool ConsoleSink::transmit(u8 byte) const {
    auto const c = static_cast<char>(byte);
    console_write(*vm, {&c, 1});
    return true;
}

void PowerButton::operator()(device::PowerRequest request) const {
    switch (request.action) {
        case device::PowerAction::poweroff: return vm->end(Ending::poweroff);
        case device::PowerAction::reboot: return vm->end(Ending::reboot);
        case device::PowerAction::fail: return vm->end(Ending::crash);
    }
}

Result<void> ImsicPages::write(device::Offset offset, device::Width width, u64 value) {
    if (width != device::Width::word) return Err{Error::not_supported};
    vm_->deliver_message(imsic_start + offset, static_cast<u32>(value));
    return {};
}

Nanos RtcClock::now() const {
    return wall_clock();
}

void RtcClock::wake_at(std::optional<Nanos> when) const {
    auto const now = wall_clock();
    auto const wait = when && *when > now ? *when - now : Nanos{};
    vm->machine().set_alarm(when ? hart::time() + timebase.ticks(wait).n + 1 : ~u64{0});
    if (auto* const first = vm->vcpu(0); first != nullptr) first->signal(Request::timer_changed);
}

Nanos WatchdogKennel::now() const {
    return timebase.nanos(Ticks{hart::time()});
}

void WatchdogKennel::wake_at(std::optional<Nanos> when) const {
    vm->machine().set_watchdog_alarm(when ? timebase.ticks(*when).n + 1 : ~u64{0});
    if (auto* const first = vm->vcpu(0); first != nullptr) first->signal(Request::timer_changed);
}

void WatchdogKennel::bite() const {
    vm->machine().was_bitten();
}

void Machine::attach() {
    devices_.with([&](Devices& devices) {
        // Four regions that do not overlap, in a table of 32.
        bool const attached = bus_.attach(test_region, devices.test).ok() &&
                              bus_.attach(rtc_region, devices.rtc).ok() &&
                              bus_.attach(devices.wires.region(), devices.wires.registers()).ok() &&
                              bus_.attach(uart_region, devices.uart).ok();
        VERIFY(attached);
    });
}

void Machine::reset(u32 vcpus) {
    devices_.with([&](Devices& devices) {
        // The bus keeps its pointers: the new devices are where the old ones were.
        auto const cells =
            devices.variables_flash.cells();  // what was not written to the disk yet has changed still
        devices.~Devices();
        new (&devices) Devices{vm_, vcpus, vm_.interrupts(), timebase_};
        put_cells(devices);
        if (kept_ != nullptr) devices.variables_flash.cells() = cells;
        if (pci_ != nullptr) pci_->reset();
        if (lent_ != nullptr) lent_->power_on(devices.wires);
        for (u32 i = 0; i < slot_count_; ++i) slots_[i]->reset();
        for (auto* const end : channels()) end->reset();
        input_waits_.store(true, std::memory_order_relaxed);
        reads_by_sbi_.store(false, std::memory_order_relaxed);
    });
    set_alarm(~u64{0});
    set_watchdog_alarm(~u64{0});
}

Result<PciHost*> Machine::need_pci(memory::Store& store) {
    if (pci_ != nullptr) return pci_;
    std::array<DeviceLine, device::pci::pins> lines{};
    devices_.with([&](Devices& devices) {
        for (u32 i = 0; i < lines.size(); ++i) lines[i] = devices.wires.line(first_pci_source + i);
    });
    auto* const host = TRY(store.make<PciHost>(vm_, lines));
    TRY(host->attach(bus_, vm_.ram().range()));
    return pci_ = host;
}

Result<LentDevices*> Machine::need_lent(memory::Store& store) {
    if (lent_ == nullptr) lent_ = TRY(store.make<LentDevices>());
    return lent_;
}

void Machine::open_lent() {
    if (lent_ != nullptr) devices_.with([&](Devices& devices) { lent_->power_on(devices.wires); });
}

void Machine::board_line_rises(u32 source) {
    devices_.with([&](Devices& devices) { lent_->rise(devices.wires, source); });
}

Result<SlotWire> Machine::next_wire(memory::Store& store, VirtioBus where) {
    if (where == VirtioBus::pci) {
        auto* const host = TRY(need_pci(store));
        auto const device = TRY(host->next_device());
        return SlotWire{.host = host,
                        .device = device,
                        .function_place = TRY(store.take(sizeof(VirtioFunction), alignof(VirtioFunction)))};
    }
    return SlotWire{.line = devices_.with([&](Devices& devices) {
        return devices.wires.line(slot_place(mmio_count_).source);
    })};
}

Result<void> Machine::add(VirtioSlot& slot) {
    if (slot_count_ == max_slots) return Err{Error::full};
    if (auto* const registers = slot.registers().on_bus(); registers != nullptr)
        TRY(bus_.attach(slot_place(mmio_count_++).registers, *registers));
    slots_[slot_count_++] = &slot;
    if (auto* const streams = slot.streams(); streams != nullptr) streams_ = streams;
    return {};
}

Result<void> Machine::add_channel(memory::Store& store, Channel& channel, u32 side) {
    if (channel_count_ == max_channels) return Err{Error::full};
    auto const line = devices_.with(
        [&](Devices& devices) { return devices.wires.line(channel_place(channel_count_, 0).source); });
    auto* const end = TRY(store.make<ChannelEnd>(vm_, channel, side, channel_count_, line));
    TRY(bus_.attach(end->place().bell, *end));
    channels_[channel_count_++] = end;
    end->enter();
    return {};
}

void Machine::ask_for_work() {
    // Any vCPU that runs will do, since all see the same memory.
    for (u32 id = 0; id < vm_.vcpu_count(); ++id) {
        auto* const vcpu = vm_.vcpu(id);
        if (vcpu == nullptr || vcpu->hart_state.load() == abi::sbi::HartState::stopped) continue;
        return vcpu->signal(Request::device_work);
    }
}

bool Machine::serve_work() {
    for (u32 i = 0; i < slot_count_; ++i) slots_[i]->prepare();
    return devices_.with([&](Devices&) {
        bool more = false;
        for (auto* const end : channels()) end->work();
        if (kept_ != nullptr) more = kept_->keeper().work(kept_->cells());
        for (u32 i = 0; i < slot_count_; ++i) more = slots_[i]->model().work() || more;
        return more;
    });
}

bool Machine::leave() {
    return devices_.with([&](Devices&) {
        bool gone = true;
        for (u32 i = 0; i < slot_count_; ++i) gone = slots_[i]->leave() && gone;
        for (auto* const end : channels()) end->leave();
        if (kept_ != nullptr) gone = kept_->keeper().leave() && gone;
        return gone && !has_dma();
    });
}

bool Machine::send_system_request(char key) {
    return devices_.with([&](Devices& devices) { return devices.uart.receive_break(static_cast<u8>(key)); });
}

bool Machine::has_serial_driver() {
    return devices_.with([&](Devices& devices) { return devices.uart.interrupts_on_input(); });
}

bool Machine::set_cable(u32 card, bool plugged) {
    return devices_.with([&](Devices&) {
        for (u32 i = 0; i < slot_count_; ++i) {
            auto* const found = slots_[i]->net_card();
            if (found == nullptr || card-- != 0) continue;
            found->set_cable(plugged);
            return true;
        }
        return false;
    });
}

void Machine::console_resized(u32 port) {
    devices_.with([&](Devices&) {
        for (u32 i = 0; i < slot_count_; ++i) slots_[i]->console_resized(port);
    });
}

u32 Machine::console_room() {
    auto const room = devices_.with([&](Devices& devices) {
        auto const taken = takes_input(devices) ? devices.uart.room() : 0;
        input_waits_.store(taken == 0, std::memory_order_relaxed);
        return taken;
    });
    return room;
}

void Machine::console_type(std::string_view bytes) {
    devices_.with([&](Devices& devices) {
        for (char const c : bytes) devices.uart.receive(static_cast<u8>(c));
    });
}

u32 Machine::console_take(std::span<u8> into) {
    reads_by_sbi_.store(true, std::memory_order_relaxed);
    auto const taken = devices_.with([&](Devices& devices) { return devices.uart.take(into); });
    console_has_room(vm_);
    return taken;
}

void Machine::alarm_fired() {
    set_alarm(~u64{0});
    set_watchdog_alarm(~u64{0});
    devices_.with([&](Devices& devices) {
        devices.rtc.expire();
        if (!vm_.is_suspended()) devices.watchdog.expire();
    });
    if (!bitten_.exchange(false, std::memory_order_relaxed)) return;
    announce(vm_, "its watchdog was not fed");
    vm_.end(Ending::crash);
}

void Machine::resumed() {
    devices_.with([](Devices& devices) { devices.watchdog.start_again(); });
}

Result<void> Machine::add_watchdog() {
    return devices_.with([&](Devices& devices) { return bus_.attach(watchdog_region, devices.watchdog); });
}

Result<void> Machine::add_flash(std::span<u8 const> code, std::span<u8> variables, KeptFlash* kept) {
    code_cells_ = code;
    variables_cells_ = variables;
    kept_ = kept;
    return devices_.with([&](Devices& devices) -> Result<void> {
        put_cells(devices);
        TRY(bus_.attach(code_flash_region, devices.code_flash));
        if (kept_ == nullptr) return bus_.attach(variables_flash_region, devices.variables_flash);
        kept_->put_before(devices.variables_flash);
        return bus_.attach(variables_flash_region, *kept_);
    });
}

Result<bool> Machine::load_flash_step() {
    if (kept_ == nullptr) return true;
    return devices_.with([&](Devices&) { return kept_->keeper().load_step(kept_->cells()); });
}

bool Machine::settle_flash() {
    if (kept_ == nullptr) return true;
    return devices_.with([&](Devices&) { return kept_->keeper().settle(kept_->cells()); });
}

bool Machine::lost_flash() {
    return kept_ != nullptr && devices_.with([&](Devices&) { return kept_->keeper().lost_something(); });
}

void Machine::put_cells(Devices& devices) {
    devices.code_flash = device::CfiFlash{device::FlashArray::fixed(code_cells_)};
    devices.variables_flash = device::CfiFlash{device::FlashArray::kept(variables_cells_)};
}

}  // namespace antler::vm
