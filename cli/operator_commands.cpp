// Words of the commands that talk to a machine that runs.
#include "cli/operator_commands.hpp"

#include "cli/console_command.hpp"
#include "cli/events_command.hpp"
#include "cli/machine_commands.hpp"
#include "cli/run_command.hpp"
#include "cli/top_command.hpp"
#include "cli/vm_commands.hpp"
#include "cli/vsock_command.hpp"

namespace antler::cli {
namespace {

// Options live as long as the tree, because the callback owns them.
template <class Options, class Run>
std::pair<CLI::App*, Options*> add(CommandTree& tree, std::string const& name, std::string const& sentence,
                                   Run run) {
    auto* const words = tree.app->add_subcommand(name, sentence);
    auto const options = std::make_shared<Options>();
    words->callback(
        [chosen = tree.chosen, options, run] { *chosen = [options, run] { return run(*options); }; });
    return {words, options.get()};
}

void add_where(CLI::App& words, Asked& asked) {
    words.add_option("-m,--machine", asked.machine, "The machine's name, where several run");
    words.add_option("--socket", asked.socket, "The machine's control socket instead of its name");
    words.add_flag("--json", asked.json, "For programs");
}

struct OneVm : Asked {
    std::string vm{};
};

void add_vm(CLI::App& words, std::string& vm) {
    words.add_option("VM", vm, "The virtual machine's name")->required();
}

void add_act(CommandTree& tree, std::string const& name, std::string const& sentence, wire::Type what) {
    auto const [words, options] =
        add<OneVm>(tree, name, sentence, [what](auto const& o) { return act_command(o, what, o.vm); });
    add_vm(*words, options->vm);
    add_where(*words, *options);
}

void add_questions(CommandTree& tree) {
    auto const list =
        add<Asked>(tree, "list", "List the virtual machines of a running machine", list_command);
    add_where(*list.first, *list.second);
    auto const machines = add<Asked>(tree, "machines", "Name the machines that run on this computer",
                                     [](auto const& o) { return instances_command(o.json); });
    machines.first->add_flag("--json", machines.second->json, "For programs");
    auto const host =
        add<Asked>(tree, "hostinfo", "Say what the board has, and how it is used", host_command);
    add_where(*host.first, *host.second);
    auto const info = add<OneVm>(tree, "dominfo", "Say what a virtual machine is, and how it is",
                                 [](auto const& o) { return vm_info_command(o, o.vm); });
    add_vm(*info.first, info.second->vm);
    add_where(*info.first, *info.second);
    auto const statistics =
        add<OneVm>(tree, "domstats", "Print what a virtual machine has done: exits, times, memory, devices",
                   [](auto const& o) { return vm_statistics_command(o, o.vm); });
    add_vm(*statistics.first, statistics.second->vm);
    add_where(*statistics.first, *statistics.second);
    auto const panic = add<PanicOptions>(
        tree, "panic", "Print what the hypervisor left when it panicked before its last start",
        panic_command);
    panic.first->add_flag("--now", panic.second->now, "Let it panic now, to see what it leaves");
    panic.first->add_option("--stall", panic.second->stall,
                            "Let this hart serve nothing for three seconds, to see that another one says so");
    panic.first->add_flag("--erase", panic.second->erase, "And forget it");
    add_where(*panic.first, *panic.second);
}

// By its place or by the option that the other commands have.
void add_machine(CLI::App& words, Asked& asked) {
    words.add_option("-m,--machine,MACHINE", asked.machine, "The machine's name, where several run");
}

void add_machines(CommandTree& tree) {
    auto const attach =
        add<Asked>(tree, "attach", "Be the console of a machine that runs; ^] leaves, and it runs on",
                   [](auto const& o) { return attach_command(o.machine); });
    add_machine(*attach.first, *attach.second);
    auto const stop =
        add<Asked>(tree, "stop", "End a machine with all its virtual machines, at once", stop_command);
    add_machine(*stop.first, *stop.second);
    stop.first->add_flag("--json", stop.second->json, "For programs");
    auto const create = add<CreateOptions>(
        tree, "create", "Make the virtual machines of a description in a machine that runs", create_command);
    create.first->add_option("FILE", create.second->file, "The description; its [machine] is not looked at")
        ->required();
    create.first->add_flag("--off", create.second->off, "Do not start them");
    add_where(*create.first, *create.second);
    auto const top = add<TopOptions>(
        tree, "top", "Show which virtual machines use the harts, the busiest first; q leaves", top_command);
    top.first->add_flag("--once", top.second->once, "Print one table, and leave");
    top.first->add_option("--interval", top.second->interval, "Seconds between two tables")
        ->check(CLI::Range(0.1, 3600.0));
    top.first->footer(
        "A guest that waits (wfi) while nobody else wants its hart does so without the hypervisor, and "
        "counts "
        "as using it: HART% of such a virtual machine is up to 100 for each vCPU.");
    add_where(*top.first, *top.second);
    auto const events = add<EventsOptions>(
        tree, "events", "Tell what happens to a machine, as it happens; ^C leaves", events_command);
    events.first->add_option("--count", events.second->count, "Leave after so many");
    events.first->add_option("--timeout", events.second->timeout, "Leave after so many seconds")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 86'400.0));
    events.first->add_option("--topic", events.second->topics, "Only these; may be given again")
        ->allow_extra_args(false)
        ->check(CLI::IsMember({"state", "create", "harts", "log"}));
    add_where(*events.first, *events.second);
    struct Names {
        bool machines = false;
    };
    auto const names = add<Names>(tree, "names", "Name the virtual machines that run here, for shells",
                                  [](auto const& o) { return names_command(o.machines); });
    names.first->add_flag("--machines", names.second->machines, "The machines instead");
}

void add_acts(CommandTree& tree) {
    using wire::Type;
    add_act(tree, "start", "Start a virtual machine that is off", Type::start);
    auto const shutdown =
        add<ShutdownOptions>(tree, "shutdown", "Ask the guest to power off", shutdown_command);
    add_vm(*shutdown.first, shutdown.second->vm);
    shutdown.first->add_flag("-w,--wait", shutdown.second->wait, "Until it is off");
    shutdown.first
        ->add_option("-t,--timeout", shutdown.second->timeout,
                     "Wait at most so many seconds; exit code 4 where it is not off then")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 86'400.0));
    add_where(*shutdown.first, *shutdown.second);
    add_act(tree, "destroy", "Pull a virtual machine's plug", Type::destroy);
    add_act(tree, "reboot", "Start one virtual machine again, as if reset", Type::reboot);
    add_act(tree, "suspend", "Stop a virtual machine where it is", Type::suspend);
    add_act(tree, "resume", "Let a suspended virtual machine go on", Type::resume);
    auto const undefine = add<OneVm>(tree, "undefine", "Forget a virtual machine that is off",
                                     [](auto const& o) { return undefine_command(o, o.vm); });
    add_vm(*undefine.first, undefine.second->vm);
    add_where(*undefine.first, *undefine.second);
    add_act(tree, "powerbutton", "Press a virtual machine's power button", Type::power_button);
}

void add_settings(CommandTree& tree) {
    auto const pin = add<PinOptions>(tree, "vcpupin", "Say on which harts a vCPU may run", pin_command);
    add_vm(*pin.first, pin.second->vm);
    pin.first->add_option("VCPU", pin.second->vcpu, "Its number, or `all`")->required();
    pin.first->add_option("HARTS", pin.second->harts, "Such as 0-1,3")->required();
    add_where(*pin.first, *pin.second);
    auto const memory =
        add<MemoryOptions>(tree, "setmem", "Say how much memory a guest should have", set_memory_command);
    add_vm(*memory.first, memory.second->vm);
    memory.first->add_option("SIZE", memory.second->size, "Such as 256M")->required();
    add_where(*memory.first, *memory.second);
    auto const link =
        add<LinkOptions>(tree, "domif-setlink", "Pull a network card's cable, or plug it in", link_command);
    add_vm(*link.first, link.second->vm);
    link.first->add_option("CARD", link.second->card, "Its number among the cards of the virtual machine")
        ->required();
    link.first->add_option("STATE", link.second->state, "up or down")
        ->required()
        ->check(CLI::IsMember({"up", "down"}));
    add_where(*link.first, *link.second);
    auto const share = add<ShareOptions>(
        tree, "schedinfo", "Say, or change, how large a virtual machine's share of the harts is",
        share_command);
    add_vm(*share.first, share.second->vm);
    share.first->add_option("--weight", share.second->weight, "Beside others; 256 is usual");
    share.first->add_option("--cap", share.second->cap, "At most, in percent of one hart; 0: no limit");
    add_where(*share.first, *share.second);
}

void add_console(CommandTree& tree) {
    auto const [words, options] =
        add<ConsoleOptions>(tree, "console", "Be a virtual machine's console; ^] leaves", console_command);
    words->add_option("VM", options->vm, "The virtual machine's name; the hypervisor's log if left out");
    words->add_option("--port", options->port, "0: the serial port; 1 and up: virtio consoles");
    words->add_option("--history", options->history, "Bytes of what was said before, at most");
    words->add_flag("!--no-follow", options->follow, "Print what was said before, and leave");
    words->add_flag("--read-only", options->read_only, "Leave the input to whoever has it");
    add_where(*words, *options);
}

void add_vsock(CommandTree& tree) {
    auto const [words, options] = add<VsockOptions>(
        tree, "vsock", "Join standard input and output with a vsock port of a guest", vsock_command);
    add_vm(*words, options->vm);
    words->add_option("PORT", options->port, "The port")->required()->check(CLI::Range(1u, ~0u - 1));
    words->add_flag("--listen", options->listen, "Wait for the guest, which connects to that port of CID 2");
    add_where(*words, *options);
    auto const server =
        add<Asked>(tree, "vsock-server",
                   "Keep the sockets of guests' vsocks until the machine ends; run does so by itself",
                   vsock_server_command);
    add_where(*server.first, *server.second);
}

}  // namespace

void add_operator_commands(CommandTree& tree) {
    add_questions(tree);
    add_acts(tree);
    add_machines(tree);
    add_settings(tree);
    add_console(tree);
    add_vsock(tree);
}

}  // namespace antler::cli
