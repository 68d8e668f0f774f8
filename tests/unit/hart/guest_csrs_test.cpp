// The world switch's CSR half, and what a probe finds, over the fake register file.
#include "hart/guest_csrs.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "hart/csr.hpp"
#include "hart/probe.hpp"
#include "tests/fake/hart.hpp"

namespace antler::hart {
namespace {

constexpr CsrSet everything{.henvcfg = true, .sstc = true, .stateen = true};
constexpr usize words = sizeof(GuestCsrs) / sizeof(u64);

GuestCsrs different_in_each() {
    std::array<u64, words> raw{};
    for (usize i = 0; i < words; ++i) raw[i] = 0x1111'0000 + i;
    GuestCsrs csrs;
    std::memcpy(static_cast<void*>(&csrs), raw.data(), sizeof csrs);
    return csrs;
}

TEST(GuestCsrs, ComeBackAsTheyWentIn) {
    fake::reset_hart();
    auto const before = different_in_each();
    load_guest_csrs(before, everything);
    auto after = before;
    after.vsstatus = after.vsatp = after.hvip = 0;
    save_guest_csrs(after, everything);
    EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
}

TEST(GuestCsrs, EachGoesToItsOwnRegister) {
    fake::reset_hart();
    load_guest_csrs(different_in_each(), everything);
    std::map<u64, int> seen;
    for (auto const& [number, value] : fake::hart().csrs) ++seen[value];
    EXPECT_EQ(seen.size(), words - 1);  // vsiselect is the business of those who have an interrupt file
    for (auto const& [value, times] : seen) EXPECT_EQ(times, 1) << std::hex << value;
}

TEST(GuestCsrs, WhatTheHartHasNotIsNotTouched) {
    fake::reset_hart();
    auto csrs = different_in_each();
    load_guest_csrs(csrs, {});
    save_guest_csrs(csrs, {});
    for (u16 const number : {csr::henvcfg::number, csr::senvcfg::number, csr::vstimecmp::number,
                             csr::hstateen0::number, csr::sstateen0::number})
        EXPECT_FALSE(fake::hart().csrs.contains(number)) << std::hex << number;
    EXPECT_EQ(csrs.vstimecmp, different_in_each().vstimecmp);
}

TEST(GuestCsrs, WhatIsGrantedIsNotReadBackFromTheHart) {
    fake::reset_hart();
    auto csrs = different_in_each();
    save_guest_csrs(csrs, everything);
    auto const before = different_in_each();
    EXPECT_EQ(csrs.henvcfg, before.henvcfg);
    EXPECT_EQ(csrs.hcounteren, before.hcounteren);
    EXPECT_EQ(csrs.hstateen0, before.hstateen0);
    EXPECT_EQ(csrs.htimedelta, before.htimedelta);
}

TEST(Probe, LeavesEveryRegisterAsItWas) {
    fake::reset_hart();
    for (u16 const number : {csr::hgatp::number, csr::vsatp::number, csr::henvcfg::number, csr::hgeie::number,
                             csr::hcounteren::number})
        fake::hart().csrs[number] = 0x55 + number;
    auto const before = fake::hart().csrs;
    isa::Features told{};
    told.d = true;
    auto const found = probe(told);
    for (auto const& [number, value] : before)
        EXPECT_EQ(fake::hart().csrs[number], value) << std::hex << number;
    // A register file that keeps everything has everything that registers tell ...
    EXPECT_TRUE(found.h && found.sv39x4 && found.sv57x4 && found.sv39 && found.sstc && found.hstateen);
    EXPECT_EQ(found.vmid_bits, 14);
    EXPECT_EQ(found.asid_bits, 16);
    EXPECT_EQ(found.geilen, 64);
    EXPECT_TRUE(found.f && found.d);
    // ... and nothing of what only the device tree can tell.
    EXPECT_FALSE(found.v || found.aia || found.zicboz || found.zicbom);
}

}  // namespace
}  // namespace antler::hart
