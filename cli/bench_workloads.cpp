// What a Linux guest's work costs.
#include "cli/bench_workloads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "cli/bench_linux.hpp"
#include "cli/bench_measure.hpp"
#include "cli/doctor.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::array all{
    Workload{"cpu", "a loop of shifts and exclusive ors"},
    Workload{"chase", "1 million steps from pointer to pointer through 32 MiB"},
    Workload{"memset", "768 MiB written, 32 MiB again and again"},
    Workload{"fork", "50 processes, each of which starts a program"},
    Workload{"pipe", "2,000 bytes to another process and back"},
    Workload{"sha256", "busybox' sha256sum of 4 MiB"},
    Workload{"gzip", "busybox' gzip of 512 KiB"},
    Workload{"fio_randread", "fio: 2,048 reads of 4 KiB anywhere, eight under way", false},
    Workload{"fio_randwrite", "fio: the same, written", false},
    Workload{"iperf3", "iperf3: 4 MiB by TCP to another VM", false},
};
constexpr std::string_view kvm = "kvm";
constexpr double ticks_per_millisecond = 10'000;
constexpr std::size_t shown_of_a_failure = 1000;

// One start of a board, and the workloads that it is believed about.
struct Bundle {
    std::string_view what;
    LinuxLoad load;
    std::vector<std::string_view> names;
    bool alone = true;  // it means something without a hypervisor
    bool needs_userland = false;
    bool ticks_too = false;  // also where each tick of the guest is an exit
};

std::vector<Bundle> bundles() {
    return {{"programs",
             {.guests = {{.name = "work", .words = "rdinit=/bin/work"}}},
             {"cpu", "chase", "memset", "fork", "pipe", "sha256", "gzip"},
             true,
             false,
             true},
            {"fio",
             {.guests = {{.name = "work", .words = "antler.run=\"/bin/disk-work fio\"", .disks = true}}},
             {"fio_randread", "fio_randwrite"},
             true,
             true},
            {"iperf3",
             {.guests = {{.name = "far",
                          .words = "antler.run=\"/bin/disk-work iperf3-server\"",
                          .disks = true,
                          .network = true},
                         {.name = "work",
                          .words = "antler.run=\"/bin/disk-work iperf3\"",
                          .disks = true,
                          .network = true}},
              .harts = 2},
             {"iperf3"},
             false,
             true}};
}

class WorkloadBench {
public:
    WorkloadBench(std::vector<std::string> const& wanted, std::vector<std::string>& problems)
        : wanted_{wanted}, problems_{problems} {}

    Record run() {
        record_.circumstances = {
            {"command", "./antler bench --part workloads --save"},
            {"cpu", default_cpu},
            {"kernel", BenchBoards::kernel().filename().string()},
            {"kvm", fmt::format("Linux {}, Debian's qemu-system-riscv {} for riscv64, -accel kvm, disks with "
                                "cache=none,aio=native",
                                KvmHost::kernel(), KvmHost::qemu())},
            {"qemu", required_qemu_version()}};
        for (auto const& bundle : bundles()) {
            if (std::ranges::none_of(bundle.names, [&](auto name) { return is_wanted(wanted_, name); }))
                continue;
            if (bundle.needs_userland && !LinuxBoards::has_userland()) {
                fmt::print(stderr, "antler: bench: {} is left out: ./antler build-guest debian\n",
                           bundle.what);
                record_.circumstances[std::string{bundle.what}] = "left out: Debian's userland was not made";
                continue;
            }
            if (!bundle.needs_userland) count(bundle);
            time(bundle);
        }
        return record_;
    }

private:
    // Ticks of each workload of the bundle.
    std::map<std::string_view, double> take(Bundle const& bundle, std::string_view system, bool exact) {
        fmt::print(stderr, "antler: bench: {} ({}, {})\n", bundle.what, system, exact ? "exact" : "timed");
        auto load = bundle.load;
        load.exact = exact;
        auto const many = load.guests.size() > 1;
        // Of several one serves and does not end.
        auto const console =
            LinuxBoards::run(boards_.on(system, load), many ? "reboot: Power down" : "", "work");
        std::map<std::string_view, double> said;
        for (auto const name : bundle.names) {
            auto const ticks = number_after(console, fmt::format("work {} ", name));
            if (ticks && is_wanted(wanted_, name)) said[name] = *ticks;
            if (ticks) continue;
            auto const tail = console.substr(console.size() - std::min(console.size(), shown_of_a_failure));
            problems_.push_back(
                fmt::format("{} ({}) was not said; the console ended with:\n{}", name, system, tail));
        }
        return said;
    }

    void count(Bundle const& bundle) {
        for (auto const system : {native, ours, kvm})
            for (auto const& [name, ticks] : take(bundle, system, true))
                record_.figures.push_back(
                    {std::string{name}, std::string{system}, ticks * instructions_per_tick});
    }

    // One system after another, round by round, so that whatever else the computer does is done to all.
    void time(Bundle const& bundle) {
        std::map<std::pair<std::string_view, std::string_view>, std::vector<double>> times;
        for (unsigned round = 0; round < workload_rounds; ++round)
            for (auto const system : {native, ours, ours_with_ticks, kvm}) {
                if (system == native && !bundle.alone) continue;
                if (system == ours_with_ticks && !bundle.ticks_too) continue;
                for (auto const& [name, ticks] : take(bundle, system, false))
                    times[{name, system}].push_back(ticks / ticks_per_millisecond);
            }
        for (auto const& [key, values] : times)
            record_.figures.push_back(timed(time_row(key.first), key.second, values));
        for (auto const name : bundle.names) {
            auto const& mine = times[{name, ours}];
            auto const& theirs = times[{name, kvm}];
            if (mine.size() != theirs.size() || mine.empty()) continue;
            std::vector<double> ratios;
            for (std::size_t i = 0; i < mine.size(); ++i) ratios.push_back(mine[i] / theirs[i]);
            record_.figures.push_back(timed(ratio_row(name), ours, ratios));
        }
    }

    std::vector<std::string> const& wanted_;
    std::vector<std::string>& problems_;
    BlockedSignals blocked_;
    WorkDirectory work_;
    LinuxBoards boards_{work_.path()};
    Record record_;
};

}  // namespace

std::span<Workload const> workloads() {
    return all;
}

std::string time_row(std::string_view workload) {
    return fmt::format("{}_ms", workload);
}
std::string ratio_row(std::string_view workload) {
    return fmt::format("{}_ratio", workload);
}

Figure timed(std::string row, std::string_view system, std::vector<double> values) {
    std::ranges::sort(values);
    // Nobody measures time to more than a thousandth.
    auto const rounded = [](double value) { return std::round(value * 1000) / 1000; };
    return {std::move(row), std::string{system}, rounded(values[values.size() / 2]),
            Spread{rounded(values.front()), rounded(values.back())}};
}

std::vector<std::string> missed_workload_goals(Figures const& figures) {
    std::vector<std::string> sentences;
    for (auto const& one : all) {
        auto const mine = find(figures, one.name, ours), alone = find(figures, one.name, native);
        if (mine && alone && *mine > *alone * workload_goal)
            sentences.push_back(fmt::format("{} takes {:.4f} times the instructions of the machine alone.",
                                            one.name, *mine / *alone));
        auto const ratio = find(figures, ratio_row(one.name), ours);
        if (ratio && *ratio > workload_time_goal)
            sentences.push_back(fmt::format("{} takes {:.2f} times the time under KVM.", one.name, *ratio));
    }
    return sentences;
}

Record measure_workloads(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    return WorkloadBench{wanted, problems}.run();
}

}  // namespace antler::cli
