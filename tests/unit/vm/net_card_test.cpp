// Two guests with a card each on one switch: what one's driver sends, the other's gets as it asked for it.
#include "vm/net_card.hpp"

#include <map>
#include <string>

#include "tests/fake/virtio_driver.hpp"
#include "tests/unit/backend/tcp_packets.hpp"
#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using backend::Frame;
using backend::frame_of;
using backend::station;
using backend::tcp_packet;
using backend::TcpKind;
using device::Width;
using device::virtio::NetHeader;
namespace offers = device::virtio::net_feature;

struct Packet {
    NetHeader header{};
    Frame frame{};
};

// A driver with its rings and buffers in its guest's memory; everything goes through the guest's machine.
class Guest {
public:
    static constexpr u64 usual = offers::merged_buffers;
    static constexpr u64 whole_packets =
        usual | offers::guest_checksum | offers::guest_tcp4 | offers::guest_tcp6;

    Guest(World& world, backend::Switch& where, u8 number)
        : world_{world},
          hart_{number - 1u},
          vm_{world.add({.vcpus = 1, .first_hart = hart_})},
          store_{world.board().frames, world.house(), memory::OwnerId{number}},
          card_{vm_,
                vm_.machine().next_wire(store_, VirtioBus::mmio).value(),
                {.mac = {2, 0, 0, 0, 0, number}}} {
        EXPECT_TRUE(vm_.machine().add(card_));
        EXPECT_TRUE(card_.wire().plug_in(where, {.mac = station(number), .queue_pages = 32}, store_.owner()));
        world.start(vm_);
    }
    ~Guest() { EXPECT_TRUE(leave()); }
    Guest(Guest const&) = delete;
    Guest& operator=(Guest const&) = delete;

    // A driver begins, and gives the card so many buffers.
    void drive(u64 features = usual, u32 buffers = 48, u32 buffer_bytes = 2048) {
        here([&] {
            vm_.ram().write(Gpa{fake::driver_ram}, std::vector<u8>(usize{2} * plan.apart)).value();
            fake::start_device(Registers{vm_}, features | device::virtio::feature::version_1, plan);
        });
        queues_ = {};
        for (u32 i = 0; i < buffers; ++i) offer(receive, received_at + i * page_bytes, buffer_bytes, true);
        if (buffers != 0) notify(receive);
    }
    void give_buffers(u32 first, u32 count) {
        for (u32 i = 0; i < count; ++i) offer(receive, received_at + (first + i) * page_bytes, 2048, true);
        notify(receive);
    }
    // The card's own, once all is done that it was asked for.
    bool has_work() {
        bool more = false;
        here([&] { more = vm_.machine().serve_work(); });
        return more;
    }
    void stop() { put(0x070, 0); }

    void send(Frame const& frame, NetHeader const& header = {}) {
        send_later(frame, header);
        notify(transmit);
    }
    // When it is notified.
    void send_later(Frame const& frame, NetHeader const& header = {}) {
        std::vector<u8> bytes(sizeof header);
        std::memcpy(bytes.data(), &header, sizeof header);
        bytes.insert(bytes.end(), frame.begin(), frame.end());
        auto const at = sent_at + queues_[transmit].offered % 8 * 0x8000;
        here([&] { EXPECT_TRUE(vm_.ram().write(Gpa{at}, bytes)); });
        offer(transmit, at, static_cast<u32>(bytes.size()), false);
    }
    void notify(u32 queue) { put(0x050, queue); }

    // What has come, after this guest's hart has done what it was asked for.
    std::vector<Packet> take() {
        world_.run_all();
        std::vector<Packet> packets;
        here([&] {
            auto& queue = queues_[receive];
            while (queue.used != load<u16>(plan.ring(receive) + plan.used + 2)) {
                auto packet = Packet{};
                auto bytes = next_used();
                if (bytes.size() < sizeof packet.header) {  // a buffer came back as it was
                    packets.emplace_back();
                    continue;
                }
                std::memcpy(&packet.header, bytes.data(), sizeof packet.header);
                for (u32 i = 1; i < packet.header.buffers; ++i) {
                    auto const more = next_used();
                    bytes.insert(bytes.end(), more.begin(), more.end());
                }
                packet.frame.assign(bytes.begin() + sizeof packet.header, bytes.end());
                packets.push_back(std::move(packet));
            }
        });
        return packets;
    }

