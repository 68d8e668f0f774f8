// What Debian's systemd costs until it asks who is there.
#include "cli/bench_login.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "base/units.hpp"
#include "cli/bench_linux.hpp"
#include "cli/bench_measure.hpp"
#include "cli/control_client.hpp"
#include "cli/doctor.hpp"
#include "cli/file.hpp"
#include "cli/initramfs.hpp"
#include "cli/kvm_host.hpp"
#include "cli/qemu_monitor.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{45};  // the emulator inside the emulator, on a computer that is busy
constexpr std::string_view prompt = "debian login:";
constexpr std::string_view words = "console=ttyS0 quiet root=/dev/vda";
constexpr u64 guest_memory = 512_MiB;
constexpr std::string_view kvm = "kvm";

constexpr unsigned rounds = 3;  // of which the least counts
constexpr std::string_view entered = "kvm: entered", counted = "kvm: counted";

// The guest's console is the board's, and each line of it is looked at: the one before the prompt has
// Debian's name.  The count comes a little later, when the instructions have been asked for.  A program in
// the kernel's place says a number when it is entered.
constexpr std::string_view kvm_script =
    "mkdir -p /var/tmp\n"
    "mkfifo /tmp/said\n"
    "while read -r line; do\n"
    "    case $line in\n"
    "    [0-9]*) echo 'kvm: entered' ;;\n"
    "    'Debian GNU/Linux'*)\n"
    "        sleep 1\n"
    "        for file in /sys/kernel/debug/kvm/*exit*; do\n"
    "            read -r count <$file && echo \"kvm: exits ${{file##*/}} $count\"\n"
    "        done\n"
    "        echo 'kvm: counted' ;;\n"
    "    esac\n"
    "done </tmp/said &\n"
    "qemu-system-riscv64 -accel kvm -cpu host,v=off -M virt -global virtio-mmio.force-legacy=false "
    "-nodefaults -display none "
    "-m {}M -smp 1 -no-shutdown -kernel /guests/linux -initrd /guests/initramfs -append '{}' -snapshot "
    "-drive if=none,id=d,format=raw,file=/dev/userland -device virtio-blk-device,drive=d "
    "-chardev file,id=c,path=/dev/console,logfile=/tmp/said -serial chardev:c </dev/null\n";

struct Boot {
    double instructions = 0;  // of the board, from its reset to the prompt
    std::string console{};
    Figures exits{};
};

QemuMachine native_board() {
    return {.harts = 1,
            .memory = guest_memory,
            .cpu = default_cpu,
            .icount = true,
            .kernel = BenchBoards::kernel(),
            .initrd = busybox_initramfs(),
            .cmdline = std::string{words},
            .drives = {{.serial = "userland", .file = LinuxBoards::userland()}},
            // What is written is forgotten, and the file is not touched.
            .extra = {"-snapshot"}};
}

QemuMachine antler_board(BenchBoards const& boards) {
    return boards.described(
        fmt::format("[machine]\nharts = 1\nmemory = \"1536M\"\ncpu = \"{}\"\nicount = true\n"
                    "[hypervisor]\nlog = \"debug\"\n"
                    "[vm.debian]\nmemory = {{ size = \"{}M\" }}\ninterrupts = \"plic\"\n"
                    "payload = {{ kernel = \"{}\", initramfs = \"{}\", cmdline = \"{}\" }}\n"
                    "disks = [{{ path = \"{}\", overlay = \"256M\" }}]\n",
                    default_cpu, guest_memory / 1_MiB, BenchBoards::kernel().string(),
                    busybox_initramfs().string(), words, LinuxBoards::userland().string()));
}

Figures exits_of(Path const& control) {
    ControlClient client{control};
    auto const answer =
        must(client.ask(wire::Type::vm_statistics, wire::VmName{"debian"}), "The VM's statistics");
    Figures figures;
    for (auto const& item : answer.items) {
        if (item.type() == wire::Type::item_device_counter) continue;
        auto const vcpu = item.as<wire::VcpuStatistics>();
        for (usize i = 0; i < vcpu.exits.size(); ++i)
            if (vcpu.exits[i] != 0 && !wire::exit_names[i].empty())
                figures.push_back({fmt::format("{}/{}", login_exits_row, wire::exit_names[i]),
                                   std::string{ours}, static_cast<double>(vcpu.exits[i])});
    }
    return figures;
}

// What is waited for.
struct Watch {
    std::string_view asked_at;   // where the console says this, instructions are asked for,
    std::string_view ends_at{};  // and it ends when it says that
    bool exits = false;          // the hypervisor is asked how often it was left
};

