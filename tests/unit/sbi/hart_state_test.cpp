// Virtual harts that start, stop, sleep and say so.
#include <gtest/gtest.h>

#include "hart/csr.hpp"
#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::HartStateFid;

constexpr u64 code = Guest::code;
constexpr u64 retentive = 0;
constexpr u64 non_retentive = 0x8000'0000;

Guest::Answer status(Guest& guest, u64 id) {
    return guest.call(Eid::hart_state, HartStateFid::hart_get_status, {id});
}
Guest::Answer state(HartState s) {
    return Guest::success(static_cast<u64>(s));
}

TEST(SbiHartState, StartIsPendingUntilTheOtherHartBeginsIt) {
    Guest guest;
    EXPECT_EQ(status(guest, 1), state(HartState::stopped));
    EXPECT_EQ(guest.call(Eid::hart_state, HartStateFid::hart_start, {1, code + 0x200, 77}), Guest::success());
    EXPECT_EQ(status(guest, 1), state(HartState::start_pending));
    EXPECT_EQ(fake::outside().ipis, std::vector<u32>{1});
    guest.on_hart(1, [&](vm::Core& core) { EXPECT_EQ(&core.settle(), &guest.vcpu(1)); });
    EXPECT_EQ(status(guest, 1), state(HartState::started));
    EXPECT_EQ(guest.vcpu(1).pc, code + 0x200);
    EXPECT_EQ(guest.vcpu(1).x[10], 1U);  // its hart id
    EXPECT_EQ(guest.vcpu(1).x[11], 77U);
    EXPECT_EQ(guest.vcpu(1).csrs.vsatp, 0U);
}

TEST(SbiHartState, StartRefusesWhatIsNotThereOrAlreadyThere) {
    Guest guest;
    auto const start = [&](u64 id, u64 at) {
        return guest.call(Eid::hart_state, HartStateFid::hart_start, {id, at, 0});
    };
    EXPECT_EQ(start(4, code), Guest::error(Status::invalid_param));
    EXPECT_EQ(start(~u64{0}, code), Guest::error(Status::invalid_param));
    EXPECT_EQ(start(u64{1} << 32, code), Guest::error(Status::invalid_param));
    for (u64 const at :
         {u64{0}, u64{0x1000'0000}, code - 2, code + Guest::memory_bytes, code + 1, ~u64{0}, ~u64{1}})
        EXPECT_EQ(start(1, at), Guest::error(Status::invalid_address)) << std::hex << at;
    EXPECT_EQ(status(guest, 1), state(HartState::stopped));
    EXPECT_EQ(start(0, code), Guest::error(Status::already_available));  // oneself
    EXPECT_EQ(start(1, code + Guest::memory_bytes - 2), Guest::success());
    EXPECT_EQ(start(1, code), Guest::error(Status::already_available));  // while pending
}

TEST(SbiHartState, StopEndsTheCallerAndItCanStartAgain) {
    Guest guest;
    guest.start(1);
    EXPECT_EQ(guest.call(Eid::hart_state, HartStateFid::hart_stop).next, Next::stop);
    EXPECT_EQ(guest.vcpu().hart_state.load(), HartState::stopped);
    EXPECT_FALSE(guest.machine().is_ending());
    EXPECT_EQ(guest.machine().start_hart(0, {.pc = code, .opaque = 5}), Status::success);
    EXPECT_EQ(&guest.core(0).settle(), &guest.vcpu());
    EXPECT_EQ(guest.vcpu().x[11], 5U);
}

TEST(SbiHartState, TheLastHartToStopPowersTheMachineOff) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::hart_state, HartStateFid::hart_stop).next, Next::stop);
    EXPECT_TRUE(guest.machine().is_over());
    EXPECT_FALSE(guest.machine().has_crashed());
    EXPECT_EQ(fake::outside().machines_gone, 1U);
}

TEST(SbiHartState, StatusOfAHartThatDoesNotExistIsAnError) {
    Guest guest;
    EXPECT_EQ(status(guest, 0), state(HartState::started));
    EXPECT_EQ(status(guest, 4), Guest::error(Status::invalid_param));
    EXPECT_EQ(status(guest, ~u64{0}), Guest::error(Status::invalid_param));
}

