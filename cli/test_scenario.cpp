// Scenarios, as they are written and as they are run.
#include "cli/test_scenario.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "cli/catalogue.hpp"
#include "cli/complaint.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

constexpr std::array<std::string_view, 28> keys{
    "about",   "machine",   "hypervisor", "switch",   "vm",     "guest",  "run",
    "command", "arguments", "type",       "dialogue", "expect", "forbid", "allow",
    "ends",    "monitor",   "exit",       "timeout",  "alone",  "long",   "expand",
    "other",   "outlives",  "needs",      "beside",   "rules",  "count",  "bears"};

// No machine says these in health.
constexpr std::array<std::string_view, 6> never_said{"panic",          "BUG:",       "Oops",
                                                     "detected stall", "Call Trace", "UBSan"};

class Substitution {
public:
    void set(std::string const& name, std::string const& text) { texts_["${" + name + "}"] = text; }
    void set_number(std::string const& name, std::int64_t number) {
        set(name, std::to_string(number));
        numbers_["${" + name + "}"] = number;
    }

    [[nodiscard]] std::string in(std::string text) const {
        for (auto const& [name, value] : texts_)
            for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
                text.replace(at, name.size(), value);
        return text;
    }
    void in(toml::table& table) const {
        for (auto&& [key, node] : table) replace(table, key, node);
    }
    void in(toml::array& array) const {
        for (auto& node : array) inside(node);
        for (std::size_t i = 0; i < array.size(); ++i)
            if (auto const* text = array[i].as_string())
                array.replace(array.cbegin() + static_cast<std::ptrdiff_t>(i), in(text->get()));
    }

private:
    void inside(toml::node& node) const {
        if (auto* table = node.as_table()) in(*table);
        if (auto* array = node.as_array()) in(*array);
    }
    void replace(toml::table& table, toml::key const& key, toml::node& node) const {
        auto const* text = node.as_string();
        if (text == nullptr) return inside(node);
        auto const number = numbers_.find(text->get());
        if (number != numbers_.end())
            table.insert_or_assign(key, number->second);
        else
            table.insert_or_assign(key, in(text->get()));
    }

    std::map<std::string, std::string> texts_{};
    std::map<std::string, std::int64_t> numbers_{};
};

class ScenarioReader {
public:
    ScenarioReader(Path const& file, std::string name, toml::table const& table, bool long_form,
                   std::vector<std::string> const& qemu_args)
        : file_{file}, name_{std::move(name)}, table_{table}, long_form_{long_form}, qemu_args_{qemu_args} {}

    std::vector<Scenario> read() {
        for (auto const& [key, node] : table_)
            if (std::ranges::find(keys, key.str()) == keys.end())
                complain(place(node), fmt::format("A scenario has no key `{}`{}", key.str(),
                                                  suggestion(key.str(), keys, "there are")));
        if (table_["long"].value_or(false) && !long_form_) return {};
        auto* const axes = table_["expand"].as_table();
        std::vector<std::size_t> sizes;
        if (axes != nullptr)
            for (auto const& [key, node] : *axes) {
                if (!node.is_array() || node.as_array()->empty())
                    complain(place(node), "The values to expand are an array with at least one value.");
                sizes.push_back(node.as_array()->size());
            }
        std::vector<Scenario> all;
        for (auto const& chosen : long_form_ ? combinations(sizes) : pairwise(sizes))
            all.push_back(one(axes, chosen));
        return all;
    }

private:
    Place place(toml::node const& node) const {
        auto const& at = node.source().begin;
        return {.file = file_.string(), .line = at.line, .column = at.column};
    }

    Scenario one(toml::table const* axes, std::vector<std::size_t> const& chosen) const {
        Substitution values;
        values.set("root", root_directory().string());
        values.set("build", build_directory().string());
        values.set("cache", cache_directory().string());
        std::string suffix;
        std::size_t axis = 0;
        if (axes != nullptr)
            for (auto const& [key, node] : *axes) {
                auto const& value = (*node.as_array())[chosen[axis++]];
                std::string const name{key.str()};
                if (auto const number = value.value<std::int64_t>(); value.is_integer() && number)
                    values.set_number(name, *number);
                else
                    values.set(name, value.value_or(std::string{}));
                suffix += (suffix.empty() ? "" : " ") + name + "=" + values.in("${" + name + "}");
            }
        auto substituted = table_;
        substituted.erase("expand");
        values.in(substituted);
        auto const& table = substituted;
        Scenario scenario = scalars(table);
        if (!suffix.empty()) scenario.name += " (" + suffix + ")";
        describe(scenario, table);
        scenario.expect = patterns(table["expect"]);
        forbid(scenario, table);
        scenario.timeout_seconds = table["timeout"].value_or(60);
        dialogue(scenario, table);
        monitor(scenario, table);
        return scenario;
    }

