// Figures of the long forms, from one run to the page.
#include "cli/long_forms.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/bench_data.hpp"
#include "cli/file.hpp"

namespace antler::cli {
namespace {

struct Sum {
    u64 amount = 0;
    std::string of{};
    double seconds = 0;
    u64 parts = 0;
    std::vector<std::string> found{};
};

std::string duration(double seconds) {
    if (seconds < 120) return fmt::format("{:.0f} s", seconds);
    return fmt::format("{:.0f} min", seconds / 60);
}

nlohmann::json known_forms(Path const& file) {
    std::error_code none;
    if (!std::filesystem::exists(file, none)) return nlohmann::json::object();
    return nlohmann::json::parse(read_file(file));
}

}  // namespace

std::string without_part(std::string const& name) {
    if (name.ends_with(')'))
        if (auto const at = name.rfind(" ("); at != std::string::npos) return name.substr(0, at);
    auto const last = name.find_last_not_of("0123456789");
    if (last != std::string::npos && last + 1 != name.size() && name[last] == '/')
        return name.substr(0, last);
    return name;
}

void keep_long_forms(Path const& file, std::vector<TestResult> const& results) {
    std::map<std::string, Sum> sums;
    for (auto const& result : results) {
        if (result.count.of.empty()) continue;
        auto& sum = sums[fmt::format("{} {}", result.stage, without_part(result.name))];
        sum.amount += result.count.amount;
        sum.of = result.count.of;
        sum.seconds += result.seconds;
        ++sum.parts;
        if (result.outcome == Outcome::failed) sum.found.push_back(result.reason);
        if (!result.count.note.empty()) sum.found.push_back(result.count.note);
    }
    if (sums.empty()) return;
    auto known = known_forms(file);
    for (auto const& [name, sum] : sums)
        known[name] = {{"amount", sum.amount},
                       {"of", sum.of},
                       {"seconds", static_cast<i64>(sum.seconds)},
                       {"parts", sum.parts},
                       {"found", sum.found},
                       {"day", fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)))}};
    auto const text = known.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    write_file(file, as_bytes(text));
}

std::string long_forms_rows(Path const& file) {
    std::string rows;
    for (auto const& [name, form] : known_forms(file).items()) {
        auto const parts = form.value("parts", u64{1});
        // What several parts found alike is said once, with how many they were.
        std::map<std::string, u64> found;
        for (auto const& one : form["found"]) ++found[one.get<std::string>()];
        std::string all;
        for (auto const& [text, times] : found)
            all += fmt::format("{}{}{}", all.empty() ? "" : "; ", text,
                               times == 1 ? "" : fmt::format(" ({} times)", times));
        rows += fmt::format("| `{}` | {} {}{} | {}, {} | {} |\n", name, shown(form.value("amount", 0.0)),
                            form.value("of", ""), parts == 1 ? "" : fmt::format(", in {} parts", parts),
                            duration(form.value("seconds", 0.0)), form.value("day", ""),
                            all.empty() ? "nothing" : all);
    }
    return rows;
}

}  // namespace antler::cli
