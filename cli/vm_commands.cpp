// Questions and answers about VMs, as tables or as JSON.
#include "cli/vm_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/byte_size.hpp"
#include "cli/instances.hpp"

namespace antler::cli {
namespace {

using Json = nlohmann::ordered_json;
using wire::Type;

std::string text(std::string_view view) {
    return std::string{view};
}

void print(Json const& json) {
    fmt::print("{}\n", json.dump(2));
}

// Rows of columns, each as wide as its widest; numbers of columns that `right` names go to the right.
void print_table(std::vector<std::vector<std::string>> const& rows, std::string_view right) {
    std::vector<usize> widths;
    for (auto const& row : rows)
        for (usize i = 0; i < row.size(); ++i) {
            if (i == widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], row[i].size());
        }
    for (auto const& row : rows) {
        std::string line;
        for (usize i = 0; i < row.size(); ++i) {
            auto const left = i >= right.size() || right[i] != '>';
            line +=
                left ? fmt::format("{:<{}}", row[i], widths[i]) : fmt::format("{:>{}}", row[i], widths[i]);
            if (i + 1 < row.size()) line += "  ";
        }
        while (line.ends_with(' ')) line.pop_back();
        fmt::print("{}\n", line);
    }
}

std::string_view word(wire::AfterEnd after) {
    switch (after) {
        case wire::AfterEnd::destroy: return "destroy";
        case wire::AfterEnd::restart: return "restart";
        case wire::AfterEnd::preserve: return "preserve";
    }
    return "unknown";
}

Json as_json(wire::VmInfo const& vm) {
    return {{"id", vm.id},
            {"name", text(vm.name)},
            {"state", text(describe(vm.state))},
            {"vcpus", vm.vcpus},
            {"memory", vm.memory},
            {"memory_present", vm.memory_present},
            {"overhead", vm.overhead},
            {"pack", vm.pack},
            {"uptime_ns", vm.uptime},
            {"run_time_ns", vm.run_time},
            {"starts", vm.starts},
            {"weight", vm.weight},
            {"cap", vm.cap},
            {"consoles", vm.consoles},
            {"on_poweroff", text(word(vm.on_poweroff))},
            {"on_reboot", text(word(vm.on_reboot))},
            {"on_crash", text(word(vm.on_crash))},
            {"vsock_cid", vm.vsock_cid},
            {"last_words", text(vm.last_words)}};
}

std::string about(std::string const& vm) {
    return fmt::format("`{}`", vm);
}

}  // namespace

ControlClient client_of(Asked const& asked) {
    if (!asked.socket.empty()) return ControlClient{asked.socket};
    return ControlClient{wait_for_socket(find_instance(asked.machine).control)};
}

u64 hart_mask(std::string const& text) {
    u64 mask = 0;
    auto const wrong = [&] {
        return Failure{ExitCode::bad_input, fmt::format("`{}` is not a list of harts such as 0-1,3.", text)};
    };
    auto const number = [&](std::string_view digits) {
        u32 value = 0;
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc{} || end != digits.data() + digits.size() || value > 63) throw wrong();
        return value;
    };
    std::string_view left{text};
    while (true) {
        auto const comma = left.find(',');
        auto const part = left.substr(0, comma);
        auto const dash = part.find('-');
        auto const first = number(part.substr(0, dash));
        auto const last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
        if (last < first) throw wrong();
        for (auto i = first; i <= last; ++i) mask |= u64{1} << i;
        if (comma == std::string_view::npos) return mask;
        left.remove_prefix(comma + 1);
    }
}

std::string hart_list(u64 mask) {
    std::string list;
    for (u32 i = 0; i < 64; ++i) {
        if ((mask >> i & 1) == 0) continue;
        auto last = i;
        while (last < 63 && (mask >> (last + 1) & 1) != 0) ++last;
        if (!list.empty()) list += ',';
        list += last == i ? fmt::format("{}", i) : fmt::format("{}-{}", i, last);
        i = last;
    }
    return list;
}

