// A strict reader of flattened device trees: no heap, no recursion, no trust in the bytes.
//
// open() walks the whole tree once and refuses what does not follow the format; everything after that still
// checks its bounds, so bytes that change underneath (a guest's, say) give wrong answers but no wild reads.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "abi/fdt_format.hpp"
#include "abi/fdt_node.hpp"
#include "abi/fdt_property.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::abi {

inline constexpr unsigned fdt_max_depth = 32;
inline constexpr usize fdt_max_name = 255;  // of a property; keeps a pass over all names linear

namespace detail {
// One step of the structure block.
struct FdtStep {
    fdt::Token token{};
    u32 next{};                   // offset of the step after it
    std::string_view name{};      // of a node
    u32 name_offset{};            // of a property, in the strings block
    std::span<u8 const> value{};  // of a property
};
}  // namespace detail

class FdtReader {
public:
    // How many bytes the tree says it has; for a caller that has only its address and the first eight bytes.
    [[nodiscard]] static Result<u32> announced_size(std::span<u8 const> start) {
        if (start.size() < 8) return Err{Error::out_of_range};
        if (load_be32(start.data()) != fdt::magic) return Err{Error::bad_format};
        auto const size = load_be32(start.data() + 4);
        if (size < fdt::header_bytes) return Err{Error::bad_format};
        return size;
    }

    // `bytes` may be longer than the tree.
    [[nodiscard]] static Result<FdtReader> open(std::span<u8 const> bytes) {
        FdtReader tree;
        TRY(tree.check_header(bytes));
        TRY(tree.check_structure());
        return tree;
    }

    [[nodiscard]] std::span<u8 const> bytes() const { return bytes_; }
    [[nodiscard]] u32 boot_hart() const { return boot_hart_; }
    [[nodiscard]] FdtNode root() const { return {this, root_, FdtCells{}}; }

    // "/soc/serial@10000000"; a part without @ finds the first node of that name with any address.  What does
    // not start with '/' starts with an alias, as in "serial0".
    [[nodiscard]] std::optional<FdtNode> find(std::string_view path) const {
        if (path.empty()) return std::nullopt;
        auto at = root();
        if (path.front() != '/') {
            auto const aliases = at.child("aliases");
            auto const head = path.substr(0, path.find('/'));
            auto const alias = aliases ? aliases->text(head) : std::nullopt;
            if (!alias || !alias->starts_with('/')) return std::nullopt;
            auto const node = find(*alias);  // starts with '/', so this nests once
            if (!node) return std::nullopt;
            at = *node;
            path.remove_prefix(head.size());
        }
        while (true) {
            auto const slashes = path.find_first_not_of('/');
            if (slashes == std::string_view::npos) return at;
            path.remove_prefix(slashes);
            auto const part = path.substr(0, path.find('/'));
            auto const child = at.child(part);
            if (!child) return std::nullopt;
            at = *child;
            path.remove_prefix(part.size());
        }
    }

    // The first node, in document order, for which `wanted(node)`.
    template <class Predicate>
    [[nodiscard]] std::optional<FdtNode> find_if(Predicate&& wanted) const;
    [[nodiscard]] std::optional<FdtNode> find_compatible(std::string_view with) const {
        return find_if([&](FdtNode const& node) { return node.compatible(with); });
    }
    [[nodiscard]] std::optional<FdtNode> by_phandle(u32 handle) const {
        return find_if([&](FdtNode const& node) { return node.phandle() == handle; });
    }

    // Entries of the memory reservation block, without the one that ends it.
    [[nodiscard]] usize reservations() const { return reservation_count_; }
    [[nodiscard]] std::optional<FdtRegion> reservation(usize index) const {
        if (index >= reservation_count_) return std::nullopt;
        auto const* at = bytes_.data() + reservations_ + index * fdt::reservation_bytes;
        return FdtRegion{load_be64(at), load_be64(at + 8)};
    }

    // Where a property's value is in bytes(), for a caller that must overwrite it (a seed that was used).
    [[nodiscard]] usize offset_of(FdtProperty const& property) const {
        return static_cast<usize>(property.bytes.data() - bytes_.data());
    }

    // The step at `offset` of the structure block; none is the end of what can be read.
    [[nodiscard]] std::optional<detail::FdtStep> step(u32 offset) const {
        u32 at = offset;
        while (at <= structure_.size() && structure_.size() - at >= 4) {
            auto const token = static_cast<fdt::Token>(load_be32(structure_.data() + at));
            at += 4;
            switch (token) {
                case fdt::Token::nop: continue;
                case fdt::Token::end_node:
                case fdt::Token::end: return detail::FdtStep{token, at, {}, {}, {}};
                case fdt::Token::begin_node: {
                    auto const name = text_at(structure_, at, structure_.size());
                    if (!name) return std::nullopt;
                    auto const next = padded(at + static_cast<u32>(name->size()) + 1);
                    return detail::FdtStep{token, next, *name, {}, {}};
                }
                case fdt::Token::property: return property_step(at);
            }
            return std::nullopt;  // no such token
        }
        return std::nullopt;
    }

private:
    friend class FdtNode;
    friend class FdtWalk;

