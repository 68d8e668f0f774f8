// Requests about consoles.
#include "control/server_emit.hpp"

namespace antler::control {

using backend::Outward;
using wire::Status;
using wire::Type;

void Server::console(Type type) {
    if (type == Type::console_open) return with<wire::ConsoleOpen>([&](auto const& m) { open_console(m); });
    if (type == Type::console_input)
        return with<wire::ConsoleInput>([&](auto const& m) { console_input(m); });
    if (type == Type::console_window)
        return with<wire::ConsoleWindow>([&](auto const& m) { console_window(m); });
    if (type == Type::console_close)
        return with<wire::ConsoleHandle>([&](auto const& m) {
            bool const found = outward_.with([&](Outward& outward) {
                auto* const console = outward.hub.by_handle(m.handle);
                if (console != nullptr) outward.hub.unwatch(*console, channel_);
                return console != nullptr;
            });
            reply({found ? Status::ok : Status::not_found});
        });
    if (type == Type::console_own)
        return with<wire::ConsoleOwn>([&](auto const& m) {
            bool const found = outward_.with([&](Outward& outward) {
                auto* const console = outward.hub.by_handle(m.handle);
                if (console != nullptr && m.take) outward.hub.own_by_channel(*console, channel_);
                if (console != nullptr && !m.take) outward.hub.disown(*console, channel_);
                return console != nullptr;
            });
            reply({found ? Status::ok : Status::not_found});
        });
    with<wire::ConsoleResize>([&](auto const& m) {
        auto const handle = outward_.with([&](Outward& outward) {
            auto const* const console = outward.hub.find(m.vm, m.console);
            return console != nullptr ? std::optional{console->handle} : std::nullopt;
        });
        reply(handle ? operations_.resize_console(*handle, m.bytes) : Outcome{Status::not_found});
    });
}

void Server::open_console(wire::ConsoleOpen const& message) {
    auto const opened = outward_.with([&](Outward& outward) -> std::optional<wire::ConsoleOpened> {
        auto* const console = outward.hub.find(message.vm, message.console);
        if (console == nullptr) return std::nullopt;
        outward.hub.watch(*console, channel_, message.history);
        if (message.own) outward.hub.own_by_channel(*console, channel_);
        return wire::ConsoleOpened{console->handle, console->ears[channel_].heard,
                                   static_cast<u32>(console->said.size()),
                                   console->owner == backend::owner_of(channel_)};
    });
    if (opened) return reply_with(*opened);
    bool const is_vm = message.vm.empty() || operations_.find_vm(message.vm);
    reply({is_vm ? Status::not_found : Status::no_such_vm});
}

void Server::console_input(wire::ConsoleInput const& message) {
    usize count = 0;
    auto const status = outward_.with([&](Outward& outward) {
        auto* const console = outward.hub.by_handle(message.handle);
        if (console == nullptr) return Status::not_found;
        if (console->owner != backend::owner_of(channel_)) return Status::not_owner;
        count = outward.hub.type(*console, backend::owner_of(channel_), message.bytes);
        return Status::ok;
    });
    if (status != Status::ok) return reply({status});
    if (count != 0) operations_.input_waits(message.handle);
    reply_with(wire::Accepted{static_cast<u32>(count)});
}

void Server::console_window(wire::ConsoleWindow const& message) {
    auto const status = outward_.with([&](Outward& outward) {
        auto* const console = outward.hub.by_handle(message.handle);
        if (console == nullptr) return Status::not_found;
        if (console->owner != backend::owner_of(channel_)) return Status::not_owner;
        console->columns = message.columns;
        console->rows = message.rows;
        return Status::ok;
    });
    if (status == Status::ok) operations_.window_changed(message.handle);
    reply({status});
}

}  // namespace antler::control
