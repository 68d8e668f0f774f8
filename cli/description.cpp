// Reads a description: TOML in, checked values out, or one sentence about the first thing that is wrong.
#include "cli/description.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "abi/pack.hpp"
#include "base/units.hpp"
#include "cli/byte_size.hpp"
#include "cli/description_checks.hpp"
#include "cli/file.hpp"
#include "cli/schema.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {

namespace {

std::string_view name_of(toml::node_type type) {
    switch (type) {
        case toml::node_type::none: return "nothing";
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "an array";
        case toml::node_type::string: return "a text";
        case toml::node_type::integer: return "a whole number";
        case toml::node_type::floating_point: return "a number with a fraction";
        case toml::node_type::boolean: return "true or false";
        case toml::node_type::date: return "a date";
        case toml::node_type::time: return "a time of day";
        case toml::node_type::date_time: return "a date and time";
    }
    return "something else";
}

class Reader {
public:
    explicit Reader(std::string file) : file_{std::move(file)} {}

    Description read(std::string_view text) {
        Description description{.file = file_};
        auto const root = parse(text);
        fill_defaults(Section::machine, {.machine = &description.machine});
        fill_defaults(Section::hypervisor, {.hypervisor = &description.hypervisor});
        description.machine.places.table = {.file = file_};
        description.hypervisor.places.table = {.file = file_};

        for (auto const& [key, node] : in_order(root)) {
            if (key->str() == "machine") {
                read_section(Section::machine, "machine", *key, *node, description.machine.places,
                             {.machine = &description.machine});
            } else if (key->str() == "hypervisor") {
                read_section(Section::hypervisor, "hypervisor", *key, *node, description.hypervisor.places,
                             {.hypervisor = &description.hypervisor});
            } else if (key->str() == "vm") {
                read_vms(*key, *node, description);
            } else if (key->str() == "switch") {
                read_switches(*key, *node, description);
            } else {
                static constexpr std::array<std::string_view, 4> tables{"machine", "hypervisor", "vm.NAME",
                                                                        "switch.NAME"};
                complain(place_of(*key), fmt::format("`{}` is not a table of a description{}", key->str(),
                                                     suggestion(key->str(), tables, "the tables are")));
            }
        }
        if (description.vms.empty())
            complain({.file = file_},
                     "no VM is described; add a table such as [vm.web] with a payload.kernel.");
        return description;
    }

private:
    using Entry = std::pair<toml::key const*, toml::node const*>;

    toml::table parse(std::string_view text) const {
        try {
            return toml::parse(text, file_);
        } catch (toml::parse_error const& error) {
            std::string why{error.description()};
            std::ranges::replace(why, '\n', ' ');
            complain(place_of(error.source()), fmt::format("this is not TOML: {}.", why));
        }
    }

    // toml++ sorts keys by name; the first error is the first in the file.
    static std::vector<Entry> in_order(toml::table const& table) {
        std::vector<Entry> entries;
        for (auto const& [key, node] : table) entries.emplace_back(&key, &node);
        std::ranges::sort(entries, [](Entry const& a, Entry const& b) {
            auto const& left = a.first->source().begin;
            auto const& right = b.first->source().begin;
            return std::pair{left.line, left.column} < std::pair{right.line, right.column};
        });
        return entries;
    }

    [[nodiscard]] Place place_of(toml::source_region const& region) const {
        return {file_, region.begin.line, region.begin.column};
    }
    [[nodiscard]] Place place_of(toml::node const& node) const { return place_of(node.source()); }
    [[nodiscard]] Place place_of(toml::key const& key) const { return place_of(key.source()); }

    void fill_defaults(Section section, Target target) const {
        for (auto const& row : schema()) {
            if (row.section != section || row.fallback.empty()) continue;
            auto const table = toml::parse(fmt::format("x = {}", row.fallback));
            row.store(target, value_of(row, *table.get("x"), {}));
        }
    }

