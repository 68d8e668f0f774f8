// Lines such as `Trace 0: 0x7f12 [00000000/0000000080200140/00002003/ff000000] antler_trap`, and before an
// exit `riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000016, epc:…, tval:0x0000000010500073,
// desc=…`.
#include "cli/exit_trace.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace antler::cli {
namespace {

constexpr std::string_view mark = "Trace ";
constexpr std::string_view trap_mark = "riscv_cpu_do_interrupt: ";

template <class Number>
std::optional<Number> number(std::string_view text, int base) {
    Number value{};
    auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (parsed.ec != std::errc{}) return std::nullopt;
    return value;
}

}  // namespace

void ExitTrace::close(Open& exit) {
    if (!exit.path.empty()) {
        auto const length = exit.path.size();
        if (exit.wait && exit.switched) world_switches_.push_back(length);
        if (exit.call && exit.over) calls_.push_back(length);
        if (exit.ecall && exit.loaded) wakes_.push_back(length);
        if (exit.zeroed) touches_.push_back(length);
        auto& shape = shapes_[length];
        ++shape.times;
        ++exits_;
        shape.path = std::move(exit.path);
    }
    exit = {};
}

void ExitTrace::line(std::string_view text) {
    if (text.starts_with(trap_mark)) {
        // A virtual instruction [norm:H_cause_virtual_instruction], which was wfi.
        next_is_wait_ =
            text.contains("async:0, cause:0000000000000016,") && text.contains("tval:0x0000000010500073,");
        next_is_ecall_ = text.contains("async:0, cause:000000000000000a,");  // [norm:H_cause_ecall]
        // A supervisor's software or external interrupt.                        [norm:scause_interrupt]
        next_is_call_ = text.contains("async:1, cause:0000000000000001,") ||
                        text.contains("async:1, cause:0000000000000009,");
        return;
    }
    if (!text.starts_with(mark)) return;
    auto const hart = number<u32>(text.substr(mark.size()), 10);
    auto const slash = text.find('/');
    if (!hart || slash == std::string_view::npos) return;
    auto const pc = number<u64>(text.substr(slash + 1), 16);
    if (!pc || *pc < image_) return;
    auto const at = *pc - image_;
    auto& exit = open_[*hart];
    if (at == marks_.entry) {
        close(exit);
        exit.wait = std::exchange(next_is_wait_, false);
        exit.call = std::exchange(next_is_call_, false);
        exit.ecall = std::exchange(next_is_ecall_, false);
    } else if (exit.path.empty() || exit.over) {
        return;  // not in an exit yet, or of a guest whose addresses are the same
    }
    if (at == marks_.zeroing) {
        exit.zeroed = true;
        return;
    }
    if (exit.path.size() < longest) exit.path.push_back(at);
    exit.switched = exit.switched || marks_.switches.contains(at);
    exit.loaded = exit.loaded || marks_.loads.contains(at);
    exit.over = marks_.returns.contains(at);
}

std::vector<ExitShape> ExitTrace::shapes() const {
    std::vector<ExitShape> found;
    for (auto const& [length, shape] : shapes_)
        if (shape.times * 50 >= exits_) found.push_back(shape);
    std::ranges::sort(found, std::ranges::greater{},
                      [](ExitShape const& shape) { return shape.times * shape.path.size(); });
    return found;
}

}  // namespace antler::cli
