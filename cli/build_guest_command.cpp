// `antler build-guest NAME`: makes a disk of the catalogue, in a VM, and puts it into the cache.
#include "cli/build_guest_command.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cli/catalogue.hpp"
#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace antler::cli {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::minutes;

// The first stage fetches, the second one is a VM: it takes ten minutes on two quiet processors.
constexpr auto first_stage_limit = minutes{20};
constexpr auto second_stage_limit = minutes{90};

// One hart: it does one thing after another.
// What the second stage says at its end; userland/second-stage.
constexpr std::string_view complete = "userland: complete";

constexpr std::string_view second_stage = R"(# The VM that sets up the packages of its disk.
[machine]
harts = 1
memory = "2G"

[vm.debian]
memory = { size = "1536M" }
payload = { kernel = "debian:linux", initramfs = "busybox", cmdline = "console=ttyS0 quiet root=/dev/vda init=/usr/lib/antler/second-stage" }
disks = [{ path = "disk.img" }]
)";

// In the cache, so that what is made there only has to be renamed.
class Workshop {
public:
    Workshop() : path_{cache_directory() / fmt::format("userland.{}", ::getpid())} {
        clear();
        std::filesystem::create_directories(path_);
    }
    ~Workshop() { clear(); }
    Workshop(Workshop const&) = delete;
    Workshop& operator=(Workshop const&) = delete;

    [[nodiscard]] Path const& path() const { return path_; }
    void publish_as(Path const& folder) const {
        std::filesystem::remove_all(folder);
        std::filesystem::rename(path_, folder);
    }

private:
    void clear() const {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Path path_;
};

[[noreturn]] void fail(std::string_view what, Captured const& said) {
    auto const& text = said.output;
    auto const tail = text.size() > 4000 ? text.substr(text.find('\n', text.size() - 4000) + 1) : text;
    throw Failure{ExitCode::internal, fmt::format("{}{}. It said at last:\n{}", what,
                                                  said.timed_out ? ": it took too long" : "", tail)};
}

void say(Clock::time_point start, std::string_view what) {
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
    fmt::print(stderr, "antler: {} ({}s)\n", what, seconds);
}

void check_environment() {
    for (auto const* const name : {"ANTLER_DEBIAN_SUITE", "ANTLER_DEBIAN_KEYRING", "ANTLER_DEBIAN_MIRRORS"})
        if (std::getenv(name) == nullptr)
            throw Failure{ExitCode::bad_input,
                          "Start this through the launcher, ./antler build-guest, which finds the machine's "
                          "Debian mirror."};
    if (::geteuid() != 0)
        throw Failure{ExitCode::bad_input,
                      "The files of a guest's disk belong to its users, so only root can "
                      "make it: run this with sudo."};
}

}  // namespace

int build_guest_command(BuildGuestOptions const& options) {
    auto const* const disk = Catalogue::find_disk("debian:userland");
    auto const file = cache_directory() / disk->file;
    std::error_code error;
    if (!options.again && std::filesystem::is_regular_file(file, error)) {
        fmt::print("{} is there already: {}\n", disk->name, file.string());
        return 0;
    }
    check_environment();
    auto const start = Clock::now();
    Workshop const workshop;
    say(start, "first stage: fetching the packages, and making a disk of them");
    auto const script = root_directory() / "userland" / "first-stage";
    auto const first =
        capture({script.string(), workshop.path().string(), guest_packages().string()}, first_stage_limit);
    if (!first.succeeded()) fail("The first stage failed", first);

    say(start, "second stage: a VM sets the packages up, for some ten minutes");
    auto const description = workshop.path() / "second-stage.toml";
    write_file(description, as_bytes(second_stage));
    auto const self = std::filesystem::read_symlink("/proc/self/exe").string();
    auto const second =
        capture({self, "run", "--name", workshop.path().filename().string(), "--timeout",
                 std::to_string(std::chrono::seconds{second_stage_limit}.count()), description.string()},
                second_stage_limit + minutes{1});
    if (!second.succeeded() || !second.output.contains(complete)) fail("The second stage failed", second);
    // The power went while the file system was mounted; e2fsck says 1 when it has mended something.
    auto const checked =
        capture({"/usr/sbin/e2fsck", "-fp", (workshop.path() / "disk.img").string()}, minutes{5});
    if (checked.timed_out || !WIFEXITED(checked.status) || WEXITSTATUS(checked.status) > 1)
        fail("The file system that was made is damaged", checked);
    write_file(workshop.path() / "log", as_bytes(second.output));
    workshop.publish_as(file.parent_path());
    say(start, "done");
    fmt::print("{}: {}\n", disk->name, file.string());
    return 0;
}

}  // namespace antler::cli
