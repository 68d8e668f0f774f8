// The writer of device trees: libfdt and dtc read what it writes, and its errors are kept until the end.
#include "abi/fdt_writer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "abi/fdt_reader.hpp"
#include "random_tree.hpp"

namespace antler::abi {
namespace {

using test::RandomTree;
using test::TreeNode;

void expect_reads_back(void const* fdt, int offset, TreeNode const& node) {
    int length = 0;
    char const* const name = fdt_get_name(fdt, offset, &length);
    RC_ASSERT(node.name == name);
    int at = fdt_first_property_offset(fdt, offset);
    for (auto const& [wanted, value] : node.properties) {
        RC_ASSERT(at >= 0);
        char const* found = nullptr;
        auto const* const bytes = static_cast<u8 const*>(fdt_getprop_by_offset(fdt, at, &found, &length));
        RC_ASSERT(wanted == found);
        RC_ASSERT(std::vector<u8>(bytes, bytes + length) == value);
        at = fdt_next_property_offset(fdt, at);
    }
    RC_ASSERT(at == -FDT_ERR_NOTFOUND);
    int child = fdt_first_subnode(fdt, offset);
    for (auto const& each : node.children) {
        RC_ASSERT(child >= 0);
        expect_reads_back(fdt, child, each);
        child = fdt_next_subnode(fdt, child);
    }
    RC_ASSERT(child == -FDT_ERR_NOTFOUND);
}

RC_GTEST_PROP(FdtWriter, IsReadBackByLibfdt, ()) {
    RandomTree const tree{*rc::gen::arbitrary<u64>()};
    auto const bytes = test::write_ours(tree);
    RC_ASSERT(!bytes.empty());
    RC_ASSERT(fdt_check_full(bytes.data(), bytes.size()) == 0);
    expect_reads_back(bytes.data(), 0, tree.root);
    RC_ASSERT(fdt_num_mem_rsv(bytes.data()) == static_cast<int>(tree.reservations.size()));
    RC_ASSERT(FdtReader::open(bytes).ok());
}

RC_GTEST_PROP(FdtWriter, NeedsNoByteMoreThanTheTreeAndFailsWithOneLess, ()) {
    RandomTree const tree{*rc::gen::arbitrary<u64>()};
    auto const bytes = test::write_ours(tree);
    RC_ASSERT(test::write_ours(tree, bytes.size()) == bytes);
    RC_ASSERT(test::write_ours(tree, bytes.size() - 1).empty());
    RC_ASSERT(test::write_ours(tree, *rc::gen::inRange<usize>(0, bytes.size())).empty());
}

TEST(FdtWriter, WritesEachKindOfValue) {
    std::vector<u8> buffer(1024);
    FdtWriter w{buffer};
    w.begin_node("");
    w.cell("cell", 0x01020304);
    w.wide("wide", 0x0102030405060708);
    w.texts("texts", {"a", "", "bc"});
    w.flag("flag");
    auto const space = w.space("space", 3);
    w.begin_node("node", 0);
    w.end_node();
    w.begin_node("node", 0xffff'ffff'ffff'ffff);
    w.end_node();
    w.end_node();
    ASSERT_EQ(space.size(), 3u);
    space[2] = 7;
    auto const bytes = w.finish();
    ASSERT_TRUE(bytes);
    auto const tree = FdtReader::open(bytes.value()).value();
    EXPECT_EQ(tree.root().number("cell"), 0x01020304u);
    EXPECT_EQ(tree.root().number("wide"), 0x0102030405060708u);
    EXPECT_TRUE(tree.root().property("texts")->lists("bc"));
    EXPECT_EQ(tree.root().property("texts")->bytes.size(), 6u);
    EXPECT_EQ(tree.root().property("flag")->bytes.size(), 0u);
    EXPECT_EQ(tree.root().property("space")->bytes[2], 7);
    EXPECT_TRUE(tree.find("/node@0"));
    EXPECT_TRUE(tree.find("/node@ffffffffffffffff"));
}

template <class Body>
Error error_of(Body&& body) {
    std::vector<u8> buffer(1024);
    FdtWriter w{buffer};
    body(w);
    auto const result = w.finish();
    return result ? Error::io : result.error();
}

TEST(FdtWriter, KeepsTheFirstError) {
    EXPECT_EQ(error_of([](FdtWriter&) {}), Error::bad_state);                       // no root
    EXPECT_EQ(error_of([](FdtWriter& w) { w.begin_node(""); }), Error::bad_state);  // left open
    EXPECT_EQ(error_of([](FdtWriter& w) { w.end_node(); }), Error::bad_state);
    EXPECT_EQ(error_of([](FdtWriter& w) { w.cell("a", 1); }), Error::bad_state);
    auto const in_root = [](auto body) {
        return error_of([&](FdtWriter& w) {
            w.begin_node("");
            body(w);
            w.end_node();
        });
    };
    EXPECT_EQ(in_root([](FdtWriter& w) { w.begin_node("x"), w.end_node(), w.flag("late"); }),
              Error::bad_state);
    EXPECT_EQ(in_root([](FdtWriter& w) { w.begin_node("a/b"), w.end_node(); }), Error::bad_format);
    EXPECT_EQ(in_root([](FdtWriter& w) { w.flag(""); }), Error::bad_format);
    EXPECT_EQ(in_root([](FdtWriter& w) { w.text("a", {"x\0y", 3}); }), Error::bad_format);
    EXPECT_EQ(in_root([](FdtWriter& w) { w.reserve(1, 1); }), Error::bad_state);
    EXPECT_EQ(in_root([](FdtWriter& w) { (void)w.space("big", ~usize{0}), w.flag(""); }), Error::full);
    EXPECT_EQ(in_root([](FdtWriter& w) { w.end_node(), w.begin_node("second"); }), Error::bad_state);
}

TEST(FdtWriter, RefusesABufferThatHoldsNoHeader) {
    for (usize size = 0; size < 64; ++size) {
        std::vector<u8> buffer(size);
        FdtWriter w{buffer};
        w.begin_node("");
        w.end_node();
        EXPECT_FALSE(w.finish()) << size;
    }
}

}  // namespace
}  // namespace antler::abi