TEST(SbiHartState, RetentiveSuspendReturnsWithEverythingKept) {
    Guest guest;
    auto& caller = guest.vcpu();
    caller.pc = code + 0x40;
    auto const suspended = guest.call(Eid::hart_state, HartStateFid::hart_suspend, {retentive, 0, 0});
    EXPECT_EQ(suspended, (Guest::Answer{Next::block, Status::success, 0}));
    EXPECT_EQ(caller.hart_state.load(), HartState::suspended);
    auto const before = caller.x;
    guest.core(0).block(caller);
    EXPECT_EQ(caller.place, vm::Vcpu::Place::blocked);
    caller.signal(vm::Request::software_interrupt);
    EXPECT_EQ(&guest.core(0).settle(), &caller);
    EXPECT_EQ(caller.hart_state.load(), HartState::started);
    EXPECT_EQ(caller.x, before);
    EXPECT_EQ(caller.pc, code + 0x40);
}

TEST(SbiHartState, NonRetentiveSuspendBeginsAgainWithItsInterruptPending) {
    Guest guest;
    auto& caller = guest.vcpu();
    auto const answer =
        guest.call(Eid::hart_state, HartStateFid::hart_suspend, {non_retentive, code + 0x300, 0xabc});
    EXPECT_EQ(answer.next, Next::block);
    guest.core(0).block(caller);
    EXPECT_EQ(caller.hart_state.load(), HartState::suspended);
    caller.signal(vm::Request::software_interrupt);
    EXPECT_EQ(&guest.core(0).settle(), &caller);
    EXPECT_EQ(caller.hart_state.load(), HartState::started);
    EXPECT_EQ(caller.pc, code + 0x300);
    EXPECT_EQ(caller.x[10], 0U);
    EXPECT_EQ(caller.x[11], 0xabcU);
    EXPECT_EQ(hart::csr::hvip::read_raw() & 4, 4U);  // VSSIP: what woke it must be seen
    EXPECT_EQ(hart::csr::vsatp::read_raw(), 0U);
}

TEST(SbiHartState, SuspendWithAnInterruptPendingDoesNotSleep) {
    Guest guest;
    auto& caller = guest.vcpu();
    hart::csr::hvip::set_bits(4);
    EXPECT_EQ(guest.call(Eid::hart_state, HartStateFid::hart_suspend, {retentive, 0, 0}).next, Next::block);
    guest.core(0).block(caller);
    EXPECT_EQ(&guest.core(0).settle(), &caller);
    EXPECT_EQ(caller.hart_state.load(), HartState::started);
    EXPECT_EQ(fake::hart().waits, 0U);
}

TEST(SbiHartState, SuspendTakesTheLowHalfOfItsType) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::hart_state, HartStateFid::hart_suspend, {0xffff'ffff'8000'0000, code, 0}).next,
              Next::block);
}

TEST(SbiHartState, SuspendRefusesReservedTypesAndBadAddresses) {
    Guest guest;
    auto const suspend = [&](u64 type, u64 at) {
        return guest.call(Eid::hart_state, HartStateFid::hart_suspend, {type, at, 0});
    };
    for (u64 const type : {0x1ULL, 0x0fff'ffffULL, 0x1000'0000ULL, 0x7fff'ffffULL, 0x8000'0001ULL,
                           0x8fff'ffffULL, 0x9000'0000ULL, 0xffff'ffffULL})
        EXPECT_EQ(suspend(type, code), Guest::error(Status::invalid_param)) << std::hex << type;
    for (u64 const at : {u64{0}, code + 1, code + Guest::memory_bytes})
        EXPECT_EQ(suspend(non_retentive, at), Guest::error(Status::invalid_address)) << std::hex << at;
    EXPECT_EQ(guest.vcpu().hart_state.load(), HartState::started);
    EXPECT_FALSE(guest.vcpu().restarts_on_wake);
}

}  // namespace
}  // namespace antler::sbi
