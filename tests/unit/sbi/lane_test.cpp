// The ecall lane and the table of services say the same wherever the lane answers.
#include <gtest/gtest.h>

#include <random>

#include "abi/sbi_lane.hpp"
#include "hart/csr.hpp"
#include "hart/lane_fence.hpp"
#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::IpiFid;
using abi::sbi::RfenceFid;

u64 likely(std::mt19937_64& random) {
    u64 const values[] = {0, 1, 2, 3, 4, 8, 15, 4095, 4096, 4097, 0x8000'0000, ~u64{0}, ~u64{0} - 4095};
    return random() % 8 == 0 ? random() : values[random() % std::size(values)];
}

// What hart/lane.cpp does with the answers, over the fake hart.
std::optional<Guest::Answer> lane(u32 self, u32 harts, u64 extension, u64 function,
                                  std::vector<u64> const& a) {
    if (extension == static_cast<u64>(Eid::ipi)) {
        if (function != 0 || !abi::sbi::targets_only(self, harts, a[0], a[1])) return std::nullopt;
        return Guest::success();
    }
    if (extension == static_cast<u64>(Eid::rfence)) {
        if (!abi::sbi::targets_only(self, harts, a[0], a[1])) return std::nullopt;
        if (hart::lane_fence(function, a[2], a[3], a[4])) return Guest::success();
        return std::nullopt;
    }
    auto const value = abi::sbi::base_constant(function);
    if (value == 0) return std::nullopt;
    return Guest::success(value);
}

// The page and the bits of the ASID are what counts.   [norm:sfence_vma_rs2_bits]
std::vector<fake::Fence> in_effect(std::vector<fake::Fence> fences) {
    for (auto& fence : fences) {
        if (fence.address) *fence.address &= ~u64{4095};
        if (fence.identifier) *fence.identifier &= 0xffff;
    }
    return fences;
}

class Lane : public testing::TestWithParam<u32> {};

TEST_P(Lane, SaysWhatTheTableSays) {
    RecordProperty("rules", "norm:sfence_vma_rs2_bits");
    Guest guest{{.vcpus = GetParam()}};
    std::mt19937_64 random{GetParam()};
    u32 answered = 0;
    for (int round = 0; round < 20'000; ++round) {
        Eid const extensions[] = {Eid::base, Eid::ipi, Eid::rfence};
        auto const extension = static_cast<u64>(extensions[random() % 3]);
        u64 const function = random() % 4 == 0 ? random() : random() % 4;
        std::vector<u64> const arguments{likely(random), likely(random), likely(random), likely(random),
                                         likely(random)};
        fake::hart().fences.clear();
        auto const quick = lane(0, GetParam(), extension, function, arguments);
        if (!quick) continue;
        ++answered;
        auto const fences = in_effect(fake::hart().fences);
        fake::hart().fences.clear();
        fake::outside().ipis.clear();
        ASSERT_EQ(Guest::call_from(guest.vcpu(), extension, function, arguments), *quick)
            << std::hex << extension << " " << function;
        ASSERT_EQ(in_effect(fake::hart().fences), fences);
        ASSERT_TRUE(fake::outside().ipis.empty());
        for (u32 id = 1; id < GetParam(); ++id) ASSERT_EQ(guest.vcpu(id).requests.load(), 0U);
        bool const ipi = extension == static_cast<u64>(Eid::ipi);
        ASSERT_EQ(guest.vcpu().requests.load() != 0, ipi);
        guest.core(0).serve_inbox();
        ASSERT_EQ(hart::csr::hvip::read_raw(), ipi ? u64{4} : u64{0});
        hart::csr::hvip::write({});
    }
    EXPECT_GT(answered, 500U);
}

INSTANTIATE_TEST_SUITE_P(OfAnyNumberOfHarts, Lane, testing::Values(1U, 2U, 5U, 64U));

}  // namespace
}  // namespace antler::sbi
