// Questions to the device tree that the guest was given.
#pragma once

#include <optional>
#include <string_view>

#include "abi/fdt_reader.hpp"
#include "abi/fdt_walk.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

// The start of every guest checked that it opens.
[[nodiscard]] inline abi::FdtReader device_tree() {
    auto const* const start = reinterpret_cast<u8 const*>(guest().device_tree);
    auto const size = abi::FdtReader::announced_size({start, 8});
    auto const tree = abi::FdtReader::open({start, size ? size.value() : 0});
    if (!tree) give_up("the device tree does not open any more");
    return tree.value();
}

// What the guest was told; it stays where it is.
[[nodiscard]] inline std::string_view command_line() {
    auto const tree = device_tree();
    auto const chosen = tree.find("/chosen");
    return (chosen ? chosen->text("bootargs") : std::nullopt).value_or("");
}

// `name=number` of the command line; zero when it is not there.
[[nodiscard]] inline u32 number_of(std::string_view name) {
    auto const line = command_line();
    auto const at = line.find(name);
    u32 value = 0;
    if (at == std::string_view::npos) return 0;
    for (auto const c : line.substr(at + name.size())) {
        if (c < '0' || c > '9') break;
        value = value * 10 + static_cast<u32>(c - '0');
    }
    return value;
}

// A word of the command line, as in `mode=jump` or `quiet`.
[[nodiscard]] inline bool told(std::string_view word) {
    auto line = command_line();
    while (!line.empty()) {
        auto const end = line.find(' ');
        if (line.substr(0, end) == word) return true;
        line = end == std::string_view::npos ? std::string_view{} : line.substr(end + 1);
    }
    return false;
}

// Whether the command line names this among the things of its kind, as in `row=sbi_base`, or names none.
[[nodiscard]] inline bool wanted(std::string_view kind, std::string_view name) {
    auto line = command_line();
    auto const at = line.find(kind);
    if (at == std::string_view::npos) return true;
    line = line.substr(at + kind.size());
    return line.substr(0, line.find(' ')) == name;
}

// Whether the first hart's riscv,isa-extensions has this name.
[[nodiscard]] inline bool has_extension(std::string_view name) {
    auto const tree = device_tree();
    auto const cpu = tree.find("/cpus/cpu");
    auto const list = cpu ? cpu->property("riscv,isa-extensions") : std::nullopt;
    return list && list->lists(name);
}

}  // namespace antler::guests
