// The name of a function of PCI, as people write it: "0000:00:02.0".
#pragma once

#include <optional>
#include <string_view>

#include "base/types.hpp"

namespace antler::abi {

struct PciPlace {
    u16 domain = 0;
    u8 bus = 0;
    u8 device = 0;
    u8 function = 0;
    // As it is named in messages of the bus.
    [[nodiscard]] constexpr u16 requester() const {
        return static_cast<u16>(bus << 8 | device << 3 | function);
    }
    friend constexpr bool operator==(PciPlace, PciPlace) = default;
};

[[nodiscard]] constexpr std::optional<PciPlace> parse_pci_place(std::string_view text) {
    constexpr std::string_view form = "0000:00:00.0";
    if (text.size() != form.size()) return std::nullopt;
    u64 value = 0;
    for (usize i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (form[i] != '0') {
            if (c != form[i]) return std::nullopt;
            continue;
        }
        bool const is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) return std::nullopt;
        value = value << 4 | static_cast<u64>(is_digit ? c - '0' : c - 'a' + 10);
    }
    constexpr u32 devices = 32, functions = 8;
    PciPlace const place{static_cast<u16>(value >> 20), static_cast<u8>(value >> 12),
                         static_cast<u8>(value >> 4), static_cast<u8>(value & 0xf)};
    if (place.device >= devices || place.function >= functions) return std::nullopt;
    return place;
}

static_assert(parse_pci_place("0000:00:02.0") == PciPlace{0, 0, 2, 0});
static_assert(parse_pci_place("0001:1f:1f.7") == PciPlace{1, 0x1f, 0x1f, 7});
static_assert(!parse_pci_place("0000:00:20.0") && !parse_pci_place("0000:00:02.8"));
static_assert(!parse_pci_place("00:02.0") && !parse_pci_place("0000-00:02.0"));

}  // namespace antler::abi
