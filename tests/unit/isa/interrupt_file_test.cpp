// The registers of an interrupt file do what the AIA manual says of them.
#include "isa/interrupt_file.hpp"

#include <gtest/gtest.h>

namespace antler::isa {
namespace {

using namespace interrupt_file;

constexpr u16 eip_of(u32 identity) {
    return of<Xlen::rv64>(eip0, identity);
}
constexpr u16 eie_of(u32 identity) {
    return of<Xlen::rv64>(eie0, identity);
}

struct File : InterruptFile {
    explicit File(u32 identities = 255) : InterruptFile{identities} { write(eidelivery, 1); }
    void enable(u32 identity) {
        auto const select = eie_of(identity);
        write(select, *read(select) | u64{1} << identity % 64);
    }
};

TEST(InterruptFile, TakesTheLowestIdentityThatIsPendingAndEnabled) {
    File file;
    for (u32 const i : {200u, 70u, 3u}) file.set_pending(i);
    EXPECT_EQ(file.top(), 0u);
    file.enable(200);
    EXPECT_EQ(file.top(), 200u);
    file.enable(70);
    EXPECT_EQ(file.claim(), 70u);
    EXPECT_EQ(file.claim(), 200u);
    EXPECT_EQ(file.claim(), 0u);
    EXPECT_EQ(file.read(eip_of(3)), u64{1} << 3);
}

TEST(InterruptFile, SignalsOnlyWhileDeliveryIsOnButReportsAlways) {
    File file;
    file.enable(9);
    file.set_pending(9);
    EXPECT_TRUE(file.signals());
    file.write(eidelivery, 0);
    EXPECT_FALSE(file.signals());
    EXPECT_EQ(file.top(), 9u);
    // A guest's file has no alternative controller.
    file.write(eidelivery, static_cast<u64>(FileDelivery::by_aplic));
    EXPECT_EQ(file.read(eidelivery), 0u);
}

TEST(InterruptFile, KeepsBackWhatIsNotBelowItsThreshold) {
    File file;
    file.enable(40);
    file.set_pending(40);
    file.write(eithreshold, 40);
    EXPECT_EQ(file.top(), 0u);
    EXPECT_FALSE(file.signals());
    EXPECT_EQ(file.claim(), 0u);
    file.write(eithreshold, 41);
    EXPECT_EQ(file.top(), 40u);
    file.write(eithreshold, 0);
    EXPECT_EQ(file.top(), 40u);
}

TEST(InterruptFile, HoldsEveryThresholdUpToItsLastIdentity) {
    for (u32 const identities : {63u, 127u, 191u, 255u, 2047u}) {
        File file{identities};
        for (u32 value = 0; value <= identities; ++value) {
            file.write(eithreshold, value);
            EXPECT_EQ(file.read(eithreshold), value);
        }
    }
}

TEST(InterruptFile, IgnoresIdentitiesThatItDoesNotImplement) {
    File file{127};
    for (u32 const i : {0u, 128u, 2048u, ~0u}) file.set_pending(i);
    EXPECT_EQ(file, File{127});
    for (u16 array : {eip0, eie0})
        for (u16 k = 0; k < 64; k += 2) {
            auto const select = static_cast<u16>(array + k);
            EXPECT_TRUE(file.write(select, ~u64{0}));
            EXPECT_EQ(file.read(select), k == 0 ? ~u64{1} : k == 2 ? ~u64{0} : 0);
        }
    EXPECT_EQ(file.top(), 1u);
}

TEST(InterruptFile, HasNoOddRegistersWhereXlenIs64) {
    File file;
    for (u32 select = 0; select < 0x200; ++select) {
        bool const inside = select >= 0x70 && select <= 0xff;
        bool const odd_array = select >= 0x80 && select % 2 == 1;
        EXPECT_EQ(file.read(static_cast<u16>(select)).has_value(), inside && !odd_array) << select;
        EXPECT_EQ(file.write(static_cast<u16>(select), 0), inside && !odd_array) << select;
    }
}

TEST(InterruptFile, ReadsReservedRegistersAsZero) {
    File file;
    auto const before = file;
    for (u16 select = 0x71; select < 0x80; ++select) {
        if (select == eithreshold) continue;
        EXPECT_TRUE(file.write(select, ~u64{0}));
        EXPECT_EQ(file.read(select), 0u);
    }
    EXPECT_EQ(file, before);
}

TEST(InterruptFile, GainsWhatArrivedElsewhereWhenItMoves) {
    File file{127};
    file.enable(5);
    file.set_pending(70);
    file.merge_pending(0, u64{1} << 5 | 1);
    file.merge_pending(2, ~u64{0});
    file.merge_pending(5000, ~u64{0});
    EXPECT_EQ(file.claim(), 5u);
    EXPECT_EQ(file.read(eip_of(0)), 0u);
    EXPECT_EQ(file.read(eip_of(70)), u64{1} << 6);
    EXPECT_EQ(file.read(eip_of(128)), 0u);
}

TEST(ImsicLayout, RefusesFieldsThatOverlap) {
    EXPECT_TRUE((ImsicLayout{3, 9, 0, 0}.is_sound()));
    EXPECT_TRUE((ImsicLayout{3, 9, 2, 24}.is_sound()));
    EXPECT_FALSE((ImsicLayout{3, 9, 2, 23}.is_sound()));
    EXPECT_FALSE((ImsicLayout{7, 0, 0, 24}.is_sound()));
    EXPECT_FALSE((ImsicLayout{0, 15, 0, 24}.is_sound()));
    EXPECT_FALSE((ImsicLayout{0, 4, 3, 60}.is_sound()));
}

TEST(ImsicLayout, NumbersTheHartOfEveryFile) {
    ImsicLayout const layout{.guest_bits = 2, .hart_bits = 3, .group_bits = 2, .group_shift = 24};
    for (u32 group = 0; group < 4; ++group)
        for (u32 hart = 0; hart < 8; ++hart)
            for (u32 guest = 0; guest < 4; ++guest)
                EXPECT_EQ(layout.hart_index(layout.file(Hpa{0x2800'0000}, group, hart, guest)),
                          group << 3 | hart);
}

TEST(IdentityCounts, AreOneLessThanAMultipleOf64) {
    EXPECT_TRUE(is_identity_count(63) && is_identity_count(255) && is_identity_count(2047));
    EXPECT_FALSE(is_identity_count(0) || is_identity_count(64) || is_identity_count(2111));
}

}  // namespace
}  // namespace antler::isa
