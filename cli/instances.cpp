// A folder is somebody's while it is locked; locks end with their processes.
#include "cli/instances.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/failure.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

Descriptor try_lock(Path const& directory) {
    Descriptor lock{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (lock.open() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.close();
    return lock;
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

std::vector<FoundInstance> running_instances() {
    std::vector<FoundInstance> found;
    std::error_code ignored;
    for (auto const& entry : std::filesystem::directory_iterator{instances_directory(), ignored}) {
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
