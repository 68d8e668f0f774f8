// Which code can run.
#include "cli/reachable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"

namespace antler::cli {
namespace {

std::string_view take_line(std::string_view& text) {
    auto const end = text.find('\n');
    auto const line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return line;
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (;;) {
        auto const start = line.find_first_not_of(" \t,");
        if (start == std::string_view::npos) return words;
        line.remove_prefix(start);
        auto const end = line.find_first_of(" \t,");
        words.push_back(line.substr(0, end));
        if (end == std::string_view::npos) return words;
        line.remove_prefix(end);
    }
}

std::optional<u64> hexadecimal(std::string_view text) {
    auto const negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    auto const prefixed = text.starts_with("0x");
    if (prefixed) text.remove_prefix(2);
    u64 value = 0;
    auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return negative ? ~value + 1 : value;
}

// 0x18(a0): the number, and the register.
std::optional<std::pair<u64, std::string_view>> based(std::string_view operand) {
    auto const open = operand.find('(');
    if (open == std::string_view::npos || !operand.ends_with(')')) return std::nullopt;
    auto const offset = open == 0 ? std::optional<u64>{0} : hexadecimal(operand.substr(0, open));
    if (!offset) return std::nullopt;
    return std::pair{*offset, operand.substr(open + 1, operand.size() - open - 2)};
}

// The upper parts of addresses that registers hold, as far as one reads a function from its top.
class Uppers {
public:
    void clear() { held_.clear(); }

    // The address that an instruction means, if it is one of those.
    std::optional<u64> see(u64 at, std::vector<std::string_view> const& words) {
        auto const meant = look(at, words);
        forget(words);
        return meant;
    }

private:
    std::optional<u64> look(u64 at, std::vector<std::string_view> const& words) {
        if (words.size() == 3 && words[0] == "auipc") {
            constexpr unsigned page_bits = 12;
            auto upper = hexadecimal(words[2]);
            constexpr u64 sign = 1U << 19;
            if (upper) held_[std::string{words[1]}] = at + (((*upper ^ sign) - sign) << page_bits);
            return std::nullopt;
        }
        if (words.size() == 4 && words[0] == "addi") return sum(words[2], hexadecimal(words[3]));
        if (words.size() == 3 && words[0] == "mv") return sum(words[2], 0);
        for (auto const word : words)
            if (auto const memory = based(word)) return sum(memory->second, memory->first);
        return std::nullopt;
    }

    // What an instruction writes is an upper part no more; and a function that is called writes what it
    // likes.
    void forget(std::vector<std::string_view> const& words) {
        auto const name = words[0];
        if (name == "auipc" || words.size() < 2) return;
        if (name.starts_with("jal")) return held_.clear();
        auto const reads_only = name.starts_with('b') || name.starts_with('j') || name == "sb" ||
                                name == "sh" || name == "sw" || name == "sd";
        if (!reads_only) held_.erase(std::string{words[1]});
    }

