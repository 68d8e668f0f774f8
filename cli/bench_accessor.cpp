// What one guarded access to guest memory costs.
#include "cli/bench_accessor.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/symbolize.hpp"

namespace antler::cli {
namespace {

// The one reads an instruction, the other the indices of a virtqueue.
constexpr std::array accessors{Accessor{"guest_fetch", "fetch_guest", "hypervisor/hart/guest_access.cpp"},
                               Accessor{"guest_load", "load<unsigned short>", "hypervisor/vm/ram.hpp"}};

std::optional<u32> word_at(std::string_view image, u64 at) {
    u32 word = 0;
    if (at > image.size() || image.size() - at < sizeof word) return std::nullopt;
    std::memcpy(&word, image.data() + at, sizeof word);
    return word;
}

}  // namespace

Accessor const* find_accessor(std::string_view row) {
    auto const found = std::ranges::find(accessors, row, &Accessor::row);
    return found == accessors.end() ? nullptr : &*found;
}

std::set<u64> guarded_instructions(std::string_view image, u64 begin, u64 end) {
    std::set<u64> places;
    constexpr u64 entry_bytes = 8;  // where it is, where to go on; each from where that is said
    for (auto at = begin; at + entry_bytes <= end; at += entry_bytes)
        if (auto const distance = word_at(image, at))
            places.insert(at + static_cast<u64>(static_cast<i64>(static_cast<i32>(*distance))));
    constexpr u32 fetch = 0x6430'4073, any_registers = 0x000f'8f80;  // hlvx.hu
    for (u64 at = 0; at < image.size(); at += 2)
        if (auto const word = word_at(image, at); word && (*word & ~any_registers) == fetch)
            places.insert(at);
    return places;
}

// Whether it is of the function, or inlined in it.
static bool stems_from(std::string_view name, Accessor const& accessor) {
    constexpr std::string_view between = ", inlined in ";
    while (!name.empty()) {
        auto const end = name.find(between);
        auto const frame = name.substr(0, end);
        if (frame.starts_with(accessor.function) &&
            frame.substr(accessor.function.size()).starts_with(" at ") && frame.contains(accessor.file))
            return true;
        name = end == std::string_view::npos ? std::string_view{} : name.substr(end + between.size());
    }
    return false;
}

std::optional<double> cost_of_access(std::vector<ExitShape> const& shapes,
                                     std::map<u64, std::string> const& names, std::set<u64> const& guarded,
                                     Accessor const& accessor) {
    auto const is_theirs = [&](u64 at) {
        auto const known = names.find(at);
        return known != names.end() && stems_from(known->second, accessor);
    };
    u64 instructions = 0, accesses = 0;
    for (auto const& shape : shapes)
        for (auto const at : shape.path) {
            if (!is_theirs(at)) continue;
            instructions += shape.times;
            if (guarded.contains(at)) accesses += shape.times;
        }
    if (accesses == 0) return std::nullopt;
    return static_cast<double>(instructions) / static_cast<double>(accesses);
}

std::optional<double> cost_of_access(ExitTrace const& trace, Path const& hypervisor,
                                     Accessor const& accessor) {
    auto const table = SymbolTable::read(hypervisor);
    auto const begin = table.find("__fixups_start"), end = table.find("__fixups_end");
    if (!begin || !end) throw Failure{ExitCode::internal, "The hypervisor's ELF file has lost its symbols."};
    auto const image = read_file(Path{hypervisor}.replace_extension("img"));
    auto const shapes = trace.shapes();
    std::set<u64> places;
    for (auto const& shape : shapes) places.insert(shape.path.begin(), shape.path.end());
    return cost_of_access(shapes, name_offsets({places.begin(), places.end()}, hypervisor),
                          guarded_instructions(as_text(image), *begin, *end), accessor);
}

}  // namespace antler::cli
