// `antler bench`.
#include "cli/bench.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"
#include "cli/bench_entry.hpp"
#include "cli/bench_explain.hpp"
#include "cli/doctor.hpp"
#include "cli/file.hpp"
#include "cli/initramfs.hpp"
#include "cli/machine_build.hpp"
#include "cli/qemu_session.hpp"
#include "cli/run_command.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr u64 guest_memory = 512_MiB;
constexpr u64 board_memory = 1_GiB;
constexpr std::chrono::seconds patience{120};  // a run takes seconds

// What a guest is and gets; under Antler and without it the same.
struct Load {
    u32 harts = 1;
    bool prefault = true;
    bool linux_kernel = false;
    u32 seed = 1;
    std::string row{};      // the only one that the guest measures; empty: all
    bool pair = false;      // two VMs that take turns
    std::string words{};    // for both of them
    bool network = false;   // two guests on a switch, of which one measures
    bool disk = false;      // a guest with a disk of the board
    bool messages = false;  // the board has an APLIC and IMSICs; its rows end with _msi
    bool aia = false;       // and so have the guests; its rows end with _aia
    bool traced = false;    // what counts is what QEMU writes down
};

enum class Where { antler, native };

struct Run {
    std::string_view what;
    Where where;
    Load load;
    std::vector<std::string_view> rows;  // that this run is believed about
};

std::vector<Run> const& all_runs() {
    static std::vector<std::string_view> const alone{
        "sbi_base",     "set_timer", "set_timer_wfi", "timer_irq",         "ipi_self",
        "rfence_self",  "uart_read", "plic_read",     "first_touch_eager", "stimecmp_wfi",
        "stimecmp_irq", "wake_1ms",  "wake_1ms_max"};
    static std::vector<std::string_view> const pair{"hart_start", "ipi_pingpong"};
    static std::vector<std::string_view> const pair_msi{"hart_start_msi", "ipi_pingpong_msi"};
    static std::vector<Run> const runs{
        {"the bench guest on one hart", Where::native, {}, alone},
        {"the bench guest on two harts", Where::native, {.harts = 2}, pair},
        {"Linux", Where::native, {.linux_kernel = true}, {"linux_boot"}},
        {"the bench guest on one hart", Where::antler, {}, alone},
        {"the bench guest on two harts", Where::antler, {.harts = 2}, pair},
        {"the bench guest on two harts with IMSICs", Where::antler, {.harts = 2, .messages = true}, pair_msi},
        {"the bench guest with AIA on two harts",
         Where::antler,
         {.harts = 2, .messages = true, .aia = true},
         {"ipi_aia"}},
        {"the bench guest with memory on demand",
         Where::antler,
         {.prefault = false},
         // One hart: where several take turns, the time that one measures passes for all.
         {"demand_2m", "interrupts_off"}},
        {"Linux", Where::antler, {.linux_kernel = true}, {"linux_boot"}},
        {"two guests on a switch", Where::antler, {.network = true}, {"net_64", "net_1500", "net_exits"}},
        {"a guest on a disk", Where::antler, {.disk = true}, {"block_4k", "block_4k_write"}},
        {"two VMs that take turns", Where::antler, {.pair = true}, {"world_switch_seen"}},
        {"two VMs that take turns and calculate",
         Where::antler,
         {.pair = true, .words = "fp"},
         {"world_switch_seen_fp"}},
        {"two VMs that take turns, each instruction written down",
         Where::antler,
         {.pair = true, .traced = true},
         {"world_switch"}},
        {"two VMs with AIA that take turns, each instruction written down",
         Where::antler,
         {.pair = true, .messages = true, .aia = true, .traced = true},
         {"world_switch_aia"}},
        {"two VMs that take turns and calculate, each instruction written down",
         Where::antler,
         {.pair = true, .words = "fp", .traced = true},
         {"world_switch_fp"}},
        {"a start on eight harts", Where::antler, {.harts = 8, .prefault = false}, {"start"}},
        {"a start on eight harts, memory zeroed first", Where::antler, {.harts = 8}, {"start_zeroed"}},
    };
    return runs;
}

