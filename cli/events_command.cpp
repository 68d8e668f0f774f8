// Subscribes, and prints a line for each event.
#include "cli/events_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace antler::cli {
namespace {

using std::chrono::milliseconds;
using wire::Type;

u32 topics_of(EventsOptions const& options) {
    u32 topics = 0;
    for (auto const& topic : options.topics) {
        if (topic == "state") topics |= wire::topic::vm_state;
        if (topic == "create") topics |= wire::topic::create_progress;
        if (topic == "harts") topics |= wire::topic::harts;
        if (topic == "log") topics |= wire::topic::log;
    }
    return topics != 0 ? topics : wire::topic::everything;
}

std::string without_end(std::string_view text) {
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    return std::string{text};
}

nlohmann::ordered_json as_json(Said const& said) {
    if (said.type() == Type::event_vm_state) {
        auto const event = said.as<wire::VmStateChanged>();
        return {{"event", "state"},
                {"vm", std::string{event.name}},
                {"before", std::string{wire::describe(event.before)}},
                {"now", std::string{wire::describe(event.now)}},
                {"why", std::string{event.sentence}}};
    }
    if (said.type() == Type::event_create_progress) {
        auto const event = said.as<wire::CreateProgress>();
        return {{"event", "create"},
                {"transfer", event.transfer},
                {"received", event.received},
                {"total", event.total}};
    }
    if (said.type() == Type::event_hart_stuck) {
        auto const event = said.as<wire::HartStuck>();
        nlohmann::ordered_json told{{"event", "hart"}, {"hart", event.index}, {"sentence", event_line(said)}};
        if (event.own_pc != 0) told["image_offset"] = event.own_pc;
        return told;
    }
    if (said.type() == Type::event_log) {
        auto const event = said.as<wire::LogLine>();
        return {{"event", "log"}, {"at_ns", event.at}, {"text", without_end(event.text)}};
    }
    return {{"event", "lost"}, {"count", said.as<wire::EventsLost>().count}};
}

}  // namespace

std::string event_line(Said const& said) {
    if (said.type() == Type::event_vm_state) {
        auto const event = said.as<wire::VmStateChanged>();
        return fmt::format("{}: {} (was {}): {}", event.name, wire::describe(event.now),
                           wire::describe(event.before), event.sentence);
    }
    if (said.type() == Type::event_create_progress) {
        auto const event = said.as<wire::CreateProgress>();
        return fmt::format("create: {} of {} bytes, {} %", event.received, event.total,
                           event.received * 100 / std::max<u64>(event.total, 1));
    }
    if (said.type() == Type::event_hart_stuck) {
        auto const event = said.as<wire::HartStuck>();
        // The words that `antler symbolize` looks for.
        if (event.own_pc != 0)
            return fmt::format("hart {} is at image+{:#x}, last called from image+{:#x}", event.index,
                               event.own_pc, event.own_caller);
        auto const guest = event.vm.empty() ? std::string{"it runs no guest"}
                                            : fmt::format("it serves {}, at {:x}", event.vm, event.pc);
        return fmt::format("hart {} has served no interrupt for {} ms; {}", event.index,
                           event.silent / 1'000'000, guest);
    }
    if (said.type() == Type::event_log) return without_end(said.as<wire::LogLine>().text);
    if (said.type() == Type::event_lost)
        return fmt::format("{} events were lost", said.as<wire::EventsLost>().count);
    return {};
}

int events_command(EventsOptions const& options) {
    using Clock = std::chrono::steady_clock;
    auto client = client_of(options);
    (void)must(client.ask(Type::subscribe, wire::Subscribe{topics_of(options)}), "Events");
    auto const begun = Clock::now();
    auto const over = [&] {
        return options.timeout > 0 && Clock::now() - begun > std::chrono::duration<double>{options.timeout};
    };
    for (u32 told = 0; (options.count == 0 || told < options.count) && !over();) {
        auto const said = client.next(milliseconds{100});
        if (!said || said->header.kind != wire::Kind::event) continue;
        auto const line = event_line(*said);
        if (line.empty()) continue;
        ++told;
        if (options.json)
            fmt::print("{}\n", as_json(*said).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        else
            fmt::print("{}\n", line);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace antler::cli
