// A folder for one run.
#include "cli/work_directory.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view prefix = "antler-run.";

// Not open: somebody else has it, or it is gone.
Descriptor locked(Path const& directory) {
    Descriptor lock{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (lock.open() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.close();
    return lock;
}

// A run that was ended by SIGKILL leaves its folder behind, and its lock open; the next one takes it away.
void remove_leftovers(Path const& parent) {
    std::error_code ignored;
    for (auto const& entry : std::filesystem::directory_iterator{parent, ignored}) {
        if (!entry.path().filename().string().starts_with(prefix)) continue;
        if (auto const lock = locked(entry.path()); lock.open())
            std::filesystem::remove_all(entry.path(), ignored);
    }
}

}  // namespace

WorkDirectory::WorkDirectory() {
    std::error_code failed;
    auto const parent = std::filesystem::temp_directory_path(failed);
    if (failed)
        throw Failure{ExitCode::internal,
                      "There is no folder for temporary files: " + failed.message() + "."};
    remove_leftovers(parent);
    // Between the two steps another run may take the folder for a leftover.
    for (int attempt = 0; attempt < 100 && !lock_.open(); ++attempt) {
        auto name = (parent / (std::string{prefix} + "XXXXXX")).string();
        if (::mkdtemp(name.data()) == nullptr) break;
        path_ = name;
        lock_ = locked(path_);
        if (lock_.open() && !std::filesystem::exists(path_)) lock_.close();
    }
    if (!lock_.open())
        throw Failure{ExitCode::internal,
                      "Cannot make a folder in " + parent.string() + ": " + std::strerror(errno) + "."};
}

WorkDirectory::~WorkDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace antler::cli
