// The stage of what tools and rules say about the sources, without running them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <regex>

#include "cli/file.hpp"
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

constexpr std::array folders{"abi",        "base", "bench", "cli", "examples", "guests",
                             "hypervisor", "isa",  "tests", ".ci", "cmake"};
constexpr std::array<char const*, 8> text_endings{".cpp",  ".hpp",   ".S",  ".ld",
                                                  ".toml", ".cmake", ".md", ".txt"};

std::vector<Path> sources(std::vector<std::string> const& endings) {
    std::vector<Path> found;
    for (auto const* folder : folders) {
        std::error_code none;
        for (auto const& entry :
             std::filesystem::recursive_directory_iterator{root_directory() / folder, none})
            if (entry.is_regular_file() &&
                std::ranges::find(endings, entry.path().extension().string()) != endings.end())
                found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
}

std::string from_root(Path const& file) {
    return file.lexically_relative(root_directory()).string();
}

// --- one sentence about each file that breaks a rule

void check_format(TestReport& report) {
    auto const tool = find_program("clang-format-19");
    if (tool.empty())
        return report.add({.name = "clang-format",
                           .outcome = Outcome::skipped,
                           .reason = "clang-format-19 is not installed",
                           .rules = {}});
    std::vector<std::string> words{tool.string(), "--dry-run", "-Werror"};
    for (auto const& file : sources({".cpp", ".hpp"})) words.push_back(file.string());
    report.add(run_logged("clang-format", words, 120));
}

void check_shell(TestReport& report) {
    auto const tool = find_program("shellcheck");
    if (tool.empty())
        return report.add({.name = "shellcheck",
                           .outcome = Outcome::skipped,
                           .reason = "shellcheck is not installed",
                           .rules = {}});
    report.add(run_logged(
        "shellcheck",
        {tool.string(), (root_directory() / "antler").string(), (root_directory() / ".ci" / "run").string()},
        60));
}

void check_narrow(TestReport& report) {
    auto const tool = find_program("ninja");
    if (tool.empty())
        return report.add({.name = "memory-rv32",
                           .outcome = Outcome::skipped,
                           .reason = "ninja is not installed",
                           .rules = {}});
    report.add(run_logged(
        "memory-rv32", {tool.string(), "-C", (build_directory() / "target").string(), "memory-rv32"}, 120));
}

// A word in two parts, so that this file does not say it.
struct ForbiddenWord {
    std::regex pattern;
    char const* why;
};

std::vector<ForbiddenWord> const& forbidden_words() {
    static std::vector<ForbiddenWord> const words = [] {
        std::vector<ForbiddenWord> made;
        made.push_back({std::regex{"\\b(TO"
                                   "DO|FIX"
                                   "ME|XX"
                                   "X)\\b"},
                        "says what is not done; open an issue, or write `Not yet: …`"});
        made.push_back({std::regex{"/ho"
                                   "me/|/wo"
                                   "rk/|/tm"
                                   "p/[a-z]+/[a-z]+/"},
                        "names a folder of one computer"});
        made.push_back({std::regex{"deb\\.deb"
                                   "ian\\.org|arch"
                                   "ive\\.ubuntu\\.com"},
                        "names a mirror; the machine has its own"});
        return made;
    }();
    return words;
}

void check_words(TestReport& report) {
    std::string complaints;
    usize count = 0;
    std::vector<std::string> const endings{text_endings.begin(), text_endings.end()};
    auto files = sources(endings);
    files.push_back(root_directory() / "antler");
    for (auto const& file : files) {
        std::ifstream in{file};
        usize number = 0;
        for (std::string line; std::getline(in, line);) {
            ++number;
            if (line.size() > 1000) continue;
            for (auto const& word : forbidden_words())
                if (std::regex_search(line, word.pattern)) {
                    complaints += fmt::format("{}:{}: {}\n", from_root(file), number, word.why);
                    ++count;
                }
        }
    }
    TestResult result{.name = "words", .log = log_file("words"), .rules = {}};
    write_file(result.log, as_bytes(complaints));
    if (count != 0) {
        result.outcome = Outcome::failed;
        result.reason = fmt::format("{} lines have words that do not belong here", count);
    }
    report.add(std::move(result));
}

void check_first_lines(TestReport& report) {
    std::string complaints;
    for (auto const& file : sources({".cpp", ".hpp", ".S"})) {
        std::ifstream in{file};
        std::string line;
        std::getline(in, line);
        if (!line.starts_with("// ") && !line.starts_with("# ") && !line.starts_with("/* "))
            complaints +=
                fmt::format("{}:1: the first line is not a sentence about the file\n", from_root(file));
    }
    TestResult result{.name = "first-lines", .log = log_file("first-lines"), .rules = {}};
    write_file(result.log, as_bytes(complaints));
    if (!complaints.empty()) {
        result.outcome = Outcome::failed;
        result.reason = "files do not begin with a sentence about them";
    }
    report.add(std::move(result));
}

}  // namespace

TestStage static_stage(TestOptions const& options) {
    TestStage stage{.name = "static", .sentence = "what tools say about the sources", .budget_seconds = 180};
    struct Check {
        char const* name;
        void (*run)(TestReport&);
    };
    for (auto const& check : {Check{"clang-format", check_format}, Check{"words", check_words},
                              Check{"first-lines", check_first_lines}, Check{"shellcheck", check_shell},
                              Check{"memory-rv32", check_narrow}})
        if (is_wanted(options, check.name)) stage.tasks.push_back({.name = check.name, .run = check.run});
    add_machine_code_task(stage, options);
    add_tidy_tasks(stage, options);
    return stage;
}

}  // namespace antler::cli
