// Values with a form of their own: lists of harts and colours, MAC addresses, extents, forwarded ports.
#include "cli/description_values.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

template <class T>
std::optional<T> whole_number(std::string_view text, int base = 10) {
    T value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_address(std::string const& text) {
    in_addr address{};
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

}  // namespace

std::optional<u64> parse_mask(std::string_view text) {
    u64 mask = 0;
    for (auto const part : split_words(text, ',')) {
        auto const dash = part.find('-');
        auto const first = whole_number<u8>(part.substr(0, dash));
        auto const last = dash == std::string_view::npos ? first : whole_number<u8>(part.substr(dash + 1));
        if (!first || !last || *first > *last || *last > 63) return std::nullopt;
        for (unsigned bit = *first; bit <= *last; ++bit) mask |= u64{1} << bit;
    }
    if (mask == 0) return std::nullopt;
    return mask;
}

std::string show_mask(u64 mask) {
    std::string text;
    for (unsigned bit = 0; bit < 64; ++bit) {
        if ((mask >> bit & 1) == 0) continue;
        auto last = bit;
        while (last < 63 && (mask >> (last + 1) & 1) != 0) ++last;
        text += fmt::format("{}{}", text.empty() ? "" : ",", bit);
        if (last > bit) text += fmt::format("-{}", last);
        bit = last;
    }
    return text;
}

std::optional<std::array<u8, 6>> parse_mac(std::string_view text) {
    auto const parts = split_words(text, ':');
    std::array<u8, 6> mac{};
    if (parts.size() != mac.size()) return std::nullopt;
    for (usize i = 0; i < mac.size(); ++i) {
        auto const byte = parts[i].size() == 2 ? whole_number<u8>(parts[i], 16) : std::nullopt;
        if (!byte) return std::nullopt;
        mac[i] = *byte;
    }
    if ((mac[0] & 1) != 0 || mac == std::array<u8, 6>{}) return std::nullopt;
    return mac;
}

std::string show_mac(std::array<u8, 6> const& mac) {
    return fmt::format("{:02x}", fmt::join(mac, ":"));
}

std::array<u8, 6> default_mac(std::string_view vm, usize card) {
    u64 hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a
    for (char const c : vm) hash = (hash ^ static_cast<u8>(c)) * 0x100'0000'01b3;
    hash = (hash ^ card) * 0x100'0000'01b3;
    std::array<u8, 6> mac{};
    for (usize i = 0; i < mac.size(); ++i) mac[i] = static_cast<u8>(hash >> (8 * i + 8));
    mac[0] = static_cast<u8>((mac[0] & 0xfc) | 2);
    return mac;
}

std::optional<std::pair<u64, u64>> parse_extent(std::string_view text) {
    auto const plus = text.find('+');
    if (plus == std::string_view::npos) return std::nullopt;
    auto const first = whole_number<u64>(text.substr(0, plus));
    auto const count = whole_number<u64>(text.substr(plus + 1));
    constexpr u64 most = u64{1} << 55;  // in bytes it is still a u64
    if (!first || !count || *count == 0 || *first > most || *count > most) return std::nullopt;
    return std::pair{*first, *count};
}

std::optional<Forward> parse_forward(std::string_view text) {
    auto const parts = split_words(text, ':');
    if (parts.size() != 4) return std::nullopt;
    auto const port = whole_number<u16>(parts[1]);
    auto const guest_port = whole_number<u16>(parts[3]);
    Forward forward{std::string{parts[0]}, port.value_or(0), std::string{parts[2]}, guest_port.value_or(0)};
    bool const loopback = forward.listen.starts_with("127.") && is_address(forward.listen);
    bool const guest = is_address(forward.guest);
    if (!loopback || !guest || forward.port == 0 || forward.guest_port == 0) return std::nullopt;
    return forward;
}

}  // namespace antler::cli
