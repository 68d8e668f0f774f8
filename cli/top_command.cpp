// `antler top`: which VMs use the harts, again and again, the busiest first.
#include "cli/top_command.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "cli/byte_size.hpp"
#include "cli/console.hpp"

namespace antler::cli {
namespace {

using wire::Type;

// What a VM had done when it was looked at.
struct Look {
    std::string state{};
    u64 at = 0;
    u64 run = 0;
    u64 steal = 0;
    u64 exits = 0;
    u64 memory = 0;
    u64 overhead = 0;
};
using Looks = std::map<std::string, Look>;

std::vector<TopHart> look_at_harts(ControlClient& client) {
    std::vector<TopHart> harts;
    auto const answer = must(client.ask(Type::host_info, wire::Nothing{}), "The harts");
    for (auto const& item : answer.items) {
        if (item.type() != Type::item_hart) continue;
        auto const hart = item.as<wire::HartInfo>();
        harts.push_back({hart.index, hart.busy, hart.idle});
    }
    return harts;
}

std::vector<TopHart> between(std::vector<TopHart> const& before, std::vector<TopHart> const& now) {
    auto harts = now;
    for (usize i = 0; i < std::min(before.size(), harts.size()); ++i) {
        harts[i].busy -= std::min(harts[i].busy, before[i].busy);
        harts[i].idle -= std::min(harts[i].idle, before[i].idle);
    }
    return harts;
}

Looks look(ControlClient& client) {
    Looks all;
    auto const list = must(client.ask(Type::list, wire::Nothing{}), "The list");
    for (auto const& item : list.items) {
        if (item.type() != Type::item_vm) continue;
        auto const info = item.as<wire::VmInfo>();
        Look one{.state = std::string{wire::describe(info.state)},
                 .run = info.run_time,
                 .memory = info.memory_present,
                 .overhead = info.overhead};
        std::string const name{info.name};
        auto const answer = client.ask(Type::vm_statistics, wire::VmName{name});
        if (answer.ok()) {
            auto const statistics = answer.body<wire::VmStatistics>();
            one.at = statistics.taken_at;
            one.run = statistics.run_time;
            one.steal = statistics.steal_time;
            for (auto const& part : answer.items)
                if (part.type() == Type::item_vcpu_statistics)
                    for (auto const exits : part.as<wire::VcpuStatistics>().exits) one.exits += exits;
        }
        all.emplace(name, std::move(one));
    }
    return all;
}

// A VM that was started again counts from zero again.
u64 since(u64 now, u64 before) {
    return now >= before ? now - before : now;
}

std::vector<TopRow> rows_between(Looks const& before, Looks const& now) {
    std::vector<TopRow> rows;
    for (auto const& [name, one] : now) {
        auto const found = before.find(name);
        auto const old = found != before.end() ? found->second : Look{};
        rows.push_back({name, one.state, since(one.run, old.run), since(one.steal, old.steal),
                        since(one.exits, old.exits), one.memory, one.overhead});
    }
    return rows;
}

u64 interval_between(Looks const& before, Looks const& now) {
    for (auto const& [name, one] : now)
        if (auto const found = before.find(name); found != before.end() && one.at > found->second.at)
            return one.at - found->second.at;
    return 1;
}

usize lines_of_terminal() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 4) return 1000;
    return size.ws_row - 1u;
}

void print_json(std::vector<TopRow> const& rows, u64 interval) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (auto const& row : rows)
        json.push_back({{"name", row.name},
                        {"state", row.state},
                        {"interval_ns", interval},
                        {"run_ns", row.run},
                        {"steal_ns", row.steal},
                        {"exits", row.exits},
                        {"memory_present", row.memory},
                        {"overhead", row.overhead}});
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    std::fflush(stdout);
}

// Whether to go on: q, ^C or ^] ends it.
bool wait_for_key(double seconds, bool keys) {
    pollfd waiting{.fd = keys ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(seconds * 1000)) <= 0) return true;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) <= 0) return false;
    return key != 'q' && key != 3 && key != escape_key;
}

}  // namespace

std::string top_harts(std::vector<TopHart> const& harts) {
    std::string text{"Harts:"};
    for (auto const& hart : harts)
        text += fmt::format("{} {} {:.0f} % busy", hart.index == 0 ? "" : ",", hart.index,
                            100.0 * static_cast<double>(hart.busy) /
                                static_cast<double>(std::max<u64>(hart.busy + hart.idle, 1)));
    return text + "\n";
}

std::string top_table(std::vector<TopRow> rows, u64 interval, usize lines) {
    std::ranges::sort(rows, [](TopRow const& a, TopRow const& b) {
        return std::tuple{b.run, a.name} < std::tuple{a.run, b.name};
    });
    usize width = 4;
    for (auto const& row : rows) width = std::max(width, row.name.size());
    auto text = fmt::format("{:<{}}  {:<9} {:>6} {:>7} {:>9} {:>10} {:>10}\n", "NAME", width, "STATE",
                            "HART%", "STEAL%", "EXITS/s", "MEMORY", "OVERHEAD");
    auto const percent = [&](u64 time) {
        return 100.0 * static_cast<double>(time) / static_cast<double>(std::max<u64>(interval, 1));
    };
    usize used = 1;
    for (auto const& row : rows) {
        if (++used > lines) break;
        auto const rate =
            static_cast<double>(row.exits) * 1e9 / static_cast<double>(std::max<u64>(interval, 1));
        text += fmt::format("{:<{}}  {:<9} {:>6.1f} {:>7.1f} {:>9.0f} {:>10} {:>10}\n", row.name, width,
                            row.state, percent(row.run), percent(row.steal), rate,
                            show_rounded_size(row.memory), show_rounded_size(row.overhead));
    }
    return text;
}

int top_command(TopOptions const& options) {
    auto client = client_of(options);
    bool const screen = !options.once && !options.json && ::isatty(STDOUT_FILENO) == 1;
    bool const keys = is_our_terminal(STDIN_FILENO);
    std::optional<RawTerminal> raw;
    if (screen && keys) raw.emplace(STDIN_FILENO);
    if (screen) fmt::print("\x1b[?1049h\x1b[?25l");  // the other screen, without a cursor
    auto before = look(client);
    auto harts_before = look_at_harts(client);
    bool goes_on = wait_for_key(options.once ? 0.5 : std::min(options.interval, 0.5), screen && keys);
    while (goes_on) {
        auto now = look(client);
        auto harts = look_at_harts(client);
        auto const interval = interval_between(before, now);
        auto const rows = rows_between(before, now);
        if (options.json) {
            print_json(rows, interval);
        } else {
            if (screen) fmt::print("\x1b[H\x1b[J");
            fmt::print("{}{}", top_harts(between(harts_before, harts)),
                       top_table(rows, interval, screen ? lines_of_terminal() - 1 : 1000));
            std::fflush(stdout);
        }
        before = std::move(now);
        harts_before = std::move(harts);
        goes_on = !options.once && wait_for_key(options.interval, screen && keys);
    }
    if (screen) fmt::print("\x1b[?25h\x1b[?1049l");
    return 0;
}

}  // namespace antler::cli