std::optional<std::string> console_with(std::string_view said, Path const& file,
                                        std::stop_token const& over) {
    constexpr std::chrono::milliseconds pause{20};
    for (; !over.stop_requested(); std::this_thread::sleep_for(pause)) {
        if (!std::filesystem::exists(file)) continue;
        auto const bytes = read_file(file);
        if (as_text(bytes).contains(said)) return std::string{as_text(bytes)};
    }
    return std::nullopt;
}

// A guest that waits for its disk has not said yet how long that is: an idle board sleeps, and QEMU is asked
// how many instructions it executed.
std::optional<Boot> boot(QemuMachine machine, Watch const& watch, Path const& work) {
    machine.console_file = work / "login-console";
    machine.monitor = work / "login-monitor";
    if (watch.exits) machine.control = work / "login-control";
    machine.extra.insert(machine.extra.end(), {"-icount", "shift=0,sleep=on"});
    std::filesystem::remove(machine.console_file);
    std::optional<Boot> seen;
    std::optional<std::string> wrong;
    SessionOptions options;
    options.limit = patience;
    std::jthread const reader{[&](std::stop_token const& over) {
        auto console = console_with(watch.asked_at, machine.console_file, over);
        if (!console) return;
        try {
            QemuMonitor monitor{machine.monitor};
            Boot one{.instructions = monitor.ask("query-replay").at("icount").get<double>()};
            if (watch.exits) one.exits = exits_of(machine.control);
            if (!watch.ends_at.empty()) console = console_with(watch.ends_at, machine.console_file, over);
            one.console = console.value_or("");
            seen = std::move(one);
            (void)monitor.ask("quit");
        } catch (std::exception const& failure) {
            wrong = failure.what();
        }
    }};
    auto const result = run_session(machine, options);
    if (result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
    if (seen) return seen;
    std::string said;
    if (std::filesystem::exists(machine.console_file)) said = as_text(read_file(machine.console_file));
    constexpr std::size_t shown = 1000;
    fmt::print(stderr, "antler: bench: {}{}; the console ended with:\n{}\n",
               wrong.value_or("what was waited for did not come"), result.complaints,
               said.substr(said.size() - std::min(said.size(), shown)));
    return seen;
}

QemuMachine kvm_board(Path const& work, Path const& program) {
    KvmGuests guests{.files = {{"linux", program}, {"initramfs", busybox_initramfs()}}};
    guests.open_disks(work, 1);
    guests.script += fmt::format(kvm_script, guest_memory / 1_MiB, words);
    auto board = KvmHost{work}.machine({}, guests);
    board.drives = {{.serial = "userland", .file = LinuxBoards::userland(), .readonly = true}};
    return board;
}

// From the reset to the first instruction of whom the firmware, or the host's QEMU, starts.
std::optional<double> instructions_before(std::string_view system, BenchBoards const& boards,
                                          Path const& work) {
    if (system != kvm)
        return last_number(run_and_record(boards.entry(), patience).console) * instructions_per_tick;
    auto const one = boot(kvm_board(work, boards.padded_entry()), {.asked_at = entered}, work);
    return one ? std::optional{one->instructions} : std::nullopt;
}

std::optional<Boot> boot_of(std::string_view system, BenchBoards const& boards, Path const& work) {
    if (system == ours) return boot(antler_board(boards), {.asked_at = prompt, .exits = true}, work);
    if (system == native) return boot(native_board(), {.asked_at = prompt}, work);
    auto one = boot(kvm_board(work, BenchBoards::kernel()), {.asked_at = prompt, .ends_at = counted}, work);
    if (one) one->exits = kvm_login_exits(one->console);
    return one;
}

// The least of some boots: of its instructions, those from the guest's first one on.
std::optional<Boot> least_login(std::string_view system, BenchBoards const& boards, Path const& work,
                                std::vector<std::string>& problems) {
    std::optional<Boot> least;
    auto const before = instructions_before(system, boards, work);
    for (unsigned round = 0; before && round < rounds; ++round) {
        fmt::print(stderr, "antler: bench: a login ({})\n", system);
        auto one = boot_of(system, boards, work);
        if (!one) continue;
        auto const start = number_after(one->console, "antler: start ").value_or(0);
        one->instructions -= *before + start * instructions_per_tick;
        if (!least || one->instructions < least->instructions) least = std::move(one);
    }
    if (!least) problems.push_back(fmt::format("A login ({}) did not come.", system));
    return least;
}

}  // namespace