    [[nodiscard]] static constexpr u32 padded(u32 offset) { return (offset + 3) & ~u32{3}; }

    [[nodiscard]] static std::optional<std::string_view> text_at(std::span<u8 const> from, u32 offset,
                                                                 usize most) {
        if (offset >= from.size()) return std::nullopt;
        auto const rest = from.subspan(offset);
        for (usize i = 0; i < rest.size() && i <= most; ++i)
            if (rest[i] == 0) return std::string_view{reinterpret_cast<char const*>(rest.data()), i};
        return std::nullopt;
    }

    // `at` is behind the token.
    [[nodiscard]] std::optional<detail::FdtStep> property_step(u32 at) const {
        if (structure_.size() - at < 8) return std::nullopt;
        auto const length = load_be32(structure_.data() + at);
        auto const name_offset = load_be32(structure_.data() + at + 4);
        at += 8;
        if (length > structure_.size() - at) return std::nullopt;
        return detail::FdtStep{
            fdt::Token::property, padded(at + length), {}, name_offset, structure_.subspan(at, length)};
    }

    // Names are looked at only where somebody asks for one: most lookups pass over many properties.
    [[nodiscard]] std::optional<std::string_view> property_name(u32 offset) const {
        return text_at(strings_, offset, fdt_max_name);
    }
    [[nodiscard]] bool is_named(u32 offset, std::string_view name) const {
        if (offset >= strings_.size() || name.size() >= strings_.size() - offset) return false;
        auto const* const at = strings_.data() + offset;
        for (usize i = 0; i < name.size(); ++i)
            if (at[i] != static_cast<u8>(name[i])) return false;
        return at[name.size()] == 0;
    }

    [[nodiscard]] u32 header(fdt::Header field) const {
        return load_be32(bytes_.data() + static_cast<u32>(field));
    }

    [[nodiscard]] std::optional<std::span<u8 const>> block(u32 offset, u32 size) const {
        if (offset < fdt::header_bytes || offset > bytes_.size() || size > bytes_.size() - offset)
            return std::nullopt;
        return bytes_.subspan(offset, size);
    }

