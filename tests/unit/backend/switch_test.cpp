// Who gets a frame, and who does not.
#include "backend/switch.hpp"

#include "tests/unit/backend/stations.hpp"

namespace antler::backend {
namespace {

Offload const plain{};

TEST(SwitchTest, a_frame_for_a_machine_goes_to_it_alone_and_arrives_as_it_was_sent) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    auto& c = lan.add({.mac = station(3)});
    for (u32 const length : {14u, 60u, 127u, 128u, 129u, 1514u}) {
        auto const frame = frame_of(station(2), station(1), length);
        EXPECT_EQ(lan.send(a, frame), 1u);
        EXPECT_EQ(b.take(), std::vector<Frame>{frame});
    }
    EXPECT_TRUE(c.take().empty());
    EXPECT_EQ(a.port->counters().sent_packets, 6u);
    EXPECT_EQ(b.port->counters().received_bytes, 14u + 60 + 127 + 128 + 129 + 1514);
}

TEST(SwitchTest, a_frame_for_nobody_known_or_for_all_goes_to_everybody_but_its_sender) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({});
    auto& c = lan.add({});
    EXPECT_EQ(lan.send(a, frame_of(station(9), station(1))), 2u);
    EXPECT_EQ(lan.send(a, frame_of(broadcast, station(1))), 2u);
    EXPECT_EQ(lan.send(a, frame_of(Mac::of({1, 0, 0x5e, 0, 0, 1}), station(1))), 2u);
    EXPECT_EQ(b.take().size(), 3u);
    EXPECT_EQ(c.take().size(), 3u);
    EXPECT_TRUE(a.take().empty());
}

TEST(SwitchTest, what_a_station_sends_teaches_the_switch_where_it_is_until_it_has_been_silent_long) {
    Lan lan;
    auto& a = lan.add({});
    auto& b = lan.add({});
    auto& c = lan.add({});
    EXPECT_EQ(lan.send(b, frame_of(broadcast, station(2)), plain, 10), 2u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1)), plain, 11), 1u);
    // It moves.
    EXPECT_EQ(lan.send(c, frame_of(broadcast, station(2)), plain, 12), 2u);
    static_cast<void>(c.take());
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1)), plain, 13), 1u);
    EXPECT_EQ(c.take().size(), 1u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1)), plain, 13 + AddressTable::lifetime), 2u);
}

TEST(SwitchTest, nobody_takes_the_address_of_a_machine_that_is_known) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    auto& c = lan.add({});
    EXPECT_EQ(lan.send(c, frame_of(broadcast, station(2))), 0u);
    EXPECT_EQ(c.port->counters().sent_drops, 1u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1))), 1u);
    EXPECT_EQ(b.take().size(), 1u);
    EXPECT_FALSE(lan.where.attach({.mac = station(2)}, memory::OwnerId{1}, c).ok());
}

TEST(SwitchTest, a_guarded_port_sends_from_its_own_address_only) {
    Lan lan;
    auto& a = lan.add({.mac = station(1), .guarded = true});
    static_cast<void>(lan.add({}));
    EXPECT_EQ(lan.send(a, frame_of(broadcast, station(7))), 0u);
    EXPECT_EQ(lan.send(a, frame_of(broadcast, station(1))), 1u);
}

TEST(SwitchTest, machines_of_different_VLANs_do_not_hear_each_other) {
    Lan lan;
    auto& a = lan.add({.mac = station(1), .vlan = 10});
    auto& b = lan.add({.mac = station(2), .vlan = 10});
    auto& c = lan.add({.mac = station(3), .vlan = 20});
    auto& d = lan.add({.mac = station(4)});
    EXPECT_EQ(lan.send(a, frame_of(broadcast, station(1))), 1u);
    EXPECT_EQ(lan.send(a, frame_of(station(3), station(1))), 1u);  // not known in this VLAN: to b alone
    EXPECT_EQ(b.take().size(), 2u);
    // A tag is no way out of one's VLAN.
    EXPECT_EQ(lan.send(a, tagged(frame_of(station(3), station(1)), 20)), 0u);
    EXPECT_EQ(lan.send(d, tagged(frame_of(station(3), station(4)), 20)), 0u);
    // One that says what is so anyway goes without it.
    EXPECT_EQ(lan.send(a, tagged(frame_of(station(2), station(1)), 10)), 1u);
    EXPECT_EQ(b.take(), std::vector<Frame>{frame_of(station(2), station(1))});
    // Nor is one behind another.
    EXPECT_EQ(lan.send(d, tagged(tagged(frame_of(station(3), station(4)), 20), 0)), 0u);
    EXPECT_EQ(lan.send(d, frame_of(broadcast, station(4), 60, 0, 0x88a8)), 0u);
    EXPECT_TRUE(c.take().empty());
    EXPECT_TRUE(d.take().empty());
}

