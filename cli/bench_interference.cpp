// A victim on a dedicated hart, alone and beside machines that do their worst.
#include "cli/bench_interference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <set>

#include "cli/bench_boards.hpp"
#include "cli/bench_measure.hpp"
#include "cli/bench_scale.hpp"
#include "cli/doctor.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/qemu_session.hpp"
#include "cli/spelling.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{5};
// Firmware below the image and the hypervisor's image: what is not a guest's, whoever runs it.
constexpr u64 outside_bytes = u64{4} << 20;

constexpr std::string_view victim =
    "[machine]\nharts = 3\nmemory = \"1G\"\n"
    "[vm.victim]\ncpus = {{ affinity = [\"2\"], dedicated = true }}\nmemory = {{ size = \"16M\" }}\n"
    "payload = {{ kernel = \"{}\" }}\n";
// Exits of every kind, interrupts between harts, page faults, packets and disks, on the two other harts.
constexpr std::string_view noise =
    "[switch.lan]\n"
    "[vm.hostile]\ncpus = {{ boot_vcpus = 3, weight = 1024 }}\nmemory = {{ size = \"64M\" }}\n"
    "payload = {{ kernel = \"{0}\", cmdline = \"seed=1 actions=100000\" }}\n"
    "on_poweroff = \"restart\"\non_crash = \"restart\"\nconsoles = 1\nballoon = {{}}\nwatchdog = true\n"
    "net = [{{ switch = \"lan\" }}]\ndisks = [{{ path = \"hostile.raw\", size = \"8M\" }}]\n"
    "[vm.busy]\ncpus = {{ boot_vcpus = 3 }}\nmemory = {{ size = \"16M\" }}\npayload = {{ kernel = \"{1}\" "
    "}}\n"
    "net = [{{ switch = \"lan\" }}]\ndisks = [{{ path = \"busy.raw\", size = \"8M\" }}]\n"
    "rng = true\nconsoles = 1\nballoon = {{}}\n"
    "[vm.touch]\nmemory = {{ size = \"128M\", prefault = false }}\npayload = {{ kernel = \"{2}\" }}\n"
    "on_poweroff = \"restart\"\n";

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

double outside_percent(JobCounts const& counts) {
    auto const all = counts.inside + counts.outside;
    return all == 0 ? 100 : counts.outside * 100 / all;
}

struct Seen {
    JobCounts counts{};
    std::map<u64, double> late{};
};

Seen run(BenchBoards const& boards, Path const& log, std::string const& description) {
    auto board = boards.described(description);
    auto const plugin = build_directory() / "host" / "instructions.so";
    for (auto const& word :
         {std::string{"-plugin"}, fmt::format("{},outside={}", plugin.string(), outside_bytes),
          std::string{"-d"}, std::string{"plugin"}, std::string{"-D"}, log.string()})
        board.extra.push_back(word);
    auto const transcript = run_and_record(board, patience, "job: done");
    if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
    if (transcript.console.find("job: done") == std::string::npos)
        throw Failure{ExitCode::internal, "The victim did not do its jobs; the console said:\n" +
                                              transcript.result.complaints + transcript.console};
    return {parse_marks(as_text(read_file(log))), parse_lateness(transcript.console)};
}

}  // namespace

JobCounts parse_marks(std::string_view log) {
    struct Mark {
        unsigned number = 0, hart = 0;
        unsigned long long inside = 0, outside = 0, all = 0;
    };
    JobCounts found;
    std::set<unsigned> harts;
    std::optional<Mark> first, begin;
    for (auto const line : split_words(log, '\n')) {
        Mark mark;
        if (std::sscanf(std::string{line}.c_str(), "mark %u hart %u inside %llu outside %llu of %llu",
                        &mark.number, &mark.hart, &mark.inside, &mark.outside, &mark.all) != 5)
            continue;
        harts.insert(mark.hart);
        if (!first) first = mark;
        found.inside = static_cast<double>(mark.inside - first->inside);
        found.outside = static_cast<double>(mark.outside - first->outside);
        found.elsewhere = static_cast<double>(mark.all - first->all) - found.outside;
        if (mark.number == 1) begin = mark;
        if (mark.number == 2 && begin) {
            found.jobs.push_back(static_cast<double>(mark.inside - begin->inside));
            begin.reset();
        }
    }
    found.harts = static_cast<unsigned>(harts.size());
    return found;
}

std::map<u64, double> parse_lateness(std::string_view console) {
    std::map<u64, double> late;
    for (auto const line : split_words(console, '\n')) {
        auto const at = line.find("job: late ");
        unsigned long long micros = 0, count = 0;
        if (at != std::string_view::npos &&
            std::sscanf(std::string{line.substr(at)}.c_str(), "job: late %llu %llu", &micros, &count) == 2)
            late[micros] = static_cast<double>(count);
    }
    return late;
}

