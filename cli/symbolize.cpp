// Names for the addresses in a report of the hypervisor's own fault.
#include "cli/symbolize.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view mark = "image+";

// A copy out of the file, or nothing when it does not lie in the file.
template <class T>
std::optional<T> at(std::string_view bytes, u64 offset) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string demangled(char const* name) {
    int status = 0;
    std::unique_ptr<char, decltype(&std::free)> const readable{
        ::abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free};
    return status == 0 ? readable.get() : name;
}

// Names of lambdas have paths in them, too.
std::string without_root(std::string text, std::string const& root) {
    if (root.empty()) return text;
    for (auto at = text.find(root + "/"); at != std::string::npos; at = text.find(root + "/", at))
        text.erase(at, root.size() + 1);
    return text;
}

}  // namespace

std::vector<ImageOffset> find_offsets(std::string_view line) {
    std::vector<ImageOffset> found;
    auto const first = line.find_first_not_of(" \t");
    // "#0" is where it happened; what has a higher number called it and will be returned to.
    bool const caller =
        first != std::string_view::npos && line[first] == '#' && line.substr(first, 3) != "#0 ";
    for (auto from = line.find(mark); from != std::string_view::npos; from = line.find(mark, from + 1)) {
        auto digits = line.substr(from + mark.size());
        if (digits.starts_with("0x")) digits.remove_prefix(2);
        u64 offset = 0;
        auto const parsed = std::from_chars(digits.data(), digits.data() + digits.size(), offset, 16);
        if (parsed.ec != std::errc{}) continue;
        found.push_back({from, static_cast<std::size_t>(parsed.ptr - line.data()), offset, caller});
    }
    return found;
}

std::optional<SymbolTable> SymbolTable::parse(std::string_view bytes) {
    auto const header = at<Elf64_Ehdr>(bytes, 0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
        return std::nullopt;
    SymbolTable table;
    bool based = false;
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        auto const segment = at<Elf64_Phdr>(bytes, header->e_phoff + u64{i} * sizeof(Elf64_Phdr));
        if (!segment) return std::nullopt;
        if (segment->p_type != PT_LOAD || (based && segment->p_vaddr >= table.base_)) continue;
        table.base_ = segment->p_vaddr;
        based = true;
    }
    for (unsigned i = 0; i < header->e_shnum; ++i) {
        auto const section = at<Elf64_Shdr>(bytes, header->e_shoff + u64{i} * sizeof(Elf64_Shdr));
        if (!section) return std::nullopt;
        if (section->sh_type != SHT_SYMTAB) continue;
        auto const names =
            at<Elf64_Shdr>(bytes, header->e_shoff + u64{section->sh_link} * sizeof(Elf64_Shdr));
        if (!names || names->sh_offset > bytes.size()) return std::nullopt;
        auto const strings = bytes.substr(names->sh_offset, names->sh_size);
        for (u64 offset = 0; offset + sizeof(Elf64_Sym) <= section->sh_size; offset += sizeof(Elf64_Sym)) {
            auto const symbol = at<Elf64_Sym>(bytes, section->sh_offset + offset);
            if (!symbol) return std::nullopt;
            // Labels of assembly have no type.
            auto const type = ELF64_ST_TYPE(symbol->st_info);
            if ((type != STT_FUNC && type != STT_NOTYPE) || symbol->st_shndx == SHN_UNDEF) continue;
            if (symbol->st_name >= strings.size()) continue;
            auto const rest = strings.substr(symbol->st_name);
            auto const name = std::string{rest.substr(0, rest.find('\0'))};
            if (name.empty() || name.starts_with('$') || name.starts_with(".L")) continue;  // mapping symbols
            table.symbols_.push_back({symbol->st_value, symbol->st_size, name});
        }
    }
    // Of two at one address the one with a size comes last, and is found.
    std::ranges::sort(table.symbols_, {},
                      [](Symbol const& symbol) { return std::pair{symbol.at, symbol.size}; });
    return table;
}

