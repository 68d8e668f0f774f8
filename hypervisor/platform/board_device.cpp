// Whether a device of the board can be lent, by what the tree says of it and its neighbours.
#include "platform/board_device.hpp"

#include <array>

namespace antler::platform {
namespace {

using abi::FdtNode;
using abi::FdtReader;
using abi::FdtWalk;

// Those of which it is known that they reach no memory: what they do is in their registers.
constexpr std::array<std::string_view, 17> harmless{"ns16550a",
                                                    "ns16550",
                                                    "ns16450",
                                                    "ns8250",
                                                    "snps,dw-apb-uart",
                                                    "arm,pl011",
                                                    "sifive,uart0",
                                                    "google,goldfish-rtc",
                                                    "arm,pl031",
                                                    "sifive,gpio0",
                                                    "snps,dw-apb-gpio",
                                                    "arm,pl061",
                                                    "sifive,pwm0",
                                                    "sifive,i2c0",
                                                    "opencores,i2c-ocores",
                                                    "snps,designware-i2c",
                                                    "sifive,spi0"};

[[nodiscard]] bool is_harmless(FdtNode const& node) {
    auto const list = node.property("compatible");
    if (!list) return false;
    for (auto const kind : harmless)
        if (list->lists(kind)) return true;
    return false;
}

// How many cells a controller's interrupts have; trees name the same one again and again.
class InterruptCells {
public:
    explicit InterruptCells(FdtReader const& tree) : tree_{tree} {}
    [[nodiscard]] usize of(u32 phandle) {
        constexpr u64 most = 4;
        if (phandle == known_) return cells_;
        auto const controller = tree_.by_phandle(phandle);
        auto const cells = controller ? controller->number("#interrupt-cells").value_or(0) : 0;
        known_ = phandle;
        return cells_ = cells <= most ? static_cast<usize>(cells) : 0;
    }

private:
    FdtReader const& tree_;
    u32 known_ = 0;
    usize cells_ = 0;
};

// Calls body(interrupt) for each of the node's.
template <class Body>
void for_each_interrupt(InterruptCells& known, FdtWalk const& walk, Body&& body) {
    auto const node = walk.node();
    if (auto const list = node.property("interrupts-extended")) {
        for (usize at = 0; at + 1 < list->cells();) {
            auto const controller = list->cell(at).value_or(0);
            auto const cells = known.of(controller);
            if (cells == 0) return;
            body(BoardInterrupt{controller, list->cell(at + 1).value_or(0),
                                cells > 1 ? list->cell(at + 2).value_or(0) : 0});
            at += 1 + cells;
        }
        return;
    }
    auto const list = node.property("interrupts");
    if (!list) return;
    for (auto level = walk.depth() + 1; level-- > 0;) {
        auto const parent = walk.ancestor(level).number("interrupt-parent");
        if (!parent) continue;
        auto const controller = static_cast<u32>(*parent);
        auto const cells = known.of(controller);
        for (usize at = 0; cells != 0 && at < list->cells(); at += cells)
            body(BoardInterrupt{controller, list->cell(at).value_or(0),
                                cells > 1 ? list->cell(at + 1).value_or(0) : 0});
        return;
    }
}

[[nodiscard]] u32 clock_of(FdtReader const& tree, FdtNode const& node) {
    auto const clocks = node.property("clocks");
    auto const phandle = clocks ? clocks->cell(0) : std::nullopt;
    auto const clock = phandle ? tree.by_phandle(*phandle) : std::nullopt;
    return clock ? static_cast<u32>(clock->number("clock-frequency").value_or(0)) : 0;
}

[[nodiscard]] FoundDevice no(std::string_view why, std::string_view neighbour = {}) {
    return {.why_not = why, .neighbour = neighbour};
}

// What the node itself says.
[[nodiscard]] FoundDevice read_device(FdtReader const& tree, Board const& board, FdtWalk const& walk) {
    auto const node = walk.node();
    if (!node.enabled()) return no("the board's tree says that it is not there for us");
    if (node.has("iommus") || node.has("dma-coherent") || node.has("dma-ranges"))
        return no("it reaches all memory by itself, and no IOMMU is in its way");
    if (!is_harmless(node))
        return no("nobody knows that it reaches no memory by itself, and no IOMMU is in its way");
    BoardDevice device{.node = node, .clock = clock_of(tree, node)};
    for (usize i = 0; i < node.reg_count(); ++i) {
        auto const region = walk.reg(i);
        HpaRange const range{Hpa{region ? region->address : 0}, region ? region->size : 0};
        if (range.size == 0 || range.wraps() || !device.registers.push(range))
            return no("its registers cannot be shown to a guest");
    }
    if (device.registers.empty()) return no("it has no registers");
    InterruptCells known{tree};
    bool heard = true;
    for_each_interrupt(known, walk, [&](BoardInterrupt const& interrupt) {
        auto const wire = board.wire(interrupt);
        heard = heard && wire && device.wires.push(*wire);
    });
    if (!heard) return no("its interrupts go where the hypervisor does not hear them");
    return {.device = device};
}

[[nodiscard]] bool shares_page(BoardDevice const& device, HpaRange other) {
    for (usize i = 0; i < device.registers.size(); ++i)
        if (device.pages(i).overlaps(other)) return true;
    return false;
}

// What else the board has at those pages or at those wires.
[[nodiscard]] FoundDevice look_around(FdtReader const& tree, Board const& board, FoundDevice const& found) {
    auto const& device = *found.device;
    for (auto const& bank : board.memory)
        if (shares_page(device, bank)) return no("its registers lie in memory");
    auto const is_own = [&](BoardInterrupt const& interrupt) {
        auto const wire = board.wire(interrupt);
        for (auto const& own : device.wires)
            if (wire && own.line() == wire->line()) return true;
        return false;
    };
    if (board.pci)
        for (auto const& pin : board.pci->wires)
            if (is_own({pin.controller, pin.source, pin.flags})) return no("its wire is also those of PCI");
    InterruptCells known{tree};
    FdtWalk walk{tree};
    std::optional<unsigned> within{};  // it, or what is below it
    while (walk.next()) {
        if (within && walk.depth() > *within) continue;
        within.reset();
        if (walk.node() == device.node) {
            within = walk.depth();
            continue;
        }
        for (usize i = 0; i < walk.node().reg_count(); ++i) {
            auto const region = walk.reg(i);
            if (!region || region->size == 0 || walk.node().text("device_type") == "cpu") continue;
            HpaRange const other{Hpa{region->address}, region->size};
            if (!other.wraps() && shares_page(device, other))
                return no("a page of its registers is also another device's:", walk.node().name());
        }
        bool shared = false;
        for_each_interrupt(known, walk,
                           [&](BoardInterrupt const& interrupt) { shared = shared || is_own(interrupt); });
        if (shared) return no("its wire is also another device's:", walk.node().name());
    }
    return found;
}

}  // namespace

FoundDevice find_device(FdtReader const& tree, Board const& board, std::string_view path) {
    auto const wanted = tree.find(path);
    FdtWalk walk{tree};
    while (wanted && walk.next())
        if (walk.node() == *wanted) {
            auto const found = read_device(tree, board, walk);
            return found.device ? look_around(tree, board, found) : found;
        }
    return no("the board's tree has no such device");
}

}  // namespace antler::platform