std::string duration(u64 nanoseconds) {
    auto const seconds = nanoseconds / 1'000'000'000;
    auto const days = seconds / 86'400;
    auto const hours = seconds / 3'600 % 24;
    auto const minutes = seconds / 60 % 60;
    if (days != 0) return fmt::format("{} d {:02}:{:02}:{:02}", days, hours, minutes, seconds % 60);
    if (hours != 0) return fmt::format("{:02}:{:02}:{:02}", hours, minutes, seconds % 60);
    return fmt::format("{:02}:{:02}.{}", minutes, seconds % 60, nanoseconds / 100'000'000 % 10);
}

int list_command(Asked const& asked) {
    auto client = client_of(asked);
    auto const answer = must(client.ask(Type::list, wire::Nothing{}), "Cannot list the virtual machines");
    if (asked.json) {
        auto all = Json::array();
        for (auto const& item : answer.items) all.push_back(as_json(item.as<wire::VmInfo>()));
        print(all);
        return 0;
    }
    std::vector<std::vector<std::string>> rows{
        {"Id", "Name", "State", "vCPUs", "Memory", "Uptime", "CPU time"}};
    for (auto const& item : answer.items) {
        auto const vm = item.as<wire::VmInfo>();
        rows.push_back({fmt::format("{}", vm.id), text(vm.name), text(describe(vm.state)),
                        fmt::format("{}", vm.vcpus), show_rounded_size(vm.memory), duration(vm.uptime),
                        duration(vm.run_time)});
    }
    print_table(rows, ">  >>>>");
    return 0;
}

int instances_command(bool json) {
    auto const all = running_instances();
    if (json) {
        auto list = Json::array();
        for (auto const& one : all) list.push_back({{"name", one.name}, {"control", one.control.string()}});
        print(list);
        return 0;
    }
    for (auto const& one : all) fmt::print("{}\n", one.name);
    return 0;
}

Json iommus_of(Answer const& answer) {
    auto all = Json::array();
    for (auto const& item : answer.items) {
        if (item.type() != Type::item_iommu) continue;
        auto const iommu = item.as<wire::IommuInfo>();
        all.push_back({{"index", iommu.index},
                       {"kind", text(iommu.kind)},
                       {"version", fmt::format("{}.{}", iommu.version >> 4, iommu.version & 15)},
                       {"levels", iommu.levels},
                       {"tells", text(iommu.tells)},
                       {"devices", iommu.devices},
                       {"commands", iommu.commands},
                       {"faults", iommu.faults},
                       {"redirects_messages", iommu.redirects >= 1},
                       {"stores_messages", iommu.redirects >= 2},
                       {"stored", iommu.stored},
                       {"notices", iommu.notices}});
    }
    return all;
}

