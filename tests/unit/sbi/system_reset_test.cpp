// A guest that ends its machine.
#include <gtest/gtest.h>

#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::SystemResetFid;

TEST(SbiSystemReset, ShutdownPowersOff) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::system_reset, SystemResetFid::system_reset, {0, 0}).next, Next::stop);
    EXPECT_TRUE(guest.machine().is_ending());
    guest.core(0).serve_inbox();
    EXPECT_TRUE(guest.machine().is_over());
    EXPECT_FALSE(guest.machine().has_crashed());
}

TEST(SbiSystemReset, ShutdownForAFailureIsACrash) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::system_reset, SystemResetFid::system_reset, {0, 1}).next, Next::stop);
    guest.core(0).serve_inbox();
    EXPECT_TRUE(guest.machine().has_crashed());
}

TEST(SbiSystemReset, RebootsAreAskedForInTwoWaysAndEndTheMachine) {
    for (u64 const type : {1, 2})
        for (u64 const reason : {0, 1}) {
            Guest guest;
            EXPECT_EQ(guest.call(Eid::system_reset, SystemResetFid::system_reset, {type, reason}).next,
                      Next::stop);
            EXPECT_TRUE(guest.machine().is_ending());
        }
}

TEST(SbiSystemReset, EndsEveryHartOfTheMachine) {
    Guest guest;
    guest.start(1);
    EXPECT_EQ(guest.call(Eid::system_reset, SystemResetFid::system_reset, {0, 0}).next, Next::stop);
    guest.core(0).serve_inbox();
    EXPECT_FALSE(guest.machine().is_over());
    guest.on_hart(1, [](vm::Core& core) { core.serve_inbox(); });
    EXPECT_TRUE(guest.machine().is_over());
    for (u32 id = 0; id < 4; ++id) EXPECT_EQ(guest.vcpu(id).hart_state.load(), HartState::stopped);
}

TEST(SbiSystemReset, ReservedTypesAndReasonsAreRefused) {
    Guest guest;
    for (u64 const type : {0x3ULL, 0xefff'ffffULL, 0xf000'0000ULL, 0xffff'ffffULL})
        EXPECT_EQ(guest.call(Eid::system_reset, SystemResetFid::system_reset, {type, 0}),
                  Guest::error(Status::invalid_param));
    for (u64 const reason : {0x2ULL, 0xdfff'ffffULL, 0xe000'0000ULL, 0xf000'0000ULL, 0xffff'ffffULL})
        EXPECT_EQ(guest.call(Eid::system_reset, SystemResetFid::system_reset, {0, reason}),
                  Guest::error(Status::invalid_param));
    EXPECT_FALSE(guest.machine().is_ending());
}

}  // namespace
}  // namespace antler::sbi
