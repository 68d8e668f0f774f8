// Small packets of one sender, which their receiver sees all at once.
#include "backend/packet_train.hpp"

#include <cstring>
#include <thread>

#include "tests/unit/backend/stations.hpp"

namespace antler::backend {
namespace {

struct Pair : Lan {
    Station& a = add({.mac = station(1)}, 1);
    Station& b = add({.mac = station(2), .queue_pages = 4}, 2);
    Station& c = add({.mac = station(3)}, 3);
    u32 sent = 0;

    Frame to_b(u32 length, Station const& from) {
        return frame_of(station(2), station(&from == &a ? 1 : 3), length, static_cast<u8>(sent++));
    }
};

TEST(PacketTrainTest, nobody_sees_a_packet_of_a_train_before_it_ends_and_then_all_come_in_their_order) {
    Pair lan;
    std::vector<Frame> frames;
    {
        Wakes wakes;
        for (int i = 0; i < 20; ++i) {
            frames.push_back(lan.to_b(60 + 3 * static_cast<u32>(i), lan.a));
            EXPECT_EQ(lan.send(lan.a, frames.back(), {}, 0, wakes), 1u);
        }
        EXPECT_EQ(lan.b.take().size(), 1u);  // the first went alone
    }
    auto const rest = lan.b.take();
    EXPECT_EQ(lan.b.woken, 1u);
    EXPECT_TRUE(std::equal(frames.begin() + 1, frames.end(), rest.begin(), rest.end()));
    EXPECT_EQ(lan.a.port->counters().sent_packets, 20u);
    EXPECT_EQ(lan.b.port->counters().received_packets, 20u);
    EXPECT_EQ(lan.b.port->counters().received_bytes, lan.a.port->counters().sent_bytes);
}

TEST(PacketTrainTest, large_packets_between_small_ones_keep_the_order) {
    Pair lan;
    std::vector<Frame> frames;
    {
        Wakes wakes;
        for (int i = 0; i < 12; ++i) {
            frames.push_back(lan.to_b(i % 4 == 3 ? 700 : 60, lan.a));
            EXPECT_EQ(lan.send(lan.a, frames.back(), {}, 0, wakes), 1u);
        }
    }
    EXPECT_EQ(lan.b.take(), frames);
}

TEST(PacketTrainTest, who_sends_behind_an_open_train_is_heard_after_it) {
    Pair lan;
    std::vector<Frame> frames;
    {
        Wakes wakes;
        for (int i = 0; i < 3; ++i) {
            frames.push_back(lan.to_b(60, lan.a));
            lan.send(lan.a, frames.back(), {}, 0, wakes);
        }
        frames.push_back(lan.to_b(60, lan.c));
        lan.send(lan.c, frames.back());
        EXPECT_EQ(lan.b.take().size(), 1u);  // which went alone
        EXPECT_TRUE(lan.b.port->queue().sleep());
    }
    EXPECT_EQ(lan.b.woken, 2u);
    frames.erase(frames.begin());
    EXPECT_EQ(lan.b.take(), frames);
    EXPECT_TRUE(lan.b.port->queue().sleep());
}

TEST(PacketTrainTest, what_a_train_did_not_need_is_room_for_others) {
    Pair lan;
    u32 arrived = 0;
    for (int i = 0; i < 60; ++i) {
        Wakes wakes;
        for (int j = 0; j < 3; ++j) arrived += lan.send(lan.a, lan.to_b(60, lan.a), {}, 0, wakes);
    }
    // 16 KiB hold 170 of them, and a record for each train.
    EXPECT_GE(arrived, 140u);
    EXPECT_EQ(lan.b.take().size(), arrived);
    EXPECT_EQ(lan.b.port->counters().received_drops, 180 - arrived);
}

TEST(PacketTrainTest, a_full_queue_and_missing_memory_lose_packets_and_nothing_else) {
    Pair lan;
    {
        Wakes wakes;
        u32 arrived = 0;
        for (int i = 0; i < 300; ++i) arrived += lan.send(lan.a, lan.to_b(60, lan.a), {}, 0, wakes);
        EXPECT_LT(arrived, 171u);
        EXPECT_EQ(lan.board.frames.accounting(memory::OwnerId{2}).house_bytes, 4 * page_bytes);
    }
    EXPECT_EQ(lan.b.take().size(), lan.b.port->counters().received_packets);
    EXPECT_EQ(lan.b.port->counters().received_packets + lan.b.port->counters().received_drops, 300u);
    {
        fake::Shortage const shortage{lan.board.frames, 0};
        Wakes wakes;
        for (int i = 0; i < 300; ++i) lan.send(lan.a, lan.to_b(60, lan.a), {}, 0, wakes);
    }
    EXPECT_GT(lan.b.take().size(), 20u);  // a page was kept
    lan.remove(lan.b);
    EXPECT_EQ(lan.board.frames.accounting(memory::OwnerId{2}).house_bytes, 0u);
}

TEST(PacketTrainTest, without_a_link_or_with_another_address_there_is_no_train) {
    Pair lan;
    Wakes wakes;
    EXPECT_EQ(lan.send(lan.a, lan.to_b(60, lan.a), {}, 0, wakes), 1u);
    lan.b.port->set_link(false);
    EXPECT_EQ(lan.send(lan.a, lan.to_b(60, lan.a), {}, 0, wakes), 0u);
    lan.b.port->set_link(true);
    EXPECT_EQ(lan.send(lan.a, lan.to_b(60, lan.a), {}, 0, wakes), 1u);
    EXPECT_EQ(lan.send(lan.a, frame_of(station(3), station(1)), {}, 0, wakes), 1u);
    wakes.tell();
    EXPECT_EQ(lan.b.take().size(), 2u);
    EXPECT_EQ(lan.c.take().size(), 1u);
}

TEST(PacketTrainTest, a_port_is_gone_only_when_no_train_is_in_it) {
    Lan lan;
    Station one;
    auto* const port = lan.where.attach({}, memory::OwnerId{1}, one).value();
    PacketTrain train;
    ASSERT_TRUE(train.begin(port->queue(), port->queue().life()));
    ASSERT_NE(train.add(60), nullptr);
    EXPECT_FALSE(lan.where.detach(*port));
    PacketTrain late;
    EXPECT_FALSE(late.begin(port->queue(), port->queue().life()));
    EXPECT_TRUE(train.end());
    EXPECT_FALSE(lan.where.detach(*port));
    port->queue().done();
    EXPECT_TRUE(lan.where.detach(*port));
    EXPECT_EQ(lan.board.frames.accounting(memory::OwnerId{1}).house_bytes, 0u);
}

TEST(PacketTrainTest, the_receiver_may_take_packets_while_others_put_them_there) {
    Pair lan;
    constexpr u32 each = 20'000;
    auto const sender = [&](Station& from, u8 mac) {
        Frame frame = frame_of(station(2), station(mac), 64);
        for (u32 i = 0; i < each;) {
            Wakes wakes;
            auto const end = std::min(each, i + 1 + i % 9);
            for (; i < end; ++i) {
                std::memcpy(frame.data() + 20, &i, sizeof i);
                while (lan.send(from, frame, {}, 0, wakes) == 0) wakes.tell();
            }
        }
    };
    std::thread first{sender, std::ref(lan.a), u8{1}};
    std::thread second{sender, std::ref(lan.c), u8{3}};
    std::array<u32, 4> next{};
    auto& queue = lan.b.port->queue();
    while (next[1] + next[3] < 2 * each) {
        auto const take = [&](std::span<u8 const> frame) {
            u32 number = 0;
            std::memcpy(&number, frame.data() + 20, sizeof number);
            EXPECT_EQ(number, next[frame[11]]++);
        };
        if (auto const simple = queue.simple_front(); !simple.empty()) {
            take(simple.subspan(PacketQueue::headroom_bytes));
            queue.pop_simple(simple);
        } else if (auto const slot = queue.front()) {
            Frame frame(slot->length());
            slot->read(0, frame);
            take(frame);
            queue.pop(*slot);
        } else {
            static_cast<void>(queue.sleep());
        }
    }
    first.join();
    second.join();
}

}  // namespace
}  // namespace antler::backend