    Scenario scalars(toml::table const& table) const {
        Scenario scenario{.name = name_, .about = table["about"].value_or(std::string{})};
        if (scenario.about.empty())
            complain(place(table_), fmt::format("Scenario `{}` does not say what it is `about`.", name_));
        scenario.type = table["type"].value_or(std::string{});
        if (auto const* const words = table["beside"].as_array(); words != nullptr)
            for (auto const& word : *words) scenario.beside.push_back(word.value_or(std::string{}));
        scenario.ends = table["ends"].value_or(true);
        scenario.outlives = table["outlives"].value_or(false);
        scenario.exit = table["exit"].value_or(0);
        scenario.alone = table["alone"].value_or(false);
        scenario.needs = table["needs"].value_or(std::string{});
        scenario.rules = texts(table["rules"]);
        scenario.bears = patterns(table["bears"]);
        if (auto const* const count = table["count"].as_table()) {
            if (auto const found = (*count)["found"].value<std::string>()) scenario.count = pattern(*found);
            scenario.amount = (*count)["done"].value_or(i64{0});
            scenario.counted = (*count)["of"].value_or(std::string{});
        }
        if (!scenario.needs.empty() && Catalogue::find_disk(scenario.needs) == nullptr)
            complain(place(table_), fmt::format("Scenario `{}` needs `{}`, which is not in the catalogue.",
                                                name_, scenario.needs));
        return scenario;
    }

    // The machine: made of the tables here, or a file that exists.
    void describe(Scenario& scenario, toml::table const& table) const {
        if (auto const run = table["run"].value<std::string>()) {
            scenario.file = root_directory() / *run;
        } else {
            toml::table description;
            for (auto const* part : {"machine", "hypervisor", "switch", "vm"})
                if (auto const* tables = table[part].as_table()) description.insert(part, *tables);
            if (auto const guest = table["guest"].value<std::string>())
                set_kernel(description, "guest", "guest:" + *guest);
            find_guests(description);
            if (table["monitor"])
                add_qemu_args(description, {"-monitor", "unix:${monitor},server=on,wait=off"});
            if (!description.empty()) add_qemu_args(description, qemu_args_);
            if (!description.empty()) scenario.description = written(description);
        }
        if (auto const* other = table["other"].as_table()) {
            toml::table description{*other};
            find_guests(description);
            scenario.other = written(description);
        }
        scenario.command = texts(table["command"]);
        if (scenario.command.empty()) scenario.command = {"run", "${description}"};
        for (auto& word : texts(table["arguments"])) scenario.command.push_back(std::move(word));
    }

    static std::string written(toml::table const& description) {
        std::ostringstream out;
        out << description << '\n';
        return out.str();
    }
    static toml::table& table_in(toml::table& parent, std::string_view name) {
        if (parent[name].as_table() == nullptr) parent.insert_or_assign(name, toml::table{});
        return *parent[name].as_table();
    }
    static void set_kernel(toml::table& description, std::string_view vm, std::string const& kernel) {
        auto& payload = table_in(table_in(table_in(description, "vm"), vm), "payload");
        payload.insert_or_assign("kernel", kernel);
    }
    static void find_guests(toml::table& description) {
        for (auto&& [name, vm] : table_in(description, "vm")) {
            if (!vm.is_table()) continue;
            auto const kernel = (*vm.as_table())["payload"]["kernel"].value_or(std::string{});
            if (kernel.starts_with("guest:"))
                set_kernel(description, name.str(), guest_elf(kernel.substr(6)).string());
        }
    }
    // The monitor's socket is named when the scenario runs.
    static void add_qemu_args(toml::table& description, std::vector<std::string> const& words) {
        if (words.empty()) return;
        auto& machine = table_in(description, "machine");
        if (machine["qemu_args"].as_array() == nullptr) machine.insert_or_assign("qemu_args", toml::array{});
        for (auto const& word : words) machine["qemu_args"].as_array()->push_back(word);
    }