std::vector<std::string> missed_quiet(JobCounts const& quiet, JobCounts const& noisy) {
    std::vector<std::string> missed;
    if (quiet.jobs.empty() || noisy.jobs.empty()) return {"No job was counted."};
    for (auto const* const run : {&quiet, &noisy}) {
        if (run->harts != 1) missed.push_back(fmt::format("The victim ran on {} harts.", run->harts));
        if (auto const percent = outside_percent(*run); percent > most_outside_percent)
            missed.push_back(
                fmt::format("{:.2f} % of what the victim's hart retired lies outside of it, more than {} %.",
                            percent, most_outside_percent));
    }
    auto const expected = median(quiet.jobs);
    for (auto const count : noisy.jobs)
        if (std::abs(count - expected) * 100 > expected * most_change_percent) {
            missed.push_back(
                fmt::format("A job took the victim {:.0f} instructions beside the noise, and {:.0f} without.",
                            count, expected));
            break;
        }
    return missed;
}

Record measure_interference(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    Record record;
    if (!wanted.empty()) return record;
    BlockedSignals const blocked;
    WorkDirectory const work;
    BenchBoards const boards{work.path()};
    auto const alone = fmt::format(victim, guest_elf("job").string());
    auto const beside = fmt::format(noise, guest_elf("hostile").string(), guest_elf("busy").string(),
                                    guest_elf("demand").string());
    fmt::print(stderr, "antler: bench: jobs on a dedicated hart, alone ({})\n", ours);
    auto const quiet = run(boards, work.path() / "quiet.log", alone);
    fmt::print(stderr, "antler: bench: and beside others that do their worst ({})\n", ours);
    auto const noisy = run(boards, work.path() / "noisy.log", alone + beside);
    record.circumstances = {
        {"command", "./antler bench --part interference --save"},
        {"cpu", default_cpu},
        {"counts", "a plugin of QEMU, bench/plugin/instructions.cpp; without icount, harts run at once"},
        {"qemu", required_qemu_version()}};
    auto const keep = [&](std::string_view row, double value) {
        record.figures.push_back({std::string{row}, std::string{ours}, value});
    };
    for (auto const& [name, seen] : {std::pair{"quiet", &quiet}, {"noisy", &noisy}}) {
        auto const [least, most] =
            std::ranges::minmax(seen->counts.jobs.empty() ? std::vector<double>{0} : seen->counts.jobs);
        keep(fmt::format("job_{}", name), median(seen->counts.jobs));
        keep(fmt::format("job_least_{}", name), least);
        keep(fmt::format("job_most_{}", name), most);
        keep(fmt::format("inside_{}", name), seen->counts.inside);
        keep(fmt::format("outside_{}", name), seen->counts.outside);
        keep(fmt::format("elsewhere_{}", name), seen->counts.elsewhere);
        for (auto const& [micros, count] : seen->late) keep(fmt::format("late_{}/{}", name, micros), count);
    }
    for (auto& sentence : missed_quiet(quiet.counts, noisy.counts)) problems.push_back(std::move(sentence));
    return record;
}

std::string interference_tables(Figures const& figures) {
    auto const value = [&](std::string_view row, std::string_view run) {
        return find(figures, fmt::format("{}_{}", row, run), ours).value_or(0);
    };
    std::string text = "| | alone | beside the noise |\n|---|---:|---:|\n";
    auto const line = [&](std::string_view what, auto const& cell) {
        text += fmt::format("| {} | {} | {} |\n", what, cell("quiet"), cell("noisy"));
    };
    line("of a million instructions of its hart, outside the victim", [&](std::string_view run) {
        auto const outside = value("outside", run);
        return fmt::format("{:.0f}", outside * 1e6 / std::max(1.0, outside + value("inside", run)));
    });
    line("instructions of hypervisor and firmware on the other harts meanwhile",
         [&](auto run) { return shown(value("elsewhere", run)); });
    line("a job's own instructions, median", [&](auto run) { return shown(value("job", run)); });
    line("least", [&](auto run) { return shown(value("job_least", run)); });
    line("most", [&](auto run) { return shown(value("job_most", run)); });
    text += "\n| woken late, of 200 times | ";
    std::string rule = "|---|", alone = "| alone |", beside = "| beside the noise |";
    auto const points = points_of(figures, "late_quiet", ours);
    for (auto const& [micros, count] : points) {
        // The last one holds all that is later.
        text +=
            micros == points.back().first ? std::string{"more | "} : fmt::format("< {:.0f} µs | ", micros);
        rule += "---:|";
        alone += fmt::format(" {:.0f} |", count);
        beside += fmt::format(" {:.0f} |",
                              find(figures, fmt::format("late_noisy/{:.0f}", micros), ours).value_or(0));
    }
    text.pop_back();
    return text + "\n" + rule + "\n" + alone + "\n" + beside + "\n";
}

}  // namespace antler::cli