    std::optional<u64> sum(std::string_view name, std::optional<u64> offset) {
        auto const found = held_.find(std::string{name});
        if (found == held_.end() || !offset) return std::nullopt;
        return found->second + *offset;
    }
    std::map<std::string, u64> held_;
};

// A jump to where a register points, which says nothing of where that is.
bool is_blind_call(std::vector<std::string_view> const& words) {
    return words[0] == "jalr" || words[0] == "jr";
}

std::string printed(std::string const& tool, Arguments arguments) {
    auto const program = find_program(tool);
    arguments.insert(arguments.begin(), program.string());
    auto const said = capture(arguments, std::chrono::minutes{2});
    if (!said.succeeded())
        throw Failure{ExitCode::internal, fmt::format("{} does not read the ELF file.", tool)};
    return said.output;
}

}  // namespace

CallGraph::CallGraph(std::string_view listing, std::string_view symbols, std::string_view relocations) {
    add_symbols(symbols);
    add_relocations(relocations);
    add_listing(listing);
}

CallGraph CallGraph::read(Path const& elf) {
    return {printed("llvm-objdump-19", {"-d", "--no-show-raw-insn", elf.string()}),
            printed("llvm-nm-19", {"-S", "--defined-only", elf.string()}),
            printed("llvm-readelf-19", {"-r", elf.string()})};
}

// ADDRESS SIZE KIND NAME; where there is no size, it ends where the next one starts.
void CallGraph::add_symbols(std::string_view symbols) {
    while (!symbols.empty()) {
        auto const words = words_of(take_line(symbols));
        if (words.size() < 3) continue;
        auto const address = hexadecimal(words[0]);
        auto const sized = words.size() > 3;
        auto const size = sized ? hexadecimal(words[1]) : std::optional<u64>{0};
        auto const kind = words[sized ? 2 : 1];
        auto const name = words[sized ? 3 : 2];
        if (!address || !size || kind.size() != 1) continue;
        auto& piece = pieces_[*address];
        piece.size = std::max(piece.size, *size);
        piece.is_code = piece.is_code || kind == "t" || kind == "T" || kind == "w" || kind == "W";
        names_.emplace(name, *address);
    }
    for (auto at = pieces_.begin(); at != pieces_.end(); ++at)
        if (auto const next = std::next(at); at->second.size == 0 && next != pieces_.end())
            at->second.size = next->first - at->first;
}

// OFFSET INFO R_RISCV_RELATIVE ADDEND
void CallGraph::add_relocations(std::string_view relocations) {
    while (!relocations.empty()) {
        auto const words = words_of(take_line(relocations));
        if (words.size() != 4 || words[2] != "R_RISCV_RELATIVE") continue;
        auto const where = hexadecimal(words[0]), to = hexadecimal(words[3]);
        if (where && to) pointers_[*where] = *to;
    }
}

// ADDRESS: INSTRUCTION OPERANDS, and <NAME> behind an address that is jumped to.
void CallGraph::add_listing(std::string_view listing) {
    Uppers uppers;
    Piece* piece = nullptr;
    while (!listing.empty()) {
        auto const line = take_line(listing);
        auto const colon = line.find(':');
        if (colon == std::string_view::npos || line.ends_with(">:")) continue;
        auto words = words_of(line);
        auto const at = hexadecimal(words.front().substr(0, words.front().find(':')));
        if (!at || words.size() < 2) continue;
        words.erase(words.begin());
        if (auto const owner = piece_at(*at); owner != pieces_.end()) {
            auto* const now = &pieces_.at(owner->first);
            if (now != piece) uppers.clear();
            piece = now;
        }
        if (piece == nullptr) continue;
        auto const meant = uppers.see(*at, words);
        if (meant) piece->mentions.push_back(*meant);
        bool named = false;
        for (std::size_t i = 1; i + 1 < words.size(); ++i)
            if (words[i + 1].starts_with('<'))
                if (auto const target = hexadecimal(words[i])) {
                    piece->mentions.push_back(*target);
                    named = true;
                }
        if (!meant && !named && is_blind_call(words)) piece->calls_pointers = true;
    }
}

CallGraph::Pieces::const_iterator CallGraph::piece_at(u64 address) const {
    auto at = pieces_.upper_bound(address);
    if (at == pieces_.begin()) return pieces_.end();
    --at;
    return address - at->first < at->second.size ? at : pieces_.end();
}

u64 CallGraph::code_bytes() const {
    u64 sum = 0;
    for (auto const& [at, piece] : pieces_)
        if (piece.is_code) sum += piece.size;
    return sum;
}

u64 CallGraph::reachable_bytes(std::string_view function) const {
    auto const root = names_.find(function);
    if (root == names_.end())
        throw Failure{ExitCode::internal, fmt::format("There is no function {}.", function)};
    std::set<u64> known;
    std::vector<u64> open{root->second};
    bool all_tables = false;
    u64 sum = 0;
    while (!open.empty()) {
        auto const address = open.back();
        open.pop_back();
        // A word of a table without a name, like the linker's own.
        if (auto const word = pointers_.find(address); word != pointers_.end()) open.push_back(word->second);
        auto const piece = piece_at(address);
        if (piece == pieces_.end()) continue;
        // Where the image begins is where addresses are counted from, and nobody jumps there.
        if (piece == pieces_.begin() && address == piece->first && address != root->second) continue;
        if (!known.insert(piece->first).second) continue;
        if (piece->second.is_code) sum += piece->second.size;
        open.insert(open.end(), piece->second.mentions.begin(), piece->second.mentions.end());
        auto const first = pointers_.lower_bound(piece->first);
        for (auto at = first; at != pointers_.end() && at->first < piece->first + piece->second.size; ++at)
            if (!known.contains(at->second)) open.push_back(at->second);
        if (!piece->second.calls_pointers || std::exchange(all_tables, true)) continue;
        for (auto const& [where, to] : pointers_)
            if (auto const callee = piece_at(to); callee != pieces_.end() && callee->second.is_code)
                open.push_back(to);
    }
    return sum;
}

}  // namespace antler::cli