int host_command(Asked const& asked) {
    auto client = client_of(asked);
    auto const answer = must(client.ask(Type::host_info, wire::Nothing{}), "Cannot ask about the machine");
    auto const host = answer.body<wire::HostInfo>();
    if (asked.json) {
        Json json{{"version", text(host.version)},
                  {"firmware", text(host.firmware)},
                  {"isa", text(host.isa)},
                  {"harts", host.harts},
                  {"vms", host.vms},
                  {"memory", host.memory},
                  {"house_used", host.house_used},
                  {"house_free", host.house_free},
                  {"guest_used", host.guest_used},
                  {"guest_free", host.guest_free},
                  {"uptime_ns", host.uptime},
                  {"wall_clock_ns", host.wall_clock},
                  {"timebase", host.timebase},
                  {"panic_dump", host.panic_dump},
                  {"garbage", host.garbage}};
        auto harts = Json::array();
        for (auto const& item : answer.items) {
            if (item.type() != Type::item_hart) continue;
            auto const hart = item.as<wire::HartInfo>();
            harts.push_back({{"index", hart.index},
                             {"id", hart.id},
                             {"busy_ns", hart.busy},
                             {"idle_ns", hart.idle},
                             {"heartbeat_ns", hart.heartbeat},
                             {"vcpus", hart.vcpus},
                             {"interrupts", hart.interrupts},
                             {"calls", hart.calls},
                             {"polls", hart.polls},
                             {"running", text(hart.running)}});
        }
        json["hart"] = harts;
        json["iommu"] = iommus_of(answer);
        print(json);
        return 0;
    }
    fmt::print("{} on {}, up {}\n", host.version, host.firmware, duration(host.uptime));
    fmt::print("{} of memory: guests have {} and could have {} more, the hypervisor has {}\n",
               show_rounded_size(host.memory), show_rounded_size(host.guest_used),
               show_rounded_size(host.guest_free + host.house_free), show_rounded_size(host.house_used));
    if (host.panic_dump != 0)
        fmt::print("The hypervisor panicked before its last start; `antler panic` shows what it left.\n");
    std::vector<std::vector<std::string>> rows{{"Hart", "Id", "Busy", "Idle", "vCPUs", "Running"}};
    for (auto const& item : answer.items) {
        if (item.type() != Type::item_hart) continue;
        auto const hart = item.as<wire::HartInfo>();
        rows.push_back({fmt::format("{}", hart.index), fmt::format("{}", hart.id), duration(hart.busy),
                        duration(hart.idle), fmt::format("{}", hart.vcpus),
                        hart.running.empty() ? "-" : text(hart.running)});
    }
    print_table(rows, ">>>>>");
    return 0;
}

int vm_info_command(Asked const& asked, std::string const& vm) {
    auto client = client_of(asked);
    auto const answer = must(client.ask(Type::vm_info, wire::VmName{vm}), about(vm));
    auto const info = answer.body<wire::VmInfo>();
    if (asked.json) {
        auto json = as_json(info);
        auto vcpus = Json::array();
        for (auto const& item : answer.items) {
            auto const vcpu = item.as<wire::VcpuInfo>();
            vcpus.push_back({{"index", vcpu.index},
                             {"state", text(describe(vcpu.state))},
                             {"hart", vcpu.hart},
                             {"affinity", hart_list(vcpu.affinity)},
                             {"dedicated", vcpu.dedicated != 0},
                             {"pc", vcpu.pc}});
        }
        json["vcpu"] = vcpus;
        print(json);
        return 0;
    }
    std::vector<std::vector<std::string>> rows{
        {"Name", text(info.name)},
        {"Id", fmt::format("{}", info.id)},
        {"State", text(describe(info.state))},
        {"vCPUs", fmt::format("{}", info.vcpus)},
        {"Memory", fmt::format("{}, {} present", show_rounded_size(info.memory),
                               show_rounded_size(info.memory_present))},
        {"Overhead", show_rounded_size(info.overhead)},
        {"Uptime", duration(info.uptime)},
        {"CPU time", duration(info.run_time)},
        {"Starts", fmt::format("{}", info.starts)},
        {"Weight", info.cap != 0 ? fmt::format("{}, at most {} % of a hart", info.weight, info.cap)
                                 : fmt::format("{}", info.weight)},
        {"On poweroff", text(word(info.on_poweroff))},
        {"On reboot", text(word(info.on_reboot))},
        {"On crash", text(word(info.on_crash))}};
    if (info.vsock_cid != 0) rows.push_back({"vsock CID", fmt::format("{}", info.vsock_cid)});
    if (info.pack != 0) rows.push_back({"Pack", show_rounded_size(info.pack)});
    if (!info.last_words.empty()) rows.push_back({"Last words", text(info.last_words)});
    for (auto const& item : answer.items) {
        auto const vcpu = item.as<wire::VcpuInfo>();
        auto const pinned = vcpu.affinity == 0 ? std::string{} : ", may run on " + hart_list(vcpu.affinity);
        rows.push_back({fmt::format("vCPU {}", vcpu.index),
                        fmt::format("{}, on hart {}{}{}, pc {:#x}", describe(vcpu.state), vcpu.hart, pinned,
                                    vcpu.dedicated != 0 ? " alone" : "", vcpu.pc)});
    }
    print_table(rows, "");
    return 0;
}

