// IOMMUs as the board's device tree tells of them, and which devices' accesses go through them.
#pragma once

#include <optional>

#include "base/address.hpp"
#include "platform/bounded_list.hpp"

namespace antler::platform {

// An interrupt as a device names it: a source of the controller with this phandle.
struct BoardInterrupt {
    u32 controller{};
    u32 source{};
    u32 flags{};  // the cell behind it, where there is one
};

// Where the registers are: at an address, or behind a function of PCI.
struct BoardIommu {
    u32 phandle = 0;
    HpaRange registers{};                       // size 0: it is a function
    std::optional<u16> requester{};             // that function, by its number on the bus
    std::optional<BoardInterrupt> interrupt{};  // its first
};

// A line of iommu-map: functions from `first` on are devices from `number` on of the IOMMU with this phandle.
struct IommuMapLine {
    u32 first = 0;
    u32 iommu = 0;
    u32 number = 0;
    u32 count = 0;
};

struct IommuMap {
    static constexpr usize max_lines = 16;
    BoundedList<IommuMapLine, max_lines> lines{};
    u32 mask = 0xffff;

    struct Found {
        u32 iommu{};  // phandle
        u32 number{};
        friend bool operator==(Found, Found) = default;
    };
    [[nodiscard]] std::optional<Found> find(u16 requester) const {
        u32 const masked = requester & mask;
        for (auto const& line : lines)
            if (masked >= line.first && masked - line.first < line.count)
                return Found{line.iommu, line.number + (masked - line.first)};
        return std::nullopt;
    }
    // The largest number that a device has at this IOMMU.
    [[nodiscard]] u32 last_number(u32 iommu) const {
        u32 last = 0;
        for (auto const& line : lines) {
            if (line.iommu != iommu || line.count == 0) continue;
            auto const end = line.number + (line.count - 1);
            last = end > last ? end : last;
        }
        return last;
    }
};

}  // namespace antler::platform