    void read_switches(toml::key const& key, toml::node const& node, Description& description) {
        auto const* const table = node.as_table();
        if (table == nullptr)
            complain(place_of(key),
                     fmt::format("`switch` must be a table of switches such as [switch.lan], and this is {}.",
                                 name_of(node.type())));
        for (auto const& [name, one] : in_order(*table)) {
            check_name(*name, *one, "switch");
            if (description.switches.size() == abi::pack::most_switches)
                complain(place_of(*name), fmt::format("this is one switch too many; {} are the most.",
                                                      abi::pack::most_switches));
            auto& to = description.switches.emplace_back();
            to.name = name->str();
            fill_defaults(Section::network, {.network = &to});
            read_section(Section::network, fmt::format("switch.{}", to.name), *name, *one, to.places,
                         {.network = &to});
        }
    }

    void read_vms(toml::key const& key, toml::node const& node, Description& description) {
        auto const* const table = node.as_table();
        if (table == nullptr)
            complain(place_of(key),
                     fmt::format("`vm` must be a table of VMs such as [vm.web], and this is {}.",
                                 name_of(node.type())));
        for (auto const& [name, vm] : in_order(*table)) {
            check_name(*name, *vm, "vm");
            if (description.vms.size() == abi::pack::most_vms)
                complain(place_of(*name),
                         fmt::format("this is one VM too many; {} are the most.", abi::pack::most_vms));
            VmDescription& to = description.vms.emplace_back();
            to.name = name->str();
            fill_defaults(Section::vm, {.vm = &to});
            read_section(Section::vm, fmt::format("vm.{}", to.name), *name, *vm, to.places, {.vm = &to});
        }
    }

    void check_name(toml::key const& name, toml::node const& vm, std::string_view what) const {
        auto const text = name.str();
        auto const is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        bool const good =
            !text.empty() && text.size() <= abi::pack::longest_name && is_letter(text.front()) &&
            std::ranges::all_of(text, [&](char c) {
                return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
            });
        // [vm] with `kernel = …` below it: somebody forgot the name.
        if (!vm.is_table())
            complain(place_of(name),
                     fmt::format("`{0}.{1}` must be a table that describes a {2}, and this is {3}; a {2} is "
                                 "written as [{0}.NAME].",
                                 what, text, what == "vm" ? "VM" : "switch", name_of(vm.type())));
        if (!good)
            complain(
                place_of(name),
                fmt::format(
                    "`{}` cannot be the name of a {}: a name starts with a letter, goes on with letters, "
                    "digits, `.`, `_` and `-`, and has at most {} characters.",
                    text, what == "vm" ? "VM" : "switch", abi::pack::longest_name));
    }

    void read_section(Section section, std::string_view title, toml::key const& key, toml::node const& node,
                      Places& places, Target target) {
        auto const* const table = node.as_table();
        if (table == nullptr)
            complain(place_of(key),
                     fmt::format("`{}` must be a table, and this is {}.", title, name_of(node.type())));
        places.table = place_of(key);
        read_table(section, title, "", *table, places, target);
        need_required(section, title, places);
    }

    static void need_required(Section section, std::string_view title, Places const& places) {
        for (auto const& row : schema())
            if (row.section == section && row.required && !places.keys.contains(row.key))
                complain(places.table, fmt::format("[{}] needs `{}`.", title, row.key));
    }

    void read_table(Section section, std::string_view title, std::string const& prefix,
                    toml::table const& table, Places& places, Target target) {
        for (auto const& [key, node] : in_order(table)) {
            std::string const path = prefix + std::string{key->str()};
            if (auto const* const row = find_row(section, path)) {
                auto const place = place_of(*node);
                if (row->shape == Shape::tables)
                    read_elements(*row, fmt::format("{}.{}", title, path), *node, place, *target.vm);
                row->store(target, value_of(*row, *node, place));
                places.keys.emplace(path, place);
            } else if (is_prefix(section, path + ".")) {
                auto const* const inner = node->as_table();
                if (inner == nullptr)
                    complain(place_of(*node),
                             fmt::format("`{}` must be a table with {}, and this is {}.", path,
                                         keys_below(section, path + "."), name_of(node->type())));
                places.keys.emplace(path, place_of(*node));
                read_table(section, title, path + ".", *inner, places, target);
            } else {
                complain(place_of(*key), unknown_key(section, title, prefix, path));
            }
        }
    }

