// The page of figures.
#include "cli/bench_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "cli/bench_exits.hpp"
#include "cli/bench_interference.hpp"
#include "cli/bench_latency.hpp"
#include "cli/bench_login.hpp"
#include "cli/bench_scale.hpp"
#include "cli/bench_size.hpp"
#include "cli/bench_timeline.hpp"
#include "cli/bench_workloads.hpp"
#include "cli/file.hpp"
#include "cli/plot.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view head = R"(# What it costs

Written by `./antler bench` from bench/results and bench/rivals.json: do not edit. `./antler bench --save` measures all
of it and writes it down; `./antler bench --markdown` writes this page again from what is on record.

## Exits

Exact. Instructions, of any privilege level, for one operation of a small S-mode guest, counted by QEMU
(`-icount shift=0,sleep=off`), where an instruction is a nanosecond: such counts come out the same in every run.
`native` is the same guest on QEMU's firmware, without a hypervisor. A goal is a figure that Antler must not exceed.
`wake_1ms` is a time, in nanoseconds; `list_latency` is one too, in milliseconds by the clock on the wall, the median of
100, and differs from run to run. An instruction count says nothing about caches and page walks, which cost nothing
here; on silicon they do.

`kvm` is measured by the same command with the same guests: Debian's kernel and Debian's QEMU for riscv64 with
`-accel kvm`, in the board that runs Antler in the other columns. The rest was measured once, elsewhere.

)";

constexpr std::string_view scale_words = R"(
## Scale

Exact. The cost of a switch where all VMs of a hart give it to one another: it may not grow by more than a tenth from two
VMs to 128. In a turn each VM of the hart sleeps until a timer that has come when it is its turn again: the timer, and what
wakes the others, are in the figure; who has slept for long comes more often at first, and is measured afterwards. KVM
looks out for half a millisecond before it gives up the hart of a VM that waits; here it is told not to (`halt_poll_ns`).
With few VMs its figure holds that the kernel finds nobody and goes idle, as it does for one alone.

A start is that of a board with eight harts and 4 GiB, with VMs of 16 MiB; the state of a VM is what the hypervisor keeps
for it besides its memory, and under KVM what the host has less of besides that memory: its QEMU, and what the kernel keeps,
which is not exact.
A boot of Linux is counted on all harts together, each of which waits for the others now and then; natively the board has as
many harts as Linux.

)";

constexpr std::string_view interference_words = R"(
## Interference

What a machine that does its worst changes for a VM on a dedicated hart: a guest that executes, calls and writes
anything, one with something under way at every device and one that touches memory on demand, life after life, on the
two other harts. A plugin of QEMU counts each instruction that a hart retires, inside the guest or outside of it. At most
two of a hundred may lie outside, and a job's own count may not differ by more than a thousandth from what it is alone.
How late the victim is woken is told by the clock, and differs from run to run: QEMU's harts share the computer's.

)";

constexpr std::string_view size_words = R"(## Size

Exact, in bytes. Code that can run once a guest has been left is found in the image itself: from the trap entry along all
calls, jumps and addresses that code mentions; a call through a pointer may go to whatever any table of the image names,
so this is no less than the truth, but for pointers that only the start has made.

)";

// Parts that run Linux, and what is written of each.
struct LinuxSection {
    std::string_view part;
    std::string (*section)(Record const& record);
};
constexpr std::array sections_of_linux{
    LinuxSection{"timeline", timeline_section}, LinuxSection{"login", login_section},
    LinuxSection{"workloads", workloads_section}, LinuxSection{"latency", latency_section}};

Figures figures_of_all(Records const& records) {
    Figures figures;
    for (auto const* const record : {&records.part(exits_part), &records.part("kvm"), &records.rivals})
        figures.insert(figures.end(), record->figures.begin(), record->figures.end());
    return figures;
}

Figures scale_figures(Records const& records) {
    auto figures = records.part("scale").figures;
    auto const& theirs = records.part("scale_kvm").figures;
    figures.insert(figures.end(), theirs.begin(), theirs.end());
    return figures;
}

// Systems that curves have, and what is said of them behind a curve's words.
struct Compared {
    std::string_view system, behind, in_a_legend;
};
constexpr std::array compared{Compared{ours, "", ""},
                              Compared{native, ", without a hypervisor", " (no hypervisor)"},
                              Compared{"kvm", ", under KVM", " (KVM)"}};

