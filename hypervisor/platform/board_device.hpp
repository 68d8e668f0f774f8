// A device of the board that may be lent: it is reached by its registers, and reaches nothing by itself.
#pragma once

#include <optional>
#include <string_view>

#include "abi/fdt_reader.hpp"
#include "platform/board.hpp"

namespace antler::platform {

struct BoardDevice {
    static constexpr usize most_registers = 4;
    static constexpr usize most_wires = 4;

    abi::FdtNode node{};
    BoundedList<HpaRange, most_registers> registers{};
    BoundedList<BoardWire, most_wires> wires{};
    u32 clock = 0;  // hertz; 0: not told

    // Whole pages.
    [[nodiscard]] HpaRange pages(usize index) const {
        auto const& range = registers[index];
        auto const start = range.start.align_down(page_bytes);
        return {start, range.end().align_up(page_bytes) - start};
    }
};

// By its path, as in "/soc/serial@10002000", or an alias, as in "serial1".  A sentence says why there is
// none.
struct FoundDevice {
    std::optional<BoardDevice> device{};
    std::string_view why_not{};
    std::string_view neighbour{};  // that is in its way
};
[[nodiscard]] FoundDevice find_device(abi::FdtReader const& tree, Board const& board, std::string_view path);

}  // namespace antler::platform
