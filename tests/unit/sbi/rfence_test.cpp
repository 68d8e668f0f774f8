// Remote fences: who executes what, and when the call returns.
#include <gtest/gtest.h>

#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::RfenceFid;
using Kind = fake::Fence::Kind;
using Fences = std::vector<fake::Fence>;

constexpr u64 page = 4096;

TEST(SbiRfence, OnOneselfIsExecutedAtOnce) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_fence_i, {1, 0}), Guest::success());
    EXPECT_EQ(fake::hart().fences, (Fences{{Kind::instructions, {}, {}}}));
}

TEST(SbiRfence, OfARangeNamesEachPageThatItTouches) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 0, 5 * page + 8, page}),
              Guest::success());
    EXPECT_EQ(fake::hart().fences,
              (Fences{{Kind::guest_virtual, 5 * page, {}}, {Kind::guest_virtual, 6 * page, {}}}));
}

TEST(SbiRfence, OfAnAddressSpaceNamesIt) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma_asid, {1, 0, page, page, 42}),
              Guest::success());
    EXPECT_EQ(fake::hart().fences, (Fences{{Kind::guest_virtual, page, 42}}));
    fake::hart().fences.clear();
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma_asid, {1, 0, 0, 0, 42}), Guest::success());
    EXPECT_EQ(fake::hart().fences, (Fences{{Kind::guest_virtual, {}, 42}}));
}

TEST(SbiRfence, OfAnAddressSpaceGoesByTheBitsThatItsNumberHas) {
    RecordProperty("rules", "norm:hfence-vvma_asid");
    Guest guest;
    u64 const asid = 42 | u64{0xabc} << 16;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma_asid, {1, 0, page, page, asid}),
              Guest::success());
    EXPECT_EQ(fake::hart().fences, (Fences{{Kind::guest_virtual, page, 42}}));
}

TEST(SbiRfence, OfEverythingHasTwoSpellings) {
    for (auto const& [start, size] : {std::pair<u64, u64>{0, 0}, {0, ~u64{0}}, {0x1234, ~u64{0}}}) {
        Guest guest;
        EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 0, start, size}),
                  Guest::success());
        EXPECT_EQ(fake::hart().fences, (Fences{{Kind::guest_virtual, {}, {}}}));
    }
}

TEST(SbiRfence, OfAHugeRangeIsOneWholeFence) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 0, page, u64{1} << 38}),
              Guest::success());
    EXPECT_EQ(fake::hart().fences, (Fences{{Kind::guest_virtual, {}, {}}}));
}

TEST(SbiRfence, OfNoBytesFencesNothingButChecksItsHarts) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 0, page, 0}), Guest::success());
    EXPECT_TRUE(fake::hart().fences.empty());
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 4, page, 0}),
              Guest::error(Status::invalid_param));
}

TEST(SbiRfence, MayEndWithTheAddressSpaceButNotBeyond) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 0, u64{0} - page, page}),
              Guest::success());
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {1, 0, u64{0} - page, 2 * page}),
              Guest::error(Status::invalid_address));
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma_asid, {1, 0, u64{0} - page, 2 * page, 1}),
              Guest::error(Status::invalid_address));
}

TEST(SbiRfence, OnHartsThatDoNotExistFencesNobody) {
    Guest guest;
    for (auto const function :
         {RfenceFid::remote_fence_i, RfenceFid::remote_sfence_vma, RfenceFid::remote_sfence_vma_asid})
        EXPECT_EQ(guest.call(Eid::rfence, function, {0b1'0001, 0, page, page, 1}),
                  Guest::error(Status::invalid_param));
    EXPECT_TRUE(fake::hart().fences.empty());
}

TEST(SbiRfence, SkipsHartsThatAreStoppedAndAsksThoseThatRun) {
    Guest guest;
    guest.start(1);
    guest.vcpu(1).requests = 0;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {0, ~u64{0}, page, page}),
              Guest::success());
    auto const fence = static_cast<u32>(vm::Request::fence);
    EXPECT_EQ(guest.vcpu(1).requests & fence, fence);
    EXPECT_EQ(guest.vcpu(2).requests & fence, 0U);
    EXPECT_EQ(guest.vcpu(3).requests & fence, 0U);
    auto const queued = guest.vcpu(1).fences.with([](auto& ring) { return ring.pop(); });
    ASSERT_TRUE(queued);
    EXPECT_EQ(queued->kind, vm::GuestFence::Kind::range);
    EXPECT_EQ(queued->start, Gva{page});
    EXPECT_EQ(queued->size, page);
}

TEST(SbiRfence, WaitsForAHartThatIsLoaded) {
    Guest guest;
    guest.start(2);  // its home is hart 0, which serves while it waits
    guest.vcpu(2).loaded = true;
    EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_fence_i, {0b100, 0}), Guest::success());
    EXPECT_EQ(guest.vcpu(2).fences_done.load(), guest.vcpu(2).fences_asked.load());
}

TEST(SbiRfence, MoreFencesThanTheQueueHoldsBecomeOne) {
    Guest guest;
    guest.start(1);
    for (u64 i = 0; i < 40; ++i)
        EXPECT_EQ(guest.call(Eid::rfence, RfenceFid::remote_sfence_vma, {0b10, 0, i * page + page, page}),
                  Guest::success());
    EXPECT_TRUE(guest.vcpu(1).fences_overflowed.load());
    guest.on_hart(1, [&](vm::Core& core) { EXPECT_EQ(&core.settle(), &guest.vcpu(1)); });
    EXPECT_EQ(guest.vcpu(1).fences_done.load(), 40U);
    bool const whole = std::ranges::find(fake::hart().fences, fake::Fence{Kind::guest_virtual, {}, {}}) !=
                       fake::hart().fences.end();
    EXPECT_TRUE(whole);
}

TEST(SbiRfence, OfTheHypervisorExtensionIsNotSupportedForGuestsWithoutIt) {
    Guest guest;
    for (auto const function : {RfenceFid::remote_hfence_gvma_vmid, RfenceFid::remote_hfence_gvma,
                                RfenceFid::remote_hfence_vvma_asid, RfenceFid::remote_hfence_vvma})
        EXPECT_EQ(guest.call(Eid::rfence, function, {1, 0, 0, 0, 0}), Guest::error(Status::not_supported));
}

}  // namespace
}  // namespace antler::sbi
