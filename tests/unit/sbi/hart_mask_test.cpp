// Which harts a mask names, against the text read literally, and against the lane's shorter question.
#include "sbi/hart_mask.hpp"

#include <gtest/gtest.h>

#include <random>

#include "abi/sbi_lane.hpp"

namespace antler::sbi {
namespace {

// Bit by bit, as the binary encoding's chapter says it.
std::optional<HartSet> literally(u32 count, u64 mask, u64 base) {
    HartSet set;
    for (u32 id = 0; base == ~u64{0} && id < count; ++id) set.bits |= u64{1} << id;
    if (base == ~u64{0}) return set;
    for (u32 bit = 0; bit < 64; ++bit) {
        if ((mask >> bit & 1) == 0) continue;
        auto const id = static_cast<unsigned __int128>(base) + bit;
        if (id >= count) return std::nullopt;
        set.bits |= u64{1} << static_cast<u32>(id);
    }
    return set;
}

TEST(HartMask, MeansWhatTheTextSaysForRandomCalls) {
    std::mt19937_64 random{1};
    for (int i = 0; i < 200'000; ++i) {
        auto const count = static_cast<u32>(random() % 64) + 1;
        u64 const bases[] = {0, 1, random() % 70, random(), ~u64{0}, ~u64{0} - random() % 70};
        u64 const masks[] = {0,      1, random(), random() & random() & random(), u64{1} << random() % 64,
                             ~u64{0}};
        auto const base = bases[random() % std::size(bases)];
        auto const mask = masks[random() % std::size(masks)];
        auto const set = harts_of(count, mask, base);
        ASSERT_EQ(set, literally(count, mask, base)) << count << " " << mask << " " << base;
        auto const self = static_cast<u32>(random() % count);
        bool const alone = set && set->bits == u64{1} << self;
        ASSERT_EQ(abi::sbi::targets_only(self, count, mask, base), alone)
            << self << " " << count << " " << mask << " " << base;
    }
}

TEST(HartMask, IsWalkedUpwards) {
    std::vector<u32> met;
    HartSet{0x8000'0000'0000'0015}.each([&](u32 id) { met.push_back(id); });
    EXPECT_EQ(met, (std::vector<u32>{0, 2, 4, 63}));
}

}  // namespace
}  // namespace antler::sbi