    std::map<std::string, u64> counters() {
        std::map<std::string, u64> all;
        vm_.machine().counters([&](std::string_view device, std::string_view counter, u64 value) {
            if (device == "virtio-net0") all[std::string{counter}] = value;
        });
        return all;
    }
    bool link() { return get(0x106, Width::byte) == 1; }
    // Whether the driver was told that its configuration has changed, once.
    bool was_told() {
        auto const why = get(0x060, Width::word);
        put(0x064, why);
        return (why & 2) != 0;
    }
    bool leave() { return vm_.machine().leave(); }
    Machine& machine() { return vm_.machine(); }

private:
    static constexpr u32 receive = 0, transmit = 1;
    static constexpr u64 sent_at = fake::driver_ram + 0x4'0000, received_at = fake::driver_ram + 0x8'0000;
    static constexpr fake::RingPlan plan{.queues = 2, .entries = 64};
    static constexpr auto registers = slot_place(0).registers.start;

    struct Registers {
        Vm& vm;
        Result<void> write(device::Offset at, Width width, u64 value) {
            return vm.machine().write(registers + at, width, value);
        }
    };
    struct Rings {
        u16 offered = 0, used = 0;
    };

    template <class Body>
    void here(Body body) {
        world_.on(hart_, [&](Core&) { body(); });
    }
    template <class T>
    T load(u64 at) {
        T value{};
        EXPECT_TRUE(vm_.ram().load(Gpa{at}, value)) << std::hex << at;
        return value;
    }
    template <class T>
    void store(u64 at, T const& value) {
        EXPECT_TRUE(vm_.ram().store(Gpa{at}, value)) << std::hex << at;
    }
    u64 get(u64 at, Width width) {
        u64 value = 0;
        here([&] { value = vm_.machine().read(registers + at, width).value(); });
        return value;
    }
    void put(u64 at, u64 value) {
        here([&] { EXPECT_TRUE(vm_.machine().write(registers + at, Width::word, value)); });
    }
    void offer(u32 queue, u64 at, u32 bytes, bool write) {
        here([&] {
            auto const ring = plan.ring(queue);
            auto& next = queues_[queue].offered;
            auto const place = static_cast<u16>(next % plan.entries);
            store(ring + 16u * place, at);
            store(ring + 16u * place + 8, bytes);
            store(ring + 16u * place + 12, static_cast<u16>(write ? device::virtio::flag_write : 0));
            store(ring + plan.available + 4 + 2u * place, place);
            store(ring + plan.available + 2, ++next);
        });
    }
    std::vector<u8> next_used() {
        auto& queue = queues_[receive];
        auto const entry = plan.ring(receive) + plan.used + 4 + 8u * (queue.used++ % plan.entries);
        auto const at = load<u64>(plan.ring(receive) + 16 * u64{load<u32>(entry)});
        std::vector<u8> bytes(load<u32>(entry + 4));
        EXPECT_TRUE(vm_.ram().read(Gpa{at}, bytes));
        return bytes;
    }

    World& world_;
    u32 hart_;
    Vm& vm_;
    memory::Store store_;
    NetCard card_;
    std::array<Rings, 2> queues_{};
};

class NetCards : public testing::Test {
protected:
    NetCards() { a.drive(); }

    // The header of a packet of TCP that a driver leaves unfinished.
    static NetHeader unfinished(TcpKind kind, u16 segment, u8 more = 0) {
        auto const offload = offload_of(kind, segment);
        u8 const segments = segment == 0 ? 0 : kind.version6 ? NetHeader::tcp6 : NetHeader::tcp4;
        return {.flags = NetHeader::needs_checksum,
                .segments = static_cast<u8>(segments | more),
                .segment_bytes = segment,
                .checksum_start = offload.checksum_start,
                .checksum_offset = offload.checksum_offset};
    }
    static Frame payload_of(TcpKind kind, Frame const& frame) {
        return {frame.begin() + backend::header_of(kind), frame.end()};
    }

    World world{2};
    backend::Switch where{world.board().frames, 1};
    Guest a{world, where, 1};
    Guest b{world, where, 2};
};

TEST_F(NetCards, AFrameArrivesAsItWasSent) {
    b.drive();
    u64 bytes = 0;
    for (u32 const length : {14u, 60u, 128u, 129u, 1514u}) {
        auto const frame = frame_of(station(2), station(1), length);
        a.send(frame);
        auto const got = b.take();
        ASSERT_EQ(got.size(), 1U) << length;
        EXPECT_EQ(got[0].frame, frame);
        EXPECT_EQ(got[0].header.flags, 0);
        EXPECT_EQ(got[0].header.segments, 0);
        bytes += length;
    }
    EXPECT_EQ(a.counters().at("sent_packets"), 5U);
    EXPECT_EQ(a.counters().at("sent_bytes"), bytes);
    EXPECT_EQ(b.counters().at("received_packets"), 5U);
    EXPECT_EQ(b.counters().at("received_bytes"), bytes);
    EXPECT_EQ(b.counters().at("received_drops"), 0U);
}