Figures kvm_login_exits(std::string_view console) {
    // Linux' names, and what they are told apart as here.
    struct Kind {
        std::string_view file, name;
    };
    constexpr std::array kinds{Kind{"ecall_exit_stat", "sbi"},
                               Kind{"mmio_exit_user", "mmio"},
                               Kind{"mmio_exit_kernel", "mmio"},
                               Kind{"csr_exit_user", "virtual_instruction"},
                               Kind{"csr_exit_kernel", "virtual_instruction"},
                               Kind{"wfi_exit_stat", "wait"},
                               Kind{"wrs_exit_stat", "wait"}};
    auto const count = [&](std::string_view file) {
        return number_after(console, fmt::format("kvm: exits {} ", file)).value_or(0);
    };
    std::map<std::string_view, double> by_name;
    auto rest = count("exits");
    for (auto const& kind : kinds) {
        by_name[kind.name] += count(kind.file);
        rest -= count(kind.file);
    }
    // Neither page faults nor interrupts are counted by themselves, nor are calls that the kernel answers.
    by_name["sbi+demand+interrupt"] = rest;
    Figures figures;
    for (auto const& [name, times] : by_name)
        if (times != 0)
            figures.push_back({fmt::format("{}/{}", login_exits_row, name), std::string{kvm}, times});
    return figures;
}

Record measure_login(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    Record record;
    record.circumstances = {
        {"command", "./antler bench --part login --save"},
        {"cpu", default_cpu},
        {"icount", "shift=0,sleep=on; instructions as QEMU counts them, the least of three boots"},
        {"kernel", BenchBoards::kernel().filename().string()},
        {"kvm",
         fmt::format("Linux {}, Debian's qemu-system-riscv {} for riscv64, -accel kvm -snapshot, its disk is "
                     "the board's virtio disk",
                     KvmHost::kernel(), KvmHost::qemu())},
        {"qemu", required_qemu_version()}};
    if (!is_wanted(wanted, login_row)) return record;
    if (!LinuxBoards::has_userland()) {
        problems.emplace_back("There is no Debian to log in to: ./antler build-guest debian");
        return record;
    }
    BlockedSignals const blocked;
    WorkDirectory const work;
    BenchBoards const boards{work.path()};
    Figures exits;
    for (auto const system : {native, ours, kvm}) {
        auto const least = least_login(system, boards, work.path(), problems);
        if (!least) continue;
        record.figures.push_back({std::string{login_row}, std::string{system}, least->instructions});
        exits.insert(exits.end(), least->exits.begin(), least->exits.end());
    }
    record.figures.insert(record.figures.end(), exits.begin(), exits.end());
    return record;
}

std::string login_section(Record const& record) {
    std::string page = R"(
## A login

From the guest's first instruction until Debian's systemd asks who is there, on one hart with 512 MiB, from a disk whose
changes are forgotten (by QEMU, natively and under KVM; under Antler in an overlay in memory). Instructions are counted by
QEMU, and those of an idle board are none; but when a disk answers is up to the computer, so the figure differs a little from
run to run: it is the least of three. The goal is no more than 1.01 times what the machine takes without a hypervisor.
The guest under KVM has no vectors: with them its first process dies there, in the emulator, before it says anything.

| | native | antler | kvm | antler ÷ native | kvm ÷ native |
|---|---:|---:|---:|---:|---:|
)";
    auto const cell = [](std::optional<double> value) { return value ? shown(*value) : std::string{}; };
    auto const alone = find(record.figures, login_row, native), mine = find(record.figures, login_row, ours),
               theirs = find(record.figures, login_row, kvm);
    auto const ratio = [&](std::optional<double> value) {
        return alone && value ? fmt::format("{:.4f}", *value / *alone) : std::string{};
    };
    page += fmt::format("| instructions until the prompt | {} | {} | {} | {} | {} |\n", cell(alone),
                        cell(mine), cell(theirs), ratio(mine), ratio(theirs));
    page += "\n| exits until then | antler | kvm |\n|---|---:|---:|\n";
    std::map<std::string, std::array<std::optional<double>, 2>> rows;
    std::array<double, 2> sums{};
    for (auto const& figure : record.figures) {
        if (!figure.row.starts_with(login_exits_row)) continue;
        auto const column = figure.system == ours ? 0U : 1U;
        rows[figure.row.substr(login_exits_row.size() + 1)].at(column) = figure.instructions;
        sums.at(column) += figure.instructions;
    }
    for (auto const& [name, counts] : rows)
        page += fmt::format("| {} | {} | {} |\n", name, cell(counts[0]), cell(counts[1]));
    return page + fmt::format("| all | {} | {} |\n", shown(sums[0]), sums[1] != 0 ? shown(sums[1]) : "");
}

}  // namespace antler::cli
