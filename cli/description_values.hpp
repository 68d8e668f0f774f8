// Values with a form of their own: lists of harts and colours, MAC addresses, extents, forwarded ports.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/types.hpp"

namespace antler::cli {

// "0-3,6" as a mask.
[[nodiscard]] std::optional<u64> parse_mask(std::string_view text);
// A mask as "0-3,6".
[[nodiscard]] std::string show_mask(u64 mask);

// "52:54:00:12:34:56", of one station.
[[nodiscard]] std::optional<std::array<u8, 6>> parse_mac(std::string_view text);
[[nodiscard]] std::string show_mac(std::array<u8, 6> const& mac);
// The same for the same names, and locally administered.
[[nodiscard]] std::array<u8, 6> default_mac(std::string_view vm, usize card);

// "FIRST+COUNT", in sectors.
[[nodiscard]] std::optional<std::pair<u64, u64>> parse_extent(std::string_view text);

// "127.0.0.1:2222:10.0.2.15:22"; only a loopback address may listen.
struct Forward {
    std::string listen{};
    u16 port = 0;
    std::string guest{};
    u16 guest_port = 0;
};
[[nodiscard]] std::optional<Forward> parse_forward(std::string_view text);

}  // namespace antler::cli
