// A pass over every node of a device tree, which knows the buses above the node it is at.
#pragma once

#include <array>
#include <optional>

#include "abi/fdt_reader.hpp"

namespace antler::abi {

// Every node of a tree in document order, with its ancestors: while (walk.next()) use(walk.node()).
class FdtWalk {
public:
    explicit FdtWalk(FdtReader const& tree) : tree_{&tree} {}

    [[nodiscard]] bool next() {
        while (true) {
            auto const now = tree_->step(at_);
            if (!now || now->token == fdt::Token::end) return false;
            auto const here = at_;
            at_ = now->next;
            if (now->token == fdt::Token::end_node) {
                if (open_ == 0) return false;
                --open_;
            } else if (now->token == fdt::Token::begin_node) {
                if (open_ == fdt_max_depth) return false;
                auto const node = FdtNode{tree_, here, open_ == 0 ? FdtCells{} : levels_[open_ - 1].cells};
                levels_[open_++] = {here, node.child_cells()};
                return true;
            }
        }
    }

    [[nodiscard]] unsigned depth() const { return open_ - 1; }  // the root's is 0
    [[nodiscard]] FdtNode node() const { return ancestor(depth()); }
    [[nodiscard]] FdtNode parent() const { return ancestor(depth() == 0 ? 0 : depth() - 1); }
    [[nodiscard]] FdtNode ancestor(unsigned depth) const {
        return {tree_, levels_[depth].offset, depth == 0 ? FdtCells{} : levels_[depth - 1].cells};
    }

    // An address from this node's `reg`, as the processor sees it: through the `ranges` of every bus above.
    [[nodiscard]] std::optional<u64> translate(u64 address) const {
        for (auto level = depth(); level > 1; --level) {
            auto const bus = ancestor(level - 1);
            auto const ranges = bus.property("ranges");
            if (!ranges) return std::nullopt;     // what is behind this bus has no address
            if (ranges->bytes.empty()) continue;  // the same addresses on both sides
            auto const inner = levels_[level - 1].cells;
            auto const outer = levels_[level - 2].cells;
            auto const moved = through(*ranges, inner, outer.address, address);
            if (!moved) return std::nullopt;
            address = *moved;
        }
        return address;
    }
    // reg(index) of this node, translated.
    [[nodiscard]] std::optional<FdtRegion> reg(usize index = 0) const {
        auto const local = node().reg(index);
        if (!local) return std::nullopt;
        auto const address = translate(local->address);
        if (!address) return std::nullopt;
        return FdtRegion{*address, local->size};
    }

private:
    [[nodiscard]] static std::optional<u64> through(FdtProperty const& ranges, FdtCells inner, u32 outer,
                                                    u64 address) {
        if (inner.address > 2 || inner.size > 2 || outer > 2) return std::nullopt;
        auto const entry = inner.address + outer + inner.size;
        if (entry == 0) return std::nullopt;
        for (usize at = 0; at + entry <= ranges.cells(); at += entry) {
            auto const child = ranges.number_at(at, inner.address).value_or(0);
            auto const parent = ranges.number_at(at + inner.address, outer).value_or(0);
            auto const size = ranges.number_at(at + inner.address + outer, inner.size).value_or(0);
            if (address - child < size) return parent + (address - child);
        }
        return std::nullopt;
    }

    struct Level {
        u32 offset{};
        FdtCells cells{};
    };
    FdtReader const* tree_;
    u32 at_ = 0;
    unsigned open_ = 0;  // nodes begun and not ended, this one included
    std::array<Level, fdt_max_depth> levels_{};
};

template <class Predicate>
std::optional<FdtNode> FdtReader::find_if(Predicate&& wanted) const {
    FdtWalk walk{*this};
    while (walk.next())
        if (wanted(walk.node())) return walk.node();
    return std::nullopt;
}

}  // namespace antler::abi
