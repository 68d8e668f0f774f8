// A random device tree as a value, and the ways to write it: with our writer and with libfdt.
#pragma once

#include <libfdt.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "abi/fdt_writer.hpp"

namespace antler::abi::test {

struct TreeNode {
    std::string name;
    std::vector<std::pair<std::string, std::vector<u8>>> properties;
    std::vector<TreeNode> children;
};

class RandomTree {
public:
    explicit RandomTree(u64 seed) : random_{seed} {
        root = node("", 0);
        for (auto n = below(4); n-- > 0;) reservations.push_back({random_(), random_() | 1});
    }

    TreeNode root;
    std::vector<std::pair<u64, u64>> reservations;

private:
    u64 below(u64 end) { return random_() % end; }

    TreeNode node(std::string name, unsigned depth) {
        static char const* const names[] = {"#address-cells", "#size-cells", "reg", "compatible",
                                            "status",         "phandle",     "x",   "a-longer,property-name",
                                            "riscv,isa",      "ranges"};
        TreeNode made{std::move(name), {}, {}};
        for (auto const* property : names) {
            if (below(3) != 0) continue;
            std::vector<u8> value(below(40));
            for (auto& byte : value) byte = static_cast<u8>(random_());
            made.properties.emplace_back(property, value);
        }
        if (depth == 6) return made;
        for (auto count = below(depth == 0 ? 8 : 4); count-- > 0;) {
            auto child = std::string(1 + below(6), static_cast<char>('a' + below(26)));
            // Distinct names, as libfdt finds the first of equal ones, and so do we.
            child += "@" + std::to_string(made.children.size());
            made.children.push_back(node(child, depth + 1));
        }
        return made;
    }

    std::mt19937_64 random_;
};

inline void write_ours(FdtWriter& writer, TreeNode const& node) {
    writer.begin_node(node.name);
    for (auto const& [name, value] : node.properties) writer.bytes(name, value);
    for (auto const& child : node.children) write_ours(writer, child);
    writer.end_node();
}

inline std::vector<u8> write_ours(RandomTree const& tree, usize room = 1 << 20) {
    std::vector<u8> buffer(room);
    FdtWriter writer{buffer};
    for (auto const& [address, size] : tree.reservations) writer.reserve(address, size);
    write_ours(writer, tree.root);
    auto const written = writer.finish();
    if (!written) return {};
    buffer.resize(written.value().size());
    return buffer;
}

inline bool write_libfdt(void* fdt, TreeNode const& node) {
    if (fdt_begin_node(fdt, node.name.c_str()) != 0) return false;
    for (auto const& [name, value] : node.properties)
        if (fdt_property(fdt, name.c_str(), value.data(), static_cast<int>(value.size())) != 0) return false;
    for (auto const& child : node.children)
        if (!write_libfdt(fdt, child)) return false;
    return fdt_end_node(fdt) == 0;
}

inline std::vector<u8> write_libfdt(RandomTree const& tree) {
    std::vector<u8> buffer(1 << 20);
    auto* const fdt = buffer.data();
    bool good = fdt_create(fdt, static_cast<int>(buffer.size())) == 0;
    for (auto const& [address, size] : tree.reservations)
        good = good && fdt_add_reservemap_entry(fdt, address, size) == 0;
    good = good && fdt_finish_reservemap(fdt) == 0 && write_libfdt(fdt, tree.root) && fdt_finish(fdt) == 0;
    buffer.resize(good ? fdt_totalsize(fdt) : 0);
    return buffer;
}

}  // namespace antler::abi::test
