// Between guests' consoles and people.
#include "boot/consoles.hpp"

#include <new>
#include <utility>

#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "memory/store.hpp"
#include "vm/outside.hpp"

namespace antler::boot {

using backend::ConsoleOwner;
using backend::Outward;

namespace {

// Whatever is left interrupts again.
constexpr u32 most_rounds = 64;
constexpr u32 most_scroll_back = 1_MiB;

void say_at_port(System& all, std::string_view line) {
    all.output.with(
        [&](Output& output) { all.console.with([&](Console& console) { output.say(line, console); }); });
}

// The line that says who has the input; at the port only, for it is about the port.
void tell_owner(System& all, std::string_view vm, u32 index) {
    TextBuffer<96> line;
    print(line, "antler: input goes to {}", vm);
    if (index != 0) print(line, ", port {}", index);
    print(line, "\r\n");
    say_at_port(all, line.view());
}

void give_port_to_next(System& all) {
    TextBuffer<40> name;
    u32 index = 0;
    bool const any = all.outward.with([&](Outward& outward) {
        auto const* const console = outward.hub.rotate_port();
        if (console == nullptr) return false;
        name.write(console->vm);
        index = console->index;
        return true;
    });
    if (any) tell_owner(all, name.view(), index);
    all.cores[0]->ask_background();  // the channel may have lost it
}

// Whether what is typed has a guest to wait for; what is typed at nobody is read all the same, for the keys
// that say to whom.
bool is_heard(System const& all, backend::Console const* console) {
    if (console == nullptr || console->owner != ConsoleOwner::port || console->vm_id >= all.vms.size())
        return false;
    auto const* const vm = all.vms[console->vm_id];
    return vm != nullptr && !vm->is_over();
}

// True: something was read.  What finds no room stays in the board's FIFO, which holds the sender back.
bool read_some(System& all, PortInput& input) {
    std::array<char, 16> bytes{};
    auto const room = std::min(input.held.room(), bytes.size());
    auto const count = all.console.with([&](Console& console) {
        console.listen(room != 0);
        return room == 0 ? usize{0} : console.read(std::span{bytes}.first(room));
    });
    for (char const c : std::span{bytes}.first(count)) {
        input.next_owner_keys = c == PortInput::next_owner ? input.next_owner_keys + 1 : 0;
        if (input.next_owner_keys != 3) {
            (void)input.held.push(c);
            continue;
        }
        input.next_owner_keys = 0;
        input.held.clear();  // whoever had the input does not take it
        give_port_to_next(all);
    }
    return count != 0;
}

// True: the console at the port was given something.
bool hand_on(System& all, PortInput& input) {
    return all.outward.with([&](Outward& outward) {
        auto* const console = outward.hub.at_port();
        if (!is_heard(all, console)) {
            input.held.clear();
            return false;
        }
        bool any = false;
        while (console->typed.room() != 0) {
            auto const c = input.held.pop();
            if (!c) break;
            auto const byte = static_cast<u8>(*c);
            any = outward.hub.type(*console, ConsoleOwner::port, {&byte, 1}) != 0 || any;
        }
        return any;
    });
}

// True: the guest took something.
bool feed_some(System& all, vm::Vm& vm) {
    auto* const console = vm.console(0);
    if (console == nullptr || vm.is_over()) return false;
    std::array<char, 16> bytes{};
    auto const room = std::min<usize>(vm.machine().console_room(), bytes.size());
    if (room == 0) return false;
    auto const count = all.outward.with([&](Outward& outward) {
        return outward.hub.take_typed(*console, {reinterpret_cast<u8*>(bytes.data()), room});
    });
    if (count != 0) vm.machine().console_type({bytes.data(), count});
    return count != 0;
}

// Pages that a console had for itself.
void give_back(System& all, std::span<u8> pages) {
    if (!pages.empty())
        memory::give_back_pages(all.frames, {memory::house_address(pages.data()), pages.size()});
}

// Whose console the port is at, and which of the VM's; no VM where it is at none.
std::pair<vm::Vm*, u32> place_at_port(System& all) {
    auto const [id, index] = all.outward.with([](Outward& outward) {
        auto const* const console = outward.hub.at_port();
        return console != nullptr ? std::pair{console->vm_id, console->index}
                                  : std::pair{backend::Console::nowhere, u32{0}};
    });
    return {id < all.vms.size() ? all.vms[id] : nullptr, index};
}

// Whose console it is, and which of the VM's; no VM where there is none, or none that runs.
std::pair<vm::Vm*, u32> place_of(u32 handle) {
    auto& all = system();
    auto const [id, index] = all.outward.with([&](Outward& outward) {
        auto const* const console = outward.hub.by_handle(handle);
        return console != nullptr ? std::pair{console->vm_id, console->index}
                                  : std::pair{backend::Console::nowhere, u32{0}};
    });
    return {id < all.vms.size() ? all.vms[id] : nullptr, index};
}

}  // namespace

void open_log(System& all) {
    all.log.kind = backend::ConsoleKind::log;
    all.log.label = "log";
    (void)all.log.said.move_to(all.log_ring);
    all.outward.with([&](Outward& outward) { (void)outward.hub.add(all.log); });
}

std::span<backend::Console> open_consoles(System& all, std::string_view vm, std::span<u8> memory, u32 id) {
    auto const count = static_cast<u32>(memory.size() / console_bytes(1));
    auto* const first = reinterpret_cast<backend::Console*>(memory.data());
    auto const rings = memory.subspan(count * sizeof(backend::Console));
    auto const each = rings.size() / count;
    for (u32 i = 0; i < count; ++i) {
        auto& console = *new (first + i) backend::Console;
        console.vm = vm;
        console.vm_id = id;
        console.index = i;
        console.kind = i == 0 ? backend::ConsoleKind::serial : backend::ConsoleKind::virtio;
        console.label = i == 0 ? "serial" : "virtio";
        (void)console.said.move_to(rings.subspan(i * each, each));
        all.outward.with([&](Outward& outward) {
            if (outward.hub.add(console) && outward.hub.at_port() == nullptr)
                outward.hub.put_at_port(&console);
        });
    }
    return {first, count};
}

void close_consoles(System& all, std::span<backend::Console> consoles) {
    for (auto& console : consoles) {
        all.output.with([&](Output& output) { output.forget(console); });
        auto const own = all.outward.with([&](Outward& outward) {
            outward.hub.remove(console);
            (void)console.said.move_to({});
            return std::exchange(console.pages, {});
        });
        give_back(all, own);
    }
}

control::Outcome resize_console(System& all, u32 handle, u32 bytes) {
    using abi::control::Status;
    if (bytes > most_scroll_back) return {Status::invalid, "a console keeps 1 MiB at most"};
    auto const id = all.outward.with([&](Outward& outward) {
        auto const* const console = outward.hub.by_handle(handle);
        return console != nullptr ? console->vm_id : backend::Console::nowhere;
    });
    auto* const vm = id < all.vms.size() ? all.vms[id] : nullptr;
    auto const owner = vm != nullptr ? vm->ram().space().owner() : memory::house_owner;
    HpaRange pages{};
    if (bytes != 0) {
        auto const taken = memory::take_pages(all.frames, all.house, bytes, owner);
        if (!taken) return {Status::no_memory};
        pages = taken.value();
    }
    std::span<u8> const ring{bytes != 0 ? static_cast<u8*>(memory::house_view(pages.start)) : nullptr,
                             pages.size};
    auto const old = all.outward.with([&](Outward& outward) {
        auto* const console = outward.hub.by_handle(handle);
        if (console == nullptr) return ring;
        (void)console->said.move_to(ring);
        return std::exchange(console->pages, ring);
    });
    give_back(all, old);
    return {};
}

void say_line(System& all, std::string_view line) {
    // The first lines may come before the board's clock is known.
    auto const timebase = all.board.timebase;
    auto const now = timebase.hertz != 0 ? timebase.nanos({hart::time() - all.started_at}).n : 0;
    bool const wake = all.outward.with([&](Outward& outward) {
        bool first = outward.hub.write(all.log, line);
        for (auto rest = line; !rest.empty();) {
            backend::Event event{.type = abi::control::Type::event_log, .at = now};
            event.sentence.write(rest);
            rest.remove_prefix(event.sentence.view().size());
            first = outward.happened(event) || first;
        }
        return first;
    });
    if (wake) all.cores[0]->ask_background();
    if (all.options.log == control::Options::Log::quiet) return;
    say_at_port(all, line);
}

void read_port() {
    auto& all = system();
    all.console.with([](Console& console) { console.drain(); });
    all.input.with([&](PortInput& input) {
        bool more = true;
        for (u32 round = 0; more && round < most_rounds; ++round) {
            more = read_some(all, input);
            bool const given = hand_on(all, input);
            auto const [vm, index] = place_at_port(all);
            if (vm == nullptr || vm->is_over()) continue;
            if (index == 0) {
                more = feed_some(all, *vm) || more;
            } else if (given) {
                vm->machine().ask_for_work();
            }
        }
    });
}

void feed_serial(vm::Vm& vm) {
    auto& all = system();
    bool fed = false;
    all.input.with([&](PortInput&) {
        while (feed_some(all, vm)) fed = true;
    });
    if (fed && place_at_port(all).first == &vm) read_port();
}

void input_waits(u32 handle) {
    auto const [vm, index] = place_of(handle);
    if (vm == nullptr) return;
    if (index == 0) return feed_serial(*vm);
    vm->machine().ask_for_work();
}

void window_changed(u32 handle) {
    auto const [vm, index] = place_of(handle);
    // A serial port knows of no terminal.
    if (vm != nullptr && index != 0) vm->machine().console_resized(index - 1);
}

}  // namespace antler::boot