    std::vector<std::string> texts(toml::node_view<toml::node const> view) const {
        std::vector<std::string> found;
        if (!view) return found;
        auto const* array = view.as_array();
        if (array == nullptr) complain(place(*view.node()), "This is an array of texts.");
        for (auto const& node : *array) {
            if (!node.is_string()) complain(place(node), "This is a text.");
            found.push_back(node.value_or(std::string{}));
        }
        return found;
    }
    std::vector<Pattern> patterns(toml::node_view<toml::node const> view) const {
        std::vector<Pattern> found;
        for (auto const& text : texts(view)) found.push_back(pattern(text));
        return found;
    }
    Pattern pattern(std::string const& text) const {
        try {
            return Pattern{text};
        } catch (std::regex_error const& wrong) {
            complain(place(table_), fmt::format("`{}` is not a regex: {}.", text, wrong.what()));
        }
    }

    void forbid(Scenario& scenario, toml::table const& table) const {
        scenario.forbid = patterns(table["forbid"]);
        auto const allowed = texts(table["allow"]);
        for (auto const& word : never_said)
            if (std::ranges::find(allowed, word) == allowed.end())
                scenario.forbid.push_back(Pattern{std::string{word}});
    }
    void dialogue(Scenario& scenario, toml::table const& table) const {
        if (auto const* steps = table["dialogue"].as_array()) add_steps(scenario, *steps);
    }
    void add_steps(Scenario& scenario, toml::array const& steps) const {
        for (auto const& node : steps) {
            auto const* step = node.as_table();
            if (auto const* again = step != nullptr ? (*step)["steps"].as_array() : nullptr) {
                if ((*step)["walk"]) {
                    walk(scenario, *step, *again);
                    continue;
                }
                auto const times = (*step)["repeat"].value_or(1);
                auto const long_times = (*step)["repeat_long"].value_or(times);
                for (int i = 0; i < (long_form_ ? long_times : times); ++i) add_steps(scenario, *again);
                if (long_form_ && long_times > times) scenario.timeout_seconds *= long_times / times;
                continue;
            }
            if (step == nullptr)
                complain(place(node),
                         "A step of a dialogue is `{ expect = … }`, `{ type = … }` or `{ size = [COLUMNS, "
                         "ROWS] }`.");
            DialogueStep made{.type = (*step)["type"].value_or(std::string{})};
            made.noise = (*step)["noise"].value_or(i64{0});
            made.kill = (*step)["kill"].value_or(false);
            auto const ask = (*step)["ask"].value_or(std::string{});
            for (auto const word : split_words(ask, ' ')) made.ask.emplace_back(word);
            if (!made.ask.empty()) {
                made.answer = patterns((*step)["expect"]);
                made.exit = (*step)["exit"].value_or(0);
                made.may_refuse = (*step)["may_refuse"].value_or(false);
                made.times = (*step)["times"].value_or(1);
                made.median_below = (*step)["median_below"].value_or(0);
                made.same = patterns((*step)["same"]);
                made.grown_at_most = (*step)["grown_at_most"].value_or(i64{0});
                made.terminal = at_terminal((*step)["terminal"].as_array());
                scenario.dialogue.push_back(std::move(made));
                continue;
            }
            if (auto const text = (*step)["expect"].value<std::string>()) made.expect = pattern(*text);
            scenario.dialogue.push_back(std::move(made));
        }
    }
    // So many steps, each any of these: the same in every run, as the seed says.
    void walk(Scenario& scenario, toml::table const& step, toml::array const& steps) const {
        auto const times = step["walk"].value_or(1);
        auto const long_times = step["walk_long"].value_or(times);
        std::minstd_rand random{static_cast<u32>(step["seed"].value_or(1))};
        for (int i = 0; i < (long_form_ ? long_times : times) && !steps.empty(); ++i) {
            toml::array one;
            one.push_back(*steps[random() % steps.size()].as_table());
            add_steps(scenario, one);
        }
        if (long_form_ && long_times > times) scenario.timeout_seconds *= long_times / times;
    }
    [[nodiscard]] std::vector<DialogueStep> at_terminal(toml::array const* steps) const {
        std::vector<DialogueStep> made;
        if (steps == nullptr) return made;
        for (auto const& node : *steps) {
            auto const* step = node.as_table();
            if (step == nullptr)
                complain(place(node), "A step at a terminal is `{ expect = … }` or `{ type = … }`.");
            auto& one = made.emplace_back();
            one.type = (*step)["type"].value_or(std::string{});
            one.kill = (*step)["kill"].value_or(false);
            if (auto const* const size = (*step)["size"].as_array(); size != nullptr && size->size() == 2) {
                one.columns = (*size)[0].value_or(i64{0});
                one.rows = (*size)[1].value_or(i64{0});
            }
            if (auto const text = (*step)["expect"].value<std::string>()) one.expect = pattern(*text);
        }
        return made;
    }
    void monitor(Scenario& scenario, toml::table const& table) const {
        auto const* questions = table["monitor"].as_array();
        if (questions == nullptr) return;
        for (auto const& node : *questions) {
            auto const* question = node.as_table();
            if (question == nullptr)
                complain(place(node), "A question to the monitor is a table with `ask`.");
            scenario.monitor.push_back({.ask = (*question)["ask"].value_or(std::string{}),
                                        .expect = patterns((*question)["expect"]),
                                        .forbid = patterns((*question)["forbid"])});
        }
    }

