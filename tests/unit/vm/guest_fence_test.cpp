// A guest's fences become this hart's, and no work is unbounded.
#include "vm/guest_fence.hpp"

#include <gtest/gtest.h>

#include "tests/fake/hart.hpp"

namespace antler::vm {
namespace {

using fake::Fence;
using Kind = GuestFence::Kind;

std::vector<Fence> executed(GuestFence const& fence) {
    fake::reset_hart();
    execute(fence);
    return fake::hart().fences;
}

TEST(GuestFence, OfARangeIsOneForEachPageItTouches) {
    RecordProperty("rules", "norm:sfence_vma_va_all_asid norm:sfence_vma_va_asid");
    constexpr auto virtual_ = Fence::Kind::guest_virtual;
    EXPECT_EQ(executed({Kind::range, 0, Gva{0x1ffe}, 4}),
              (std::vector{Fence{virtual_, 0x1000, {}}, Fence{virtual_, 0x2000, {}}}));
    EXPECT_EQ(executed({Kind::range_of_space, 5, Gva{0x1000}, 0x1000}),
              (std::vector{Fence{virtual_, 0x1000, 5}}));
    EXPECT_EQ(executed({Kind::range, 0, Gva{~u64{0} - 4095}, 4096}),
              (std::vector{Fence{virtual_, ~u64{0} - 4095, {}}}));
    EXPECT_TRUE(executed({Kind::range, 0, Gva{0x1000}, 0}).empty());
}

TEST(GuestFence, OfMuchIsOneOfEverything) {
    constexpr auto virtual_ = Fence::Kind::guest_virtual;
    EXPECT_EQ(executed({Kind::range, 0, Gva{0x1000}, u64{64} * 4096}).size(), 64U);
    for (auto const& [start, size] : {std::pair<u64, u64>{0x1000, u64{64} * 4096 + 1},
                                      {0x1001, u64{64} * 4096},
                                      {0, ~u64{0}},
                                      {~u64{0}, ~u64{0}}}) {
        EXPECT_EQ(executed({Kind::range, 0, Gva{start}, size}), (std::vector{Fence{virtual_, {}, {}}}));
        EXPECT_EQ(executed({Kind::range_of_space, 7, Gva{start}, size}),
                  (std::vector{Fence{virtual_, {}, 7}}));
    }
}

TEST(GuestFence, OfTheOtherKindsIsWhatItSays) {
    EXPECT_EQ(executed({Kind::instructions, 0, {}, 0}),
              (std::vector{Fence{.kind = Fence::Kind::instructions}}));
    EXPECT_EQ(executed({Kind::all, 0, {}, 0}), (std::vector{Fence{.kind = Fence::Kind::guest_virtual}}));
    EXPECT_EQ(executed({Kind::address_space, 9, {}, 0}),
              (std::vector{Fence{Fence::Kind::guest_virtual, {}, 9}}));
}

}  // namespace
}  // namespace antler::vm
