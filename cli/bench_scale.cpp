// What grows with the number of VMs and of vCPUs.
#include "cli/bench_scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "cli/bench_boards.hpp"
#include "cli/bench_measure.hpp"
#include "cli/doctor.hpp"
#include "cli/failure.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{10};
constexpr std::array<u32, 8> vms{1, 2, 4, 8, 16, 32, 64, most_vms_measured};
constexpr std::array<u32, 5> vcpus{1, 2, 4, 8, 16};

// Longer than it takes to leave the guest and see that no timer has come, and shorter than a turn.
constexpr u32 ticks_of_a_nap = 3;
// So long after its own start one begins with its naps, and the one that measures them, which starts first,
// when all others nap.
constexpr u32 milliseconds_until_naps(u32 vms) {
    constexpr u32 of_start = 10, of_each = 2;
    return of_start + of_each * vms;
}

constexpr std::string_view machine =
    "[machine]\nharts = {}\nmemory = \"4G\"\nicount = true\n[hypervisor]\nlog = \"debug\"\n";

class ScaleBench {
public:
    ScaleBench(std::vector<std::string> const& wanted, std::vector<std::string>& problems)
        : wanted_{wanted}, problems_{problems} {}

    Record run() {
        record_.circumstances = {
            {"command", "./antler bench --part scale --save"},
            {"cpu", default_cpu},
            {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
            {"qemu", required_qemu_version()}};
        for (auto const count : vms) {
            fmt::print(stderr, "antler: bench: {} VMs ({})\n", count, ours);
            if (count > 1 && is_wanted(wanted_, "switch")) switches(count);
            if (count > 1 && is_wanted(wanted_, "turn")) turns(count);
            if (is_wanted(wanted_, "wake")) wake_up(count);
            if (is_wanted(wanted_, "start") || is_wanted(wanted_, "memory")) start(count);
        }
        for (auto const count : vcpus)
            if (is_wanted(wanted_, "linux_vcpus")) linux_boots(count);
        for (auto const count : vcpus) {
            if (!is_wanted(wanted_, "ipi_vcpus") && !is_wanted(wanted_, "hart_start_vcpus") &&
                !is_wanted(wanted_, "memory_vcpus"))
                break;
            fmt::print(stderr, "antler: bench: {} vCPUs on 8 harts ({})\n", count, ours);
            smp(count);
        }
        for (auto& sentence : missed_growth(record_.figures)) problems_.push_back(std::move(sentence));
        return record_;
    }

private:
    std::string boot(std::string const& description, std::string_view until) {
        return record(boards_.described(description), until);
    }

    std::string record(QemuMachine const& board, std::string_view until = {}) {
        auto const transcript = run_and_record(board, patience, until);
        if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
        if (auto const firmware = parse_boot(transcript.console).firmware)
            record_.circumstances["firmware"] = *firmware;
        return transcript.console;
    }

    void keep(std::string_view curve, u32 at, std::optional<double> value, std::string_view system = ours) {
        if (!value) {
            problems_.push_back(fmt::format("{}/{} ({}) was not said.", curve, at, system));
            return;
        }
        if (is_wanted(wanted_, curve))
            record_.figures.push_back({fmt::format("{}/{}", curve, at), std::string{system}, *value});
    }

    static std::string others(u32 count, std::string_view guest, std::string_view words) {
        if (count == 0) return {};
        return fmt::format(
            "[vm.other]\ncount = {}\nmemory = {{ size = \"16M\" }}\n"
            "payload = {{ kernel = \"{}\", cmdline = \"{}\" }}\n",
            count, guest_elf(std::string{guest}).string(), words);
    }

    // All on one hart, each giving it to the next one: what one round takes, by how many there are.
    void switches(u32 count) {
        auto const console =
            boot(fmt::format(machine, 1) +
                     fmt::format("[vm.ask]\nmemory = {{ size = \"16M\" }}\n"
                                 "payload = {{ kernel = \"{}\", cmdline = \"talks few\" }}\n",
                                 guest_elf("pingpong").string()) +
                     others(count - 1, "pingpong", "listens"),
                 "bench done");
        auto seen = number_after(console, "[ask] bench world_switch_seen ");
        constexpr double own_instructions =
            3;  // of a turn of the guest's loop, which it has taken off for two
        if (seen) seen = (*seen + own_instructions) * 2 / count - own_instructions;
        keep("switch", count, seen);
    }

    // All on one hart, each asleep until a timer that has come when it is its turn: what a turn takes.
    void turns(u32 count) {
        auto const console = boot(
            fmt::format(machine, 1) +
                fmt::format("[vm.ask]\nmemory = {{ size = \"16M\" }}\n"
                            "payload = {{ kernel = \"{}\", cmdline = \"talks few naps={} after={}\" }}\n",
                            guest_elf("pingpong").string(), ticks_of_a_nap,
                            2 * milliseconds_until_naps(count)) +
                others(
                    count - 1, "pingpong",
                    fmt::format("listens naps={} after={}", ticks_of_a_nap, milliseconds_until_naps(count))),
            "bench done");
        auto const round = number_after(console, "[ask] bench turn ");
        keep("turn", count, round ? std::optional{*round / count} : std::nullopt);
    }

    // One is woken by its timer where the others of its hart sleep.  They come first, and sleep when it
    // starts.
    void wake_up(u32 count) {
        auto const console =
            boot(fmt::format(machine, 1) +
                     fmt::format("[vm.ask]\nmemory = {{ size = \"256M\" }}\n"
                                 "payload = {{ kernel = \"{}\", cmdline = \"row=wake_1ms\" }}\n",
                                 guest_elf("bench").string()) +
                     others(count - 1, "nap", "rests"),
                 "bench done");
        keep("wake", count, number_after(console, count == 1 ? "bench wake_1ms " : "[ask] bench wake_1ms "));
    }

    // Until the first guest runs, and what a VM costs besides its memory.
    void start(u32 count) {
        auto const console = boot(fmt::format(machine, 8) + others(count, "nap", "rests"), "antler: start ");
        auto const ticks = number_after(console, "antler: start ");
        keep("start", count, ticks ? std::optional{*ticks * instructions_per_tick} : std::nullopt);
        keep("memory", count, number_behind(console, fmt::format("tables and state of other-{} ", count)));
    }

    void smp(u32 count) {
        auto const console =
            boot(fmt::format(machine, harts_for_vcpus) +
                     fmt::format("[vm.bench]\ncpus = {{ boot_vcpus = {} }}\n"
                                 "memory = {{ size = \"256M\" }}\ninterrupts = \"plic\"\n"
                                 "payload = {{ kernel = \"{}\", cmdline = \"row=ipi_pingpong\" }}\n",
                                 count, guest_elf("bench").string()),
                 "bench done");
        if (count > 1) {
            keep("ipi_vcpus", count, number_after(console, "bench ipi_pingpong "));
            keep("hart_start_vcpus", count, number_after(console, "bench hart_start "));
        }
        keep("memory_vcpus", count, number_behind(console, "tables and state of bench "));
    }

    // Of Debian's kernel, until /init.  The least of some seeds, for it waits for entropy.
    void linux_boots(u32 count) {
        keep("linux_vcpus", count, least_boot([&](u32 seed) {
                 auto const payload =
                     fmt::format("kernel = \"{}\", initramfs = \"{}\", cmdline = \"{}\"",
                                 BenchBoards::kernel().string(), boards_.initramfs().string(), bench_cmdline);
                 return boards_.described(
                     fmt::format(machine, harts_for_vcpus) +
                         fmt::format("[vm.bench]\ncpus = {{ boot_vcpus = {} }}\n"
                                     "memory = {{ size = \"512M\" }}\ninterrupts = \"plic\"\n"
                                     "payload = {{ {} }}\n",
                                     count, payload),
                     seed);
             }));
        if (count > harts_for_vcpus) return;
        auto least = least_boot(
            [&](u32 seed) { return boards_.natively({.harts = count, .linux_kernel = true, .seed = seed}); });
        // The guest's clock starts at its first instruction under Antler; natively the firmware was first.
        if (least) *least -= last_number(record(boards_.entry(count))) * instructions_per_tick;
        keep("linux_vcpus", count, least, native);
    }

    template <class Board>
    std::optional<double> least_boot(Board&& board) {
        std::optional<double> least;
        constexpr u32 seeds = 3;
        for (u32 seed = 1; seed <= seeds; ++seed) {
            auto const ticks = number_after(record(board(seed)), "marker ");
            if (ticks && (!least || *ticks < *least)) least = ticks;
        }
        return least ? std::optional{*least * instructions_per_tick} : std::nullopt;
    }

    // Anywhere in a line.
    static std::optional<double> number_behind(std::string_view console, std::string_view mark) {
        auto const at = console.find(mark);
        if (at == std::string_view::npos) return std::nullopt;
        auto const text = console.substr(at + mark.size());
        double value = 0;
        auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        return parsed.ec == std::errc{} ? std::optional{value} : std::nullopt;
    }

    std::vector<std::string> const& wanted_;
    std::vector<std::string>& problems_;
    BlockedSignals blocked_;
    WorkDirectory work_;
    BenchBoards boards_{work_.path()};
    Record record_;
};

}  // namespace

