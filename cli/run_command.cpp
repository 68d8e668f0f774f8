// `antler run FILE`.
#include "cli/run_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/console.hpp"
#include "cli/failure.hpp"
#include "cli/instances.hpp"
#include "cli/machine_build.hpp"
#include "cli/qemu_session.hpp"
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

}  // namespace

QemuMachine qemu_machine(MachineDescription const& description) {
    return {.harts = description.harts,
            .memory = description.memory,
            .cpu = description.cpu,
            .aia = description.aia,
            .icount = description.icount,
            .extra = description.qemu_args};
}

int run_command(RunOptions const& options) {
    auto const description = read_description(options.file);
    auto machine = qemu_machine(description.machine);
    machine.extra.insert(machine.extra.end(), options.qemu_args.begin(), options.qemu_args.end());
    auto const qemu = required_qemu();

    if (options.print_qemu) {
        machine.kernel = "antler.img";
        machine.initrd = "machine.pack";
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
    WorkDirectory const work;
    auto const built = build_machine(description, work.path());
    machine.kernel = built.image;
    machine.initrd = built.pack;
    auto const instance = Instance::make(options.file.stem().string());
    machine.control = instance.control();

    SessionOptions session;
    session.output = STDOUT_FILENO;
    session.interactive = is_our_terminal(STDIN_FILENO);
    // A job in the background may not read its terminal.
    if (session.interactive || ::isatty(STDIN_FILENO) == 0) session.input = STDIN_FILENO;
    if (options.timeout)
        session.limit =
            std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>{*options.timeout});

    SessionResult result;
    {
        std::optional<RawTerminal> raw;
        if (session.interactive) {
            fmt::print(stderr, "antler: ^] leaves and ends the machine.\n");
            raw.emplace(STDIN_FILENO);
        }
        result = run_session(machine, session);
    }
    if (session.interactive) fmt::print(stderr, "\n");
    explain(result, options);
    return exit_code(result);
}

}  // namespace antler::cli
