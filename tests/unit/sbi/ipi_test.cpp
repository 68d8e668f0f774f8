// Interrupts between the harts of a VM.
#include <gtest/gtest.h>

#include "hart/csr.hpp"
#include "sbi/ipi.hpp"
#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::IpiFid;

constexpr u64 software_pending = u64{1} << 2;  // hvip.VSSIP

u32 asked(vm::Vcpu const& vcpu) {
    return vcpu.requests.load();
}
constexpr auto software = static_cast<u32>(vm::Request::software_interrupt);

TEST(SbiIpi, ReachesExactlyTheHartsThatAreNamed) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::ipi, IpiFid::send_ipi, {0b101, 1}), Guest::success());
    EXPECT_EQ(asked(guest.vcpu(0)) & software, 0U);
    EXPECT_EQ(asked(guest.vcpu(1)) & software, software);
    EXPECT_EQ(asked(guest.vcpu(2)) & software, 0U);
    EXPECT_EQ(asked(guest.vcpu(3)) & software, software);
    // One interrupt for the other hart each time its inbox was empty of that vCPU; none for ourselves.
    EXPECT_EQ(fake::outside().ipis, (std::vector<u32>{1, 1}));
}

TEST(SbiIpi, ToOneselfIsPendingBeforeTheGuestRunsAgain) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::ipi, IpiFid::send_ipi, {1, 0}), Guest::success());
    EXPECT_EQ(&guest.core(0).settle(), &guest.vcpu());
    EXPECT_EQ(hart::csr::hvip::read_raw() & software_pending, software_pending);
    EXPECT_TRUE(fake::outside().ipis.empty());
}

TEST(SbiIpi, ToAllReachesAllWhateverTheMaskSays) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::ipi, IpiFid::send_ipi, {0, ~u64{0}}), Guest::success());
    for (u32 id = 0; id < 4; ++id) EXPECT_EQ(asked(guest.vcpu(id)) & software, software) << id;
}

TEST(SbiIpi, ToAHartThatDoesNotExistReachesNobody) {
    Guest guest;
    for (auto const& [mask, base] : {std::pair<u64, u64>{0b1'0001, 0}, {1, 4}, {0b10, 3}, {1, ~u64{0} - 1}})
        EXPECT_EQ(guest.call(Eid::ipi, IpiFid::send_ipi, {mask, base}), Guest::error(Status::invalid_param));
    for (u32 id = 0; id < 4; ++id) EXPECT_EQ(asked(guest.vcpu(id)) & software, 0U) << id;
}

TEST(SbiIpi, ToNobodySucceeds) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::ipi, IpiFid::send_ipi, {0, 77}), Guest::success());
    EXPECT_TRUE(fake::outside().ipis.empty());
}

// What quick_send() takes it does as handle() would; the rest it leaves as it was.
TEST(SbiIpi, GoesTheShortWayOnlyWhereNothingIsToBeRefused) {
    Guest guest;
    auto& caller = guest.vcpu();
    auto const before = caller.pc;
    auto const ask = [&](u64 extension, u64 function, u64 mask, u64 base) {
        caller.x[17] = extension, caller.x[16] = function, caller.x[10] = mask, caller.x[11] = base;
        return ipi::quick_send(caller, [](vm::Vcpu&) {});
    };
    auto const eid = static_cast<u64>(Eid::ipi);
    EXPECT_FALSE(ask(eid, 1, 0b10, 0));
    EXPECT_FALSE(ask(eid + 1, 0, 0b10, 0));
    EXPECT_FALSE(ask(eid, 0, 0b1'0000, 0));
    EXPECT_EQ(asked(guest.vcpu(1)) & software, 0U);
    EXPECT_EQ(caller.pc, before);
    EXPECT_EQ(caller.x[10], 0b1'0000U);

    EXPECT_TRUE(ask(eid, 0, 0b11, 1));
    EXPECT_EQ(asked(guest.vcpu(1)) & software, software);
    EXPECT_EQ(asked(guest.vcpu(2)) & software, software);
    EXPECT_EQ(asked(guest.vcpu(3)) & software, 0U);
    EXPECT_EQ(caller.pc, before + 4);
    EXPECT_EQ(caller.x[10], 0U);
    EXPECT_EQ(caller.x[11], 0U);
}

}  // namespace
}  // namespace antler::sbi
