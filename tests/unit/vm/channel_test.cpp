// Two VMs at the ends of a channel: who rings is heard at the other end, once.
#include "vm/channel.hpp"

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using device::Width;

constexpr u64 plic = 0xc00'0000;
constexpr u64 rung = 1, present = 2;
constexpr u64 ring = 4, heard = 8;

class Channels : public testing::Test {
protected:
    Channels() : a{world.add({.vcpus = 1})}, b{world.add({.vcpus = 1, .first_hart = 1})} {
        channel.names = {"a", "b"};
        channel.memory = {Hpa{0x8100'0000}, page_bytes};
        EXPECT_TRUE(a.machine().add_channel(of_a, channel, 0));
        EXPECT_TRUE(b.machine().add_channel(of_b, channel, 1));
        world.start(a);
        world.start(b);
    }
    ~Channels() override {
        of_a.give_back();
        of_b.give_back();
    }
    u64 get(Vm& vm, u64 offset = 0) { return vm.machine().read(bell + offset, Width::word).value(); }
    void set(Vm& vm, u64 offset) { EXPECT_TRUE(vm.machine().write(bell + offset, Width::word, 1)); }

    static constexpr Gpa bell = channel_place(0, page_bytes).bell.start;
    World world{2};
    Vm& a;
    Vm& b;
    memory::Store of_a{world.board().frames, world.house(), memory::OwnerId{1}};
    memory::Store of_b{world.board().frames, world.house(), memory::OwnerId{2}};
    Channel channel{};
};

TEST_F(Channels, LeadToEachOther) {
    ASSERT_EQ(a.machine().channels().size(), 1U);
    EXPECT_EQ(a.machine().channels()[0]->with(), "b");
    EXPECT_EQ(b.machine().channels()[0]->with(), "a");
    EXPECT_EQ(a.machine().channels()[0]->place().memory, (GpaRange{Gpa{0x6000'0000}, page_bytes}));
}

TEST_F(Channels, ABellIsHeardAtTheOtherEnd) {
    EXPECT_EQ(get(a), present);
    set(a, ring);
    EXPECT_EQ(get(b), present) << "its own hart has not been there yet";
    world.run_all();
    EXPECT_EQ(get(b), present | rung);
    EXPECT_EQ(get(a), present) << "and not at one's own";
    set(b, heard);
    EXPECT_EQ(get(b), present);
}

TEST_F(Channels, ItRaisesTheGuestsWireUntilItWasHeard) {
    auto const source = channel_place(0, 0).source;
    auto const word = [&](u64 at) { return b.machine().read(Gpa{plic + at}, Width::word).value(); };
    auto const put = [&](u64 at, u64 value) {
        EXPECT_TRUE(b.machine().write(Gpa{plic + at}, Width::word, value));
    };
    put(4 * source, 1);
    put(0x2080 + source / 32 * 4, u64{1} << source % 32);
    set(a, ring);
    world.run_all();
    EXPECT_EQ(word(0x20'1004), source);
    set(b, heard);
    put(0x20'1004, source);
    EXPECT_EQ(word(0x20'1004), 0U);
}

TEST_F(Channels, WhoRingsTwiceIsHeardAtLeastOnceMore) {
    set(a, ring);
    world.run_all();
    set(a, ring);
    set(a, ring);
    world.run_all();
    EXPECT_EQ(get(b), present | rung);
    set(b, heard);
    EXPECT_EQ(get(b), present | rung) << "what was rung before it was heard is not lost";
    set(b, heard);
    EXPECT_EQ(get(b), present);
}

TEST_F(Channels, NobodyHearsABellWhoseOtherEndHasLeft) {
    EXPECT_TRUE(b.machine().leave());
    EXPECT_EQ(get(a), 0U);
    set(a, ring);
    world.run_all();
    EXPECT_EQ(get(b), present);
    b.machine().channels()[0]->enter();
    EXPECT_EQ(get(a), present);
}

TEST_F(Channels, AResetGuestHasNotBeenRung) {
    set(a, ring);
    world.run_all();
    b.machine().reset(1);
    EXPECT_EQ(get(b), present);
    set(a, ring);
    b.machine().reset(1);
    world.run_all();
    EXPECT_EQ(get(b), present);
}

TEST_F(Channels, AnswerWordsOnly) {
    EXPECT_FALSE(a.machine().read(bell, Width::byte));
    EXPECT_FALSE(a.machine().write(bell + ring, Width::half, 1));
    EXPECT_EQ(get(a, ring), 0U);
    EXPECT_EQ(get(a, 12), 0U);
    set(a, 12);
    world.run_all();
    EXPECT_EQ(get(b), present);
}

TEST_F(Channels, AMachineHasOnlySoMany) {
    for (usize i = 1; i < max_channels; ++i) ASSERT_TRUE(a.machine().add_channel(of_a, channel, 0));
    EXPECT_EQ(a.machine().add_channel(of_a, channel, 0).error(), Error::full);
}

}  // namespace
}  // namespace antler::vm