TEST(SwitchTest, the_uplink_has_tags_and_the_machines_have_none) {
    Lan lan;
    auto& a = lan.add({.mac = station(1), .vlan = 10});
    auto& b = lan.add({.mac = station(2)});
    auto& up = lan.add({.uplink = true});
    Offload const sum{.needs_checksum = true, .checksum_start = 34, .checksum_offset = 16};
    EXPECT_EQ(lan.send(a, frame_of(station(9), station(1), 200), sum), 1u);
    EXPECT_EQ(up.take(), std::vector<Frame>{tagged(frame_of(station(9), station(1), 200), 10)});
    EXPECT_EQ(up.offloads.back().checksum_start, 38);
    EXPECT_EQ(lan.send(b, frame_of(station(9), station(2), 200)), 1u);
    EXPECT_EQ(up.take(), std::vector<Frame>{frame_of(station(9), station(2), 200)});
    EXPECT_EQ(lan.send(up, tagged(frame_of(broadcast, station(9), 200), 10)), 1u);
    EXPECT_EQ(a.take(), std::vector<Frame>{frame_of(broadcast, station(9), 200)});
    EXPECT_EQ(lan.send(up, frame_of(broadcast, station(9), 200)), 1u);
    EXPECT_EQ(b.take(), std::vector<Frame>{frame_of(broadcast, station(9), 200)});
    EXPECT_FALSE(lan.where.attach({.uplink = true}, memory::OwnerId{1}, up).ok());
}

TEST(SwitchTest, isolated_machines_speak_with_the_uplink_only) {
    Lan lan;
    auto& a = lan.add({.mac = station(1), .isolated = true});
    auto& b = lan.add({.mac = station(2), .isolated = true});
    auto& c = lan.add({.mac = station(3)});
    auto& up = lan.add({.uplink = true});
    EXPECT_EQ(lan.send(a, frame_of(broadcast, station(1))), 1u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1))), 0u);
    EXPECT_EQ(lan.send(c, frame_of(station(1), station(3))), 0u);
    EXPECT_EQ(up.take().size(), 1u);
    EXPECT_EQ(lan.send(up, frame_of(station(1), station(9))), 1u);
    EXPECT_EQ(lan.send(up, frame_of(broadcast, station(9))), 3u);
    EXPECT_EQ(a.take().size(), 2u);
    EXPECT_EQ(b.take().size(), 1u);
}

TEST(SwitchTest, frames_that_no_station_sends_are_dropped_and_counted) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1), 14)), 1u);
    auto const runt = Frame(13);
    EXPECT_EQ(lan.send(a, runt), 0u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), broadcast)), 0u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), Mac{})), 0u);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1), 1515)), 0u);
    EXPECT_EQ(lan.send(a, tagged(frame_of(station(2), station(1), 14), 0)), 1u);
    auto cut = tagged(frame_of(station(2), station(1), 14), 0);
    cut.resize(16);
    EXPECT_EQ(lan.send(a, cut), 0u);
    Offload beyond{.needs_checksum = true, .checksum_start = 58, .checksum_offset = 1};
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1), 60), beyond), 0u);
    beyond = {.segments = Segments::tcp4, .segment_bytes = 1000};
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1), 3000), beyond), 0u);
    EXPECT_EQ(a.port->counters().sent_drops, 7u);
    EXPECT_EQ(b.take().size(), 2u);
}

TEST(SwitchTest, without_a_link_nothing_goes_in_or_out) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    b.port->set_link(false);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1))), 0u);
    EXPECT_EQ(lan.send(b, frame_of(station(1), station(2))), 0u);
    EXPECT_EQ(b.port->counters().received_drops, 1u);
    b.port->set_link(true);
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1))), 1u);
}

TEST(SwitchTest, a_receiver_that_does_not_come_loses_packets_and_costs_no_more_than_its_share) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)}, 1);
    auto& b = lan.add({.mac = station(2), .queue_pages = 4}, 2);
    u32 sent = 0;
    for (u32 i = 0; i < 1000; ++i)
        sent += lan.send(a, frame_of(station(2), station(1), 1000, static_cast<u8>(i)));
    EXPECT_EQ(sent, 15u);
    EXPECT_EQ(b.port->counters().received_drops, 985u);
    EXPECT_EQ(lan.board.frames.accounting(memory::OwnerId{2}).house_bytes, 4 * page_bytes);
    auto const got = b.take();
    ASSERT_EQ(got.size(), 15u);
    for (u32 i = 0; i < 15; ++i)
        EXPECT_EQ(got[i], frame_of(station(2), station(1), 1000, static_cast<u8>(i)));
    EXPECT_LE(lan.board.frames.accounting(memory::OwnerId{2}).house_bytes, 2 * page_bytes);
    lan.remove(b);
    EXPECT_EQ(lan.board.frames.accounting(memory::OwnerId{2}).house_bytes, 0u);
}

