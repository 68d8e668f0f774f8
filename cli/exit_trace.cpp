// Lines such as `Trace 0: 0x7f12 [00000000/0000000080200140/00002003/ff000000] antler_trap`.
#include "cli/exit_trace.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace antler::cli {
namespace {

constexpr std::string_view mark = "Trace ";

template <class Number>
std::optional<Number> number(std::string_view text, int base) {
    Number value{};
    auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (parsed.ec != std::errc{}) return std::nullopt;
    return value;
}

}  // namespace

void ExitTrace::line(std::string_view text) {
    if (!text.starts_with(mark)) return;
    auto const hart = number<u32>(text.substr(mark.size()), 10);
    auto const slash = text.find('/');
    if (!hart || slash == std::string_view::npos) return;
    auto const pc = number<u64>(text.substr(slash + 1), 16);
    if (!pc || *pc < image_) return;
    auto& path = open_[*hart];
    if (*pc - image_ == entry_) {
        if (!path.empty()) {
            auto& shape = shapes_[path.size()];
            ++shape.times;
            ++exits_;
            shape.path = std::move(path);
        }
        path.clear();
    } else if (path.empty()) {
        return;  // not in an exit yet
    }
    if (path.size() < longest) path.push_back(*pc - image_);
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
