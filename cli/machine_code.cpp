// Reading a disassembly, a line at a time.
#include "cli/machine_code.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>

namespace antler::cli {
namespace {

std::optional<u64> hex_at(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    u64 value = 0;
    usize digits = 0;
    for (; digits < text.size() && std::isxdigit(static_cast<unsigned char>(text[digits])); ++digits) {
        auto const c = static_cast<char>(std::tolower(text[digits]));
        value = value << 4 | static_cast<u64>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (digits == 0) return std::nullopt;
    return value;
}

// `fence` is no floating-point instruction, and `frcsr` only looks whether there is something to save.
bool is_float_code(std::string_view name) {
    if (name.starts_with("c.f")) return true;
    if (name.starts_with("f")) return !name.starts_with("fence") && name != "frcsr";
    return name.starts_with("v");
}

struct Line {
    u64 at = 0;
    std::string_view name{};
    std::string_view operands{};
};

std::optional<Line> instruction(std::string_view line) {
    auto const colon = line.find(':');
    auto const first = line.find_first_not_of(' ');
    if (colon == std::string_view::npos || first == std::string_view::npos) return std::nullopt;
    auto const at = hex_at(line.substr(first));
    auto const name = line.find_first_not_of(" \t", colon + 1);
    if (!at || name == std::string_view::npos || line[colon - 1] == '>') return std::nullopt;
    auto const end = line.find_first_of(" \t", name);
    auto const operands = end == std::string_view::npos ? end : line.find_first_not_of(" \t", end);
    return Line{*at, line.substr(name, end == std::string_view::npos ? end : end - name),
                operands == std::string_view::npos ? std::string_view{} : line.substr(operands)};
}

// auipc, and what it leaves in its register, for the jump that follows.
struct FarAddress {
    std::string_view reg{};
    u64 value = 0;
};

std::optional<FarAddress> far_address(Line const& line) {
    if (line.name != "auipc") return std::nullopt;
    auto const comma = line.operands.find(", ");
    if (comma == std::string_view::npos) return std::nullopt;
    auto const upper = hex_at(line.operands.substr(comma + 2));
    if (!upper) return std::nullopt;
    auto const sign = (*upper & 0x8'0000) != 0 ? ~u64{0xf'ffff} : 0;
    return FarAddress{line.operands.substr(0, comma), line.at + ((*upper | sign) << 12)};
}

// `jalr -0x12(ra) <...>`, `jr 0x12(t1)`, `jalr zero, 0x4(t1)`.
std::optional<u64> far_target(Line const& line, FarAddress const& far) {
    auto operands = line.operands;
    auto const open = operands.find('(');
    if (open == std::string_view::npos) {
        if (operands == far.reg) return far.value;
        return std::nullopt;
    }
    if (operands.substr(open + 1, far.reg.size()) != far.reg) return std::nullopt;
    auto offset = operands.substr(0, open);
    if (auto const comma = offset.rfind(", "); comma != std::string_view::npos)
        offset.remove_prefix(comma + 2);
    bool const negative = offset.starts_with("-");
    if (negative) offset.remove_prefix(1);
    auto const value = hex_at(offset);
    if (!value) return std::nullopt;
    return negative ? far.value - *value : far.value + *value;
}

bool is_jump_register(std::string_view name) {
    return name == "jalr" || name == "jr";
}

void note_target(MachineFunction& function, Line const& line) {
    bool const jumps = line.name == "j" || line.name == "jal" || line.name.starts_with("b");
    auto const at = line.operands.rfind("0x", line.operands.find('<'));
    if (!jumps || at == std::string_view::npos || line.operands.find('<') == std::string_view::npos) return;
    if (auto const target = hex_at(line.operands.substr(at))) function.goes_to.insert(*target);
}

void note_frame(MachineFunction& function, Line const& line) {
    constexpr std::string_view pushes = "sp, sp, -";
    if (line.name == "addi" && line.operands.starts_with(pushes))
        function.frame_bytes += hex_at(line.operands.substr(pushes.size())).value_or(0);
    if (line.name == "sub" && line.operands.starts_with("sp, ")) function.takes_unknown_stack = true;
}

}  // namespace

MachineCode read_machine_code(std::string const& disassembly) {
    MachineCode code;
    MachineFunction* function = nullptr;
    std::istringstream in{disassembly};
    std::string name_before, far_register;
    std::optional<FarAddress> far;
    for (std::string text; std::getline(in, text);) {
        if (text.ends_with(">:") && !text.starts_with(" ")) {
            auto const open = text.find('<');
            auto const start = hex_at(text);
            if (!start || open == std::string::npos) continue;
            function = &code[*start];
            function->start = *start;
            function->name = text.substr(open + 1, text.size() - open - 3);
            far.reset();
            continue;
        }
        auto const line = function != nullptr ? instruction(text) : std::nullopt;
        if (!line) continue;
        if (is_float_code(line->name)) function->float_code.emplace_back(line->name);
        note_frame(*function, *line);
        note_target(*function, *line);
        if (is_jump_register(line->name)) {
            auto const target = far ? far_target(*line, *far) : std::nullopt;
            if (target) {
                function->goes_to.insert(*target);
            } else {
                function->calls_by_pointer = true;
            }
        }
        if (line->name == "csrw" && line->operands.starts_with("satp, ") && line->operands != "satp, zero" &&
            name_before != "sfence.vma")
            function->unfenced_satp = true;
        name_before = line->name;
        far = far_address(*line);
        if (far) {  // the line goes, the name stays
            far_register = far->reg;
            far->reg = far_register;
        }
    }
    for (auto& [start, one] : code)
        std::erase_if(one.goes_to, [&](u64 target) { return function_at(code, target) == &one; });
    return code;
}

MachineFunction const* function_at(MachineCode const& code, u64 address) {
    auto const after = code.upper_bound(address);
    return after == code.begin() ? nullptr : &std::prev(after)->second;
}

u64 StackDepth::below(MachineFunction const& function) {
    if (auto const known = known_.find(&function); known != known_.end()) return known->second;
    if (!open_.insert(&function).second) return 0;
    u64 deepest = 0;
    for (auto const target : function.goes_to)
        if (auto const* const there = function_at(code_, target); there != nullptr)
            deepest = std::max(deepest, below(*there));
    open_.erase(&function);
    return known_[&function] = function.frame_bytes + deepest;
}

}  // namespace antler::cli
