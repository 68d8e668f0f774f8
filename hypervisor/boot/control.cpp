// Finds the control channel, and gives it its turns on the boot hart.
#include "boot/control.hpp"

#include <new>
#include <utility>

#include "boot/audit.hpp"
#include "boot/disks.hpp"
#include "boot/drivers.hpp"
#include "boot/lives.hpp"
#include "boot/streams.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "platform/serial_pci.hpp"
#include "vm/outside.hpp"

namespace antler::boot {
namespace {

constexpr Nanos poll_period{10'000'000};  // of a channel that does not interrupt
constexpr Nanos life_period{100'000};     // while a VM dies

void wake() {
    system().cores[0]->ask_background();
}

// The first virtio console with more than one port; which of them is ours, it tells later.
bool open_virtio(System& all, ControlPort& port) {
    bool found = false;
    all.virtio.for_each(abi::virtio::DeviceId::console, [&](platform::VirtioTransport& transport) {
        if (found) return;
        auto const memory = driver_memory(all, platform::VirtioSerial::memory_bytes);
        if (!memory) return;
        if (!port.virtio.start(transport, memory.value(), abi::control::port_name)) return;
        auto const wired = listen_to(all, transport.wire(), port.virtio);
        if (!wired) return;
        port.polled = !wired.value();
        for (u32 line = 0; line < platform::VirtioSerial::lines; ++line)
            port.add(all, port.virtio_channels[line].emplace(port.virtio, line));
        found = true;
    });
    return found;
}

// The second one that the board's tree names, or one behind PCI.
std::optional<platform::BoardUart> find_serial(System& all) {
    auto const& second = all.board.second_uart;
    if (second && !all.wanted.has(second->registers.start)) return second;
    return all.pci ? platform::find_serial_pci(*all.pci, all.house) : std::nullopt;
}

bool open_serial(System& all, platform::BoardUart const& uart, ControlPort& port) {
    platform::Serial8250 const serial{uart.registers.start, uart.register_shift, uart.register_width};
    auto& channel = port.serial_channel.emplace(serial);
    auto const wired = listen_to(all, all.board.wire(uart.interrupt), channel);
    if (!wired) return false;
    channel.start();
    port.polled = !wired.value();
    port.add(all, channel);
    return true;
}

}  // namespace

ControlPort::ControlPort(System& all) : operations{all}, virtio{wake} {}

void ControlPort::add(System& all, control::Channel& channel) {
    lines[line_count].emplace(operations, all.outward, channel, line_count);
    ++line_count;
}

void SerialChannel::start() {
    port_.start();
    arm();
}

// Whoever finds it armed and then loses that to an interrupt is woken by the same interrupt.
void SerialChannel::arm() {
    if (!armed_.exchange(true)) port_.interrupt_on(true, sends_);
}

usize SerialChannel::receive(std::span<u8> into) {
    usize count = 0;
    for (; count < into.size(); ++count) {
        auto const c = port_.receive();
        if (!c) break;
        into[count] = static_cast<u8>(*c);
    }
    if (count == 0) arm();
    return count;
}

usize SerialChannel::send(std::span<u8 const> bytes) {
    constexpr usize most = 256;
    auto const count = port_.send_some({reinterpret_cast<char const*>(bytes.data()), bytes.size()}, most);
    auto const before = std::exchange(sends_, count != bytes.size());
    if (sends_ != before) {
        armed_ = true;
        port_.interrupt_on(true, sends_);
    }
    return count;
}

void SerialChannel::interrupted() {
    port_.interrupt_on(false, false);  // until everything that came was taken
    armed_ = false;
    wake();
}

void open_control(System& all) {
    bool any_virtio = false;
    all.virtio.for_each(abi::virtio::DeviceId::console, [&](auto&) { any_virtio = true; });
    auto const uart = any_virtio ? std::nullopt : find_serial(all);
    if (!any_virtio && !uart) return;
    auto const memory = driver_memory(all, sizeof(ControlPort));
    if (!memory) return;
    auto& port = *new (memory.value().data()) ControlPort{all};
    if (!(uart ? open_serial(all, *uart, port) : open_virtio(all, port))) return;
    all.control_port = &port;
    if (port.polled) all.cores[0]->background_at = hart::time();
}

void tell_state(System& all, u32 id, std::string_view why) {
    abi::control::VmInfo info;
    if (!Operations{all}.vm(id, info)) return;
    auto const before = all.told_states[id].exchange(info.state);
    // Nobody says when one that starts by itself has begun to run.
    using abi::control::VmState;
    bool const again = before == VmState::starting && info.state == before;
    if (before == info.state && !again) return;
    backend::Event event{.type = abi::control::Type::event_vm_state,
                         .id = id,
                         .before = again ? VmState::running : before,
                         .now = info.state};
    event.name.write(info.name);
    event.sentence.write(why);
    tell(all, event);
}

void tell(System& all, backend::Event const& event) {
    if (all.control_port == nullptr) return;
    bool const first = all.outward.with([&](backend::Outward& outward) { return outward.happened(event); });
    if (first) wake();
}

}  // namespace antler::boot

namespace antler::vm {

u64 serve_background() {
    auto& all = boot::system();
    auto const now = hart::time();
    auto const base = all.board.timebase;
    if (all.port_has_takers.exchange(false)) boot::read_port();
    auto later = boot::serve_lives(all) ? boot::life_period : control::Server::never;
    boot::tell_streams(all);
    if (boot::audit_again(all)) later = std::min(later, boot::poll_period);
    if (auto* const port = all.control_port; port != nullptr) {
        for (u32 i = 0; i < port->line_count; ++i) {
            auto& line = *port->lines[i];
            later = std::min(later, line.server.work(line.channel, base.nanos({now - all.started_at})));
        }
        if (port->polled) later = std::min(later, boot::poll_period);
    }
    boot::refuse_calls(all);
    if (auto const disks = boot::check_disks(all)) later = std::min(later, *disks);
    return later == control::Server::never ? ~u64{0} : now + base.ticks(later).n;
}

}  // namespace antler::vm
