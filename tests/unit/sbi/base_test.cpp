// The base extension and the dispatcher.
#include <gtest/gtest.h>

#include "abi/sbi_lane.hpp"
#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::BaseFid;

TEST(SbiBase, SaysWhoWeAre) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::base, BaseFid::get_spec_version), Guest::success(0x0300'0000));
    EXPECT_EQ(guest.call(Eid::base, BaseFid::get_impl_id), Guest::success(abi::sbi::implementation_id));
    EXPECT_EQ(guest.call(Eid::base, BaseFid::get_impl_version),
              Guest::success(abi::sbi::implementation_version));
}

TEST(SbiBase, PassesTheBoardsIdsOn) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::base, BaseFid::get_mvendorid), Guest::success(0x489));
    EXPECT_EQ(guest.call(Eid::base, BaseFid::get_marchid), Guest::success(7));
    EXPECT_EQ(guest.call(Eid::base, BaseFid::get_mimpid), Guest::success(9));
}

TEST(SbiBase, ProbesEveryRowOfTheTableAndNothingElse) {
    Guest guest;
    for (auto const& row : extensions())
        EXPECT_EQ(guest.call(Eid::base, BaseFid::probe_extension, {static_cast<u64>(row.id)}),
                  Guest::success(1))
            << row.name;
    for (u64 const id : {0x03ULL, 0x04ULL, 0x09ULL, 0x0fULL, 0x504d55ULL, 0x53555350ULL, 0x0a41'4e54ULL,
                         ~0ULL, 0x1'0000'0010ULL, 0xffff'ffff'0000'0010ULL})
        EXPECT_EQ(guest.call(Eid::base, BaseFid::probe_extension, {id}), Guest::success(0)) << std::hex << id;
}

TEST(Sbi, UnknownExtensionsAndFunctionsAreNotSupported) {
    Guest guest;
    auto const unsupported = Guest::error(Status::not_supported);
    for (u64 const id : {0x03ULL, 0x07ULL, 0x09ULL, 0x504d55ULL, ~0ULL, 1ULL << 63, 0x1'0000'0010ULL})
        EXPECT_EQ(guest.call(id, 0), unsupported) << std::hex << id;
    struct Last {
        Eid extension;
        u64 functions;
    };
    for (auto const [extension, functions] : {Last{Eid::base, 7},
                                              {Eid::time, 1},
                                              {Eid::ipi, 1},
                                              {Eid::rfence, 7},
                                              {Eid::hart_state, 4},
                                              {Eid::system_reset, 1},
                                              {Eid::debug_console, 3}})
        for (u64 const function : {functions, functions + 1, u64{1} << 32, ~u64{0}})
            EXPECT_EQ(guest.call(extension, function), unsupported)
                << static_cast<u64>(extension) << " " << function;
}

// The lane in hart/ answers with these pure functions where it answers at all.
TEST(SbiLane, AgreesWithTheTableAboutBase) {
    Guest guest;
    for (u64 function = 0; function < 16; ++function) {
        auto const lane = abi::sbi::base_constant(function);
        if (lane != 0) EXPECT_EQ(guest.call(Eid::base, function), Guest::success(lane));
    }
}

}  // namespace
}  // namespace antler::sbi
