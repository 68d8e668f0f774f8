// Where the time of a boot goes.
#include "cli/bench_timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "cli/bench_linux.hpp"
#include "cli/doctor.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::array stages{
    BootStage{"cpus", "the kernel's core, until its processors are up", "smp: Brought up"},
    BootStage{"buses", "buses, and what hangs on them, until it has a clock", "clocksource: Switched to"},
    BootStage{"initramfs", "drivers, and the initramfs unpacked", "Freeing initrd memory"},
    BootStage{"init", "the rest, until /init", "Run /init as init process"},
};
constexpr double instructions_per_second = 1e9;
constexpr std::size_t shown_of_a_failure = 1000;

}  // namespace

std::span<BootStage const> boot_stages() {
    return stages;
}

Figures parse_marks(std::string_view console, std::string_view system) {
    Figures figures;
    while (!console.empty()) {
        auto const end = console.find('\n');
        auto line = console.substr(0, end);
        console = end == std::string_view::npos ? std::string_view{} : console.substr(end + 1);
        constexpr std::string_view mark = "mark ";
        if (!line.starts_with(mark)) continue;
        line.remove_prefix(mark.size());
        double seconds = 0;
        auto const parsed = std::from_chars(line.data(), line.data() + line.size(), seconds);
        if (parsed.ec != std::errc{} || parsed.ptr == line.data() + line.size()) continue;
        auto const text = line.substr(static_cast<std::size_t>(parsed.ptr - line.data()) + 1);
        for (auto const& stage : stages)
            if (text.starts_with(stage.line))
                figures.push_back({fmt::format("boot/{}", stage.name), std::string{system},
                                   seconds * instructions_per_second});
    }
    return figures;
}

Record measure_timeline(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    Record record;
    if (!is_wanted(wanted, "boot")) return record;
    BlockedSignals const blocked;
    WorkDirectory const work;
    LinuxBoards const boards{work.path()};
    record.circumstances = {
        {"command", "./antler bench --part timeline --save"},
        {"cpu", default_cpu},
        {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
        {"kernel", BenchBoards::kernel().filename().string()},
        {"kvm", fmt::format("Linux {}, Debian's qemu-system-riscv {} for riscv64, -accel kvm",
                            KvmHost::kernel(), KvmHost::qemu())},
        {"qemu", required_qemu_version()}};
    LinuxLoad const load{.guests = {{.name = "boot", .words = "antler.run=\"/bin/disk-work marks\""}}};
    for (std::string_view const system : {ours, native, std::string_view{"kvm"}}) {
        fmt::print(stderr, "antler: bench: the stages of a boot ({})\n", system);
        auto const console = LinuxBoards::run(boards.on(system, load));
        auto const figures = parse_marks(console, system);
        record.figures.insert(record.figures.end(), figures.begin(), figures.end());
        if (figures.size() == stages.size()) continue;
        auto const tail = console.substr(console.size() - std::min(console.size(), shown_of_a_failure));
        problems.push_back(
            fmt::format("A boot ({}) was not told; the console ended with:\n{}", system, tail));
    }
    return record;
}

std::string timeline_section(Record const& record) {
    std::string page = R"(
## The stages of a boot

Exact: when a quiet Debian kernel with one vCPU and 256 MiB had done what, in instructions since its clock began, by the times in
its own log under `-icount shift=0,sleep=off`.

![bars: the stages of a boot, under each system](benchmarks/boot.svg)

| until | antler | native | kvm |
|---|---:|---:|---:|
)";
    for (auto const& stage : stages) {
        page += fmt::format("| {} |", stage.what);
        for (auto const system : {ours, native, std::string_view{"kvm"}}) {
            auto const at = find(record.figures, fmt::format("boot/{}", stage.name), system);
            page += at ? fmt::format(" {} |", shown(*at)) : " |";
        }
        page += "\n";
    }
    return page;
}

TimeLine timeline_picture(Record const& record) {
    TimeLine line{.title = "The stages of a boot", .unit = "instructions", .stages = {}, .rows = {}};
    for (auto const& stage : stages) line.stages.emplace_back(stage.what);
    for (auto const system : {ours, native, std::string_view{"kvm"}}) {
        TimeLine::Row row{.label = std::string{system}, .ends = {}};
        for (auto const& stage : stages)
            row.ends.push_back(find(record.figures, fmt::format("boot/{}", stage.name), system).value_or(0));
        line.rows.push_back(std::move(row));
    }
    return line;
}

}  // namespace antler::cli