// What a line says behind `mark`, if that is a number; the last such line counts.
std::optional<double> number_after(std::string_view console, std::string_view mark) {
    std::optional<double> found;
    for (auto at = console.find(mark); at != std::string_view::npos; at = console.find(mark, at + 1)) {
        if (at != 0 && console[at - 1] != '\n') continue;
        auto const text = console.substr(at + mark.size());
        double value = 0;
        auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec == std::errc{}) found = value;
    }
    return found;
}

class Bench {
public:
    explicit Bench(std::vector<std::string> const& wanted) : wanted_{wanted} {}

    Record run() {
        record_.circumstances = {
            {"command", "./antler bench --save"},
            {"cpu", default_cpu},
            {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
            {"kernel", kernel().filename().string()},
            {"qemu", parse_qemu_version(capture({required_qemu().string(), "--version"}, patience).output)}};
        for (auto const& one : all_runs())
            if (std::ranges::any_of(one.rows, [&](auto row) { return is_wanted(row); })) measure(one);
        if (is_wanted("list_latency")) measure_list();
        auto const zeroed = find(record_.figures, "start_zeroed", ours);
        auto const start = find(record_.figures, "start", ours);
        if (zeroed && start)
            record_.figures.push_back(
                {"zero_64", std::string{ours}, (*zeroed - *start) / (guest_memory / 64.0)});
        return record_;
    }

    // The median of a thousand in the middle.
    void measure_traced(Run const& one) {
        constexpr usize samples = 1000;
        auto const taken = traced(one.load).world_switches();
        if (taken.size() < samples) {
            problems_.push_back(
                fmt::format("{}: only {} times one went to the other.", one.what, taken.size()));
            return;
        }
        auto const middle = taken.begin() + static_cast<std::ptrdiff_t>((taken.size() - samples) / 2);
        std::vector<usize> sorted{middle, middle + samples};
        std::ranges::sort(sorted);
        for (auto const row : one.rows)
            if (is_wanted(row))
                keep({std::string{row}, std::string{ours}, static_cast<double>(sorted[samples / 2])});
    }

    ExitTrace traced(Load load) {
        if (load.pair) load.words += " few";
        return trace_exits(board_of_antler(load), hypervisor());
    }
    static Path hypervisor() { return build_directory() / "target" / "hypervisor.elf"; }

    // Where the exits of a row go.
    std::string explain_row(std::string const& row) {
        for (auto const& one : all_runs()) {
            if (one.where != Where::antler || std::ranges::find(one.rows, row) == one.rows.end()) continue;
            auto load = one.load;
            load.row = row;
            return explain(row, traced(load), hypervisor());
        }
        throw Failure{ExitCode::bad_input, fmt::format("The row `{}` is not one of exits.", row)};
    }

    // What did not work, in sentences.
    [[nodiscard]] std::vector<std::string> const& problems() const { return problems_; }

private:
    [[nodiscard]] bool is_wanted(std::string_view row) const {
        return wanted_.empty() || std::ranges::find(wanted_, row) != wanted_.end();
    }

    static constexpr std::size_t shown_of_a_failure = 1000;

    static Path kernel() {
        auto const found = Catalogue{guest_packages()}.resolve("boot/vmlinux-*");
        if (!found)
            throw Failure{ExitCode::internal,
                          "Debian's riscv64 kernel was not fetched; start through ./antler."};
        return *found;
    }

    void measure(Run const& one) {
        auto const system = one.where == Where::antler ? ours : native;
        fmt::print(stderr, "antler: bench: {} ({})\n", one.what, system);
        if (one.load.traced) return measure_traced(one);
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
        if (one.load.messages)
            for (auto& figure : figures) figure.row += one.load.aia ? "_aia" : "_msi";
        bool any = false;
        for (auto const& figure : figures) {
            if (std::ranges::find(one.rows, figure.row) == one.rows.end() || !is_wanted(figure.row)) continue;
            keep(figure);
            any = true;
        }
        if (any) return;
        auto const tail = console.substr(console.size() - std::min(console.size(), shown_of_a_failure));
        problems_.push_back(fmt::format("{} ({}) did not say its figures; its console ended with:\n{}",
                                        one.what, system, tail));
    }

    // Four VMs that compute on two harts, and whoever asks for their list from another process.
    void measure_list() {
        fmt::print(stderr, "antler: bench: `antler list` beside busy VMs ({})\n", ours);
        auto const file = work_.path() / "bench-list.toml";
        std::string text = "[machine]\nharts = 2\nmemory = \"512M\"\n";
        for (int i = 0; i < 4; ++i)
            text +=
                fmt::format("[vm.busy{}]\nmemory = {{ size = \"16M\" }}\npayload = {{ kernel = \"{}\" }}\n",
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

    std::string run_load(Run const& one, Load const& load) {
        return one.where == Where::antler ? under_antler(load) : natively(load);
    }

    // Linux collects entropy until it has enough, which takes it 3 % of the boot more or less: the least of
    // six seeds.
    static constexpr u32 seeds = 6;

    std::optional<double> shortest_boot(Run const& one, std::string const& first) {
        auto least = number_after(first, "marker ");
        for (auto load = one.load; least && ++load.seed <= seeds;)
            if (auto const next = number_after(run_load(one, load), "marker "))
                least = std::min(*least, *next);
        // The guest's clock starts at its first instruction under Antler; natively the firmware was first.
        if (least && one.where == Where::native) *least -= native_entry();
        return least;
    }

    // Of a row that several runs report the worst counts.
    void keep(Figure const& figure) {
        for (auto& known : record_.figures) {
            if (known.row != figure.row || known.system != figure.system) continue;
            known.instructions = std::max(known.instructions, figure.instructions);
            return;
        }
        record_.figures.push_back(figure);
    }

    // virt's time CSR counts at 10 MHz, and under -icount shift=0 an instruction takes 1 ns.
    static constexpr double instructions_per_tick = 100;

    std::string boot(QemuMachine const& machine) {
        auto const transcript = run_and_record(machine, patience);
        if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
        if (auto const firmware = parse_boot(transcript.console).firmware)
            record_.circumstances["firmware"] = *firmware;
        return transcript.console;
    }

    QemuMachine machine(Load const& load, u64 memory) const {
        return {.harts = load.harts, .memory = memory, .cpu = default_cpu, .icount = true, .seed = load.seed};
    }

    Path initramfs() {
        auto const path = work_.path() / "marker.cpio";
        if (std::filesystem::exists(path)) return path;
        // guests/linux/marker.cpp
        auto const marker = build_directory() / "target" / "linux-marker";
        write_file(path, make_initramfs({.packages = guest_packages(), .programs = {marker}}));
        return path;
    }

    static constexpr std::string_view cmdline = "console=ttyS0 quiet rdinit=/bin/marker";

    std::string natively(Load const& load) {
        auto board = machine(load, guest_memory);
        board.kernel = load.linux_kernel ? kernel() : guest_elf("bench");
        if (load.linux_kernel) {
            board.initrd = initramfs();
            board.cmdline = cmdline;
        }
        return boot(board);
    }

    double native_entry() {
        auto const program = work_.path() / "entry.bin";
        write_file(program, as_bytes(entry_program()));
        auto board = machine({}, guest_memory);
        board.kernel = program;
        board.initrd = initramfs();  // the same device tree for the firmware to look at
        board.cmdline = cmdline;
        // The last line is the number.
        auto console = boot(board);
        while (!console.empty() && std::isspace(static_cast<unsigned char>(console.back())) != 0)
            console.pop_back();
        auto const line = console.rfind('\n');
        return std::atof(console.c_str() + (line == std::string::npos ? 0 : line + 1));
    }

    std::string under_antler(Load const& load) {
        auto console = boot(board_of_antler(load));
        // Where several VMs speak, their names stand in front.
        constexpr std::string_view speaker = "[ask] ";
        for (auto at = console.find(speaker); at != std::string::npos; at = console.find(speaker, at))
            console.erase(at, speaker.size());
        return console;
    }

    static std::string processor(Load const& load) {
        return load.messages ? "aia = \"aplic-imsic\"\n" : fmt::format("cpu = \"{}\"\n", default_cpu);
    }
    static std::string_view controller(Load const& load) {
        return load.aia ? "interrupts = \"aia\"\n" : "interrupts = \"plic\"\n";
    }

    // Both on one hart, and one of them talks.
    static std::string pair_description(Load const& load) {
        return fmt::format(
            "[machine]\nharts = 1\nmemory = \"{0}M\"\n{1}icount = true\n"
            "[vm.ask]\n{4}memory = {{ size = \"16M\" }}\npayload = {{ kernel = \"{2}\", cmdline = \"talks "
            "{3}\" "
            "}}\n"
            "[vm.answer]\n{4}memory = {{ size = \"16M\" }}\n"
            "payload = {{ kernel = \"{2}\", cmdline = \"listens {3}\" }}\n",
            board_memory / 1_MiB, processor(load), guest_elf("pingpong").string(), load.words,
            controller(load));
    }

    static std::string row_word(Load const& load) { return load.row.empty() ? "" : " row=" + load.row; }

    // One guest answers what the other asks; both are on the same hart, so that all time is somebody's.
    static std::string network_description(Load const& load) {
        return fmt::format(
            "[machine]\nharts = 1\nmemory = \"{0}M\"\ncpu = \"{1}\"\nicount = true\n[switch.lan]\n"
            "[vm.answer]\nmemory = {{ size = \"64M\" }}\nnet = [{{ switch = \"lan\" }}]\n"
            "payload = {{ kernel = \"{2}\", cmdline = \"self=1\" }}\n"
            "[vm.ask]\nmemory = {{ size = \"64M\" }}\nnet = [{{ switch = \"lan\" }}]\n"
            "payload = {{ kernel = \"{2}\", cmdline = \"self=2 peer=1 measure{3}\" }}\n",
            board_memory / 1_MiB, default_cpu, guest_elf("net").string(), row_word(load));
    }

    // Requests go into the guest's memory: there is nothing to copy.
    std::string disk_description(Load const& load) const {
        return fmt::format(
            "[machine]\nharts = 1\nmemory = \"{0}M\"\ncpu = \"{1}\"\nicount = true\n"
            "[vm.bench]\nmemory = {{ size = \"64M\" }}\n"
            "payload = {{ kernel = \"{2}\", cmdline = \"measure{4}\" }}\n"
            "disks = [{{ path = \"{3}\", size = \"8M\" }}]\n",
            board_memory / 1_MiB, default_cpu, guest_elf("block").string(),
            (work_.path() / "bench-disk.raw").string(), row_word(load));
    }

    QemuMachine board_of_antler(Load const& load) {
        auto const kernel_path = load.linux_kernel ? kernel() : guest_elf("bench");
        auto payload = fmt::format("kernel = \"{}\"", kernel_path.string());
        if (load.linux_kernel)
            payload += fmt::format(", initramfs = \"{}\", cmdline = \"{}\"", initramfs().string(), cmdline);
        if (!load.row.empty()) payload += fmt::format(", cmdline = \"row={}\"", load.row);
        // A PLIC for plic_read; and the rows with IMSICs are what the hypervisor makes of them.
        auto const text =
            load.network ? network_description(load)
            : load.disk  ? disk_description(load)
            : load.pair  ? pair_description(load)
                         : fmt::format(
                              "[machine]\nharts = {0}\nmemory = \"{1}M\"\n{2}icount = true\n"
                               "[hypervisor]\nlog = \"debug\"\n"
                               "[vm.bench]\n{6}cpus = {{ boot_vcpus = {0} }}\nmemory = {{ size = \"{3}M\", "
                               "prefault = {4} }}\n"
                               "payload = {{ {5} }}\n",
                              load.harts, board_memory / 1_MiB, processor(load), guest_memory / 1_MiB,
                              load.prefault, payload, controller(load));
        auto const description =
            parse_description(text, work_.path() / "bench.toml", Catalogue{guest_packages()});
        auto const built = build_machine(description, work_.path());
        auto board = qemu_machine(description.machine);
        board.seed = load.seed;
        board.kernel = built.image;
        if (load.disk) {
            auto const image = work_.path() / "bench-disk.raw";
            write_file(image, std::vector<u8>(8_MiB));
            board.drives.push_back({.serial = description.vms.front().disks.front().host, .file = image});
        }
        board.initrd = built.pack;
        return board;
    }

    std::vector<std::string> const& wanted_;
    BlockedSignals blocked_;
    WorkDirectory work_;
    Record record_;
    std::vector<std::string> problems_;
};

Path results_file() {
    return root_directory() / "bench" / "results" / "antler.json";
}
Path page_file() {
    return root_directory() / "docs" / "benchmarks.md";
}
Path rivals_file() {
    return root_directory() / "bench" / "rivals.json";
}

void check_rows(std::vector<std::string> const& rows) {
    for (auto const& wanted : rows) {
        auto const known =
            std::ranges::any_of(bench_rows(), [&](BenchRow const& row) { return row.name == wanted; });
        if (known) continue;
        std::string names;
        for (auto const& row : bench_rows()) names += (names.empty() ? "" : ", ") + std::string{row.name};
        throw Failure{ExitCode::bad_input, fmt::format("There is no row `{}`; there are {}.", wanted, names)};
    }
}

}  // namespace

std::string benchmarks_page(Record const& own, Record const& rivals) {
    auto figures = own.figures;
    figures.insert(figures.end(), rivals.figures.begin(), rivals.figures.end());
    std::vector<std::string> systems{std::string{ours}};
    for (auto const& system : systems_of(figures))
        if (system != ours) systems.push_back(system);
    std::string page =
        "# What it costs\n\n"
        "Written by `./antler bench --markdown` from bench/results/antler.json and bench/rivals.json: do not "
        "edit.\n\n"
        "Instructions, of any privilege level, for one operation of a small S-mode guest, counted by QEMU\n"
        "(`-icount shift=0,sleep=off`), where an instruction is a nanosecond: such counts are exact and come "
        "out\n"
        "the same in every run. `native` is the same guest on QEMU's firmware, without a hypervisor. A goal "
        "is a\n"
        "figure that Antler must not exceed. `wake_1ms` is a time, in nanoseconds; `list_latency` is one "
        "too, in milliseconds by the clock on the wall, the median of 100, and differs from run to run. An "
        "instruction count says "
        "nothing\n"
        "about caches and page walks, which cost nothing here; on silicon they do.\n\n";
    page += markdown_table(figures, systems);
    page += "\n## How the figures came about\n\n";
    for (auto const& [name, value] : own.circumstances) page += fmt::format("* {}: {}\n", name, value);
    page += "\nThe others, measured once and kept in bench/rivals.json:\n\n";
    for (auto const& [name, value] : rivals.circumstances) page += fmt::format("* {}: {}\n", name, value);
    return page;
}

int bench_command(BenchOptions const& options) {
    check_rows(options.rows);
    auto const rivals = read_record(rivals_file());
    if (options.markdown) {
        fmt::print("{}", benchmarks_page(read_record(results_file()), rivals));
        return 0;
    }
    if (!options.explain.empty()) {
        check_rows({options.explain});
        fmt::print("{}", Bench{options.rows}.explain_row(options.explain));
        return 0;
    }
    if (options.save && !options.rows.empty())
        throw Failure{ExitCode::bad_input, "What goes on record is all rows: --save without --row."};
    // Before it is overwritten.
    auto const before = options.check ? read_record(results_file()) : Record{};
    Bench bench{options.rows};
    auto const record = bench.run();
    for (auto const& sentence : bench.problems()) fmt::print(stderr, "antler: {}\n", sentence);

    if (options.json) {
        fmt::print("{}", to_json(record.figures));
    } else {
        auto figures = record.figures;
        for (auto const& figure : rivals.figures)
            if (find(record.figures, figure.row, ours)) figures.push_back(figure);
        fmt::print("{}",
                   text_table(figures, {std::string{ours}, std::string{native}, "kvm", "xvisor", "bao"}));
        for (auto const& sentence : missed_goals(record.figures)) fmt::print("missed: {}\n", sentence);
    }
    if (!bench.problems().empty()) return static_cast<int>(ExitCode::crashed);
    if (options.save) {
        write_file(results_file(), as_bytes(to_json(record)));
        write_file(Path{results_file()}.replace_extension("csv"), as_bytes(to_csv(record.figures)));
        write_file(page_file(), as_bytes(benchmarks_page(record, rivals)));
    }
    auto const worse =
        options.check ? regressions(before.figures, record.figures) : std::vector<std::string>{};
    for (auto const& sentence : worse) fmt::print(stderr, "antler: {}\n", sentence);
    return worse.empty() ? 0 : static_cast<int>(ExitCode::internal);
}

}  // namespace antler::cli
