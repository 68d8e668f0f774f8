// What Debian's systemd costs until it asks who is there.
#include "cli/bench_login.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/units.hpp"
#include "cli/bench_linux.hpp"
#include "cli/bench_measure.hpp"
#include "cli/control_client.hpp"
#include "cli/doctor.hpp"
#include "cli/file.hpp"
#include "cli/initramfs.hpp"
#include "cli/qemu_monitor.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{15};
constexpr std::string_view prompt = "debian login:";
constexpr std::string_view words = "console=ttyS0 quiet root=/dev/vda";
constexpr u64 guest_memory = 512_MiB;
constexpr unsigned rounds = 3;  // of which the least counts

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

// A guest that waits for its disk has not said yet how long that is: an idle board sleeps, and QEMU is asked
// how many instructions it executed.
std::optional<Boot> boot(QemuMachine machine, bool ask_exits, Path const& work) {
    machine.console_file = work / "login-console";
    machine.monitor = work / "login-monitor";
    if (ask_exits) machine.control = work / "login-control";
    machine.extra.insert(machine.extra.end(), {"-icount", "shift=0,sleep=on"});
    std::filesystem::remove(machine.console_file);
    std::optional<Boot> seen;
    std::optional<std::string> wrong;
    SessionOptions options;
    options.limit = patience;
    std::jthread const reader{[&](std::stop_token const& over) {
        constexpr std::chrono::milliseconds pause{20};
        while (!over.stop_requested()) {
            std::this_thread::sleep_for(pause);
            if (!std::filesystem::exists(machine.console_file)) continue;
            auto const bytes = read_file(machine.console_file);
            if (!as_text(bytes).contains(prompt)) continue;
            try {
                QemuMonitor monitor{machine.monitor};
                Boot one{.instructions = monitor.ask("query-replay").at("icount").get<double>(),
                         .console = std::string{as_text(bytes)}};
                if (ask_exits) one.exits = exits_of(machine.control);
                seen = std::move(one);
                (void)monitor.ask("quit");
            } catch (std::exception const& failure) {
                wrong = failure.what();
            }
            return;
        }
    }};
    auto const result = run_session(machine, options);
    if (result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
    if (!seen) fmt::print(stderr, "antler: bench: {}\n", wrong.value_or("no login prompt came"));
    return seen;
}

// From the reset to the first instruction of whom the firmware starts.
double firmware_instructions(BenchBoards const& boards) {
    auto console = run_and_record(boards.entry(), patience).console;
    while (!console.empty() && console.back() <= ' ') console.pop_back();
    auto const line = console.rfind('\n');
    return std::atof(console.c_str() + (line == std::string::npos ? 0 : line + 1)) * instructions_per_tick;
}

}  // namespace

Record measure_login(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    Record record;
    record.circumstances = {
        {"command", "./antler bench --part login --save"},
        {"cpu", default_cpu},
        {"icount", "shift=0,sleep=on; instructions as QEMU counts them, the least of three boots"},
        {"kernel", BenchBoards::kernel().filename().string()},
        {"qemu", required_qemu_version()}};
    if (!is_wanted(wanted, login_row)) return record;
    if (!LinuxBoards::has_userland()) {
        problems.emplace_back("There is no Debian to log in to: ./antler build-guest debian");
        return record;
    }
    BlockedSignals const blocked;
    WorkDirectory const work;
    BenchBoards const boards{work.path()};
    auto const firmware = firmware_instructions(boards);
    std::optional<double> native_least, our_least;
    Figures exits;
    for (unsigned round = 0; round < rounds; ++round) {
        for (auto const system : {native, ours}) {
            fmt::print(stderr, "antler: bench: a login ({})\n", system);
            auto const one = system == ours ? boot(antler_board(boards), true, work.path())
                                            : boot(native_board(), false, work.path());
            if (!one) {
                problems.push_back(fmt::format("A login ({}) did not come.", system));
                continue;
            }
            auto const start = number_after(one->console, "antler: start ").value_or(0);
            auto const taken = one->instructions - firmware - start * instructions_per_tick;
            auto& least = system == ours ? our_least : native_least;
            if (least && *least <= taken) continue;
            least = taken;
            if (system == ours) exits = one->exits;
        }
    }
    if (native_least) record.figures.push_back({std::string{login_row}, std::string{native}, *native_least});
    if (our_least) record.figures.push_back({std::string{login_row}, std::string{ours}, *our_least});
    record.figures.insert(record.figures.end(), exits.begin(), exits.end());
    return record;
}

std::string login_section(Record const& record) {
    std::string page = R"(
## A login

From the guest's first instruction until Debian's systemd asks who is there, on one hart with 512 MiB, from a disk whose
changes are forgotten (natively by QEMU, under Antler in an overlay in memory). Instructions are counted by QEMU, and those of
an idle board are none; but when a disk answers is up to the computer, so the figure differs a little from run to run: it is
the least of three. The goal is no more than 1.01 times what the machine takes without a hypervisor.

| | native | antler | antler ÷ native |
|---|---:|---:|---:|
)";
    auto const alone = find(record.figures, login_row, native), mine = find(record.figures, login_row, ours);
    page += fmt::format("| instructions until the prompt | {} | {} | {} |\n", alone ? shown(*alone) : "",
                        mine ? shown(*mine) : "", alone && mine ? fmt::format("{:.4f}", *mine / *alone) : "");
    page += "\n| exits until then | |\n|---|---:|\n";
    double sum = 0;
    for (auto const& figure : record.figures) {
        if (!figure.row.starts_with(login_exits_row)) continue;
        page += fmt::format("| {} | {} |\n", figure.row.substr(login_exits_row.size() + 1),
                            shown(figure.instructions));
        sum += figure.instructions;
    }
    return page + fmt::format("| all | {} |\n", shown(sum));
}

}  // namespace antler::cli
