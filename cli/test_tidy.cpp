// clang-tidy over the sources: over those that changed since it last had nothing to say about them.
//
// Most of its time goes into headers.  So files of one folder and one set of flags are read together, as one
// source that includes them, but for those that have one name for two things; where that has anything to say,
// each half is read again, and at last each alone.
//
// In the long form the static analyzer looks at the hypervisor too, along every path through its functions.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <span>

#include "cli/file.hpp"
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

constexpr usize most_together = 16;
constexpr int limit_seconds = 300;
constexpr int analyzer_limit_seconds = 1800;
// Of what it offers beyond, only the size of structures would be said.
constexpr std::string_view analyzer = "clang-analyzer-*,-clang-analyzer-optin.*";

struct Source {
    Path file{};
    Path database{};  // the folder of its compile_commands.json
    std::string command{};
    std::string checks{};  // besides those of .clang-tidy
    Path stamp{};          // a file that exists when nothing was said about exactly this
    std::string name{};
};

// The analyzer takes its time.
int limit_of(Source const& source) {
    return source.checks.empty() ? limit_seconds : analyzer_limit_seconds;
}

bool is_hypervisor(Path const& file) {
    return file.string().starts_with((root_directory() / "hypervisor").string());
}

std::string text_of(Path const& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
}

// All of our files that a file includes, itself too.
void add_includes(Path const& file, std::set<Path>& seen) {
    if (!seen.insert(file).second) return;
    static std::regex const include{R"re(^\s*#\s*include\s+"([^"]+)")re"};
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) {
        std::smatch found;
        if (!line.starts_with('#') || !std::regex_search(line, found, include)) continue;
        for (auto const& base : {root_directory(), root_directory() / "hypervisor", file.parent_path()}) {
            auto const candidate = (base / found[1].str()).lexically_normal();
            if (!std::filesystem::exists(candidate)) continue;
            add_includes(candidate, seen);
            break;
        }
    }
}

u64 mixed(u64 hash, std::string_view text) {  // FNV-1a
    for (char const c : text) hash = (hash ^ static_cast<u8>(c)) * 0x100'0000'01b3;
    return hash;
}

Path stamp_of(Path const& file, std::string const& command) {
    std::set<Path> files;
    add_includes(file, files);
    u64 hash = mixed(0xcbf2'9ce4'8422'2325, command);
    hash = mixed(hash, text_of(root_directory() / ".clang-tidy"));
    for (auto const& other : files) hash = mixed(mixed(hash, other.string()), text_of(other));
    return build_directory() / "tidy" / fmt::format("{:016x}", hash);
}

void nothing_was_said(Source const& source, TestReport& report) {
    std::filesystem::create_directories(source.stamp.parent_path());
    write_file(source.stamp, {});
    report.add({.name = source.name, .rules = {}});
}

void tidy_alone(Path const& tool, Source const& source, TestReport& report) {
    auto result = run_logged(source.name,
                             {tool.string(), "-p", source.database.string(), "--quiet",
                              "--checks=" + source.checks, source.file.string()},
                             limit_of(source));
    if (result.outcome == Outcome::passed) return nothing_was_said(source, report);
    report.add(std::move(result));
}

// The flags of a command, without the file and the object: what files read together must have in common.
std::string flags_of(std::string const& command) {
    return command.substr(0, command.find(" -o "));
}

// Whether clang-tidy has nothing to say about one source that includes all of these.
bool are_silent_together(Path const& tool, std::span<Source const> sources) {
    auto const folder = Path{sources.front().stamp}.concat("-together");
    auto const together = folder / "together.cpp";
    std::string text;
    for (auto const& source : sources) text += fmt::format("#include \"{}\"\n", source.file.string());
    std::filesystem::create_directories(folder);
    write_file(together, as_bytes(text));
    nlohmann::json const commands{
        {{"directory", sources.front().database.string()},
         {"command", flags_of(sources.front().command) + " -c " + together.string()},
         {"file", together.string()}}};
    write_file(folder / "compile_commands.json", as_bytes(commands.dump()));
    auto const result =
        run_logged(fmt::format("clang-tidy {} and {} more", sources.front().file.filename().string(),
                               sources.size() - 1),
                   {tool.string(), "-p", folder.string(), "--quiet",
                    fmt::format("--config-file={}", (root_directory() / ".clang-tidy").string()),
                    "--checks=-bugprone-suspicious-include," + sources.front().checks, together.string()},
                   limit_of(sources.front()));
    std::filesystem::remove_all(folder);
    return result.outcome == Outcome::passed;
}

void tidy_together(Path const& tool, std::span<Source const> sources, TestReport& report) {
    if (sources.size() == 1) return tidy_alone(tool, sources.front(), report);
    if (are_silent_together(tool, sources)) {
        for (auto const& source : sources) nothing_was_said(source, report);
        return;
    }
    auto const half = sources.size() / 2;
    tidy_together(tool, sources.first(half), report);
    tidy_together(tool, sources.subspan(half), report);
}

void tidy(std::vector<Source> sources, TestReport& report) {
    auto const tool = find_program("clang-tidy-19");
    std::vector<Source> changed;
    for (auto& source : sources) {
        source.stamp = stamp_of(source.file, source.command + source.checks);
        if (std::filesystem::exists(source.stamp))
            report.add({.name = source.name, .rules = {}});
        else if (tool.empty())
            report.add({.name = source.name,
                        .outcome = Outcome::skipped,
                        .reason = "clang-tidy-19 is not installed",
                        .rules = {}});
        else
            changed.push_back(std::move(source));
    }
    if (!changed.empty()) tidy_together(tool, changed, report);
}

// Each source once, with the flags of the machine it is for; tests and fuzzers only in the long form.
std::map<std::string, std::vector<Source>> sources_that_go_together(TestOptions const& options) {
    std::map<std::string, std::vector<Source>> groups;
    std::set<std::string> taken;
    for (auto const* side : {"target", "host", "check"}) {
        if (std::string_view{side} == "check" && !options.long_form) continue;
        auto const folder = build_directory() / side;
        std::ifstream in{folder / "compile_commands.json"};
        auto const commands = nlohmann::json::parse(in, nullptr, false);
        if (commands.is_discarded()) continue;
        for (auto const& entry : commands) {
            Path const file = entry.value("file", "");
            if (file.extension() != ".cpp" || !std::filesystem::exists(file) || !taken.insert(file).second)
                continue;
            auto const name = "clang-tidy " + file.lexically_relative(root_directory()).string();
            if (!is_wanted(options, name)) continue;
            auto const command = entry.value("command", "");
            groups[file.parent_path().string() + flags_of(command)].push_back(
                {.file = file,
                 .database = folder,
                 .command = command,
                 .checks = options.long_form && is_hypervisor(file) ? std::string{analyzer} : std::string{},
                 .name = name});
        }
    }
    return groups;
}

// What a file calls things that are its own alone, as far as its lines at the margin tell.
std::set<std::string> own_names(Path const& file) {
    static std::regex const declared{R"(^(?:struct|class|union|enum class|enum) (\w+)|(\w+)\s*[({=;\[])"};
    std::set<std::string> names;
    std::ifstream in{file};
    bool own = false;
    for (std::string line; std::getline(in, line);) {
        if (line == "namespace {" || line == "}  // namespace") own = line.ends_with('{');
        std::smatch found;
        if (!own || line.empty() || std::string_view{" }#/"}.contains(line.front())) continue;
        if (line.starts_with("namespace ") || !std::regex_search(line, found, declared)) continue;
        names.insert(found[found[1].matched ? 1 : 2]);
    }
    return names;
}

struct Together {
    std::vector<Source> sources{};
    std::set<std::string> names{};

    [[nodiscard]] bool takes(std::set<std::string> const& more, usize most) const {
        return sources.size() < most &&
               std::ranges::none_of(more, [this](auto const& name) { return names.contains(name); });
    }
};

// Each in the first group that has room and none of its names.
std::vector<Together> grouped(std::span<Source const> sources, usize most) {
    std::vector<Together> groups;
    for (auto const& source : sources) {
        auto const names = own_names(source.file);
        auto group = std::ranges::find_if(groups, [&](auto const& g) { return g.takes(names, most); });
        if (group == groups.end()) group = groups.emplace(groups.end());
        group->sources.push_back(source);
        group->names.insert(names.begin(), names.end());
    }
    return groups;
}

}  // namespace

void add_tidy_tasks(TestStage& stage, TestOptions const& options) {
    for (auto& [key, sources] : sources_that_go_together(options)) {
        std::ranges::sort(sources, {}, &Source::file);
        // Tasks are listed by name: in a list of names each source is a task of its own.
        for (auto const& group : grouped(sources, options.list ? 1 : most_together))
            stage.tasks.push_back(
                {.name = group.sources.front().name,
                 .run = [part = group.sources](TestReport& report) { tidy(part, report); }});
    }
}

}  // namespace antler::cli
