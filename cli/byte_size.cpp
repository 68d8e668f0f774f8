// Sizes as people write and read them: 512M, 2G.
#include "cli/byte_size.hpp"

#include <fmt/format.h>

#include <charconv>

namespace antler::cli {

namespace {
constexpr std::string_view letters = "KMGT";
}

std::optional<u64> parse_size(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    auto const letter = letters.find(text.back());
    if (letter == std::string_view::npos) return std::nullopt;
    text.remove_suffix(1);
    u64 count = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    auto const shift = 10 * (letter + 1);
    if (count > (~u64{0} >> shift)) return std::nullopt;
    return count << shift;
}

std::string show_size(u64 bytes) {
    for (auto letter = letters.size(); bytes != 0 && letter-- > 0;) {
        auto const unit = u64{1} << (10 * (letter + 1));
        if (bytes % unit == 0) return fmt::format("{}{}", bytes / unit, letters[letter]);
    }
    return fmt::format("{} bytes", bytes);
}

std::string show_rounded_size(u64 bytes) {
    for (auto letter = letters.size(); letter-- > 0;) {
        auto const unit = u64{1} << (10 * (letter + 1));
        if (bytes < unit) continue;
        if (bytes % unit == 0) return fmt::format("{} {}iB", bytes / unit, letters[letter]);
        return fmt::format("{:.1f} {}iB", static_cast<double>(bytes) / static_cast<double>(unit),
                           letters[letter]);
    }
    return fmt::format("{} bytes", bytes);
}

}  // namespace antler::cli
