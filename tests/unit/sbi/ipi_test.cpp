// Interrupts between the harts of a VM.
#include <gtest/gtest.h>

#include "hart/csr.hpp"
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

}  // namespace
}  // namespace antler::sbi
