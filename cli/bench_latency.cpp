// How late a guest wakes up.
#include "cli/bench_latency.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include "cli/bench_linux.hpp"
#include "cli/bench_measure.hpp"
#include "cli/doctor.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::array rows{LatencyRow{"late_quiet", "alone"},
                          LatencyRow{"late_noisy", "beside a noisy guest on the same hart"}};
constexpr double single_bins = 20, bins_per_decade = 10;
constexpr std::size_t shown_of_a_failure = 1000;

struct Scene {
    std::string_view row;
    std::string_view system;
    std::string_view before = {};  // the words of the QEMU that is measured
    unsigned weight = equal_weight;
};
constexpr std::array scenes{
    Scene{"late_noisy", "antler_weight", {}, 65'536},
    Scene{"late_quiet", native},
    Scene{"late_quiet", ours},
    Scene{"late_noisy", ours},
    Scene{"late_quiet", "kvm"},
    Scene{"late_noisy", "kvm"},
    Scene{"late_noisy", "kvm_nice", "renice -n -20 $$ &&"},
};

// The number behind `mark` at the start of `line`, and what is behind that.
std::optional<double> number_of(std::string_view& line, std::string_view mark) {
    if (!line.starts_with(mark)) return std::nullopt;
    line.remove_prefix(mark.size());
    double value = 0;
    auto const parsed = std::from_chars(line.data(), line.data() + line.size(), value);
    if (parsed.ec != std::errc{}) return std::nullopt;
    line.remove_prefix(static_cast<std::size_t>(parsed.ptr - line.data()));
    return value;
}

// So many of all were no later than that.
double quantile(std::map<double, double> const& by_microsecond, double part) {
    double all = 0, so_far = 0;
    for (auto const& [late, times] : by_microsecond) all += times;
    for (auto const& [late, times] : by_microsecond)
        if ((so_far += times) >= all * part) return late;
    return 0;
}

LinuxLoad load_of(Scene const& scene) {
    LinuxLoad load;
    if (scene.row == "late_noisy")
        load.guests.push_back({.name = "loud", .words = "rdinit=/bin/work -- forever"});
    load.guests.push_back({.name = "calm", .words = "rdinit=/bin/naps", .weight = scene.weight});
    return load;
}

}  // namespace

std::span<LatencyRow const> latency_rows() {
    return rows;
}

double late_bin(double microseconds) {
    if (microseconds < single_bins) return std::floor(microseconds);
    // The number of the bin, kept clear of what a logarithm loses.
    auto const number = std::floor(std::log10(microseconds + 0.5) * bins_per_decade);
    return std::max(single_bins, std::round(std::pow(10, number / bins_per_decade)));
}

double late_bin_end(double begin) {
    if (begin < single_bins) return begin + 1;
    auto const number = std::round(std::log10(begin) * bins_per_decade);
    return std::round(std::pow(10, (number + 1) / bins_per_decade));
}

Figures parse_lateness(std::string_view console, std::string_view row, std::string_view system) {
    std::map<double, double> by_microsecond, bins;
    std::optional<double> worst;
    while (!console.empty()) {
        auto const end = console.find('\n');
        auto line = console.substr(0, end);
        console = end == std::string_view::npos ? std::string_view{} : console.substr(end + 1);
        if (auto const said = number_of(line, "late worst ")) worst = *said / 1000;
        auto const late = number_of(line, "late by ");
        auto const times = late ? number_of(line, " times ") : std::nullopt;
        if (!times) continue;
        by_microsecond[*late] += *times;
        bins[late_bin(*late)] += *times;
    }
    if (!worst || by_microsecond.empty()) return {};
    std::string const name{row}, who{system};
    Figures figures{{name + "_median", who, quantile(by_microsecond, 0.5)},
                    {name + "_99", who, quantile(by_microsecond, 0.99)},
                    {name + "_worst", who, *worst}};
    for (auto const& [begin, times] : bins)
        figures.push_back({fmt::format("{}/{:.0f}", name, begin), who, times});
    return figures;
}

Record measure_latency(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    BlockedSignals const blocked;
    WorkDirectory const work;
    LinuxBoards const boards{work.path()};
    Record record;
    record.circumstances = {
        {"command", "./antler bench --part latency --save"},
        {"antler_weight", "the VM that is measured has the greatest weight (cpus.weight = 65536)"},
        {"cpu", default_cpu},
        {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
        {"kernel", BenchBoards::kernel().filename().string()},
        {"kvm", fmt::format("Linux {}, Debian's qemu-system-riscv {} for riscv64, -accel kvm",
                            KvmHost::kernel(), KvmHost::qemu())},
        {"kvm_nice", "the same, where the QEMU that is measured goes before the others (renice -n -20)"},
        {"qemu", required_qemu_version()}};
    for (auto const& scene : scenes) {
        if (!is_wanted(wanted, scene.row)) continue;
        fmt::print(stderr, "antler: bench: {} ({})\n", scene.row, scene.system);
        auto const load = load_of(scene);
        auto const machine = scene.weight != equal_weight ? boards.under_antler(load)
                             : scene.before.empty()       ? boards.on(scene.system, load)
                                                          : boards.under_kvm(load, scene.before);
        auto const console = LinuxBoards::run(machine, "late over", "calm");
        auto const figures = parse_lateness(console, scene.row, scene.system);
        record.figures.insert(record.figures.end(), figures.begin(), figures.end());
        if (!figures.empty()) continue;
        auto const tail = console.substr(console.size() - std::min(console.size(), shown_of_a_failure));
        problems.push_back(
            fmt::format("{} ({}) was not said; the console ended with:\n{}", scene.row, scene.system, tail));
    }
    return record;
}

}  // namespace antler::cli
