// Measures the rows.
#include "cli/bench_measure.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>
#include <numeric>
#include <thread>

#include "cli/bench_accessor.hpp"
#include "cli/bench_exits.hpp"
#include "cli/bench_explain.hpp"
#include "cli/doctor.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/symbolize.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::seconds patience{120};  // a run takes seconds
constexpr std::size_t shown_of_a_failure = 1000;

}  // namespace

namespace {

std::vector<double> numbers_after(std::string_view console, std::string_view mark) {
    std::vector<double> found;
    for (auto at = console.find(mark); at != std::string_view::npos; at = console.find(mark, at + 1)) {
        if (at != 0 && console[at - 1] != '\n') continue;
        auto const text = console.substr(at + mark.size());
        double value = 0;
        auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec == std::errc{}) found.push_back(value);
    }
    return found;
}

}  // namespace

std::optional<double> number_after(std::string_view console, std::string_view mark) {
    auto const all = numbers_after(console, mark);
    return all.empty() ? std::nullopt : std::optional{all.back()};
}

std::optional<double> least_after(std::string_view console, std::string_view mark) {
    auto const all = numbers_after(console, mark);
    return all.empty() ? std::nullopt : std::optional{*std::ranges::min_element(all)};
}

double last_number(std::string_view console) {
    auto const end = console.find_last_not_of(" \r\n");
    if (end == std::string_view::npos) return 0;
    console = console.substr(0, end + 1);
    auto const line = console.rfind('\n');
    if (line != std::string_view::npos) console = console.substr(line + 1);
    double value = 0;
    std::from_chars(console.data(), console.data() + console.size(), value);
    return value;
}

Record Bench::run() {
    record_.circumstances = {{"command", "./antler bench --save"},
                             {"cpu", default_cpu},
                             {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
                             {"kernel", BenchBoards::kernel().filename().string()},
                             {"qemu", required_qemu_version()}};
    std::vector<Run const*> runs;
    for (auto const& one : all_runs())
        if (std::ranges::any_of(one.rows, [&](auto row) { return is_wanted(wanted_, row); }))
            runs.push_back(&one);
    for (auto& measured : side_by_side(runs)) {
        for (auto const& figure : measured.record.figures) keep(figure);
        record_.circumstances.merge(measured.record.circumstances);
        std::ranges::move(measured.problems, std::back_inserter(problems_));
    }
    if (is_wanted(wanted_, "list_latency")) measure_list();
    auto const zeroed = find(record_.figures, "start_zeroed", ours);
    auto const start = find(record_.figures, "start", ours);
    if (zeroed && start)
        record_.figures.push_back(
            {"zero_64", std::string{ours}, (*zeroed - *start) / (bench_guest_memory / 64.0)});
    return record_;
}

// What each came to, in the order of the runs.
std::vector<Bench::Measured> Bench::side_by_side(std::span<Run const* const> runs) const {
    std::vector<Measured> all(runs.size());
    std::atomic<usize> next = 0;
    auto const work = [&] {
        try {
            for (auto i = next++; i < runs.size(); i = next++) all[i] = alone(*runs[i]);
        } catch (...) {
            next = runs.size();
            throw;
        }
    };
    std::vector<std::future<void>> workers;
    auto const count = std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i) workers.push_back(std::async(std::launch::async, work));
    for (auto& worker : workers) worker.get();
    return all;
}

Bench::Measured Bench::alone(Run const& one) const {
    Bench bench{wanted_};
    bench.measure(one);
    return {std::move(bench.record_), std::move(bench.problems_)};
}

// What the name of a row ends with where the machine is not the usual one.
static std::string_view suffix_of(Load const& load) {
    if (load.doubts) return "_fetched";
    if (!load.messages) return {};
    if (!load.aia) return "_msi";
    return load.no_files ? "_soft_aia" : "_aia";
}
static bool is_row(std::string_view name) {
    return std::ranges::find(bench_rows(), name, &BenchRow::name) != bench_rows().end();
}

// What the guest calls it.
static std::string guests_row(Run const& one, std::string_view row = {}) {
    if (find_accessor(row) != nullptr) return one.load.disk ? "block_4k" : "uart_read";
    if (one.load.vcpus != 0) return "ipi_pingpong";
    if (auto const suffix = suffix_of(one.load); row.ends_with(suffix)) row.remove_suffix(suffix.size());
    return std::string{row};
}

// What an access of guest memory takes in exits of which it is a part.
void Bench::measure_accessor(Run const& one, Accessor const& accessor) {
    auto load = one.load;
    load.row = guests_row(one, accessor.row);
    if (auto const cost = cost_of_access(traced(load), hypervisor_elf(), accessor))
        keep({std::string{accessor.row}, std::string{ours}, std::round(*cost * 10) / 10});
    else
        problems_.push_back(fmt::format("{}: no guarded access was seen.", one.what));
}