TEST_F(NetCards, ManyFramesArriveInTheirOrder) {
    b.drive();
    std::vector<Frame> sent;
    for (u8 i = 0; i < 24; ++i) {
        sent.push_back(frame_of(station(2), station(1), i % 5 == 4 ? 1000 : 60u + i, i));
        a.send_later(sent.back());
        if (i % 8 == 7) a.notify(1);
    }
    auto const got = b.take();
    ASSERT_EQ(got.size(), sent.size());
    for (usize i = 0; i < sent.size(); ++i) EXPECT_EQ(got[i].frame, sent[i]) << i;
}

TEST_F(NetCards, AFrameWithoutABufferWaitsForOne) {
    b.drive(Guest::usual, 0);
    auto const frame = frame_of(station(2), station(1));
    a.send(frame);
    EXPECT_TRUE(b.take().empty());
    b.give_buffers(0, 1);
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].frame, frame);
}

// Its card does not look again and again at those that there are, or its hart does nothing else.
TEST_F(NetCards, APacketForMoreBuffersThanThereAreWaitsForOthers) {
    b.drive(Guest::whole_packets, 4);
    TcpKind const kind{};
    auto const packet = tcp_packet(kind, 20'000);
    a.send(packet, unfinished(kind, 1400));
    EXPECT_TRUE(b.take().empty());
    EXPECT_FALSE(b.has_work());
    b.give_buffers(4, 1);
    EXPECT_TRUE(b.take().empty());
    EXPECT_FALSE(b.has_work());
    b.give_buffers(5, 5);
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].frame, packet);
    EXPECT_EQ(got[0].header.buffers, 10);
}

TEST_F(NetCards, AChecksumIsLeftToADriverThatTakesIt) {
    b.drive(Guest::whole_packets);
    TcpKind const kind{};
    auto const packet = tcp_packet(kind, 100);
    a.send(packet, unfinished(kind, 0));
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].frame, packet);
    EXPECT_EQ(got[0].header.flags, NetHeader::needs_checksum);
    EXPECT_EQ(got[0].header.checksum_start, 34);
    EXPECT_EQ(got[0].header.checksum_offset, 16);
}

TEST_F(NetCards, AndIsFinishedForOneThatDoesNot) {
    b.drive();
    TcpKind const kind{};
    auto const packet = tcp_packet(kind, 100);
    a.send(packet, unfinished(kind, 0));
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].header.flags, 0);
    // What the field held before was the sum of what is not in the packet.
    auto const start = std::span{got[0].frame}.subspan(34);
    EXPECT_EQ(backend::simple_sum(start, backend::ethernet::read16(packet.data() + 34 + 16)), 0xffff);
    EXPECT_EQ(payload_of(kind, got[0].frame), payload_of(kind, packet));
}

TEST_F(NetCards, ThatSomebodyHasLookedIsSaidToADriverThatAsksForIt) {
    auto const frame = frame_of(station(2), station(1), 200);
    for (auto const& [features, flags] :
         {std::pair{Guest::whole_packets, NetHeader::data_valid}, std::pair{Guest::usual, u8{0}}}) {
        b.drive(features);
        a.send(frame, {.flags = NetHeader::data_valid});
        auto const got = b.take();
        ASSERT_EQ(got.size(), 1U);
        EXPECT_EQ(got[0].frame, frame);
        EXPECT_EQ(got[0].header.flags, flags);
    }
}

TEST_F(NetCards, ALargePacketArrivesWholeWhereItsDriverTakesThat) {
    b.drive(Guest::whole_packets);
    for (TcpKind const kind : {TcpKind{}, TcpKind{.version6 = true}}) {
        auto const packet = tcp_packet(kind, 20'000);
        a.send(packet, unfinished(kind, 1400));
        auto const got = b.take();
        ASSERT_EQ(got.size(), 1U);
        EXPECT_EQ(got[0].frame, packet);
        EXPECT_EQ(got[0].header.buffers, 10) << "of 2 KiB";
        EXPECT_EQ(got[0].header.segments, kind.version6 ? NetHeader::tcp6 : NetHeader::tcp4);
        EXPECT_EQ(got[0].header.segment_bytes, 1400);
        EXPECT_EQ(got[0].header.header_bytes, backend::header_of(kind));
    }
}

TEST_F(NetCards, AndInFramesWhereItDoesNotWhateverItsBuffersHold) {
    for (u32 const buffer : {2048u, 512u})
        for (TcpKind const kind : {TcpKind{}, TcpKind{.version6 = true}}) {
            b.drive(Guest::usual, 48, buffer);
            auto const packet = tcp_packet(kind, 10'000);
            a.send(packet, unfinished(kind, 1400));
            auto const got = b.take();
            ASSERT_EQ(got.size(), 8U);
            Frame payload;
            for (auto const& one : got) {
                EXPECT_EQ(one.header.segments, 0);
                EXPECT_EQ(one.header.flags, 0);
                EXPECT_LE(one.frame.size(), backend::header_of(kind) + 1400);
                auto const piece = payload_of(kind, one.frame);
                payload.insert(payload.end(), piece.begin(), piece.end());
            }
            EXPECT_EQ(payload, payload_of(kind, packet));
        }
}

// CWR is in its first frame only, where its driver does not know that.
TEST_F(NetCards, APacketThatTellsOfCongestionIsCutForADriverThatDoesNotKnowIt) {
    TcpKind const kind{};
    auto const packet = tcp_packet(kind, 3000);
    b.drive(Guest::whole_packets);
    a.send(packet, unfinished(kind, 1000, NetHeader::congestion));
    EXPECT_EQ(b.take().size(), 3U);
    b.drive(Guest::whole_packets | offers::guest_congestion);
    a.send(packet, unfinished(kind, 1000, NetHeader::congestion));
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].header.segments, NetHeader::tcp4 | NetHeader::congestion);
}

