// A folder for one run.
#include "cli/work_directory.hpp"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view prefix = "antler-run.";

// A run that was ended by SIGKILL leaves its folder behind; the next one takes it away.
void remove_leftovers(Path const& parent) {
    std::error_code ignored;
    for (auto const& entry : std::filesystem::directory_iterator{parent, ignored}) {
        auto const name = entry.path().filename().string();
        if (!name.starts_with(prefix)) continue;
        pid_t owner = 0;
        auto const digits = name.data() + prefix.size();
        auto const parsed = std::from_chars(digits, name.data() + name.size(), owner);
        if (parsed.ec != std::errc{} || owner <= 0) continue;
        if (::kill(owner, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry.path(), ignored);
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
    auto name = (parent / (std::string{prefix} + std::to_string(::getpid()) + ".XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr)
        throw Failure{ExitCode::internal,
                      "Cannot make a folder in " + parent.string() + ": " + std::strerror(errno) + "."};
    path_ = name;
}

WorkDirectory::~WorkDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace antler::cli