// What a touch of 2 MiB takes beside zeroing, on average, as blocks are split for some.
void Bench::measure_touches(Run const& one) {
    auto load = one.load;
    load.row = "demand_2m";
    auto const taken = traced(load).touches();
    if (taken.empty()) {
        problems_.push_back(fmt::format("{}: nothing was zeroed.", one.what));
        return;
    }
    auto const sum = std::accumulate(taken.begin(), taken.end(), usize{0});
    auto const mean = static_cast<double>(sum) / static_cast<double>(taken.size());
    keep({std::string{one.rows.front()}, std::string{ours}, std::round(mean * 10) / 10});
}

// The median of a thousand in the middle.
void Bench::measure_traced(Run const& one) {
    if (auto const* const accessor = find_accessor(one.rows.front())) return measure_accessor(one, *accessor);
    if (!one.load.prefault && !one.load.injects) return measure_touches(one);
    auto load = one.load;
    if (load.vcpus != 0) load.row = guests_row(one);
    auto const trace = traced(load);
    if (load.vcpus != 0) return keep_calls(one, trace.wakes());
    if (one.load.injects) return keep_calls(one, trace.calls());
    constexpr usize samples = 1000;
    auto const& taken = trace.world_switches();
    if (taken.size() < samples) {
        problems_.push_back(fmt::format("{}: only {} times one went to the other.", one.what, taken.size()));
        return;
    }
    auto const middle = taken.begin() + static_cast<std::ptrdiff_t>((taken.size() - samples) / 2);
    std::vector<usize> sorted{middle, middle + samples};
    std::ranges::sort(sorted);
    for (auto const row : one.rows)
        if (is_wanted(wanted_, row))
            keep({std::string{row}, std::string{ours}, static_cast<double>(sorted[samples / 2])});
}

// The median; none is what hardware does alone.
void Bench::keep_calls(Run const& one, std::vector<usize> calls) {
    constexpr usize few = 10;  // a hart is called now and then all the same, as when the guest starts
    std::ranges::sort(calls);
    auto const middle = calls.size() < few ? 0 : calls[calls.size() / 2];
    for (auto const row : one.rows)
        if (is_wanted(wanted_, row)) keep({std::string{row}, std::string{ours}, static_cast<double>(middle)});
}

ExitTrace Bench::traced(Load load) {
    if (load.pair || load.disk || load.doubts) load.words += " few";
    return trace_exits(boards_.under_antler(load), hypervisor_elf());
}

// Where an ELF file begins to run.
static u64 entry_of(Path const& program) {
    auto const bytes = read_file(program);
    constexpr std::size_t at = 24;
    u64 entry = 0;
    if (bytes.size() < at + sizeof entry)
        throw Failure{ExitCode::internal, program.string() + " is not an ELF file."};
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    return entry;
}

// How often the guest was left and why, for QEMU writes down each time that the hypervisor's first
// instruction is come to.
void Bench::measure_counted(Run const& one) {
    auto machine = boards_.under_antler(one.load);
    auto const entry = SymbolTable::read(hypervisor_elf()).find("antler_trap");
    if (!entry) throw Failure{ExitCode::internal, "The hypervisor's ELF file has lost its symbols."};
    auto const log = work_.path() / "entries";
    for (auto const& word : {std::string{"-d"}, std::string{"exec,cpu,int"}, std::string{"-D"}, log.string(),
                             std::string{"-dfilter"}, fmt::format("{:#x}+4", loaded_at + *entry)})
        machine.extra.push_back(word);
    auto const console = boot(machine);
    ExitCount count{entry_of(BenchBoards::marker())};
    std::ifstream lines{log};
    for (std::string line; !count.ended() && std::getline(lines, line);) count.line(line);
    count.finish();
    if (!number_after(console, "marker ") || !count.ended()) {
        problems_.push_back(fmt::format("{}: Linux did not come to its marker.", one.what));
        return;
    }
    for (auto const row : one.rows)
        if (is_wanted(wanted_, row))
            keep({std::string{row}, std::string{ours}, static_cast<double>(count.all())});
    for (auto const& [reason, times] : count.by_reason())
        keep({row_of_reason(one.rows.front(), reason), std::string{ours}, static_cast<double>(times)});
}

// Where the exits of a row go.
std::string Bench::explain_row(std::string const& row) {
    for (auto const& one : all_runs()) {
        if (one.where != Where::antler || std::ranges::find(one.rows, row) == one.rows.end()) continue;
        auto load = one.load;
        load.row = guests_row(one, row);
        return explain(row, traced(load), hypervisor_elf());
    }
    throw Failure{ExitCode::bad_input, fmt::format("The row `{}` is not one of exits.", row)};
}