    [[nodiscard]] Result<void> check_header(std::span<u8 const> bytes) {
        auto const size = TRY(announced_size(bytes));
        // Offsets stay far from wrapping when they are padded.
        if (size > bytes.size() || size > 0x7fff'ffff) return Err{Error::out_of_range};
        bytes_ = bytes.first(size);
        if (header(fdt::Header::version) < fdt::version ||
            header(fdt::Header::last_compatible_version) > fdt::version)
            return Err{Error::not_supported};
        auto const structure = header(fdt::Header::structure_offset);
        auto const structure_block = block(structure, header(fdt::Header::structure_size));
        auto const strings_block =
            block(header(fdt::Header::strings_offset), header(fdt::Header::strings_size));
        reservations_ = header(fdt::Header::reservations_offset);
        if (!structure_block || !strings_block || !block(reservations_, 0)) return Err{Error::out_of_range};
        if (structure % 4 != 0 || reservations_ % 8 != 0) return Err{Error::misaligned};
        structure_ = *structure_block;
        strings_ = *strings_block;
        boot_hart_ = header(fdt::Header::boot_hart);
        while (true) {
            auto const used = reservations_ + reservation_count_ * fdt::reservation_bytes;
            if (bytes_.size() - used < fdt::reservation_bytes) return Err{Error::out_of_range};
            auto const* at = bytes_.data() + used;
            if (load_be64(at) == 0 && load_be64(at + 8) == 0) return {};
            ++reservation_count_;
        }
    }

    // Nodes balance, properties come before the children of their node, one root, and an end.
    [[nodiscard]] Result<void> check_structure() {
        u32 at = 0;
        unsigned depth = 0;
        bool seen_root = false;
        bool properties_may_follow = false;
        while (true) {
            auto const now = step(at);
            if (!now) return Err{Error::bad_format};
            switch (now->token) {
                case fdt::Token::begin_node:
                    if (depth == 0 && seen_root) return Err{Error::bad_format};
                    if (depth == fdt_max_depth) return Err{Error::out_of_range};
                    if (depth == 0) root_ = at;
                    seen_root = true;
                    properties_may_follow = true;
                    ++depth;
                    break;
                case fdt::Token::end_node:
                    if (depth == 0) return Err{Error::bad_format};
                    properties_may_follow = false;
                    --depth;
                    break;
                case fdt::Token::property:
                    if (!properties_may_follow || !property_name(now->name_offset))
                        return Err{Error::bad_format};
                    break;
                case fdt::Token::end:
                    if (depth != 0 || !seen_root) return Err{Error::bad_format};
                    return {};
                case fdt::Token::nop: return Err{Error::bad_format};  // step() passes over them
            }
            at = now->next;
        }
    }

    std::span<u8 const> bytes_{};
    std::span<u8 const> structure_{};
    std::span<u8 const> strings_{};
    u32 reservations_ = 0;
    u32 reservation_count_ = 0;
    u32 root_ = 0;
    u32 boot_hart_ = 0;
};

std::string_view FdtNode::name() const {
    auto const now = tree_->step(offset_);
    return now ? now->name : std::string_view{};
}

std::string_view FdtNode::base_name() const {
    auto const whole = name();
    return whole.substr(0, whole.find('@'));
}

template <class Body>
void FdtNode::for_each_property(Body&& body) const {
    auto now = tree_->step(offset_);
    while (now) {
        now = tree_->step(now->next);
        if (!now || now->token != fdt::Token::property) return;
        body(FdtProperty{tree_->property_name(now->name_offset).value_or(""), now->value});
    }
}

std::optional<FdtProperty> FdtNode::property(std::string_view name) const {
    auto now = tree_->step(offset_);
    while (now) {
        now = tree_->step(now->next);
        if (!now || now->token != fdt::Token::property) return std::nullopt;
        // Not `name`: that is the caller's, and may go before the property does.
        if (tree_->is_named(now->name_offset, name))
            return FdtProperty{tree_->property_name(now->name_offset).value_or(""), now->value};
    }
    return std::nullopt;
}

FdtChildren FdtNode::children() const {
    return FdtChildren{*this};
}

std::optional<FdtNode> FdtNode::child(std::string_view name) const {
    for (auto const child : children()) {
        if (child.name() == name) return child;
        if (name.find('@') == std::string_view::npos && child.base_name() == name) return child;
    }
    return std::nullopt;
}

FdtCells FdtNode::child_cells() const {
    FdtCells cells;
    auto now = tree_->step(offset_);
    while (now) {
        now = tree_->step(now->next);
        if (!now || now->token != fdt::Token::property) break;
        if (now->value.size() != 4) continue;
        if (tree_->is_named(now->name_offset, "#address-cells")) cells.address = load_be32(now->value.data());
        if (tree_->is_named(now->name_offset, "#size-cells")) cells.size = load_be32(now->value.data());
    }
    return cells;
}

std::optional<FdtRegion> FdtNode::reg(usize index) const {
    auto const property = this->property("reg");
    if (!property || index >= reg_count()) return std::nullopt;
    auto const at = index * (parent_cells_.address + parent_cells_.size);
    auto const address = property->number_at(at, parent_cells_.address);
    auto const size = property->number_at(at + parent_cells_.address, parent_cells_.size);
    if (!address || !size) return std::nullopt;
    return FdtRegion{*address, *size};
}

usize FdtNode::reg_count() const {
    auto const property = this->property("reg");
    auto const entry = u64{parent_cells_.address} + parent_cells_.size;
    return property && entry != 0 ? static_cast<usize>(property->cells() / entry) : 0;
}

void FdtChildren::Iterator::settle() {
    // Properties of the parent may come first; its end_node is the end.
    auto now = tree_->step(offset_);
    while (now && now->token == fdt::Token::property) {
        offset_ = now->next;
        now = tree_->step(offset_);
    }
    if (!now || now->token != fdt::Token::begin_node) offset_ = 0;
}

FdtChildren::Iterator& FdtChildren::Iterator::operator++() {
    unsigned depth = 0;
    auto now = tree_->step(offset_);
    while (now) {
        if (now->token == fdt::Token::begin_node) ++depth;
        if (now->token == fdt::Token::end_node) --depth;
        offset_ = now->next;
        if (depth == 0) break;
        now = tree_->step(offset_);
    }
    settle();
    return *this;
}

FdtChildren::Iterator FdtChildren::begin() const {
    Iterator first;
    first.tree_ = parent_.tree_;
    first.cells_ = parent_.child_cells();
    auto const now = parent_.tree_->step(parent_.offset_);
    if (!now) return end();
    first.offset_ = now->next;
    first.settle();
    return first;
}

}  // namespace antler::abi

#include "abi/fdt_walk.hpp"  // what the searches of FdtReader are made of
