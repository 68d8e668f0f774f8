// Every word that `antler` understands on its command line.
#include "cli/command_tree.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <iostream>

#include "cli/bench.hpp"
#include "cli/build_command.hpp"
#include "cli/build_guest_command.hpp"
#include "cli/check_command.hpp"
#include "cli/coverage_command.hpp"
#include "cli/doctor.hpp"
#include "cli/failure.hpp"
#include "cli/manual.hpp"
#include "cli/norm_coverage.hpp"
#include "cli/operator_commands.hpp"
#include "cli/promises.hpp"
#include "cli/run_command.hpp"
#include "cli/spelling.hpp"
#include "cli/symbolize.hpp"
#include "cli/test_command.hpp"
#include "cli/version.hpp"

namespace antler::cli {

namespace {

using Action = std::function<int()>;

// Options live as long as the tree, because the callback owns them.
template <class Options>
struct Command {
    CLI::App* words;
    std::shared_ptr<Options> options = std::make_shared<Options>();
};

template <class Options>
Command<Options> add(CommandTree& tree, std::string const& name, std::string const& sentence,
                     std::function<int(Options const&)> run) {
    Command<Options> command{tree.app->add_subcommand(name, sentence)};
    command.words->callback([chosen = tree.chosen, options = command.options, run] {
        *chosen = [options, run] { return run(*options); };
    });
    return command;
}

CLI::Validator seconds() {
    return {[](std::string& text) {
                double value = 0;
                auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value);
                bool const whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
                bool const sensible = whole && value > 0 && value <= 1e9;
                return sensible ? std::string{} : fmt::format("`{}` is not a number of seconds", text);
            },
            "", "seconds"};
}

void add_run(CommandTree& tree) {
    auto const command =
        add<RunOptions>(tree, "run", "Run a machine in QEMU and be its console; ^] leaves", run_command);
    auto& options = *command.options;
    command.words->add_option("FILE", options.file, "The machine's description")->required();
    command.words
        ->add_option("--timeout", options.timeout, "Stop the machine after so many seconds, with exit code 4")
        ->type_name("SECONDS")
        ->check(seconds());
    command.words->add_option("--qemu-arg", options.qemu_args, "One more word for QEMU; may be given again")
        ->type_name("WORD")
        ->allow_extra_args(false);
    command.words->add_flag("-d,--detach", options.detach, "Leave the machine running, and print its name");
    command.words->add_option("-n,--name", options.name, "The machine's name; the file's if left out");
    command.words->add_flag("--print-qemu", options.print_qemu,
                            "Print QEMU's command line instead of running it");
}

struct BuildOptions {
    Path file{};
    Path out = "out";
};

void add_build(CommandTree& tree) {
    auto const command =
        add<BuildOptions>(tree, "build", "Write antler.img and machine.pack, which a board boots",
                          [](auto const& o) { return build_command(o.file, o.out); });
    command.words->add_option("FILE", command.options->file, "The machine's description")->required();
    command.words->add_option("-o,--output", command.options->out, "The folder to write to")
        ->capture_default_str();
}

struct CheckOptions {
    Path file{};
    bool json = false;
    bool schema = false;
    bool promises = false;
    bool norms = false;
};

void add_build_guest(CommandTree& tree) {
    auto const command = add<BuildGuestOptions>(
        tree, "build-guest", "Make a disk of the catalogue in a VM, and keep it in the cache",
        build_guest_command);
    command.words->add_option("NAME", command.options->name, "Which: debian")
        ->required()
        ->check(CLI::IsMember({"debian"}));
    command.words->add_flag("--again", command.options->again, "Make it anew where it is there already");
}

void add_check(CommandTree& tree) {
    auto const command = add<CheckOptions>(
        tree, "check", "Say what a description makes, or what is wrong with it", [](auto const& o) {
            if (o.promises) return promises_command();
            if (o.norms) return norm_coverage_command();
            return o.schema ? schema_command() : check_command(o.file, o.json);
        });
    auto* const file = command.words->add_option("FILE", command.options->file, "The machine's description");
    command.words->add_flag("--json", command.options->json, "For programs");
    auto* const schema = command.words->add_flag("--schema-markdown", command.options->schema,
                                                 "Print every key there is, as Markdown");
    schema->excludes(file);
    command.words
        ->add_flag("--promises-markdown", command.options->promises,
                   "Print what Antler promises, as Markdown")
        ->excludes(file);
    command.words
        ->add_flag("--norms-markdown", command.options->norms,
                   "Print which rules of the manual tests prove, as Markdown")
        ->excludes(file);
    command.words->parse_complete_callback([options = command.options] {
        bool const prints = options->schema || options->promises || options->norms;
        if (options->file.empty() && !prints) throw CLI::RequiredError{"FILE"};
    });
}

void add_doctor(CommandTree& tree) {
    auto const command = add<DoctorOptions>(
        tree, "doctor", "Say what is missing here, and what the machine can do (does it have H?)",
        doctor_command);
    command.words->add_option("--cpu", command.options->cpu, "Ask this CPU of QEMU's");
    command.words->add_option("--aia", command.options->aia, "Give it this interrupt controller")
        ->check(CLI::IsMember({"none", "aplic", "aplic-imsic"}));
    command.words->add_flag("--json", command.options->json, "For programs");
}

void add_test(CommandTree& tree) {
    auto const command = add<TestOptions>(tree, "test", "Run every check there is, in stages", run_tests);
    auto& options = *command.options;
    command.words->add_flag("--long", options.long_form, "Every combination, and fuzzers for minutes");
    command.words->add_option("--stage", options.stages, "Only this stage; may be given again")
        ->allow_extra_args(false)
        ->check(CLI::IsMember({"static", "unit", "fuzz", "system", "bench"}));
    command.words->add_option("--filter", options.filter, "Only tests with this in their name");
    command.words->add_option("--jobs", options.jobs, "So many at once; one for each processor if left out");
    command.words->add_flag("--list", options.list, "Name the tests instead of running them");
    command.words->add_flag("--json", options.json, "For programs");
}

void add_fuzz(CommandTree& tree) {
    auto const command =
        add<TestOptions>(tree, "fuzz", "Let fuzzers look for what breaks Antler", [](auto options) {
            options.stages = {"fuzz"};
            return run_tests(options);
        });
    auto& options = *command.options;
    command.words->add_option("NAME", options.filter, "Only fuzzers with this in their name");
    command.words->add_flag("--long", options.long_form, "Each for ten minutes, or ten million inputs");
    command.words->add_option("--jobs", options.jobs, "So many at once; one for each processor if left out");
}

void add_coverage(CommandTree& tree) {
    auto const command = add<CoverageOptions>(
        tree, "coverage", "Say which lines and branches of the hypervisor the tests run", coverage_command);
    auto& options = *command.options;
    command.words->add_flag("--system", options.system,
                            "Run the scenarios too, which takes a quarter of an hour");
    command.words->add_option("--filter", options.filter,
                              "Only programs with this in their name; with --system only scenarios");
    command.words->add_flag("--files", options.files, "Name the lines of each file that did not run");
    command.words->add_flag("--save", options.save, "Write docs/coverage.json and docs/coverage.md");
    command.words->add_option("--jobs", options.jobs, "So many at once; one for each processor if left out");
}

void add_bench(CommandTree& tree) {
    auto const command = add<BenchOptions>(
        tree, "bench", "Measure what exits and boots cost, beside native and others", bench_command);
    auto& options = *command.options;
    command.words->add_option("--row", options.rows, "Only this row; may be given again")
        ->allow_extra_args(false);
    command.words
        ->add_option("--part", options.parts,
                     "Only this part; may be given again. Without it all, and with --row or --check `exits`")
        ->allow_extra_args(false);
    command.words->add_flag("--json", options.json, "Print the figures for programs");
    command.words->add_flag("--check", options.check,
                            "Fail when a row is 3 % worse than the figures on record");
    command.words->add_flag("--save", options.save,
                            "Put the figures on record, in bench/results and docs/benchmarks.md");
    command.words->add_flag("--markdown", options.markdown,
                            "Write docs/benchmarks.md and its pictures from the record; nothing is run");
    command.words->add_option("--explain", options.explain,
                              "Print where the instructions of this row's exits go, by function");
}

struct SymbolizeOptions {
    Path elf{};
};

void add_symbolize(CommandTree& tree) {
    auto const command = add<SymbolizeOptions>(
        tree, "symbolize", "Put names and lines to the addresses of a panic report on standard input",
        [](auto const& o) {
            symbolize(std::cin, std::cout, o.elf.empty() ? hypervisor_elf() : o.elf);
            return 0;
        });
    command.words->add_option("ELF", command.options->elf,
                              "The hypervisor that printed it; the one built here if left out");
}

struct CompletionOptions {
    std::string shell{};
};

void add_help(CommandTree& tree) {
    auto const completion =
        add<CompletionOptions>(tree, "completion", "Print completions for a shell", [](auto const& o) {
            fmt::print("{}", completion_script(*make_command_tree().app, o.shell));
            return 0;
        });
    completion.words->add_option("SHELL", completion.options->shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    struct Nothing {};
    add<Nothing>(tree, "manual", "Print this program's man page", [](auto const&) {
        fmt::print("{}", man_page(*make_command_tree().app));
        return 0;
    });
}

std::string exit_codes() {
    std::string text = "Exit codes:";
    for (auto const& [code, meaning] : exit_meanings) text += fmt::format("\n  {:<6} {}", code, meaning);
    return text;
}

// What CLI11 found wrong, as a sentence of ours.
std::string sentence_about(CLI::App const& app, CLI::ParseError const& wrong, std::string_view first_word) {
    auto const commands = app.get_subcommands([](CLI::App const*) { return true; });
    auto const chosen = app.get_subcommands();
    if (chosen.empty() && !first_word.empty() && !first_word.starts_with('-')) {
        std::vector<std::string_view> names;
        for (auto const* command : commands) names.emplace_back(command->get_name());
        return fmt::format("There is no command `{}`{}", first_word,
                           suggestion(first_word, names, "there are"));
    }
    if (chosen.empty() && !first_word.empty())
        return fmt::format("There is no option `{}` before a command; see `antler --help`.", first_word);
    if (chosen.empty() && wrong.get_name() == "RequiredError") return "Say what to do; see `antler --help`.";
    std::string sentence = wrong.what();
    while (sentence.ends_with('\n') || sentence.ends_with('.')) sentence.pop_back();
    auto const command = chosen.empty() ? std::string{} : " " + chosen.front()->get_name();
    return fmt::format("{}; see `antler{} --help`.", sentence, command);
}

}  // namespace

CommandTree make_command_tree() {
    CommandTree tree{std::make_unique<CLI::App>("Antler: virtual harts for RISC-V", "antler"),
                     std::make_shared<Action>()};
    auto& app = *tree.app;
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string{"antler "} + std::string{version});
    app.set_help_flag("-h,--help", "Print this help");
    app.get_formatter()->column_width(34);
    app.footer(exit_codes());
    add_run(tree);
    add_build(tree);
    add_build_guest(tree);
    add_check(tree);
    add_doctor(tree);
    add_operator_commands(tree);
    add_test(tree);
    add_fuzz(tree);
    add_coverage(tree);

    add_bench(tree);
    add_symbolize(tree);
    add_help(tree);
    return tree;
}

int run_command_line(int argc, char const* const* argv) {
    auto const tree = make_command_tree();
    try {
        tree.app->parse(argc, argv);
    } catch (CLI::ParseError const& wrong) {
        if (wrong.get_exit_code() == 0) return tree.app->exit(wrong);  // help and version
        fmt::print(stderr, "antler: {}\n", sentence_about(*tree.app, wrong, argc > 1 ? argv[1] : ""));
        return static_cast<int>(ExitCode::bad_input);
    }
    try {
        int const code = (*tree.chosen)();
        std::fflush(stdout);
        return code;
    } catch (Failure const& failure) {
        std::fflush(stdout);
        fmt::print(stderr, "antler: {}\n", failure.what());
        return static_cast<int>(failure.code());
    } catch (std::exception const& failure) {
        std::fflush(stdout);
        fmt::print(stderr, "antler: Something went wrong in the program itself: {}.\n", failure.what());
        return static_cast<int>(ExitCode::internal);
    }
}

}  // namespace antler::cli
