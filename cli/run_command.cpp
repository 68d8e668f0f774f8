// `antler run FILE`.
#include "cli/run_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

#include "cli/console.hpp"
#include "cli/control_client.hpp"
#include "cli/disk_images.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/instances.hpp"
#include "cli/machine_build.hpp"
#include "cli/qemu_session.hpp"
#include "cli/spare_disks.hpp"
#include "cli/vsock_server.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

std::string without_newline(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

// What the exit code does not say; nothing where the console has said it all.
void explain(SessionResult const& result, RunOptions const& options) {
    auto const complaints = without_newline(result.complaints);
    switch (result.end) {
        case SessionEnd::powered_off:
        case SessionEnd::left:
        case SessionEnd::signalled:
        case SessionEnd::output_gone: break;
        case SessionEnd::failed:
            fmt::print(stderr, "antler: The machine ended in failure; its last lines say why.\n");
            break;
        case SessionEnd::timed_out:
            fmt::print(stderr, "antler: The machine was still running after {:g} s and was stopped.\n",
                       options.timeout.value_or(0));
            break;
        case SessionEnd::not_started: fmt::print(stderr, "antler: QEMU did not start the machine.\n"); break;
    }
    if (!complaints.empty()) fmt::print(stderr, "{}\n", complaints);
}

void say_refused(Description const& description) {
    for (auto const& refusal : description.refused)
        fmt::print(stderr, "antler: {}:{}:{}: {} The VM `{}` does not start.\n", refusal.place.file,
                   refusal.place.line, refusal.place.column, refusal.sentence, refusal.vm);
}

void say_vsock(Description const& description, Path const& control) {
    for (auto const& vm : description.vms)
        if (vm.vsock_cid != 0)
            fmt::print(stderr, "antler: The vsock of `{}` is at {}.\n", vm.name,
                       vsock_socket(control, vm.name).string());
}

InstanceRecord record_of(Description const& description, QemuMachine const& machine) {
    InstanceRecord record{.description = std::filesystem::absolute(description.file).string()};
    for (auto const& drive : machine.drives) record.drives.emplace(drive.file.string(), drive.serial);
    for (auto const& vm : description.vms) record.vms.push_back(vm.name);
    record.spares.resize(machine.spare_disks);
    for (auto const& vm : description.vms) record.vsock = record.vsock || vm.vsock_cid != 0;
    return record;
}

// What QEMU printed, but for its word that it waits for us.
std::string said_in(Path const& file) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return {};
    std::string said;
    std::istringstream lines{std::string{as_text(read_file(file))}};
    for (std::string line; std::getline(lines, line);)
        if (line.find("QEMU waiting for connection") == std::string::npos) said += line + "\n";
    return said;
}

// Until the hypervisor answers, or QEMU has ended.
int detach(Instance const& made, QemuMachine const& machine, SessionOptions const& session,
           InstanceRecord record, RunOptions const& options) {
    record.qemu = start_machine(machine, session);
    write_instance_record(made.directory(), record);
    using Clock = std::chrono::steady_clock;
    auto const deadline = Clock::now() + std::chrono::duration<double>{options.timeout.value_or(60)};
    while (::kill(record.qemu, 0) == 0 && ::waitpid(record.qemu, nullptr, WNOHANG) == 0) {
        try {
            ControlClient const client{made.control()};
            if (record.vsock) start_vsock_server(made.control());
            fmt::print("{}\n", made.name());
            return 0;
        } catch (Failure const&) {
            if (Clock::now() > deadline) {
                fmt::print(stderr, "antler: The machine `{}` runs, and does not answer.\n", made.name());
                return static_cast<int>(ExitCode::timeout);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
        }
    }
    fmt::print(stderr, "antler: QEMU did not start the machine.\n{}",
               said_in((made.directory() / "qemu.log")));
    return static_cast<int>(ExitCode::internal);
}

int watch(SessionOptions session, std::string_view how_to_leave, auto&& run) {
    session.output = STDOUT_FILENO;
    session.interactive = is_our_terminal(STDIN_FILENO);
    if (!wants_colours(STDOUT_FILENO)) session.coloured.clear();
    // A job in the background may not read its terminal.
    if (session.interactive || ::isatty(STDIN_FILENO) == 0) session.input = STDIN_FILENO;
    SessionResult result;
    {
        std::optional<RawTerminal> raw;
        if (session.interactive) {
            fmt::print(stderr, "antler: {}\n", how_to_leave);
            raw.emplace(STDIN_FILENO);
        }
        result = run(session);
    }
    if (session.interactive) fmt::print(stderr, "\n");
    return exit_code(result);
}

}  // namespace