TEST_F(NetCards, APacketThatIsNotWhatItsSenderSaysIsLostAndTheNextIsNot) {
    b.drive();
    auto const liar = frame_of(station(2), station(1), 3000);
    auto const frame = frame_of(station(2), station(1));
    a.send(liar, unfinished({}, 1000));
    a.send(frame);
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].frame, frame);
    EXPECT_EQ(b.counters().at("received_drops"), 1U);
}

TEST_F(NetCards, OnlyWholePacketsGoIntoBuffersThatDoNotMerge) {
    b.drive(0, 48, 1000);
    a.send(frame_of(station(2), station(1), 1200));
    a.send(frame_of(station(2), station(1), 900));
    auto const got = b.take();
    ASSERT_EQ(got.size(), 2U);
    EXPECT_TRUE(got[0].frame.empty()) << "a buffer that is too small comes back";
    EXPECT_EQ(got[1].frame.size(), 900U);
    EXPECT_EQ(b.counters().at("received_drops"), 1U);
}

TEST_F(NetCards, APulledCableIsSeenByTheDriverAndNothingComesThroughIt) {
    b.drive();
    EXPECT_TRUE(b.link());
    EXPECT_EQ(b.counters().at("link"), 1U);
    EXPECT_FALSE(b.machine().set_cable(1, false)) << "it has one card";
    ASSERT_TRUE(b.machine().set_cable(0, false));
    EXPECT_TRUE(b.was_told());
    EXPECT_FALSE(b.link());
    EXPECT_EQ(b.counters().at("link"), 0U);
    ASSERT_TRUE(b.machine().set_cable(0, false));
    EXPECT_FALSE(b.was_told()) << "it is pulled already";
    auto const frame = frame_of(station(2), station(1));
    a.send(frame);
    b.send(frame_of(station(1), station(2)));
    EXPECT_TRUE(b.take().empty());
    EXPECT_TRUE(a.take().empty());
    EXPECT_EQ(b.counters().at("sent_drops"), 1U);

    ASSERT_TRUE(b.machine().set_cable(0, true));
    EXPECT_TRUE(b.was_told());
    EXPECT_TRUE(b.link());
    a.send(frame);
    EXPECT_EQ(b.take().size(), 1U);
}

TEST_F(NetCards, WhatWaitedForADriverIsNotForTheNextOne) {
    b.drive(Guest::usual, 0);
    a.send(frame_of(station(2), station(1), 60, 1));
    b.stop();
    a.send(frame_of(station(2), station(1), 60, 2));  // nobody listens
    b.drive();
    auto const frame = frame_of(station(2), station(1), 60, 3);
    a.send(frame);
    auto const got = b.take();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].frame, frame);
}

TEST_F(NetCards, ACardThatHasLeftIsNobodysReceiverAndGivesItsPagesBack) {
    auto const owner = memory::OwnerId{2};
    auto const before = world.board().frames.accounting(owner).house_bytes;
    b.drive(Guest::usual, 0);
    a.send(frame_of(station(2), station(1), 1000));
    EXPECT_GT(world.board().frames.accounting(owner).house_bytes, before);
    EXPECT_TRUE(b.leave());
    EXPECT_EQ(world.board().frames.accounting(owner).house_bytes, before);
    a.send(frame_of(station(2), station(1)));
    b.send(frame_of(station(1), station(2)));  // its last vCPU did not know yet
    EXPECT_TRUE(b.take().empty());
    EXPECT_TRUE(a.take().empty());
    EXPECT_TRUE(b.counters().empty());
    EXPECT_TRUE(b.leave()) << "again";
}

}  // namespace
}  // namespace antler::vm