    void read_elements(Row const& row, std::string const& title, toml::node const& node, Place const& place,
                       VmDescription& vm) {
        auto const* const array = node.as_array();
        if (array == nullptr)
            complain(place, fmt::format("`{}` must be {}, and this is {}.", row.key, describe_shape(row),
                                        name_of(node.type())));
        if (array->size() > row.most)
            complain(place, fmt::format("`{}` has {} entries, and {} are the most.", row.key, array->size(),
                                        row.most));
        for (auto const& element : *array) {
            auto const at = place_of(element);
            auto const* const table = element.as_table();
            if (table == nullptr)
                complain(at, fmt::format("an entry of `{}` must be a table with {}, and this is {}.", row.key,
                                         keys_below(row.element, ""), name_of(element.type())));
            if (row.element == Section::disk) {
                auto& disk = vm.disks.emplace_back();
                read_element(row.element, title, *table, at, disk.places, {.disk = &disk});
            } else if (row.element == Section::net) {
                auto& net = vm.nets.emplace_back();
                read_element(row.element, title, *table, at, net.places, {.net = &net});
            } else if (row.element == Section::device) {
                auto& device = vm.devices.emplace_back();
                read_element(row.element, title, *table, at, device.places, {.device = &device});
            } else {
                auto& channel = vm.channels.emplace_back();
                read_element(row.element, title, *table, at, channel.places, {.channel = &channel});
            }
        }
    }

    void read_element(Section section, std::string const& title, toml::table const& table, Place const& place,
                      Places& places, Target target) {
        places.table = place;
        fill_defaults(section, target);
        read_table(section, title, "", table, places, target);
        need_required(section, title, places);
    }

    static bool is_prefix(Section section, std::string_view prefix) {
        return std::ranges::any_of(
            schema(), [&](Row const& row) { return row.section == section && row.key.starts_with(prefix); });
    }
    static std::string keys_below(Section section, std::string_view prefix) {
        std::vector<std::string> quoted;
        for (auto const& row : schema())
            if (row.section == section && row.key.starts_with(prefix))
                quoted.push_back(fmt::format("`{}`", row.key.substr(prefix.size())));
        std::vector<std::string_view> const words(quoted.begin(), quoted.end());
        return enumerate(words);
    }

    static std::string unknown_key(Section section, std::string_view title, std::string_view prefix,
                                   std::string_view path) {
        auto const name = path.substr(prefix.size());
        // What may stand here, the tables included; then the same name elsewhere; then a list.
        std::vector<std::string_view> here, all;
        for (auto const& row : schema()) {
            if (row.section != section) continue;
            all.push_back(row.key);
            if (!row.key.starts_with(prefix)) continue;
            auto const rest = row.key.substr(prefix.size());
            auto const word = rest.substr(0, rest.find('.'));
            if (std::ranges::find(here, word) == here.end()) here.push_back(word);
        }
        auto const start = fmt::format("`{}` is not a key of [{}]", path, title);
        if (auto const near = nearest_word(name, here); !near.empty())
            return fmt::format("{}; did you mean `{}{}`?", start, prefix, near);
        for (auto const& row : schema()) {
            auto const last = row.key.substr(row.key.rfind('.') + 1);
            if (last == name && row.section == section)
                return fmt::format("{}; did you mean `{}`?", start, row.key);
        }
        for (auto const& row : schema())
            if (row.section != section && row.key == name)
                return fmt::format("{}; it belongs into [{}].", start, heading(row.section));
        return start + suggestion(path, all, "the keys are");
    }

    Value value_of(Row const& row, toml::node const& node, Place const& place) const {
        switch (row.shape) {
            case Shape::number: {
                auto const number = wanted<i64>(row, node, place);
                if (number < 0 || static_cast<u64>(number) < row.least || static_cast<u64>(number) > row.most)
                    complain(place, fmt::format("`{}` must be {}, and {} is not.", row.key,
                                                describe_shape(row), number));
                return {.number = static_cast<u64>(number)};
            }
            case Shape::flag: return {.flag = wanted<bool>(row, node, place)};
            case Shape::size: return {.number = size_of(row, wanted<std::string>(row, node, place), place)};
            case Shape::text: {
                auto text = wanted<std::string>(row, node, place);
                check_text(row, text, place);
                return {.text = std::move(text)};
            }
            case Shape::word: {
                auto text = wanted<std::string>(row, node, place);
                check_word(row, text, place);
                return {.text = std::move(text)};
            }
            case Shape::words: return {.list = list_of(row, node, place)};
            case Shape::tables: return {};  // read_elements() has read them
        }
        return {};
    }