int vm_statistics_command(Asked const& asked, std::string const& vm) {
    auto client = client_of(asked);
    auto const answer = must(client.ask(Type::vm_statistics, wire::VmName{vm}), about(vm));
    auto const all = answer.body<wire::VmStatistics>();
    Json json{{"taken_at_ns", all.taken_at},
              {"run_time_ns", all.run_time},
              {"steal_time_ns", all.steal_time},
              {"wait_time_ns", all.wait_time},
              {"memory", all.memory},
              {"memory_present", all.memory_present},
              {"overhead", all.overhead},
              {"balloon", all.balloon}};
    auto vcpus = Json::array();
    auto devices = Json::object();
    for (auto const& item : answer.items) {
        if (item.type() == Type::item_device_counter) {
            auto const counter = item.as<wire::DeviceCounter>();
            devices[text(counter.device)][text(counter.counter)] = counter.value;
            continue;
        }
        auto const vcpu = item.as<wire::VcpuStatistics>();
        auto exits = Json::object();
        for (usize i = 0; i < vcpu.exits.size(); ++i)
            if (!wire::exit_names[i].empty()) exits[text(wire::exit_names[i])] = vcpu.exits[i];
        vcpus.push_back({{"index", vcpu.index},
                         {"run_time_ns", vcpu.run_time},
                         {"steal_time_ns", vcpu.steal_time},
                         {"wait_time_ns", vcpu.wait_time},
                         {"migrations", vcpu.migrations},
                         {"exits", exits}});
    }
    json["vcpu"] = vcpus;
    json["device"] = devices;
    if (asked.json) {
        print(json);
        return 0;
    }
    // One line a figure, for people and for grep.
    auto const flat = json.flatten();
    std::vector<std::vector<std::string>> rows;
    for (auto const& [path, value] : flat.items()) {
        auto name = path.substr(1);
        std::ranges::replace(name, '/', '.');
        rows.push_back({name, value.dump()});
    }
    print_table(rows, " >");
    return 0;
}

