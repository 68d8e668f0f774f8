// Devices of the board's tree on loan.
#include "boot/lent_devices.hpp"

#include "boot/control.hpp"
#include "boot/passthrough.hpp"
#include "boot/system.hpp"
#include "platform/mmio.hpp"

namespace antler::boot {
namespace {

using platform::BoardDevice;

// What every 16550 has: no interrupts, empty queues, no modem lines.
void reset_serial(vm::LentDevice const& device) {
    auto const shift = static_cast<u32>(device.node.number("reg-shift").value_or(0));
    auto const width = device.node.number("reg-io-width").value_or(1);
    auto const base = device.seen_by_house + device.node.number("reg-offset").value_or(0);
    constexpr u32 last_register = 7, most_shift = 4;
    if (shift > most_shift || device.registers[0].size < (u64{last_register} + 1) << shift) return;
    auto const put = [&](u32 index, u8 value) {
        auto const at = base + (u64{index} << shift);
        if (width == sizeof(u32)) return platform::mmio_write<u32>(at, value);
        if (width == sizeof(u16)) return platform::mmio_write<u16>(at, value);
        platform::mmio_write<u8>(at, value);
    };
    constexpr u32 interrupts = 1, queues = 2, line = 3, modem = 4;
    constexpr u8 empty_both = 7;
    put(line, 0);  // the divisor is not where interrupts are
    put(interrupts, 0);
    put(queues, empty_both);
    put(queues, 0);
    put(modem, 0);
}

void reset_goldfish(vm::LentDevice const& device) {
    constexpr u32 irq_enabled = 0x10, clear_alarm = 0x14, clear_interrupt = 0x1c;
    if (device.registers[0].size < clear_interrupt + sizeof(u32)) return;
    platform::mmio_write<u32>(device.seen_by_house + irq_enabled, 0);
    platform::mmio_write<u32>(device.seen_by_house + clear_alarm, 1);
    platform::mmio_write<u32>(device.seen_by_house + clear_interrupt, 1);
}

// Others keep what their registers hold.
auto reset_of(abi::FdtNode const& node) -> void (*)(vm::LentDevice const&) {
    for (auto const* const kind : {"ns16550a", "ns16550", "ns16450", "ns8250", "snps,dw-apb-uart"})
        if (node.compatible(kind)) return reset_serial;
    return node.compatible("google,goldfish-rtc") ? reset_goldfish : nullptr;
}

bool is_at(BoardDevice const& device, Hpa registers) {
    return device.registers[0].contains(registers, 1);
}

// The console, and the second port where operators talk at it.
bool house_uses(System& all, BoardDevice const& device) {
    if (all.board.uart && is_at(device, all.board.uart->registers.start)) return true;
    auto const& second = all.board.second_uart;
    return second && is_at(device, second->registers.start) && all.control_port != nullptr &&
           all.control_port->serial_channel;
}

bool is_lent(System& all, BoardDevice const& device) {
    for (auto const& lot : all.lots)
        if (lot.life && lot.life->loans != nullptr && lot.life->loans->has(device)) return true;
    for (auto const& wire : device.wires)
        if (all.lent_wires.is_lent(wire)) return true;
    return false;
}

// Every page where it is told; the first page's offset stays.
Result<void> map(System& all, vm::Vm& machine, vm::LentDevices& into, LentBoardDevice& device) {
    constexpr isa::Permissions may{.read = true, .write = true};
    for (usize i = 0; i < device.of_board.registers.size(); ++i) {
        auto const& range = device.of_board.registers[i];
        auto const pages = device.of_board.pages(i);
        auto const at = into.place(pages.size);
        if (!at) return Err{Error::full};
        TRY(all.house.map_device(pages));
        TRY(machine.ram().space().map_borrowed(*at, pages, may));
        device.shown.registers[device.shown.register_count++] = {*at + (range.start - pages.start),
                                                                 range.size};
    }
    return {};
}

}  // namespace

bool LentBoardDevice::overlaps(BoardDevice const& other) const {
    for (usize i = 0; i < of_board.registers.size(); ++i)
        for (usize j = 0; j < other.registers.size(); ++j)
            if (of_board.pages(i).overlaps(other.pages(j))) return true;
    return false;
}

std::optional<Refused> find_lendable(System& all, std::string_view path, BoardDevice& into) {
    auto const found = platform::find_device(all.board_tree, all.board, path);
    if (!found.device) return Refused{found.why_not, found.neighbour};
    into = *found.device;
    if (house_uses(all, into)) return Refused{.why = "the hypervisor uses it", .error = Error::busy};
    if (is_lent(all, into)) return Refused{.why = "it is in use", .error = Error::busy};
    return std::nullopt;
}

Result<void> lend(System& all, vm::Vm& machine, memory::Store& store, LentBoardDevice& device) {
    auto& into = *TRY(machine.machine().need_lent(store));
    auto& shown = device.shown;
    shown.node = device.of_board.node;
    shown.clock = device.of_board.clock;
    shown.reset = reset_of(shown.node);
    shown.seen_by_house = device.of_board.registers[0].start;
    TRY(map(all, machine, into, device));
    if (shown.reset != nullptr) shown.reset(shown);
    for (auto const& wire : device.of_board.wires) {
        auto* const line = TRY(all.lent_wires.lend(all, wire, machine));
        device.wires[device.wire_count++] = line;
        auto const source = TRY(into.add_wire(*line));
        LentWires::lead_to(*line, machine.machine(), source);
        shown.wires[shown.wire_count++] = {source, line->is_level()};
    }
    return into.add(shown);
}

void take_back(LentBoardDevice& device) {
    if (device.shown.reset != nullptr) device.shown.reset(device.shown);
    for (; device.wire_count > 0; --device.wire_count)
        LentWires::take_back(*device.wires[device.wire_count - 1]);
}

}  // namespace antler::boot