SymbolTable SymbolTable::read(Path const& elf) {
    std::ifstream file{elf, std::ios::binary};
    if (!file) throw Failure{ExitCode::bad_input, "Cannot open " + elf.string() + "."};
    std::string const bytes{std::istreambuf_iterator<char>{file}, {}};
    auto table = parse(bytes);
    if (!table) throw Failure{ExitCode::bad_input, elf.string() + " is not a 64-bit little-endian ELF file."};
    return *std::move(table);
}

std::optional<std::string> SymbolTable::describe(u64 offset) const {
    u64 const address = base_ + offset;
    auto const above = std::ranges::upper_bound(symbols_, address, {}, &Symbol::at);
    if (above == symbols_.begin()) return std::nullopt;
    auto const& symbol = *std::prev(above);
    if (symbol.size != 0 && address - symbol.at >= symbol.size) return std::nullopt;
    return fmt::format("{}+0x{:x}", demangled(symbol.name.c_str()), address - symbol.at);
}

std::optional<u64> SymbolTable::find(std::string_view name) const {
    auto const found = std::ranges::find(symbols_, name, &Symbol::name);
    if (found == symbols_.end()) return std::nullopt;
    return found->at - base_;
}

std::map<u64, std::string> parse_symbolizer(std::string_view json, std::string const& root) {
    std::map<u64, std::string> names;
    auto const parsed = nlohmann::json::parse(json, nullptr, false);
    if (!parsed.is_array()) return names;
    for (auto const& entry : parsed) {
        if (!entry.is_object() || !entry.contains("Symbol") || !entry.contains("Address")) continue;
        // Frames of the standard library say nothing that ours do not, unless there is nothing else.
        std::string text;
        std::string foreign;
        for (auto const& frame : entry["Symbol"]) {
            auto const function = without_root(frame.value("FunctionName", ""), root);
            auto const file = frame.value("FileName", "");
            if (function.empty()) continue;
            auto& list = root.empty() || file.starts_with(root + "/") ? text : foreign;
            if (!list.empty()) list += ", inlined in ";
            list += function;
            if (!file.empty())
                list += fmt::format(" at {}:{}", without_root(file, root), frame.value("Line", 0));
        }
        if (text.empty()) text = foreign;
        if (!text.empty()) names[std::strtoull(entry.value("Address", "0").c_str(), nullptr, 16)] = text;
    }
    return names;
}

std::map<u64, std::string> name_offsets(std::vector<u64> const& offsets, Path const& elf) {
    auto const tool = find_program("llvm-symbolizer-19");
    if (tool.empty() || offsets.empty()) return {};
    Arguments command{tool.string(), "--output-style=JSON", "--functions=short", "--relative-address",
                      "-e",          elf.string()};
    for (auto const offset : offsets) command.push_back(fmt::format("0x{:x}", offset));
    auto const said = capture(command, std::chrono::seconds{60});
    if (!said.succeeded()) return {};
    return parse_symbolizer(said.output, root_directory().string());
}

void symbolize(std::istream& in, std::ostream& out, Path const& elf) {
    auto const table = SymbolTable::read(elf);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        if (line.ends_with('\r')) line.pop_back();  // from a serial port
        lines.push_back(line);
    }

    // The call before a return address, not the statement after the call.
    auto const asked = [](ImageOffset const& found) {
        return found.returns_here && found.offset > 0 ? found.offset - 1 : found.offset;
    };
    std::vector<u64> offsets;
    for (auto const& line : lines)
        for (auto const& found : find_offsets(line)) offsets.push_back(asked(found));
    auto const names = name_offsets(offsets, elf);

    for (auto const& line : lines) {
        out << line;
        for (auto const& found : find_offsets(line)) {
            if (auto const known = names.find(asked(found)); known != names.end())
                out << "  " << known->second;
            else if (auto const nearest = table.describe(asked(found)))
                out << "  " << *nearest;
        }
        out << '\n';
    }
}

}  // namespace antler::cli
