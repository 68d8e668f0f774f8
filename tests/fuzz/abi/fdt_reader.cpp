// Any bytes are a device tree or are refused; reading what was not refused stays inside them.
#include "abi/fdt_reader.hpp"

#include <libfdt.h>

#include <cstdlib>
#include <vector>

using namespace antler;
using namespace antler::abi;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

bool is_inside(std::span<u8 const> bytes, void const* at, usize size) {
    auto const* const start = static_cast<u8 const*>(at);
    return start >= bytes.data() && size <= bytes.size() && start <= bytes.data() + (bytes.size() - size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    std::vector<u8> const copy(data, data + size);  // so that one byte too far is seen
    auto const opened = FdtReader::open(copy);
    if (!opened) return 0;
    auto const& tree = opened.value();
    // We are stricter than libfdt in the order of things, and never laxer.
    require(fdt_check_header(copy.data()) == 0);

    FdtWalk walk{tree};
    usize nodes = 0;
    while (walk.next()) {
        ++nodes;
        auto const node = walk.node();
        require(is_inside(copy, node.name().data(), node.name().size()));
        node.for_each_property([&](FdtProperty const& property) {
            require(is_inside(copy, property.bytes.data(), property.bytes.size()));
            require(is_inside(copy, property.name.data(), property.name.size()));
            for (auto const text : property.strings()) require(is_inside(copy, text.data(), text.size()));
            static_cast<void>(property.number());
        });
        for (usize i = 0; i < 4 && i < node.reg_count(); ++i) static_cast<void>(walk.reg(i));
        static_cast<void>(node.enabled());
        if (auto const stdout_path = node.text("stdout-path")) static_cast<void>(tree.find(*stdout_path));
    }
    require(nodes > 0);
    for (usize i = 0; i < tree.reservations(); ++i) require(tree.reservation(i).has_value());
    return 0;
}
