// The man page and the shells' completions.
#include "cli/manual.hpp"

#include <fmt/format.h>

#include "cli/failure.hpp"
#include "cli/version.hpp"

namespace antler::cli {
namespace {

// What troff would take for its own.
std::string for_roff(std::string const& text) {
    std::string out;
    for (char const c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
    return out;
}

// "-o" and "--output" of one option; a positional has none.
std::vector<std::string> dashed(CLI::Option const& option) {
    std::vector<std::string> names;
    for (auto const& name : option.get_snames()) names.push_back("-" + name);
    for (auto const& name : option.get_lnames()) names.push_back("--" + name);
    return names;
}

void add_options(std::string& page, CLI::App const& app) {
    for (auto const* option : app.get_options()) {
        std::string names;
        for (auto const& name : dashed(*option)) names += (names.empty() ? "" : ", ") + name;
        if (names.empty()) names = option->get_single_name();
        page += fmt::format(".TP\n.B {}\n{}\n", for_roff(names), for_roff(option->get_description()));
    }
}

std::vector<CLI::App const*> commands(CLI::App const& app) {
    return app.get_subcommands([](CLI::App const*) { return true; });
}

std::string in_quotes(std::string const& text) {
    std::string out;
    for (char const c : text) out.append(c == '\'' || c == '\\' ? "\\" : "").push_back(c);
    return out;
}

bool takes_vm(CLI::App const& command) {
    for (auto const* option : command.get_options())
        if (option->get_positional() && option->get_single_name() == "VM") return true;
    return false;
}

std::string fish_completion(CLI::App const& app) {
    std::string script = "complete -c antler -f\n";
    for (auto const* command : commands(app)) {
        auto const name = command->get_name();
        script += fmt::format("complete -c antler -n __fish_use_subcommand -a {} -d '{}'\n", name,
                              in_quotes(command->get_description()));
        auto const here = fmt::format("complete -c antler -n '__fish_seen_subcommand_from {}'", name);
        for (auto const* option : command->get_options()) {
            if (option->get_positional() && option->get_single_name() == "VM")
                script += fmt::format("{} -a '(antler names 2>/dev/null)'\n", here);
            if (option->get_positional() && option->get_single_name() == "FILE")
                script += fmt::format("{} -F\n", here);
            for (auto const& word : option->get_lnames())
                script += fmt::format("{} -l {} -d '{}'\n", here, word, in_quotes(option->get_description()));
        }
    }
    return script;
}

}  // namespace

std::string man_page(CLI::App const& app) {
    std::string page = fmt::format(".TH ANTLER 1 \"\" \"antler {}\"\n.SH NAME\nantler \\- {}\n", version,
                                   for_roff("virtual harts for RISC-V"));
    page += ".SH SYNOPSIS\n";
    for (auto const* command : commands(app)) {
        page += fmt::format(".B antler {}\n", command->get_name());
        for (auto const* option : command->get_options())
            if (option->get_positional())
                page += for_roff(option->get_required() ? option->get_single_name()
                                                        : "[" + option->get_single_name() + "]") +
                        "\n";
        page += "[options]\n.br\n";
    }
    page += ".SH COMMANDS\n";
    for (auto const* command : commands(app)) {
        page += fmt::format(".SS {}\n{}.\n", command->get_name(), for_roff(command->get_description()));
        if (auto const footer = command->get_footer(); !footer.empty()) page += for_roff(footer) + "\n";
        add_options(page, *command);
    }
    page += ".SH EXIT STATUS\n";
    for (auto const& [code, meaning] : exit_meanings)
        page += fmt::format(".TP\n.B {}\n{}.\n", code, for_roff(std::string{meaning}));
    page +=
        ".SH ENVIRONMENT\n"
        ".TP\n.B ANTLER_QEMU\nThe qemu\\-system\\-riscv64 to use.\n"
        ".TP\n.B ANTLER_CACHE\nWhere QEMU and the guests' packages are kept.\n"
        ".TP\n.B NO_COLOR\nNames of virtual machines have no colours at a terminal.\n";
    return page;
}

std::string completion_script(CLI::App const& app, std::string const& shell) {
    if (shell == "fish") return fish_completion(app);
    std::string names;
    std::string cases;
    for (auto const* command : commands(app)) {
        names += (names.empty() ? "" : " ") + command->get_name();
        std::string words;
        for (auto const* option : command->get_options()) {
            for (auto const& name : dashed(*option)) words += (words.empty() ? "" : " ") + name;
        }
        cases += fmt::format("        {}) words=\"{}\"{} ;;\n", command->get_name(), words,
                             takes_vm(*command) ? " vms=yes" : "");
    }
    std::string script = shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
    script += fmt::format(
        "_antler() {{\n"
        "    local word=${{COMP_WORDS[COMP_CWORD]}} words= vms=\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$word\"))\n"
        "        return\n"
        "    fi\n"
        "    case ${{COMP_WORDS[1]}} in\n{}    esac\n"
        "    case $word in\n"
        "        -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
        "        *) if [ -n \"$vms\" ]; then COMPREPLY=($(compgen -W \"$(antler names 2>/dev/null)\" -- "
        "\"$word\"))\n"
        "           else COMPREPLY=($(compgen -f -- \"$word\")); fi ;;\n"
        "    esac\n"
        "}}\n"
        "complete -o filenames -F _antler antler ./antler\n",
        names, cases);
    return script;
}

}  // namespace antler::cli