    Path const& file_;
    std::string name_;
    toml::table const& table_;  // as written: a copy does not know its lines
    bool long_form_;
    std::vector<std::string> const& qemu_args_;
};

}  // namespace

namespace {

std::optional<std::string> literal_of(std::string_view regex) {
    std::string text;
    for (usize i = 0; i < regex.size(); ++i) {
        bool const escapes = regex[i] == '\\';
        if (escapes) ++i;
        if (i == regex.size() || (escapes && std::isalnum(static_cast<u8>(regex[i])))) return std::nullopt;
        if (!escapes && std::string_view{"^$.*+?()[]{}|"}.contains(regex[i])) return std::nullopt;
        text += regex[i];
    }
    if (text.empty()) return std::nullopt;
    return text;
}

}  // namespace

Pattern::Pattern(std::string written) : text{std::move(written)}, compiled{text}, literal{literal_of(text)} {}

std::vector<std::vector<std::size_t>> combinations(std::vector<std::size_t> const& sizes) {
    std::vector<std::vector<std::size_t>> all{{}};
    for (std::size_t const size : sizes) {
        std::vector<std::vector<std::size_t>> longer;
        for (auto const& begun : all)
            for (std::size_t value = 0; value < size; ++value) {
                longer.push_back(begun);
                longer.back().push_back(value);
            }
        all = std::move(longer);
    }
    return all;
}

std::vector<std::vector<std::size_t>> pairwise(std::vector<std::size_t> const& sizes) {
    auto all = combinations(sizes);
    if (sizes.size() < 3) return all;
    using Pair = std::array<std::size_t, 4>;  // axis, value, axis, value
    auto const pairs_of = [](std::vector<std::size_t> const& values) {
        std::vector<Pair> pairs;
        for (std::size_t a = 0; a < values.size(); ++a)
            for (std::size_t b = a + 1; b < values.size(); ++b) pairs.push_back({a, values[a], b, values[b]});
        return pairs;
    };
    std::set<Pair> open;
    for (auto const& values : all)
        for (auto const& pair : pairs_of(values)) open.insert(pair);
    std::vector<std::vector<std::size_t>> chosen;
    while (!open.empty()) {
        auto const news = [&](std::vector<std::size_t> const& values) {
            return std::ranges::count_if(pairs_of(values),
                                         [&](Pair const& pair) { return open.contains(pair); });
        };
        auto const& best = *std::ranges::max_element(all, {}, news);
        for (auto const& pair : pairs_of(best)) open.erase(pair);
        chosen.push_back(best);
    }
    return chosen;
}

std::vector<Scenario> read_scenarios(Path const& file, bool long_form,
                                     std::vector<std::string> const& qemu_args) {
    toml::table root;
    try {
        root = toml::parse_file(file.string());
    } catch (toml::parse_error const& wrong) {
        auto const& at = wrong.source().begin;
        complain({.file = file.string(), .line = at.line, .column = at.column},
                 fmt::format("{}.", wrong.description()));
    }
    std::vector<Scenario> all;
    for (auto const& [key, node] : root) {
        auto const* scenarios = node.as_table();
        if (key.str() != "scenario" || scenarios == nullptr)
            complain({.file = file.string()}, fmt::format("`{}` is not `[scenario.NAME]`.", key.str()));
        for (auto const& [name, scenario] : *scenarios) {
            if (!scenario.is_table()) complain({.file = file.string()}, "A scenario is a table.");
            ScenarioReader reader{file, std::string{name.str()}, *scenario.as_table(), long_form, qemu_args};
            for (auto& made : reader.read()) all.push_back(std::move(made));
        }
    }
    return all;
}

}  // namespace antler::cli
