// VMIDs: generations, roll-over, and harts without any.
#include "memory/tags.hpp"

#include <gtest/gtest.h>

#include <set>

namespace antler::memory {
namespace {

class TagsOf : public testing::TestWithParam<u8> {};
INSTANTIATE_TEST_SUITE_P(Bits, TagsOf, testing::Values(1, 2, 7, 14));

TEST_P(TagsOf, NoNumberIsDealtTwiceInAGeneration) {
    RecordProperty("rules", "norm:hgatp_vmid_lsbs norm:asid_hart_private");
    Tags tags{GetParam()};
    std::set<u64> seen;
    for (u32 i = 0; i < 3u << GetParam(); ++i) {
        std::atomic<u64> tag = 0;
        u32 changed = 0;
        tags.renew(tag, [&] { ++changed; });
        EXPECT_EQ(changed, 1u);
        EXPECT_TRUE(seen.insert(tag.load()).second);
        EXPECT_LT(Tag{tag.load()}.vmid(), 1u << GetParam());
        EXPECT_TRUE(tags.is_current(Tag{tag.load()}));
    }
    EXPECT_GE(tags.generation(), 3u);
}

TEST(Tags, ATagOfAnOldGenerationIsNotCurrent) {
    Tags tags{2};
    std::atomic<u64> first = 0;
    tags.renew(first, [] {});
    for (int i = 0; i < 3; ++i) {
        std::atomic<u64> other = 0;
        tags.renew(other, [] {});
    }
    EXPECT_FALSE(tags.is_current(Tag{first.load()}));
    auto const before = first.load();
    tags.renew(first, [] {});
    EXPECT_NE(first.load(), before);
    auto const after = first.load();
    tags.renew(first, [] { FAIL() << "a current tag stays"; });
    EXPECT_EQ(first.load(), after);
}

TEST(Tags, WithoutVmidBitsEveryEntryFences) {
    RecordProperty("rules", "norm:hgatp_vmid");
    Tags tags{0};
    EXPECT_TRUE(tags.must_always_fence());
    for (int i = 0; i < 5; ++i) {
        std::atomic<u64> tag = 0;
        tags.renew(tag, [] {});
        EXPECT_EQ(Tag{tag.load()}.vmid(), 0u);
        EXPECT_TRUE(tags.is_current(Tag{tag.load()}));
    }
}

TEST(Tags, ZeroIsKeptForBareWhereThereAreOthers) {
    RecordProperty("rules", "norm:hfence-gvma_mode");
    Tags tags{3};
    for (int i = 0; i < 20; ++i) {
        std::atomic<u64> tag = 0;
        tags.renew(tag, [] {});
        EXPECT_NE(Tag{tag.load()}.vmid(), 0u);
    }
}

TEST(Tags, GscidsAreUniqueWhileTheyLive) {
    Tags tags{14};
    std::set<u16> live;
    while (auto const gscid = tags.take_gscid()) {
        EXPECT_NE(gscid.value(), 0u);
        EXPECT_TRUE(live.insert(gscid.value()).second);
    }
    EXPECT_EQ(live.size(), 511u);
    tags.give_back_gscid(77);
    EXPECT_EQ(tags.take_gscid().value(), 77u);
}

}  // namespace
}  // namespace antler::memory