void add_board_devices(QemuMachine& machine, Description const& description) {
    std::map<std::string, QemuDrive> drives;
    for (auto const& vm : description.vms)
        for (auto const& disk : vm.disks) {
            if (disk.path.empty() || disk.ramdisk) continue;
            bool const reads = disk.readonly || disk.overlay || ::access(disk.file.c_str(), W_OK) != 0;
            auto const [found, fresh] = drives.try_emplace(
                disk.host, QemuDrive{disk.host, std::filesystem::absolute(disk.file), reads});
            if (!fresh) found->second.readonly = found->second.readonly && reads;
        }
    for (auto const& [serial, drive] : drives) machine.drives.push_back(drive);
    for (auto const& one : description.switches)
        if (one.uplink) machine.uplinks.push_back({one.forward});
}

QemuMachine qemu_machine(MachineDescription const& description) {
    return {.harts = description.harts,
            .memory = description.memory,
            .cpu = description.cpu,
            .aia = description.aia,
            .icount = description.icount,
            .control_serial = description.control == "uart",
            .extra = description.qemu_args};
}

int run_command(RunOptions const& options) {
    auto description = read_description(options.file);
    auto machine = qemu_machine(description.machine);
    machine.extra.insert(machine.extra.end(), options.qemu_args.begin(), options.qemu_args.end());
    auto const qemu = required_qemu();

    if (options.print_qemu) {
        machine.kernel = "antler.img";
        machine.initrd = "machine.pack";
        add_board_devices(machine, description);
        if (description.machine.control != "none") machine.control = "control";
        auto words = qemu_arguments(qemu, machine, 0);
        // For a person, who has no socket to hand over.
        for (auto word = words.begin(); word != words.end();) {
            if (*word == "-chardev")
                word = words.erase(word, word + 2);
            else if (*word == "chardev:console")
                *word++ = "mon:stdio";
            else if (*word == "-monitor")
                word = words.erase(word, word + 2);
            else
                ++word;
        }
        fmt::print("# in a folder made by: antler build {} -o FOLDER\n{}\n", options.file.string(),
                   quoted(words));
        return 0;
    }

    // From here on a signal ends QEMU, restores the terminal and removes the folder before it ends us.
    BlockedSignals const blocked;
    make_images(description);
    say_refused(description);
    WorkDirectory const work;
    auto const built = build_machine(description, work.path());
    machine.kernel = built.image;
    machine.initrd = built.pack;

    auto const made =
        options.name ? Instance::make_exactly(*options.name) : Instance::make(options.file.stem().string());
    add_board_devices(machine, description);
    machine.console_socket = made.directory() / "console";
    machine.spare_disks = description.machine.spare_disks.value_or(0);
    if (machine.spare_disks != 0) machine.monitor = qemu_monitor_socket(made.directory());
    if (description.machine.control != "none") machine.control = made.control();
    machine.wait_for_console = !options.detach;
    Descriptor const errors{
        ::open((made.directory() / "qemu.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};

    SessionOptions session;
    session.errors = errors.get();
    session.lock = made.lock();
    session.outlive = true;
    auto record = record_of(description, machine);
    session.coloured = record.vms;
    say_vsock(description, made.control());
    if (options.detach) return detach(made, machine, session, std::move(record), options);

    session.started = [&](pid_t qemu) {
        record.qemu = qemu;
        write_instance_record(made.directory(), record);
        if (record.vsock) start_vsock_server(made.control());
    };
    if (options.timeout)
        session.limit =
            std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>{*options.timeout});
    return watch(std::move(session), "^] leaves and ends the machine.", [&](SessionOptions const& all) {
        auto result = run_session(machine, all);
        result.complaints = said_in((made.directory() / "qemu.log"));
        explain(result, options);
        return result;
    });
}

int attach_command(std::string const& name) {
    auto const instance = find_instance(name);
    BlockedSignals const blocked;
    SessionOptions session;
    auto const record = read_instance_record(instance.control.parent_path());
    session.coloured = record.vms;
    if (record.vsock) start_vsock_server(instance.control);
    return watch(std::move(session), "^] leaves, and the machine runs on.", [&](SessionOptions const& all) {
        return join_session({wait_for_socket(instance.control.parent_path() / "console")}, all);
    });
}

}  // namespace antler::cli
