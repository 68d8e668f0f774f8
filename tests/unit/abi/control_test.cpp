// Frames and messages of the control protocol, there and back.
#include "abi/control.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace antler::abi::control {
namespace {

std::vector<u8> frame_of(u32 sequence, std::string_view vm) {
    std::vector<u8> room(most_frame);
    auto const frame = encode_frame(
        room, {.kind = Kind::request, .type = static_cast<u16>(Type::start), .sequence = sequence},
        VmName{vm});
    room.resize(frame.size());
    return room;
}

// Feeds everything, and returns the sequences of the frames that were found.
std::vector<u32> found_in(FrameFinder<>& finder, std::vector<u8> const& bytes) {
    std::vector<u32> found;
    Bytes left{bytes};
    do {
        left = left.subspan(finder.feed(left));
        while (auto const frame = finder.next()) found.push_back(frame->header.sequence);
    } while (!left.empty());
    return found;
}

TEST(Control, a_message_comes_back_as_it_was) {
    std::array<u8, 256> room{};
    ReplyWith<VmInfo> const sent{{Status::busy, "later"},
                                 {.id = 7,
                                  .state = VmState::suspended,
                                  .name = "rtos",
                                  .vcpus = 3,
                                  .memory = u64{1} << 40,
                                  .on_crash = AfterEnd::preserve,
                                  .last_words = "fell over"}};
    auto const bytes = encode(sent, room);
    ReplyWith<VmInfo> got;
    ASSERT_TRUE(decode(got, bytes));
    EXPECT_EQ(got.reply.status, Status::busy);
    EXPECT_EQ(got.reply.sentence, "later");
    EXPECT_EQ(got.body.name, "rtos");
    EXPECT_EQ(got.body.memory, u64{1} << 40);
    EXPECT_EQ(got.body.on_crash, AfterEnd::preserve);
    EXPECT_EQ(got.body.last_words, "fell over");
    for (usize cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(decode(got, bytes.first(cut))) << cut;
}

TEST(Control, numbers_are_little_endian) {
    std::array<u8, 16> room{};
    auto const bytes = encode(VsockCredit{.stream = 0x11223344, .bytes = 1}, room);
    EXPECT_EQ(std::vector<u8>(bytes.begin(), bytes.end()),
              (std::vector<u8>{0x44, 0x33, 0x22, 0x11, 1, 0, 0, 0}));
}

TEST(Control, a_later_versions_extra_fields_are_left_alone) {
    std::array<u8, 64> room{};
    auto const size = encode(VmName{"a"}, room).size();
    VmName got;
    EXPECT_TRUE(decode(got, Bytes{room}.first(size + 5)));
    EXPECT_EQ(got.vm, "a");
}

TEST(Control, what_does_not_fit_is_not_encoded_by_halves) {
    std::array<u8, 4> room{};
    EXPECT_TRUE(encode(VmName{"longer than that"}, room).empty());
    std::array<u8, header_bytes + 6> small{};
    EXPECT_TRUE(encode_frame(small, {}, VmName{"abc"}).empty());
}

TEST(Control, frames_come_out_as_they_went_in_whatever_the_pieces) {
    auto stream = frame_of(1, "one");
    for (u32 i = 2; i < 20; ++i) {
        auto const next = frame_of(i, std::string(i * 13, 'x'));
        stream.insert(stream.end(), next.begin(), next.end());
    }
    for (usize piece : {usize{1}, usize{7}, usize{100}, stream.size()}) {
        FrameFinder<> finder;
        u32 expected = 1;
        for (usize at = 0; at < stream.size(); at += piece) {
            Bytes const bytes{stream.data() + at, std::min(piece, stream.size() - at)};
            ASSERT_EQ(finder.feed(bytes), bytes.size());
            while (auto const frame = finder.next()) EXPECT_EQ(frame->header.sequence, expected++);
        }
        EXPECT_EQ(expected, 20u);
        EXPECT_EQ(finder.garbage(), 0u);
    }
}

TEST(Control, a_frame_behind_garbage_is_found) {
    FrameFinder<> finder;
    auto bytes = frame_of(5, "x");
    std::vector<u8> stream{'A', 'N', 'A', 'N', 'c', 0x1b, 0, 0, 0xff};
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(found_in(finder, stream), std::vector<u32>{5});
    EXPECT_EQ(finder.garbage(), 9u);
}

TEST(Control, every_flipped_bit_costs_only_its_own_frame) {
    auto const first = frame_of(1, "first");
    auto const second = frame_of(2, "second");
    for (usize bit = 0; bit < first.size() * 8; ++bit) {
        FrameFinder<> finder;
        auto stream = first;
        stream[bit / 8] ^= static_cast<u8>(1 << bit % 8);
        stream.insert(stream.end(), second.begin(), second.end());
        EXPECT_EQ(found_in(finder, stream), std::vector<u32>{2}) << bit;
    }
}

TEST(Control, a_frame_that_was_cut_short_is_given_up_and_the_next_one_found_in_it) {
    FrameFinder<> finder;
    auto stream = frame_of(1, std::string(5'000, 'y'));
    stream.resize(100);
    auto const second = frame_of(2, "second");
    stream.insert(stream.end(), second.begin(), second.end());
    EXPECT_TRUE(found_in(finder, stream).empty());
    EXPECT_TRUE(finder.waits());
    finder.give_up();
    auto const frame = finder.next();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->header.sequence, 2u);
}

TEST(Control, every_status_and_state_has_words) {
    for (u16 i = 0; i < static_cast<u16>(Status::count); ++i)
        EXPECT_FALSE(describe(static_cast<Status>(i)).empty());
    for (u8 i = 0; i < static_cast<u8>(VmState::count); ++i)
        EXPECT_FALSE(describe(static_cast<VmState>(i)).empty());
    EXPECT_EQ(describe(Status::failed), "failed");
    EXPECT_EQ(describe(VmState::undefined), "undefined");
}

}  // namespace
}  // namespace antler::abi::control