namespace antler::vm {

using boot::system;

void console_write(Vm const& vm, std::string_view text, u32 index) {
    auto& all = system();
    auto* const console = vm.console(index);
    if (console == nullptr) return;
    bool const wake =
        all.outward.with([&](backend::Outward& outward) { return outward.hub.write(*console, text); });
    if (wake) all.cores[0]->ask_background();
    all.output.with([&](boot::Output& output) {
        all.console.with([&](boot::Console& port) { output.write(*console, text, port); });
    });
}

usize console_read(Vm const& vm, u32 index, std::span<u8> into) {
    auto* const console = vm.console(index);
    if (console == nullptr) return 0;
    auto& all = system();
    auto const [count, more] = all.outward.with([&](backend::Outward& outward) {
        bool const was_full = console->typed.full() && outward.hub.at_port() == console;
        auto const taken = outward.hub.take_typed(*console, into);
        return std::pair{taken, was_full && taken != 0};
    });
    // The device's lock is held, below which the port cannot be read.
    if (more && !all.port_has_takers.exchange(true)) all.cores[0]->ask_background();
    return count;
}

device::virtio::ConsoleSize console_size(Vm const& vm, u32 index) {
    auto* const console = vm.console(index);
    if (console == nullptr) return {};
    return system().outward.with(
        [&](backend::Outward&) { return device::virtio::ConsoleSize{console->columns, console->rows}; });
}

void console_has_room(Vm const& vm) {
    boot::feed_serial(const_cast<Vm&>(vm));
}

void poll_console() {
    auto& polls = boot::this_boot_core().polls;
    polls.store(polls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    boot::system().interrupts.poll();
}

}  // namespace antler::vm
