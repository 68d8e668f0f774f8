// What a socket device and its driver say to each other, and what becomes of one who says something else.
#include "tests/unit/device/vsock_device.hpp"

namespace antler::device::virtio::test {
namespace {

TEST_F(VsockDevice, tells_the_guest_its_address) {
    EXPECT_EQ(get(0x008), 19u);
    EXPECT_EQ(get(0x100), guest_cid);
    EXPECT_EQ(get(0x104), 0u);
}

TEST_F(VsockDevice, a_guest_that_calls_waits_until_the_host_lets_it_in) {
    say(packet(Operation::request, 1000));
    give_room();
    EXPECT_TRUE(heard().empty());
    EXPECT_EQ(wire_.told, 1u);
    auto const knock = host_.knock(0);
    ASSERT_TRUE(knock);
    EXPECT_EQ(knock->host_port, 1000u);
    EXPECT_EQ(knock->guest_port, 50u);
    host_.take(knock->stream);
    EXPECT_FALSE(host_.knock(0));
    host_.accept(knock->stream);
    auto const packets = heard();
    ASSERT_EQ(packets.size(), 1u);
    auto const& header = packets[0].header;
    EXPECT_EQ(header.operation, Operation::response);
    EXPECT_EQ(header.source_cid, vsock::host_cid);
    EXPECT_EQ(header.source_port, 1000u);
    EXPECT_EQ(header.destination_port, 50u);
    EXPECT_EQ(header.type, vsock::type_stream);
    EXPECT_EQ(header.buffer_bytes, Device::buffer_bytes);
    EXPECT_EQ(host_.state(knock->stream).stage, Stage::open);
    EXPECT_TRUE(level_);
}

TEST_F(VsockDevice, a_call_that_nobody_answers_is_refused) {
    say(packet(Operation::request, 1000));
    host_.refuse(host_.knock(0)->stream);
    EXPECT_EQ(hear_one().operation(), Operation::reset);
    EXPECT_FALSE(host_.knock(0));
    EXPECT_EQ(counter("refused"), 1u);
}

TEST_F(VsockDevice, the_host_calls_and_the_guest_answers) {
    auto const stream = host_.call(22);
    ASSERT_TRUE(stream);
    auto const request = hear_one();
    EXPECT_EQ(request.operation(), Operation::request);
    EXPECT_EQ(request.header.destination_port, 22u);
    EXPECT_EQ(host_.state(*stream).stage, Stage::calling);
    say(packet(Operation::response, request.header.source_port, 22));
    EXPECT_EQ(host_.state(*stream).stage, Stage::open);
    EXPECT_EQ(host_.state(*stream).host_port, request.header.source_port);
    EXPECT_EQ(counter("connections"), 1u);
}

TEST_F(VsockDevice, a_guest_without_a_listener_refuses) {
    auto const stream = *host_.call(22);
    auto const request = hear_one();
    say(packet(Operation::reset, request.header.source_port, 22));
    EXPECT_EQ(host_.state(stream).stage, Stage::over);
    host_.close(stream, true);
    give_room();
    EXPECT_TRUE(heard().empty());
}

TEST_F(VsockDevice, nobody_is_called_before_the_driver_runs) {
    put(0x070, 0);
    EXPECT_FALSE(host_.call(22));
}

TEST_F(VsockDevice, bytes_come_as_they_were_in_both_directions) {
    auto const stream = opened();
    say_data(1000, "from the guest");
    EXPECT_EQ(host_.state(stream).readable, 14u);
    EXPECT_EQ(read(stream), "from the guest");
    EXPECT_EQ(write(stream, "from the host"), 13u);
    auto const packet = hear_one();
    EXPECT_EQ(packet.operation(), Operation::data);
    EXPECT_EQ(packet.data, "from the host");
    EXPECT_EQ(packet.header.forwarded, 14u);
    EXPECT_EQ(counter("sent_bytes"), 14u);
    EXPECT_EQ(counter("received_bytes"), 13u);
}

TEST_F(VsockDevice, much_goes_through_a_small_buffer) {
    auto const stream = opened();
    std::string said;
    std::string all;
    u32 forwarded = 0;
    for (u32 i = 0; i < 100; ++i) {
        std::string const piece(1'000 + i * 13, static_cast<char>('a' + i % 26));
        all += piece;
        say_data(1000, piece);
        said += read(stream);
        if (posted_[0] == taken_[0]) give_room();
        for (auto const& packet : heard()) {
            EXPECT_EQ(packet.operation(), Operation::credit_update);
            forwarded = packet.header.forwarded;
        }
    }
    EXPECT_TRUE(said == all);
    EXPECT_GE(forwarded + Device::buffer_bytes / 2, all.size());
}

TEST_F(VsockDevice, never_sends_more_than_the_guest_has_room_for) {
    auto const stream = opened(1000, 100);
    std::string const text(250, 'x');
    EXPECT_EQ(write(stream, text), 250u);
    give_room(4);
    auto packets = heard();
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_EQ(packets[0].data.size(), 100u);
    // It asks, once.
    EXPECT_EQ(packets[1].operation(), Operation::credit_request);
    auto update = packet(Operation::credit_update, 1000);
    update.buffer_bytes = 100;
    update.forwarded = 60;
    say(update);
    packets = heard();
    ASSERT_GE(packets.size(), 1u);
    EXPECT_EQ(packets[0].data.size(), 60u);
}

TEST_F(VsockDevice, numbers_of_bytes_that_cannot_be_give_no_credit) {
    auto const stream = opened(1000, 100);
    auto update = packet(Operation::credit_update, 1000);
    update.buffer_bytes = 100;
    update.forwarded = 5'000;  // of nothing that was sent
    say(update);
    EXPECT_EQ(write(stream, "text"), 4u);
    give_room(2);
    for (auto const& packet : heard()) EXPECT_NE(packet.operation(), Operation::data);
}

TEST_F(VsockDevice, a_guest_that_asks_for_credit_is_told) {
    (void)opened();
    say(packet(Operation::credit_request, 1000));
    auto const packet = hear_one();
    EXPECT_EQ(packet.operation(), Operation::credit_update);
    EXPECT_EQ(packet.header.buffer_bytes, Device::buffer_bytes);
}

TEST_F(VsockDevice, one_who_sends_more_than_there_is_room_for_is_reset) {
    auto const stream = opened();
    std::string const much(4'096, 'x');
    say_data(1000, much);
    say_data(1000, much);
    EXPECT_EQ(host_.state(stream).readable, Device::buffer_bytes);
    say_data(1000, "y");
    EXPECT_EQ(hear_one().operation(), Operation::reset);
    EXPECT_EQ(host_.state(stream).stage, Stage::over);
    EXPECT_EQ(read(stream).size(), Device::buffer_bytes);  // what was right is still there
    EXPECT_EQ(counter("bad_packets"), 1u);
}

TEST_F(VsockDevice, a_length_that_is_not_there_is_a_reset) {
    auto const stream = opened();
    auto header = packet(Operation::data, 1000);
    header.length = 20;
    say(header, "short");
    EXPECT_EQ(hear_one().operation(), Operation::reset);
    EXPECT_EQ(host_.state(stream).stage, Stage::over);
}

TEST_F(VsockDevice, more_bytes_than_the_length_are_not_data) {
    auto const stream = opened();
    auto header = packet(Operation::data, 1000);
    header.length = 3;
    say(header, "one two three");
    EXPECT_EQ(read(stream), "one");
}

TEST_F(VsockDevice, everything_unknown_is_answered_by_a_reset) {
    for (auto const operation :
         {Operation::response, Operation::shutdown, Operation::data, Operation::credit_update,
          Operation::credit_request, Operation::invalid, Operation{77}}) {
        say(packet(operation, 1000));
        auto const answer = hear_one();
        EXPECT_EQ(answer.operation(), Operation::reset);
        EXPECT_EQ(answer.header.source_port, 1000u);
        EXPECT_EQ(answer.header.destination_port, 50u);
    }
    auto other_type = packet(Operation::request, 1000);
    other_type.type = 2;
    say(other_type);
    auto const answer = hear_one();
    EXPECT_EQ(answer.operation(), Operation::reset);
    EXPECT_EQ(answer.header.type, 2u);
    auto elsewhere = packet(Operation::request, 1000);
    elsewhere.destination_cid = 9;
    say(elsewhere);
    EXPECT_EQ(hear_one().header.source_cid, 9u);
    auto high = packet(Operation::request, 1000);
    high.destination_cid_high = 1;
    say(high);
    EXPECT_EQ(hear_one().operation(), Operation::reset);
    EXPECT_FALSE(host_.knock(0));
}

TEST_F(VsockDevice, a_reset_is_never_answered) {
    say(packet(Operation::reset, 1000));
    give_room();
    EXPECT_TRUE(heard().empty());
}

TEST_F(VsockDevice, what_comes_from_another_address_is_lost) {
    auto header = packet(Operation::request, 1000);
    header.source_cid = 8;
    say(header);
    header.source_cid = guest_cid;
    header.source_cid_high = 1;
    say(header);
    give_room();
    EXPECT_TRUE(heard().empty());
    EXPECT_FALSE(host_.knock(0));
    EXPECT_EQ(counter("bad_packets"), 2u);
}

TEST_F(VsockDevice, a_packet_without_a_header_is_lost) {
    post(1, 20, false);
    put(0x050, 1);
    give_room();
    EXPECT_TRUE(heard().empty());
    EXPECT_EQ(counter("bad_packets"), 1u);
}

TEST_F(VsockDevice, memory_that_is_not_there_breaks_the_device) {
    memory_.at<Descriptor>(ring(1)) = {0x10, 44, 0, 0};
    memory_.at<u16>(ring(1) + 0x1002) = 1;
    put(0x050, 1);
    EXPECT_NE(get(0x070) & 64, 0u);
}

}  // namespace
}  // namespace antler::device::virtio::test
