// How streams of a socket device end, and what becomes of them when there are many.
#include "tests/unit/device/vsock_device.hpp"

namespace antler::device::virtio::test {
namespace {

TEST_F(VsockDevice, a_guest_may_end_its_half_alone) {
    auto const stream = opened();
    say_data(1000, "the last");
    auto header = packet(Operation::shutdown, 1000);
    header.flags = vsock::no_more_sending;
    say(header);
    EXPECT_TRUE(host_.state(stream).guest_finished);
    EXPECT_EQ(host_.state(stream).stage, Stage::open);
    EXPECT_EQ(read(stream), "the last");
    EXPECT_EQ(write(stream, "an answer"), 9u);
    EXPECT_EQ(hear_one().data, "an answer");
    // Whoever said so and sends on is reset.
    say_data(1000, "more");
    EXPECT_EQ(hear_one().operation(), Operation::reset);
}

TEST_F(VsockDevice, a_guest_that_ends_both_halves_gets_its_reset) {
    auto const stream = opened();
    say_data(1000, "the last");
    auto header = packet(Operation::shutdown, 1000);
    header.flags = vsock::no_more_sending;
    say(header);
    header.flags = vsock::no_more_receiving;  // the other hint stays
    say(header);
    EXPECT_EQ(hear_one().operation(), Operation::reset);
    EXPECT_EQ(host_.state(stream).stage, Stage::over);
    EXPECT_EQ(read(stream), "the last");
    host_.close(stream, false);
    EXPECT_EQ(host_.state(stream).readable, 0u);
}

TEST_F(VsockDevice, the_host_ends_its_half_behind_its_last_byte) {
    auto const stream = opened(1000, 4);
    EXPECT_EQ(write(stream, "123456"), 6u);
    host_.finish(stream);
    give_room(3);
    auto packets = heard();
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_EQ(packets[0].data, "1234");
    EXPECT_EQ(packets[1].operation(), Operation::credit_request);
    auto update = packet(Operation::credit_update, 1000);
    update.buffer_bytes = 4;
    update.forwarded = 4;
    say(update);
    packets = heard();
    ASSERT_EQ(packets.size(), 1u);
    EXPECT_EQ(packets[0].data, "56");
    packets = {hear_one()};
    EXPECT_EQ(packets[0].operation(), Operation::shutdown);
    EXPECT_EQ(packets[0].header.flags, vsock::no_more_sending);
    EXPECT_EQ(write(stream, "more"), 0u);
    say_data(1000, "an answer", 6);
    EXPECT_EQ(read(stream), "an answer");
}

TEST_F(VsockDevice, a_stream_that_the_host_left_ends_when_the_guest_says_so) {
    auto const stream = opened();
    EXPECT_EQ(write(stream, "the last"), 8u);
    host_.close(stream, false);
    give_room(2);
    auto const packets = heard();
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_EQ(packets[0].data, "the last");
    EXPECT_EQ(packets[1].operation(), Operation::shutdown);
    EXPECT_EQ(packets[1].header.flags, vsock::no_more_receiving | vsock::no_more_sending);
    say_data(1000, "nobody reads this");
    say(packet(Operation::reset, 1000));
    EXPECT_EQ(counter("connections_open"), 0u);
}

TEST_F(VsockDevice, a_stream_that_is_cut_is_a_reset_at_once) {
    auto const stream = opened();
    EXPECT_EQ(write(stream, "nobody hears this"), 17u);
    host_.close(stream, true);
    EXPECT_EQ(hear_one().operation(), Operation::reset);
}

TEST_F(VsockDevice, streams_are_as_many_as_can_be_and_no_more) {
    for (u32 i = 0; i < Device::most_connections; ++i) say(packet(Operation::request, 1000, 100 + i));
    say(packet(Operation::request, 1000, 999));
    auto const answer = hear_one();
    EXPECT_EQ(answer.operation(), Operation::reset);
    EXPECT_EQ(answer.header.destination_port, 999u);
    EXPECT_FALSE(host_.call(22));
    EXPECT_EQ(counter("refused"), 1u);
}

TEST_F(VsockDevice, what_the_host_left_gives_way_to_a_new_stream) {
    for (u32 i = 0; i < Device::most_connections; ++i) {
        say(packet(Operation::request, 1000, 100 + i));
        auto const knock = host_.knock(0);
        ASSERT_TRUE(knock);
        host_.take(knock->stream);
        host_.accept(knock->stream);
        (void)hear_one();
        host_.close(knock->stream, false);
        EXPECT_EQ(hear_one().operation(), Operation::shutdown);
    }
    // This guest never answers a shutdown.
    auto const stream = host_.call(22);
    ASSERT_TRUE(stream);
    give_room(2);
    auto const packets = heard();
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_EQ(packets[0].operation(), Operation::reset);
    EXPECT_EQ(packets[1].operation(), Operation::request);
}

TEST_F(VsockDevice, what_cannot_be_answered_is_not_heard) {
    for (u32 i = 0; i < entries; ++i) say(packet(Operation::data, 2000 + i));
    say(packet(Operation::request, 1000));  // behind sixteen resets that have no room
    work();
    EXPECT_FALSE(host_.knock(0));
    give_room(entries);
    EXPECT_EQ(heard().size(), entries);
    EXPECT_TRUE(host_.knock(0));
}

TEST_F(VsockDevice, buffers_too_short_for_a_header_are_given_back) {
    ASSERT_TRUE(host_.call(22));
    give_room(1, 20);
    EXPECT_EQ(memory_.at<u16>(ring(0) + 0x2002), 1u);
    EXPECT_EQ(memory_.at<u32>(ring(0) + 0x2008), 0u);
    ++taken_[0];
    EXPECT_EQ(hear_one().operation(), Operation::request);
}

TEST_F(VsockDevice, a_reset_of_the_device_ends_its_streams) {
    auto const stream = opened();
    say_data(1000, "before");
    start();
    EXPECT_EQ(host_.state(stream).stage, Stage::over);
    EXPECT_EQ(read(stream), "before");
    say_data(1000, "after");
    EXPECT_EQ(hear_one().operation(), Operation::reset);
}

TEST_F(VsockDevice, an_interruption_is_an_event) {
    auto const stream = opened();
    model_.interrupt_streams();
    EXPECT_EQ(host_.state(stream).stage, Stage::over);
    work();
    EXPECT_EQ(memory_.at<u16>(ring(2) + 0x2002), 0u);  // until there is room
    memory_.at<u32>(buffer(2, 0)) = 99;
    post(2, 4, true);
    put(0x050, 2);
    EXPECT_EQ(memory_.at<u16>(ring(2) + 0x2002), 1u);
    EXPECT_EQ(memory_.at<u32>(buffer(2, 0)), vsock::event_transport_reset);
    post(2, 4, true);
    work();
    EXPECT_EQ(memory_.at<u16>(ring(2) + 0x2002), 1u);  // once
}

TEST_F(VsockDevice, one_busy_stream_does_not_silence_another) {
    say(packet(Operation::request, 1000, 1));
    say(packet(Operation::request, 1000, 2));
    std::array<StreamId, 2> streams{};
    for (auto& stream : streams) {
        stream = host_.knock(0)->stream;
        host_.take(stream);
        host_.accept(stream);
    }
    give_room(2);
    EXPECT_EQ(heard().size(), 2u);
    std::string const much(8'000, 'x');
    EXPECT_EQ(write(streams[0], much), 8'000u);
    EXPECT_EQ(write(streams[1], "short"), 5u);
    give_room(2, 1'000);
    auto const packets = heard();
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_NE(packets[0].header.destination_port, packets[1].header.destination_port);
}

}  // namespace
}  // namespace antler::device::virtio::test