// One line of numbers for each curve.
std::string curve_table(Figures const& figures, std::string_view across) {
    std::set<double> places;
    for (auto const& curve : scale_curves())
        if (curve.across == across)
            for (auto const& one : compared)
                for (auto const& [x, y] : points_of(figures, curve.name, one.system)) places.insert(x);
    std::string text = fmt::format("| {} |", across), rule = "|---|", rows;
    for (auto const place : places) {
        text += fmt::format(" {:.0f} |", place);
        rule += "---:|";
    }
    for (auto const& curve : scale_curves()) {
        if (curve.across != across) continue;
        for (auto const& one : compared) {
            auto const points = points_of(figures, curve.name, one.system);
            if (points.empty()) continue;
            rows += fmt::format("| {}{} |", curve.what, one.behind);
            for (auto const place : places) {
                auto const found = std::ranges::find(points, place, &std::pair<double, double>::first);
                rows += found == points.end() ? " |" : fmt::format(" {} |", shown(found->second));
            }
            rows += "\n";
        }
    }
    return text + "\n" + rule + "\n" + rows + "\n";
}

LineChart curves(std::string title, std::string up, Figures const& figures,
                 std::vector<std::string_view> const& names) {
    LineChart chart{.title = std::move(title),
                    .across = {},
                    .up = std::move(up),
                    .lines = {},
                    .logarithmic_across = true,
                    .logarithmic_up = false};
    for (auto const name : names) {
        auto const curve = std::ranges::find(scale_curves(), name, &Curve::name);
        chart.across = curve->across;
        // A legend has one line: what is behind a comma is in the table.
        auto const words = curve->what.substr(0, curve->what.find(','));
        for (auto const& one : compared) {
            auto points = points_of(figures, name, one.system);
            if (points.empty()) continue;
            chart.lines.push_back({fmt::format("{}{}", words, one.in_a_legend), std::move(points)});
            if (one.system == "kvm") chart.logarithmic_up = true;  // the one would be a line at the bottom
        }
    }
    return chart;
}

std::string size_table(Figures const& figures) {
    std::string text = "| what | antler | kvm |\n|---|---:|---:|\n";
    for (auto const& row : size_rows()) {
        text += fmt::format("| {} |", row.what);
        for (auto const system : {ours, std::string_view{"kvm"}}) {
            auto const figure = find(figures, row.name, system);
            text += figure ? fmt::format(" {} |", shown(*figure)) : " |";
        }
        text += "\n";
    }
    return text;
}

std::string circumstances(std::string_view before, Record const& record) {
    std::string text{before};
    for (auto const& [name, value] : record.circumstances) text += fmt::format("* {}: {}\n", name, value);
    return text;
}

std::string picture(std::string_view file, std::string_view says) {
    return fmt::format("![{}](benchmarks/{}.svg)\n\n", says, file);
}

// Rows of which more than one system has a figure, as bars.
BarChart bars(std::string title, Figures const& figures, std::vector<std::string_view> const& names) {
    BarChart chart{.title = std::move(title),
                   .unit = "instructions (logarithmic)",
                   .series = {"antler", "native", "kvm", "kvm_aia", "xvisor", "bao"},
                   .groups = {}};
    for (auto const name : names) {
        auto const row = std::ranges::find(bench_rows(), name, &BenchRow::name);
        if (row == bench_rows().end()) continue;
        BarChart::Group group{.label = std::string{row->what}, .values = {}};
        for (auto const& system : chart.series) group.values.push_back(find(figures, name, system));
        chart.groups.push_back(std::move(group));
    }
    return chart;
}

}  // namespace

