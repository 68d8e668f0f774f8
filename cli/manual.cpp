// The man page and the shells' completions.
#include "cli/manual.hpp"

#include <fmt/format.h>

#include "cli/version.hpp"

namespace antler::cli {
namespace {

// What troff would take for its own.
std::string escaped(std::string const& text) {
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
        page += fmt::format(".TP\n.B {}\n{}\n", escaped(names), escaped(option->get_description()));
    }
}

std::vector<CLI::App const*> commands(CLI::App const& app) {
    return app.get_subcommands([](CLI::App const*) { return true; });
}

}  // namespace

std::string man_page(CLI::App const& app) {
    std::string page = fmt::format(".TH ANTLER 1 \"\" \"antler {}\"\n.SH NAME\nantler \\- {}\n", version,
                                   escaped("virtual harts for RISC-V"));
    page += ".SH SYNOPSIS\n";
    for (auto const* command : commands(app)) {
        page += fmt::format(".B antler {}\n", command->get_name());
        for (auto const* option : command->get_options())
            if (option->get_positional())
                page += escaped(option->get_required() ? option->get_single_name()
                                                       : "[" + option->get_single_name() + "]") +
                        "\n";
        page += "[options]\n.br\n";
    }
    page += ".SH COMMANDS\n";
    for (auto const* command : commands(app)) {
        page += fmt::format(".SS {}\n{}.\n", command->get_name(), escaped(command->get_description()));
        add_options(page, *command);
    }
    page += fmt::format(".SH EXIT STATUS\n{}\n", escaped(app.get_footer()));
    page +=
        ".SH ENVIRONMENT\n"
        ".TP\n.B ANTLER_QEMU\nThe qemu\\-system\\-riscv64 to use.\n"
        ".TP\n.B ANTLER_CACHE\nWhere QEMU and the guests' packages are kept.\n";
    return page;
}

std::string completion_script(CLI::App const& app, std::string const& shell) {
    std::string names;
    std::string cases;
    for (auto const* command : commands(app)) {
        names += (names.empty() ? "" : " ") + command->get_name();
        std::string words;
        for (auto const* option : command->get_options()) {
            for (auto const& name : dashed(*option)) words += (words.empty() ? "" : " ") + name;
        }
        cases += fmt::format("        {}) words=\"{}\" ;;\n", command->get_name(), words);
    }
    std::string script = shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
    script += fmt::format(
        "_antler() {{\n"
        "    local word=${{COMP_WORDS[COMP_CWORD]}} words=\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$word\"))\n"
        "        return\n"
        "    fi\n"
        "    case ${{COMP_WORDS[1]}} in\n{}    esac\n"
        "    case $word in\n"
        "        -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
        "        *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
        "    esac\n"
        "}}\n"
        "complete -o filenames -F _antler antler ./antler\n",
        names, cases);
    return script;
}

}  // namespace antler::cli