void Bench::measure(Run const& one) {
    auto const system = one.where == Where::antler ? ours : native;
    fmt::print(stderr, "antler: bench: {} ({})\n", one.what, system);
    if (one.load.traced) return measure_traced(one);
    if (one.load.counted) return measure_counted(one);
    auto const console = run_load(one, one.load);
    auto figures = parse_guest_output(console, system);
    if (auto const booted = one.load.linux_kernel ? shortest_boot(one, console) : std::nullopt)
        figures.push_back({"linux_boot", std::string{system}, *booted * instructions_per_tick});
    // The hypervisor's own words: `antler: start 1234 ticks`.
    if (auto const said = number_after(console, "antler: start "))
        figures.push_back({one.load.prefault ? "start_zeroed" : "start", std::string{system},
                           *said * instructions_per_tick});
    if (auto const said = number_after(console, "antler: interrupts_off "))
        figures.push_back({"interrupts_off", std::string{system}, *said * instructions_per_tick});
    for (auto& figure : figures)
        if (auto const name = figure.row + std::string{suffix_of(one.load)}; is_row(name)) figure.row = name;
    bool any = false;
    for (auto const& figure : figures) {
        if (std::ranges::find(one.rows, figure.row) == one.rows.end() || !is_wanted(wanted_, figure.row))
            continue;
        keep(figure);
        any = true;
    }
    if (any) return;
    auto const tail = console.substr(console.size() - std::min(console.size(), shown_of_a_failure));
    problems_.push_back(
        fmt::format("{} ({}) did not say its figures; its console ended with:\n{}", one.what, system, tail));
}

// Four VMs that compute on two harts, and whoever asks for their list from another process.
void Bench::measure_list() {
    fmt::print(stderr, "antler: bench: `antler list` beside busy VMs ({})\n", ours);
    auto const file = work_.path() / "bench-list.toml";
    std::string text = "[machine]\nharts = 2\nmemory = \"512M\"\n";
    for (int i = 0; i < 4; ++i)
        text += fmt::format("[vm.busy{}]\nmemory = {{ size = \"16M\" }}\npayload = {{ kernel = \"{}\" }}\n",
                            i, guest_elf("checksum").string());
    write_file(file, as_bytes(text));
    auto const antler = (build_directory() / "host" / "antler").string();
    auto const name = fmt::format("bench-list-{}", ::getpid());
    if (!capture({antler, "run", "--detach", "--name", name, file.string()}, patience).succeeded()) {
        problems_.emplace_back("The machine with busy VMs did not start.");
        return;
    }
    std::vector<double> took;
    bool good = true;
    for (int i = 0; i < 100; ++i) {
        auto const begun = std::chrono::steady_clock::now();
        auto const said = capture({antler, "list", "--machine", name}, patience);
        took.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
        good = good && said.succeeded() && said.output.contains("busy3");
    }
    (void)capture({antler, "stop", name}, patience);
    std::ranges::sort(took);
    auto const median = std::round(took[took.size() / 2] * 10) / 10;
    record_.figures.push_back({"list_latency", std::string{ours}, median});
    if (!good) problems_.emplace_back("`antler list` did not answer beside busy VMs.");
    constexpr double most = 500;
    if (median > most)
        problems_.push_back(fmt::format("The median of 100 `antler list` took {:.0f} ms.", median));
}

std::string Bench::run_load(Run const& one, Load const& load) {
    auto console = boot(one.where == Where::antler ? boards_.under_antler(load) : boards_.natively(load));
    // Where several VMs speak, their names stand in front.
    constexpr std::string_view speaker = "[ask] ";
    for (auto at = console.find(speaker); at != std::string::npos; at = console.find(speaker, at))
        console.erase(at, speaker.size());
    return console;
}

// Linux collects entropy until it has enough, which takes it 3 % of the boot more or less: the least of
// six seeds.
constexpr u32 seeds = 6;

std::optional<double> Bench::shortest_boot(Run const& one, std::string const& first) {
    auto least = number_after(first, "marker ");
    for (auto load = one.load; least && ++load.seed <= seeds;)
        if (auto const next = number_after(run_load(one, load), "marker ")) least = std::min(*least, *next);
    // The guest's clock starts at its first instruction under Antler; natively the firmware was first.
    if (least && one.where == Where::native) *least -= native_entry();
    return least;
}

// Of a row that several runs report the worst counts.
void Bench::keep(Figure const& figure) {
    for (auto& known : record_.figures) {
        if (known.row != figure.row || known.system != figure.system) continue;
        known.instructions = std::max(known.instructions, figure.instructions);
        return;
    }
    record_.figures.push_back(figure);
}

std::string Bench::boot(QemuMachine const& machine) {
    auto const transcript = run_and_record(machine, patience);
    if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
    if (auto const firmware = parse_boot(transcript.console).firmware)
        record_.circumstances["firmware"] = *firmware;
    return transcript.console;
}

double Bench::native_entry() {
    return last_number(boot(boards_.entry()));
}

}  // namespace antler::cli
