// The reader of device trees: what it finds, and what it refuses.
#include "abi/fdt_reader.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "random_tree.hpp"

namespace antler::abi {
namespace {

using test::RandomTree;
using test::TreeNode;

// / { soc { bus with ranges { device } }; cpus { cpu@0, cpu@1 }; } and what the searches need.
std::vector<u8> sample() {
    std::vector<u8> buffer(4096);
    FdtWriter w{buffer};
    w.reserve(0x8000'0000, 0x2000);
    w.reserve(0x9000'0000, 0x1000);
    w.boot_hart(3);
    w.begin_node("");
    w.cell("#address-cells", 2);
    w.cell("#size-cells", 2);
    w.text("model", "sample");
    w.begin_node("aliases");
    w.text("serial0", "/soc/bus@40000000/uart@1000");
    w.text("circular", "circular");
    w.end_node();
    w.begin_node("cpus");
    w.cell("#address-cells", 1);
    w.cell("#size-cells", 0);
    for (u32 n = 0; n < 2; ++n) {
        w.begin_node("cpu", n);
        w.text("device_type", "cpu");
        w.cell("reg", n);
        w.text("status", n == 0 ? "okay" : "disabled");
        w.cell("phandle", 10 + n);
        w.end_node();
    }
    w.end_node();
    w.begin_node("soc");
    w.cell("#address-cells", 2);
    w.cell("#size-cells", 2);
    w.flag("ranges");
    w.begin_node("bus", 0x4000'0000);
    w.cell("#address-cells", 1);
    w.cell("#size-cells", 1);
    w.cells("ranges", {0, 1, 0x4000'0000, 0x10000, 0x2'0000, 0, 0x100, 0x1000});
    w.begin_node("uart", 0x1000);
    w.texts("compatible", {"vendor,uart", "ns16550a"});
    w.cells("reg", {0x1000, 0x100, 0x2'0800, 0x10, 0x5'0000, 0x10});
    w.end_node();
    w.end_node();
    w.begin_node("closed");
    w.cell("#address-cells", 1);
    w.cell("#size-cells", 1);
    w.begin_node("device", 5);
    w.cells("reg", {5, 1});
    w.end_node();
    w.end_node();
    w.begin_node("pci");
    w.cell("#address-cells", 3);
    w.cell("#size-cells", 2);
    w.begin_node("device", 0);
    w.cells("reg", {0, 0, 0, 0, 0});
    w.end_node();
    w.end_node();
    w.end_node();
    w.end_node();
    auto const size = w.finish().value().size();
    buffer.resize(size);
    return buffer;
}

TEST(FdtReader, FindsNodesByPathAndAlias) {
    auto const bytes = sample();
    auto const tree = FdtReader::open(bytes).value();
    EXPECT_EQ(tree.boot_hart(), 3u);
    EXPECT_EQ(tree.root().text("model"), "sample");
    EXPECT_EQ(tree.find("/"), tree.root());
    ASSERT_TRUE(tree.find("/cpus/cpu@1"));
    EXPECT_EQ(tree.find("/cpus/cpu@1")->number("reg"), 1u);
    EXPECT_EQ(tree.find("/cpus/cpu")->name(), "cpu@0");
    EXPECT_EQ(tree.find("/cpus/cpu")->base_name(), "cpu");
    EXPECT_EQ(tree.find("//cpus//cpu@0/"), tree.find("/cpus/cpu@0"));
    EXPECT_EQ(tree.find("serial0"), tree.find("/soc/bus/uart"));
    EXPECT_FALSE(tree.find("serial1"));
    EXPECT_FALSE(tree.find("circular"));
    EXPECT_FALSE(tree.find(""));
    EXPECT_FALSE(tree.find("/cpus/cpu@2"));
    EXPECT_FALSE(tree.find("/cpu@0"));
}

TEST(FdtReader, FindsNodesByCompatibleAndHandle) {
    auto const bytes = sample();
    auto const tree = FdtReader::open(bytes).value();
    EXPECT_EQ(tree.find_compatible("ns16550a")->name(), "uart@1000");
    EXPECT_EQ(tree.find_compatible("vendor,uart")->name(), "uart@1000");
    EXPECT_FALSE(tree.find_compatible("ns16550"));
    EXPECT_EQ(tree.by_phandle(11)->name(), "cpu@1");
    EXPECT_FALSE(tree.by_phandle(12));
    EXPECT_TRUE(tree.by_phandle(10)->enabled());
    EXPECT_FALSE(tree.by_phandle(11)->enabled());
    EXPECT_TRUE(tree.root().enabled());
}

TEST(FdtReader, DividesRegAsTheParentSays) {
    auto const bytes = sample();
    auto const tree = FdtReader::open(bytes).value();
    EXPECT_EQ(tree.find("/cpus/cpu@1")->reg(), (FdtRegion{1, 0}));
    auto const uart = *tree.find("serial0");
    EXPECT_EQ(uart.reg_count(), 3u);
    EXPECT_EQ(uart.reg(1), (FdtRegion{0x2'0800, 0x10}));
    EXPECT_FALSE(uart.reg(3));
    EXPECT_FALSE(tree.root().reg());
    // 96-bit addresses have no number here.
    EXPECT_EQ(tree.find("/soc/pci/device")->reg_count(), 1u);
    EXPECT_FALSE(tree.find("/soc/pci/device")->reg());
}

TEST(FdtReader, TranslatesAddressesThroughEveryBus) {
    auto const bytes = sample();
    auto const tree = FdtReader::open(bytes).value();
    auto const uart = *tree.find("serial0");
    auto const closed = *tree.find("/soc/closed/device");
    FdtWalk walk{tree};
    int seen = 0;
    while (walk.next()) {
        if (walk.node() == uart) {
            ++seen;
            EXPECT_EQ(walk.depth(), 3u);
            EXPECT_EQ(walk.parent().name(), "bus@40000000");
            EXPECT_EQ(walk.reg(0), (FdtRegion{0x1'4000'1000, 0x100}));
            EXPECT_EQ(walk.reg(1), (FdtRegion{0x900, 0x10}));
            EXPECT_FALSE(walk.reg(2));  // no range holds it
        }
        if (walk.node() == closed) {
            ++seen;
            EXPECT_FALSE(walk.reg());  // a bus without ranges leads nowhere
        }
    }
    EXPECT_EQ(seen, 2);
}

TEST(FdtReader, ListsReservationsAndTellsWhereAValueIs) {
    auto const bytes = sample();
    auto const tree = FdtReader::open(bytes).value();
    ASSERT_EQ(tree.reservations(), 2u);
    EXPECT_EQ(tree.reservation(1), (FdtRegion{0x9000'0000, 0x1000}));
    EXPECT_FALSE(tree.reservation(2));
    auto const model = *tree.root().property("model");
    EXPECT_STREQ(reinterpret_cast<char const*>(bytes.data() + tree.offset_of(model)), "sample");
}

TEST(FdtReader, ReadsStringsOnlyWithTheirEnd) {
    constexpr u8 raw[] = {'a', 0, 0, 'b', 'c', 0, 'd'};
    FdtProperty const property{"x", raw};
    std::vector<std::string> found;
    for (auto const s : property.strings()) found.emplace_back(s);
    EXPECT_EQ(found, (std::vector<std::string>{"a", "", "bc"}));
    EXPECT_TRUE(property.lists("bc"));
    EXPECT_FALSE(property.lists("d"));
    EXPECT_FALSE((FdtProperty{"x", std::span{raw}.last(1)}.text()));
    EXPECT_FALSE((FdtProperty{"x", {}}.text()));
}

TEST(FdtReader, ReadsNumbersOnlyWhereTheyFit) {
    constexpr u8 raw[] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9};
    FdtProperty const property{"x", raw};
    EXPECT_EQ(property.cells(), 3u);
    EXPECT_EQ(property.cell(2), 3u);
    EXPECT_FALSE(property.cell(3));
    EXPECT_EQ(property.number_at(0, 2), 0x1'0000'0002u);
    EXPECT_EQ(property.number_at(3, 0), 0u);
    EXPECT_FALSE(property.number_at(2, 2));
    EXPECT_FALSE(property.number_at(0, 3));
    EXPECT_FALSE(property.number_at(~usize{0}, 1));
    EXPECT_FALSE(property.number());
    EXPECT_EQ((FdtProperty{"x", std::span{raw}.first(4)}.number()), 1u);
}

TEST(FdtReader, RefusesEveryTruncation) {
    auto const bytes = sample();
    for (usize size = 0; size < bytes.size(); ++size) {
        std::vector<u8> const part(bytes.begin(), bytes.begin() + static_cast<long>(size));
        EXPECT_FALSE(FdtReader::open(part)) << size;
    }
}

// Writes one field of a copy of the sample's header.
Result<FdtReader> opened_with(std::vector<u8>& bytes, fdt::Header field, u32 value) {
    bytes = sample();
    store_be32(bytes.data() + static_cast<u32>(field), value);
    return FdtReader::open(bytes);
}

TEST(FdtReader, RefusesAHeaderThatPointsOutside) {
    std::vector<u8> bytes;
    using enum fdt::Header;
    EXPECT_EQ(opened_with(bytes, magic, 0).error(), Error::bad_format);
    EXPECT_EQ(opened_with(bytes, version, 16).error(), Error::not_supported);
    EXPECT_EQ(opened_with(bytes, last_compatible_version, 18).error(), Error::not_supported);
    for (u32 const far : {0u, 1u, 0x7fff'fff8u, 0x8000'0000u, 0xffff'fff8u, 0xffff'ffffu}) {
        EXPECT_FALSE(opened_with(bytes, structure_offset, far)) << far;
        EXPECT_FALSE(opened_with(bytes, strings_offset, far)) << far;
        EXPECT_FALSE(opened_with(bytes, reservations_offset, far)) << far;
        EXPECT_FALSE(opened_with(bytes, total_size, far)) << far;
        EXPECT_FALSE(opened_with(bytes, structure_size, far)) << far;
        EXPECT_FALSE(opened_with(bytes, strings_size, far)) << far;
    }
    EXPECT_EQ(opened_with(bytes, reservations_offset, 44).error(), Error::misaligned);
}

// A tree whose structure block is these words, with an empty strings block but for "p".
Result<FdtReader> opened(std::vector<u8>& bytes, std::initializer_list<u32> words) {
    bytes.assign(fdt::header_bytes + 16 + words.size() * 4 + 2, 0);
    auto set = [&](fdt::Header field, usize value) {
        store_be32(bytes.data() + static_cast<u32>(field), static_cast<u32>(value));
    };
    using enum fdt::Header;
    set(magic, fdt::magic);
    set(total_size, bytes.size());
    set(structure_offset, 56);
    set(structure_size, words.size() * 4);
    set(strings_offset, 56 + words.size() * 4);
    set(strings_size, 2);
    set(reservations_offset, 40);
    set(version, 17);
    set(last_compatible_version, 16);
    usize at = 56;
    for (auto const word : words) {
        store_be32(bytes.data() + at, word);
        at += 4;
    }
    bytes[at] = 'p';
    return FdtReader::open(bytes);
}

TEST(FdtReader, RefusesAStructureThatDoesNotBalance) {
    std::vector<u8> bytes;
    EXPECT_TRUE(opened(bytes, {1, 0, 2, 9}));
    EXPECT_TRUE(opened(bytes, {4, 1, 0, 4, 4, 2, 4, 9}));
    EXPECT_TRUE(opened(bytes, {1, 0, 3, 4, 0, 7, 2, 9}));
    EXPECT_TRUE(opened(bytes, {1, 0, 4, 3, 0, 0, 1, 0x6100'0000, 2, 2, 9}));
    EXPECT_FALSE(opened(bytes, {}));
    EXPECT_FALSE(opened(bytes, {9}));                                       // no root
    EXPECT_FALSE(opened(bytes, {1, 0, 2}));                                 // no end
    EXPECT_FALSE(opened(bytes, {1, 0, 9}));                                 // open node
    EXPECT_FALSE(opened(bytes, {2, 9}));                                    // closed before opened
    EXPECT_FALSE(opened(bytes, {1, 0, 2, 2, 9}));                           // closed twice
    EXPECT_FALSE(opened(bytes, {1, 0, 2, 1, 0, 2, 9}));                     // two roots
    EXPECT_FALSE(opened(bytes, {3, 0, 0, 1, 0, 2, 9}));                     // property of nothing
    EXPECT_FALSE(opened(bytes, {1, 0, 1, 0x6100'0000, 2, 3, 0, 0, 2, 9}));  // property behind a child
    EXPECT_FALSE(opened(bytes, {1, 0, 3, 100, 0, 7, 2, 9}));                // value runs out
    EXPECT_FALSE(opened(bytes, {1, 0, 3, 0xffff'fffd, 0, 2, 9}));           // and wraps
    EXPECT_FALSE(opened(bytes, {1, 0, 3, 4, 2, 7, 2, 9}));                  // name outside
    EXPECT_FALSE(opened(bytes, {1, 0, 7, 2, 9}));                           // no such token
    EXPECT_FALSE(opened(bytes, {1, 0x6161'6161}));                          // name without end
}

TEST(FdtReader, BoundsTheDepth) {
    for (auto const depth : {fdt_max_depth, fdt_max_depth + 1}) {
        std::vector<u8> buffer(4096);
        FdtWriter w{buffer};
        for (unsigned i = 0; i < depth; ++i) w.begin_node(i == 0 ? "" : "n");
        for (unsigned i = 0; i < depth; ++i) w.end_node();
        auto const written = w.finish();
        ASSERT_TRUE(written);
        auto const tree = FdtReader::open(written.value());
        EXPECT_EQ(tree.ok(), depth == fdt_max_depth);
        if (!tree) continue;
        FdtWalk walk{tree.value()};
        unsigned nodes = 0;
        while (walk.next()) ++nodes;
        EXPECT_EQ(nodes, depth);
    }
}

TEST(FdtReader, BoundsTheLengthOfPropertyNames) {
    for (auto const length : {fdt_max_name, fdt_max_name + 1}) {
        std::vector<u8> buffer(4096);
        FdtWriter w{buffer};
        w.begin_node("");
        w.flag(std::string(length, 'p'));
        w.end_node();
        EXPECT_EQ(FdtReader::open(w.finish().value()).ok(), length == fdt_max_name);
    }
}

// Everything our reader sees under `node` is what libfdt sees, in the same order.
void expect_same(void const* fdt, int offset, FdtNode const& node) {
    int length = 0;
    char const* const name = fdt_get_name(fdt, offset, &length);
    RC_ASSERT(node.name() == std::string_view(name, static_cast<usize>(length)));
    int property = fdt_first_property_offset(fdt, offset);
    node.for_each_property([&](FdtProperty const& ours) {
        RC_ASSERT(property >= 0);
        char const* theirs = nullptr;
        auto const* const value =
            static_cast<u8 const*>(fdt_getprop_by_offset(fdt, property, &theirs, &length));
        RC_ASSERT(ours.name == theirs);
        RC_ASSERT(ours.bytes.size() == static_cast<usize>(length));
        RC_ASSERT(std::equal(ours.bytes.begin(), ours.bytes.end(), value));
        RC_ASSERT(node.property(theirs)->bytes.data() == ours.bytes.data());
        property = fdt_next_property_offset(fdt, property);
    });
    RC_ASSERT(property == -FDT_ERR_NOTFOUND);
    int child = fdt_first_subnode(fdt, offset);
    for (auto const ours : node.children()) {
        RC_ASSERT(child >= 0);
        expect_same(fdt, child, ours);
        child = fdt_next_subnode(fdt, child);
    }
    RC_ASSERT(child == -FDT_ERR_NOTFOUND);
}

RC_GTEST_PROP(FdtReader, SeesWhatLibfdtSees, ()) {
    RandomTree const tree{*rc::gen::arbitrary<u64>()};
    auto const bytes = test::write_libfdt(tree);
    RC_ASSERT(!bytes.empty());
    auto const ours = FdtReader::open(bytes);
    RC_ASSERT(ours.ok());
    expect_same(bytes.data(), 0, ours.value().root());

    FdtWalk walk{ours.value()};
    int offset = -1;
    int depth = -1;
    while (walk.next()) {
        offset = fdt_next_node(bytes.data(), offset, &depth);
        RC_ASSERT(offset >= 0);
        RC_ASSERT(walk.depth() == static_cast<unsigned>(depth));
        char path[256];
        RC_ASSERT(fdt_get_path(bytes.data(), offset, path, sizeof path) == 0);
        auto const found = ours.value().find(path);
        RC_ASSERT(found.has_value());
        RC_ASSERT(*found == walk.node());
        // In a list without its last NUL libfdt looks one byte beyond the end, and may find the NUL there.
        auto const list = walk.node().property("compatible");
        if (list && !list->bytes.empty() && list->bytes.back() != 0) continue;
        RC_ASSERT(walk.node().compatible("x") == (fdt_node_check_compatible(bytes.data(), offset, "x") == 0));
    }
    RC_ASSERT(fdt_next_node(bytes.data(), offset, &depth) < 0 || depth < 0);

    RC_ASSERT(ours.value().reservations() == static_cast<usize>(fdt_num_mem_rsv(bytes.data())));
    for (usize i = 0; i < ours.value().reservations(); ++i) {
        u64 address = 0;
        u64 size = 0;
        RC_ASSERT(fdt_get_mem_rsv(bytes.data(), static_cast<int>(i), &address, &size) == 0);
        RC_ASSERT(ours.value().reservation(i) == (FdtRegion{address, size}));
    }
}

RC_GTEST_PROP(FdtReader, SurvivesDamage, ()) {
    RandomTree const tree{*rc::gen::arbitrary<u64>()};
    auto bytes = test::write_ours(tree);
    for (auto const& [place, value] : *rc::gen::container<std::vector<std::pair<u32, u8>>>(
             rc::gen::pair(rc::gen::arbitrary<u32>(), rc::gen::arbitrary<u8>())))
        bytes[place % bytes.size()] = value;
    auto const damaged = FdtReader::open(bytes);
    if (!damaged) return;
    FdtWalk walk{damaged.value()};
    usize sum = 0;
    while (walk.next()) {
        walk.node().for_each_property([&](FdtProperty const& p) { sum += p.bytes.size() + p.name.size(); });
        if (auto const region = walk.reg()) sum += region->size;
    }
    RC_ASSERT(sum + 1 != 0);
}

}  // namespace
}  // namespace antler::abi