int act_command(Asked const& asked, wire::Type what, std::string const& vm) {
    auto client = client_of(asked);
    auto const answer =
        must(client.ask(what, wire::VmName{vm}, std::chrono::milliseconds{60'000}), about(vm));
    if (asked.json) print({{"vm", vm}, {"status", "ok"}, {"sentence", answer.sentence}});
    return 0;
}

namespace {

// Whether the life that had begun `starts` times is over.  When the last VM ends, so does the machine.
bool has_ended(ControlClient& client, std::string const& vm, u32 starts) {
    try {
        auto const answer = client.ask(Type::vm_info, wire::VmName{vm});
        if (answer.status == wire::Status::no_such_vm) return true;
        auto const info = must(answer, about(vm)).body<wire::VmInfo>();
        return info.starts != starts || info.state == wire::VmState::off ||
               info.state == wire::VmState::crashed;
    } catch (Failure const&) {
        return true;
    }
}

}  // namespace

int shutdown_command(ShutdownOptions const& options) {
    using Clock = std::chrono::steady_clock;
    auto const asked_at = Clock::now();
    auto client = client_of(options);
    auto const starts = must(client.ask(Type::vm_info, wire::VmName{options.vm}), about(options.vm))
                            .body<wire::VmInfo>()
                            .starts;
    (void)must(client.ask(Type::shutdown, wire::VmName{options.vm}, std::chrono::milliseconds{60'000}),
               about(options.vm));
    while ((options.wait || options.timeout > 0) && !has_ended(client, options.vm, starts)) {
        if (options.timeout > 0 && Clock::now() - asked_at > std::chrono::duration<double>{options.timeout})
            throw Failure{ExitCode::timeout,
                          fmt::format("`{}` was asked to power off, and still runs after {:g} s.", options.vm,
                                      options.timeout)};
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    if (options.json) print({{"vm", options.vm}, {"status", "ok"}});
    return 0;
}

int pin_command(PinOptions const& options) {
    u32 vcpu = wire::every_vcpu;
    if (options.vcpu != "all") {
        auto const& digits = options.vcpu;
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), vcpu);
        if (error != std::errc{} || end != digits.data() + digits.size())
            throw Failure{ExitCode::bad_input,
                          fmt::format("`{}` is neither a vCPU's number nor `all`.", digits)};
    }
    auto const harts = hart_mask(options.harts);
    auto client = client_of(options);
    (void)must(client.ask(Type::pin_vcpu, wire::PinVcpu{options.vm, vcpu, harts}), about(options.vm));
    if (options.json) print({{"vm", options.vm}, {"vcpu", options.vcpu}, {"harts", hart_list(harts)}});
    return 0;
}

int share_command(ShareOptions const& options) {
    auto client = client_of(options);
    auto const answer = must(client.ask(Type::vm_info, wire::VmName{options.vm}), about(options.vm));
    auto const now = answer.body<wire::VmInfo>();
    wire::SetShare const share{options.vm, options.weight.value_or(now.weight),
                               options.cap.value_or(now.cap)};
    if (options.weight || options.cap) (void)must(client.ask(Type::set_share, share), about(options.vm));
    if (options.json) print({{"vm", options.vm}, {"weight", share.weight}, {"cap", share.cap}});
    if (!options.json && !options.weight && !options.cap)
        fmt::print("Weight  {}\nCap     {}\n", share.weight,
                   share.cap == 0 ? "none" : fmt::format("{} %", share.cap));
    return 0;
}

int set_memory_command(MemoryOptions const& options) {
    auto const bytes = parse_size(options.size);
    if (!bytes)
        throw Failure{ExitCode::bad_input, fmt::format("`{}` is not a size such as 512M.", options.size)};
    auto client = client_of(options);
    (void)must(client.ask(Type::set_memory, wire::SetMemory{options.vm, *bytes}), about(options.vm));
    if (options.json) print({{"vm", options.vm}, {"memory", *bytes}});
    return 0;
}

int link_command(LinkOptions const& options) {
    auto client = client_of(options);
    (void)must(client.ask(Type::set_link, wire::SetLink{options.vm, options.card, options.state == "up"}),
               about(options.vm));
    if (options.json) print({{"vm", options.vm}, {"card", options.card}, {"link", options.state}});
    return 0;
}

int panic_command(PanicOptions const& options) {
    auto client = client_of(options);
    if (options.now) {
        (void)client.send(Type::panic, wire::Nothing{});
        (void)client.next(std::chrono::milliseconds{500});  // nobody answers
        return 0;
    }
    if (options.stall) {
        constexpr u32 duration = 3'000;
        (void)must(client.ask(Type::stall, wire::Stall{*options.stall, duration}), "Cannot stop the hart");
        return 0;
    }
    std::string dump;
    for (;;) {
        auto const answer =
            client.ask(Type::read_panic_dump, wire::ReadPanicDump{static_cast<u32>(dump.size())});
        if (answer.status == wire::Status::not_found) {
            if (options.json)
                print({{"dump", nullptr}});
            else
                fmt::print("The hypervisor has not panicked since the board was switched on.\n");
            return 0;
        }
        auto const reply = must(answer, "Cannot read what the panic left");
        auto const piece = reply.body<wire::PanicDump>();
        if (piece.bytes.empty()) break;
        dump.append(piece.bytes.begin(), piece.bytes.end());
    }
    if (options.json)
        print({{"dump", dump}});
    else
        fmt::print("{}", dump);
    if (options.erase)
        (void)must(client.ask(Type::erase_panic_dump, wire::Nothing{}), "Cannot erase what the panic left");
    return 0;
}

}  // namespace antler::cli