    template <class T>
    static T wanted(Row const& row, toml::node const& node, Place const& place) {
        if (auto const value = node.value_exact<T>()) return *value;
        complain(place, fmt::format("`{}` must be {}, and this is {}.", row.key, describe_shape(row),
                                    name_of(node.type())));
    }

    static u64 size_of(Row const& row, std::string const& text, Place const& place) {
        auto const bytes = parse_size(text);
        if (!bytes)
            complain(place,
                     fmt::format("`{}` must be a size such as \"512M\" or \"2G\", and \"{}\" is not one.",
                                 row.key, shown(text)));
        if (*bytes < row.least || *bytes > row.most || *bytes % row.step != 0)
            complain(place,
                     fmt::format("`{}` must be {}, and \"{}\" is not.", row.key, describe_shape(row), text));
        return *bytes;
    }

    static void check_text(Row const& row, std::string_view text, Place const& place) {
        if (text.size() < row.least) complain(place, fmt::format("`{}` must not be empty.", row.key));
        if (row.most != 0 && text.size() > row.most)
            complain(place,
                     fmt::format("`{}` has {} bytes, and {} are the most.", row.key, text.size(), row.most));
        if (std::ranges::any_of(text, [](char c) { return static_cast<u8>(c) < ' ' || c == 0x7f; }))
            complain(place, fmt::format("`{}` must be one line without control characters.", row.key));
        if (row.good != nullptr && !row.good(text))
            complain(place, fmt::format("`{}` must be {}, and \"{}\" is not.", row.key,
                                        row.shape == Shape::words ? fmt::format("an array of {}", row.form)
                                                                  : std::string{row.form},
                                        shown(text)));
    }

    static void check_word(Row const& row, std::string_view text, Place const& place) {
        auto const words = split_words(row.words, '|');
        if (std::ranges::find(words, text) == words.end())
            complain(place, fmt::format("`{}` cannot be \"{}\"{}", row.key, shown(text),
                                        suggestion(text, words, "it is one of")));
    }

    std::vector<std::string> list_of(Row const& row, toml::node const& node, Place const& place) const {
        auto const* const array = node.as_array();
        if (array == nullptr)
            complain(place, fmt::format("`{}` must be {}, and this is {}.", row.key, describe_shape(row),
                                        name_of(node.type())));
        std::vector<std::string> list;
        for (auto const& element : *array) {
            auto text = wanted<std::string>(row, element, place_of(element));
            check_text(row, text, place_of(element));
            if (!row.words.empty()) check_word(row, text, place_of(element));
            list.push_back(std::move(text));
        }
        return list;
    }

    // A sentence is one line, whatever was written.
    static std::string shown(std::string_view text) {
        std::string line{text.substr(0, 60)};
        for (auto& c : line)
            if (static_cast<u8>(c) < ' ' || c == 0x7f) c = ' ';
        if (text.size() > 60) line += "…";
        return line;
    }

    std::string file_;
};

}  // namespace

Description parse_description(std::string_view text, Path const& file, Catalogue const& catalogue) {
    auto description = Reader{file.string()}.read(text);
    check_description(description, catalogue);
    return description;
}

void refuse_none(Description const& description) {
    if (!description.refused.empty())
        complain(description.refused.front().place, description.refused.front().sentence);
}

Description read_description(Path const& file, Catalogue const& catalogue) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) complain({.file = file.string()}, "there is no such file.");
    if (!std::filesystem::is_regular_file(file, error))
        complain({.file = file.string()}, "this is not a file with a description.");
    return parse_description(as_text(read_file(file)), file, catalogue);
}

Description read_description(Path const& file) {
    return read_description(file, Catalogue{guest_packages()});
}

}  // namespace antler::cli