TEST(SwitchTest, a_receiver_is_woken_once_and_again_when_it_has_gone_to_sleep) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    {
        Wakes wakes;
        for (int i = 0; i < 5; ++i) lan.send(a, frame_of(station(2), station(1)), {}, 0, wakes);
        EXPECT_EQ(b.woken, 0u);
    }
    EXPECT_EQ(b.woken, 1u);
    EXPECT_FALSE(b.port->queue().sleep());
    EXPECT_EQ(b.take().size(), 5u);
    EXPECT_TRUE(b.port->queue().sleep());
    lan.send(a, frame_of(station(2), station(1)));
    EXPECT_EQ(b.woken, 2u);
}

TEST(SwitchTest, large_packets_are_not_copied_to_everybody_without_end) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    for (int i = 0; i < 8; ++i) static_cast<void>(lan.add({.queue_pages = 32}));
    Offload const gso{.needs_checksum = true,
                      .segments = Segments::tcp4,
                      .segment_bytes = 1448,
                      .checksum_start = 34,
                      .checksum_offset = 16};
    EXPECT_EQ(lan.send(a, frame_of(broadcast, station(1), 60'000), gso), 4u);
}

TEST(SwitchTest, a_packet_that_cannot_be_filled_is_not_seen) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    alignas(8) std::array<u8, FrameHead::capacity> head{};
    auto const frame = frame_of(station(2), station(1), 128);
    std::ranges::copy(frame, head.begin());
    {
        Wakes wakes;
        EXPECT_EQ(lan.where.send(*a.port,
                                 {.head = {head.data()},
                                  .length = 500,
                                  .offload = {},
                                  .fill = [](void*, u32, std::span<u8>) { return false; }},
                                 0, wakes),
                  0u);
    }
    lan.send(a, frame_of(station(2), station(1)));
    EXPECT_EQ(b.take().size(), 1u);
}

TEST(SwitchTest, without_memory_packets_are_lost_and_nothing_else) {
    Lan lan;
    auto& a = lan.add({.mac = station(1)});
    auto& b = lan.add({.mac = station(2)});
    {
        fake::Shortage const shortage{lan.board.frames, 0};
        EXPECT_EQ(lan.send(a, frame_of(station(2), station(1))), 0u);
    }
    EXPECT_EQ(lan.send(a, frame_of(station(2), station(1))), 1u);
    EXPECT_EQ(b.take().size(), 1u);
}

TEST(SwitchTest, one_who_found_a_port_before_it_went_does_not_reach_the_next_one_there) {
    Lan lan;
    auto& b = lan.add({.mac = station(2)});
    auto& queue = b.port->queue();
    auto const life = queue.life();
    lan.remove(b);
    auto& c = lan.add({.mac = station(3), .vlan = 5});
    ASSERT_EQ(&c.port->queue(), &queue);
    EXPECT_FALSE(queue.reserve(60, {}, life).ok());
    EXPECT_TRUE(lan.where.table().find(station(3), 5, 0).has_value());
    EXPECT_FALSE(lan.where.table().find(station(2), 0, 0).has_value());
}

TEST(SwitchTest, a_port_is_gone_only_when_no_sender_is_in_it) {
    Lan lan;
    Station one;
    auto* const port = lan.where.attach({}, memory::OwnerId{1}, one).value();
    auto const slot = port->queue().reserve(60, {}, port->queue().life());
    EXPECT_FALSE(lan.where.detach(*port));
    EXPECT_TRUE(port->queue().publish(slot.value(), true));
    EXPECT_FALSE(lan.where.detach(*port));
    port->queue().done();
    EXPECT_TRUE(lan.where.detach(*port));
    EXPECT_EQ(lan.board.frames.accounting(memory::OwnerId{1}).house_bytes, 0u);
}

TEST(AddressTableTest, a_port_that_invents_addresses_keeps_its_share_and_takes_nobody_elses) {
    AddressTable table;
    for (u8 i = 0; i < 100; ++i) EXPECT_TRUE(table.learn(station(i), 0, 1, 0, 512));
    for (u64 i = 0; i < 100'000; ++i) table.learn(Mac{i * 4 + 0x10000000}, 0, 2, 0, 32);
    EXPECT_LE(table.learned(2), 32u);
    u32 known = 0;
    for (u8 i = 0; i < 100; ++i) known += table.find(station(i), 0, 0).has_value();
    EXPECT_GE(known, 68u);
    table.forget(2);
    EXPECT_EQ(table.learned(2), 0u);
}

TEST(AddressTableTest, the_same_address_in_two_VLANs_is_two_stations) {
    AddressTable table;
    EXPECT_TRUE(table.learn(station(1), 10, 1, 0, 32));
    EXPECT_TRUE(table.learn(station(1), 20, 2, 0, 32));
    EXPECT_EQ(table.find(station(1), 10, 0), 1);
    EXPECT_EQ(table.find(station(1), 20, 0), 2);
    EXPECT_FALSE(table.find(station(1), 0, 0).has_value());
}

}  // namespace
}  // namespace antler::backend
