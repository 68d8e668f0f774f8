// A folder is somebody's while it is locked; locks end with their processes.
#include "cli/instances.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

Descriptor try_lock(Path const& directory) {
    Descriptor lock{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (lock.open() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.close();
    return lock;
}

// Held while a folder is made or removed, and for a glance whether one is somebody's: else a folder could go
// between being made and being locked, or be taken for one that runs by who only looks.
Descriptor wait_for_turn(Path const& parent) {
    Descriptor turn{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    while (turn.open() && ::flock(turn.get(), LOCK_EX) != 0)
        if (errno != EINTR)
            throw Failure{ExitCode::internal,
                          fmt::format("Cannot lock {}: {}.", parent.string(), std::strerror(errno))};
    return turn;
}

}  // namespace

Path instances_directory() {
    auto const* const runtime = std::getenv("XDG_RUNTIME_DIR");
    auto const path = runtime != nullptr && *runtime != '\0'
                          ? Path{runtime} / "antler"
                          : Path{fmt::format("/tmp/antler-{}", ::getuid())};
    // A folder that somebody else made there first is not ours to trust.
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw Failure{ExitCode::internal,
                      fmt::format("Cannot make {}: {}.", path.string(), std::strerror(errno))};
    struct stat is{};
    if (::lstat(path.c_str(), &is) != 0 || !S_ISDIR(is.st_mode) || is.st_uid != ::getuid() ||
        (is.st_mode & 077) != 0)
        throw Failure{ExitCode::internal,
                      fmt::format("{} is not a folder of this user alone; remove it.", path.string())};
    return path;
}

Instance::Instance(std::string name, Path directory, Descriptor lock)
    : name_{std::move(name)}, directory_{std::move(directory)}, lock_{std::move(lock)} {}

Instance Instance::make(std::string const& wanted) {
    auto const parent = instances_directory();
    auto const turn = wait_for_turn(parent);
    for (int number = 1; number < 1'000; ++number) {
        auto const name = number == 1 ? wanted : fmt::format("{}-{}", wanted, number);
        auto const directory = parent / name;
        (void)::mkdir(directory.c_str(), 0700);
        auto lock = try_lock(directory);
        if (!lock.open()) continue;
        std::error_code ignored;
        for (auto const& entry : std::filesystem::directory_iterator{directory, ignored})
            std::filesystem::remove_all(entry.path(), ignored);
        return {name, directory, std::move(lock)};
    }
    throw Failure{ExitCode::internal, fmt::format("There are too many machines named {}.", wanted)};
}

Instance Instance::make_exactly(std::string const& name) {
    auto const good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    };
    constexpr usize longest = 40;  // with a folder before it, it is the name of a socket
    if (name.empty() || name.size() > longest || name.front() == '.' || !std::ranges::all_of(name, good))
        throw Failure{
            ExitCode::bad_input,
            fmt::format("`{}` cannot be a machine's name: that has letters, digits, `.`, `_` and `-`, "
                        "and {} of them at most.",
                        name, longest)};
    for (auto const& one : running_instances())
        if (one.name == name)
            throw Failure{ExitCode::bad_input, fmt::format("A machine named `{}` is running already.", name)};
    return make(name);
}

void write_instance_record(Path const& directory, InstanceRecord const& record) {
    auto spares = nlohmann::ordered_json::array();
    for (auto const& spare : record.spares)
        spares.push_back({{"file", spare.file}, {"reads", spare.reads}, {"vms", spare.vms}});
    nlohmann::ordered_json const json{{"description", record.description},
                                      {"qemu", record.qemu},
                                      {"drives", record.drives},
                                      {"vms", record.vms},
                                      {"vsock", record.vsock},
                                      {"spares", spares}};
    auto const text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    write_file(directory / "record.json", as_bytes(text));
}

InstanceRecord read_instance_record(Path const& directory) {
    InstanceRecord record;
    try {
        auto const json = nlohmann::json::parse(as_text(read_file(directory / "record.json")));
        record.description = json.value("description", record.description);
        record.qemu = json.value("qemu", 0);
        record.drives = json.value("drives", record.drives);
        record.vms = json.value("vms", record.vms);
        record.vsock = json.value("vsock", false);
        for (auto const& spare : json.value("spares", nlohmann::json::array()))
            record.spares.push_back({spare.value("file", ""), spare.value("reads", false),
                                     spare.value("vms", std::vector<std::string>{})});
    } catch (std::exception const&) {
        return {};  // it is not there yet
    }
    return record;
}

std::vector<FoundInstance> running_instances() {
    std::vector<FoundInstance> found;
    std::error_code ignored;
    auto const parent = instances_directory();
    auto const turn = wait_for_turn(parent);
    for (auto const& entry : std::filesystem::directory_iterator{parent, ignored}) {
        if (!entry.is_directory(ignored)) continue;
        if (auto const lock = try_lock(entry.path()); lock.open()) {
            std::filesystem::remove_all(entry.path(), ignored);
            continue;
        }
        found.push_back({entry.path().filename().string(), entry.path() / "control"});
    }
    std::ranges::sort(found, {}, &FoundInstance::name);
    return found;
}

bool end_machine(FoundInstance const& machine) {
    auto const record = read_instance_record(machine.control.parent_path());
    if (record.qemu <= 1) return false;
    auto const runs = [&] {
        auto const all = running_instances();
        return std::ranges::any_of(all, [&](FoundInstance const& one) { return one.name == machine.name; });
    };
    ::kill(record.qemu, SIGTERM);
    for (int tenths = 0; runs(); ++tenths) {
        if (tenths == 50) ::kill(record.qemu, SIGKILL);
        if (tenths == 100) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
    return true;
}

Path wait_for_socket(Path socket) {
    std::error_code ignored;
    for (int tenths = 0; tenths < 50 && !std::filesystem::exists(socket, ignored); ++tenths)
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    return socket;
}

FoundInstance find_instance(std::string const& name) {
    auto const all = running_instances();
    if (all.empty())
        throw Failure{ExitCode::bad_input, "No machine is running here; `antler run FILE` starts one."};
    std::vector<std::string_view> names;
    for (auto const& one : all) {
        if (one.name == name) return one;
        names.emplace_back(one.name);
    }
    if (name.empty() && all.size() == 1) return all.front();
    if (name.empty())
        throw Failure{ExitCode::bad_input,
                      fmt::format("Say which machine with --machine: {} are running.", enumerate(names))};
    throw Failure{ExitCode::bad_input, fmt::format("No machine named `{}` is running{}", name,
                                                   suggestion(name, names, "there are"))};
}

}  // namespace antler::cli
