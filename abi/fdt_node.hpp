// A node of a device tree, as fdt_reader.hpp gives them out: its properties, its children, its registers.
#pragma once

#include <optional>
#include <string_view>

#include "abi/fdt_property.hpp"
#include "base/types.hpp"

namespace antler::abi {

// How many cells the addresses and sizes in the `reg` of a node's children have.
struct FdtCells {
    u32 address = 2;
    u32 size = 1;
    friend constexpr bool operator==(FdtCells, FdtCells) = default;
};

class FdtReader;
class FdtChildren;

// A place in a tree: cheap to copy, valid as long as its reader and the reader's bytes.
class FdtNode {
public:
    FdtNode() = default;                                      // no node; only to be assigned to
    [[nodiscard]] inline std::string_view name() const;       // "serial@10000000"
    [[nodiscard]] inline std::string_view base_name() const;  // "serial"

    [[nodiscard]] inline std::optional<FdtProperty> property(std::string_view name) const;
    template <class Body>
    inline void for_each_property(Body&& body) const;

    [[nodiscard]] inline FdtChildren children() const;
    [[nodiscard]] inline std::optional<FdtNode> child(std::string_view name) const;

    // What #address-cells and #size-cells say here, for the children.
    [[nodiscard]] inline FdtCells child_cells() const;

    // The entries of `reg`, as the parent's cells divide it.  None where a number needs more than 64 bits.
    [[nodiscard]] inline std::optional<FdtRegion> reg(usize index = 0) const;
    [[nodiscard]] inline usize reg_count() const;

    [[nodiscard]] bool compatible(std::string_view with) const {
        auto const list = property("compatible");
        return list && list->lists(with);
    }
    // No status means okay.
    [[nodiscard]] bool enabled() const {
        auto const status = property("status");
        if (!status) return true;
        auto const text = status->text();
        return text == "okay" || text == "ok";
    }
    [[nodiscard]] std::optional<u32> phandle() const {
        auto const handle = property("phandle");
        return handle ? handle->cell(0) : std::nullopt;
    }
    [[nodiscard]] std::optional<u64> number(std::string_view name) const {
        auto const found = property(name);
        return found ? found->number() : std::nullopt;
    }
    [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const {
        auto const found = property(name);
        return found ? found->text() : std::nullopt;
    }
    [[nodiscard]] bool has(std::string_view name) const { return property(name).has_value(); }

    friend bool operator==(FdtNode const& a, FdtNode const& b) {
        return a.tree_ == b.tree_ && a.offset_ == b.offset_;
    }

private:
    friend class FdtReader;
    friend class FdtChildren;
    friend class FdtWalk;
    FdtNode(FdtReader const* tree, u32 offset, FdtCells cells)
        : tree_{tree}, offset_{offset}, parent_cells_{cells} {}

    FdtReader const* tree_ = nullptr;
    u32 offset_ = 0;  // of the begin_node token in the structure block
    FdtCells parent_cells_{};
};

// The direct children of a node, in order: for (auto child : node.children()).
class FdtChildren {
public:
    class Iterator {
    public:
        [[nodiscard]] FdtNode operator*() const { return {tree_, offset_, cells_}; }
        inline Iterator& operator++();
        friend bool operator==(Iterator const& a, Iterator const& b) { return a.offset_ == b.offset_; }

    private:
        friend class FdtChildren;
        inline void settle();  // move to a begin_node, or to the end
        FdtReader const* tree_ = nullptr;
        u32 offset_ = 0;  // 0 is the root, which is nobody's child: the end
        FdtCells cells_{};
    };

    [[nodiscard]] inline Iterator begin() const;
    [[nodiscard]] Iterator end() const { return {}; }

private:
    friend class FdtNode;
    explicit FdtChildren(FdtNode parent) : parent_{parent} {}
    FdtNode parent_;
};

}  // namespace antler::abi

#include "abi/fdt_reader.hpp"  // the bodies
