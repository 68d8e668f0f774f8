// Verbs for a whole machine that runs: a new VM for it, and its end.
#include "cli/machine_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/byte_size.hpp"
#include "cli/description.hpp"
#include "cli/disk_images.hpp"
#include "cli/instances.hpp"
#include "cli/machine_build.hpp"
#include "cli/spare_disks.hpp"
#include "cli/vsock_server.hpp"

namespace antler::cli {
namespace {

using std::chrono::milliseconds;
using wire::Type;

// On one line of a terminal, over what it said before; nowhere else.
class Progress {
public:
    explicit Progress(std::string name) : name_{std::move(name)}, shows_{::isatty(STDERR_FILENO) == 1} {}
    Progress(Progress const&) = delete;
    Progress& operator=(Progress const&) = delete;
    ~Progress() {
        if (shows_) fmt::print(stderr, "\r\x1b[K");
    }
    void sent(u64 bytes, u64 total) const {
        if (shows_)
            fmt::print(stderr, "\r{}: {} of {} sent, {} %\x1b[K", name_, show_rounded_size(bytes),
                       show_rounded_size(total), bytes * 100 / total);
    }
    void says(std::string_view what) const {
        if (shows_) fmt::print(stderr, "\r{}: {}\x1b[K", name_, what);
    }

private:
    std::string name_;
    bool shows_;
};

void send_pack(ControlClient& client, std::string const& name, Bytes const& pack, bool start) {
    auto const what = fmt::format("`{}` cannot be created", name);
    Progress const progress{name};
    auto const ready =
        must(client.ask(Type::create_begin, wire::CreateBegin{pack.size()}), what).body<wire::CreateReady>();
    for (u64 offset = 0; offset < pack.size();) {
        auto const size = std::min<u64>({ready.piece, pack.size() - offset, wire::most_payload - 64});
        wire::CreateData const data{
            .transfer = ready.transfer, .offset = offset, .bytes = std::span{pack}.subspan(offset, size)};
        auto const so_far = must(client.ask(Type::create_data, data), what).body<wire::CreateProgress>();
        offset = so_far.received;
        progress.sent(so_far.received, so_far.total);
    }
    if (start) progress.says("starting");
    (void)must(client.ask(Type::create_commit, wire::CreateCommit{.transfer = ready.transfer, .start = start},
                          milliseconds{60'000}),
               what);
}

[[nodiscard]] Path directory_of(Asked const& asked) {
    return (asked.socket.empty() ? find_instance(asked.machine).control : asked.socket).parent_path();
}

std::vector<std::string> names_of_vms(ControlClient& client) {
    std::vector<std::string> names;
    auto const all = must(client.ask(Type::list, wire::Nothing{}), "Cannot list the virtual machines");
    for (auto const& item : all.items) names.emplace_back(item.as<wire::VmInfo>().name);
    return names;
}

void create_one(HeldRecord& held, ControlClient& client, Description const& description,
                VmDescription const& vm, bool start) {
    auto one = description;
    one.vms = {vm};
    auto const before = names_of_vms(client);
    if (std::ranges::find(before, vm.name) != before.end())
        throw Failure{ExitCode::bad_input,
                      fmt::format("`{}` cannot be created: a VM of that name exists already.", vm.name)};
    try {
        for (auto& disk : one.vms.front().disks) find_drive(held, vm.name, disk);
        // It is charged for every page of its pack.
        auto const machine = prepare_machine(std::move(one), page_bytes);
        send_pack(client, vm.name, machine.pack.bytes(), start);
    } catch (...) {
        give_back_drives(held, vm.name);
        throw;
    }
}

}  // namespace

int create_command(CreateOptions const& options) {
    auto description = read_description(options.file);
    refuse_none(description);
    auto const directory = directory_of(options);
    make_images(description);
    refuse_none(description);
    HeldRecord held{directory};
    auto client = client_of(options);
    give_back_drives_of_others(held, names_of_vms(client));
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (auto const& vm : description.vms) {
        create_one(held, client, description, vm, !options.off);
        names.push_back(vm.name);
        auto& record = held.record;
        record.vsock = record.vsock || vm.vsock_cid != 0;
        if (std::ranges::find(record.vms, vm.name) == record.vms.end()) record.vms.push_back(vm.name);
        if (!options.json) fmt::print("{}\n", vm.name);
    }
    held.keep();
    if (held.record.vsock) start_vsock_server(directory / "control");
    if (options.json) fmt::print("{}\n", nlohmann::ordered_json{{"created", names}}.dump(2));
    return 0;
}

int undefine_command(Asked const& asked, std::string const& vm) {
    auto const directory = directory_of(asked);
    auto const code = act_command(asked, Type::undefine, vm);
    HeldRecord held{directory};
    give_back_drives(held, vm);
    return code;
}

int stop_command(Asked const& asked) {
    auto const instance = find_instance(asked.machine);
    if (read_instance_record(instance.control.parent_path()).qemu <= 1)
        throw Failure{ExitCode::internal,
                      fmt::format("It is not known which process `{}` is.", instance.name)};
    if (!end_machine(instance))
        throw Failure{ExitCode::timeout, fmt::format("The machine `{}` does not end.", instance.name)};
    if (asked.json) fmt::print("{}\n", nlohmann::ordered_json{{"stopped", instance.name}}.dump(2));
    return 0;
}

int names_command(bool machines) {
    for (auto const& one : running_instances()) {
        if (machines) fmt::print("{}\n", one.name);
        if (machines) continue;
        for (auto const& vm : read_instance_record(one.control.parent_path()).vms) fmt::print("{}\n", vm);
    }
    return 0;
}

}  // namespace antler::cli