std::map<std::string, std::string> benchmarks_pictures(Records const& records) {
    auto const figures = figures_of_all(records);
    std::map<std::string, std::string> pictures;
    pictures["exits"] = svg(bars("Exits, there and back", figures,
                                 {"sbi_base", "set_timer", "timer_irq", "ipi_self", "rfence_self",
                                  "uart_read", "plic_read", "set_timer_wfi", "stimecmp_wfi", "wake_1ms"}));
    pictures["devices"] = svg(bars("Memory, harts and virtio devices", figures,
                                   {"first_touch_eager", "demand_2m", "hart_start", "ipi_pingpong", "ipi_aia",
                                    "net_64", "net_1500", "block_4k", "block_4k_write"}));
    auto const scale = scale_figures(records);
    pictures["scale-switch"] = svg(curves("A switch, and a wake-up, beside how many VMs on the same hart",
                                          "instructions, ns", scale, {"switch", "turn", "wake"}));
    pictures["scale-memory"] = svg(curves("What a VM takes besides its memory", "KiB", scale, {"memory"}));
    if (!points_of(scale, "linux_vcpus", ours).empty())
        pictures["scale-linux"] = svg(
            curves("A boot of Linux until /init, on eight harts", "instructions", scale, {"linux_vcpus"}));
    pictures["scale-start"] = svg(curves("Until the first guest runs", "instructions", scale, {"start"}));
    pictures["scale-vcpus"] = svg(curves("Harts of one VM on eight harts of the board", "instructions", scale,
                                         {"ipi_vcpus", "hart_start_vcpus"}));
    if (auto const& part = records.part("timeline"); !part.figures.empty())
        pictures["boot"] = svg(timeline_picture(part));
    if (auto const& part = records.part("workloads"); !part.figures.empty())
        pictures["workloads"] = svg(workloads_picture(part));
    if (auto const& part = records.part("latency"); !part.figures.empty())
        pictures["latency"] = svg(latency_picture(part));
    return pictures;
}

std::string benchmarks_page(Records const& records) {
    auto const figures = figures_of_all(records);
    std::vector<std::string> systems{std::string{ours}};
    for (auto const& system : systems_of(figures))
        if (system != ours) systems.push_back(system);
    std::string page{head};
    page += picture("exits", "bars: instructions of each kind of exit, under each system");
    page += picture("devices", "bars: instructions of memory, harts and devices, under each system");
    page += markdown_table(figures, systems);
    page += floors_section(records.floors, figures);
    page += exits_section(figures);
    for (auto const& [part, section] : sections_of_linux)
        if (auto const& record = records.part(part); !record.figures.empty()) page += section(record);
    page += scale_words;
    page += picture("scale-switch", "curves: a switch and a wake-up, by the number of VMs");
    page += picture("scale-start", "curve: the start, by the number of VMs");
    page += picture("scale-memory", "curves: what a VM takes besides its memory, by the number of VMs");
    page += curve_table(scale_figures(records), "VMs");
    if (!points_of(scale_figures(records), "linux_vcpus", ours).empty())
        page += picture("scale-linux", "curves: a boot of Linux, by the number of vCPUs");
    page += picture("scale-vcpus", "curves: interrupts between harts, by the number of vCPUs");
    page += curve_table(scale_figures(records), "vCPUs");
    page += size_words;
    page += size_table(records.part("size").figures);
    if (auto const& part = records.part("interference"); !part.figures.empty())
        page += std::string{interference_words} + interference_tables(part.figures);
    page += circumstances("\n## How the figures came about\n\n", records.part(exits_part));
    page += circumstances("\nKVM:\n\n", records.part("kvm"));
    for (auto const& [part, section] : sections_of_linux)
        if (auto const& record = records.part(part); !record.figures.empty())
            page += circumstances(fmt::format("\nPart {}:\n\n", part), record);
    page += circumstances("\nScale:\n\n", records.part("scale"));
    if (auto const& part = records.part("scale_kvm"); !part.figures.empty())
        page += circumstances("\nScale under KVM:\n\n", part);
    page += circumstances("\nSize:\n\n", records.part("size"));
    if (auto const& part = records.part("interference"); !part.figures.empty())
        page += circumstances("\nInterference:\n\n", part);
    page += circumstances("\nThe others, measured once and kept in bench/rivals.json:\n\n", records.rivals);
    return page;
}

void write_pages(Path const& root, Records const& records) {
    auto const docs = root / "docs";
    std::filesystem::create_directories(docs / "benchmarks");
    for (auto const& [name, text] : benchmarks_pictures(records))
        write_file(docs / "benchmarks" / (name + ".svg"), as_bytes(text));
    write_file(docs / "benchmarks.md", as_bytes(benchmarks_page(records)));
}

}  // namespace antler::cli