std::vector<Curve> const& scale_curves() {
    static std::vector<Curve> const curves{
        {"switch", "from one VM's wfi into the next VM, all on one hart, instructions", "VMs"},
        {"turn", "turn of a VM that sleeps again and again on the hart of all, instructions", "VMs"},
        {"wake", "lateness of a wake-up after 1 ms, beside VMs that sleep, ns", "VMs"},
        {"start", "first instruction until a guest's, 8 harts, instructions", "VMs"},
        {"memory", "tables and state of a VM with one vCPU, KiB", "VMs"},
        {"linux_vcpus", "Debian's kernel until /init, 8 harts, instructions of all", "vCPUs"},
        {"ipi_vcpus", "IPI and back, 8 harts, instructions", "vCPUs"},
        {"hart_start_vcpus", "hart_start until its first IPI, 8 harts, instructions", "vCPUs"},
        {"memory_vcpus", "tables and state of a VM, KiB", "vCPUs"},
    };
    return curves;
}

std::vector<std::pair<double, double>> points_of(Figures const& figures, std::string_view curve,
                                                 std::string_view system) {
    std::vector<std::pair<double, double>> points;
    for (auto const& figure : figures) {
        if (figure.system != system) continue;
        std::string_view const row{figure.row};
        auto const slash = row.find('/');
        if (slash == std::string_view::npos || row.substr(0, slash) != curve) continue;
        double at = 0;
        auto const number = row.substr(slash + 1);
        if (std::from_chars(number.data(), number.data() + number.size(), at).ec == std::errc{})
            points.emplace_back(at, figure.instructions);
    }
    std::ranges::sort(points);
    return points;
}

std::vector<std::string> missed_growth(Figures const& figures) {
    auto const two = find(figures, "switch/2", ours);
    auto const most = find(figures, fmt::format("switch/{}", most_vms_measured), ours);
    if (!two || !most || *most <= *two * switch_growth_goal) return {};
    return {
        fmt::format("A switch takes {:.0f} instructions where {} VMs share a hart, and {:.0f} where two do; "
                    "the goal is no more than {} times that.",
                    *most, most_vms_measured, *two, switch_growth_goal)};
}

Record measure_scale(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    return ScaleBench{wanted, problems}.run();
}

}  // namespace antler::cli
