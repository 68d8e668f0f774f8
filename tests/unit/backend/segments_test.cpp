// Checksums and large packets, finished in software.
#include "backend/segments.hpp"

#include "backend/checksum.hpp"
#include "tests/unit/backend/tcp_packets.hpp"

namespace antler::backend {
namespace {

using namespace ethernet;

// A packet in a queue, as its receiver gets it.
class Held {
public:
    Held(Frame const& frame, Offload const& offload) {
        queue_.open(memory::OwnerId{1}, 32);
        auto const slot = queue_.reserve(static_cast<u32>(frame.size()), offload, queue_.life()).value();
        slot.write(0, frame);
        EXPECT_TRUE(queue_.publish(slot, true));
        queue_.done();
    }
    ~Held() {
        queue_.close();
        EXPECT_TRUE(queue_.drained());
    }
    PacketQueue::Slot slot() { return *queue_.front(); }

private:
    fake::Board board_{};
    PacketQueue queue_{board_.frames};
};

TEST(SegmentsTest, a_large_packet_becomes_frames_that_say_the_same) {
    for (auto const kind : {TcpKind{}, TcpKind{.version6 = true}, TcpKind{.options = 12}, TcpKind{.tag = 4},
                            TcpKind{.version6 = true, .options = 40, .tag = 4}})
        for (u32 const payload : {0u, 1u, 1000u, 1448u, 1449u, 20'001u, 64'000u}) {
            u16 const segment = 1448;
            auto const packet = tcp_packet(kind, payload);
            Held held{packet, offload_of(kind, segment)};
            auto segmenter = Segmenter::of(held.slot());
            ASSERT_TRUE(segmenter.has_value());
            Frame payloads;
            u32 frames = 0;
            while (auto const piece = segmenter->next(held.slot())) {
                Frame frame(piece->length());
                std::ranges::copy(piece->header, frame.begin());
                held.slot().read(piece->payload_at,
                                 std::span{frame}.subspan(piece->header.size(), piece->payload_bytes));
                bool const last = frames + 1 == segmenter->count();
                ASSERT_LE(piece->payload_bytes, segment);
                auto* const ip = frame.data() + header_bytes + kind.tag;
                auto* const tcp = ip + (kind.version6 ? 40 : 20);
                auto const tcp_length = static_cast<u32>(frame.data() + frame.size() - tcp);
                if (kind.version6) {
                    EXPECT_EQ(read16(ip + 4), tcp_length);
                    EXPECT_EQ(simple_sum({tcp, tcp_length}, u64{simple_sum({ip + 8, 32})} + 6 + tcp_length),
                              0xffff);
                } else {
                    EXPECT_EQ(simple_sum({ip, 20}), 0xffff);
                    EXPECT_EQ(read16(ip + 2), 20 + tcp_length);
                    EXPECT_EQ(read16(ip + 4), static_cast<u16>(0xfffe + frames));
                    EXPECT_EQ(simple_sum({tcp, tcp_length}, u64{simple_sum({ip + 12, 8})} + 6 + tcp_length),
                              0xffff);
                }
                EXPECT_EQ(read32(tcp + 4), 0xffff'fff0 + frames * segment);
                EXPECT_EQ(tcp[13], 0x10 | (last ? 9 : 0) | (frames == 0 ? 0x80 : 0));
                payloads.insert(payloads.end(), frame.begin() + header_of(kind), frame.end());
                ++frames;
            }
            EXPECT_EQ(frames, segmenter->count());
            EXPECT_EQ(payloads, Frame(packet.begin() + header_of(kind), packet.end()));
        }
}

TEST(SegmentsTest, a_packet_that_is_not_what_its_sender_says_is_refused) {
    auto const refused = [](Frame const& packet, Offload const& offload) {
        Held held{packet, offload};
        return !Segmenter::of(held.slot()).has_value();
    };
    TcpKind const kind{};
    auto const good = tcp_packet(kind, 3000);
    auto const offload = offload_of(kind, 1000);
    EXPECT_FALSE(refused(good, offload));
    auto const changed = [&](usize at, u8 value) {
        auto packet = good;
        packet[at] = value;
        return packet;
    };
    EXPECT_TRUE(refused(changed(12, 0), offload));               // no IP
    EXPECT_TRUE(refused(changed(14, 0x46), offload));            // a longer IP header than where TCP begins
    EXPECT_TRUE(refused(changed(14 + 9, 17), offload));          // no TCP
    EXPECT_TRUE(refused(changed(14 + 20 + 12, 0x40), offload));  // a TCP header of 16 bytes
    auto odd = offload;
    odd.segments = Segments::tcp6;
    EXPECT_TRUE(refused(good, odd));
    odd = offload;
    odd.segment_bytes = 1;
    EXPECT_TRUE(refused(good, odd));
    odd = offload;
    odd.checksum_start = 0xffff;
    EXPECT_TRUE(refused(good, odd));
    odd.checksum_start = 0;
    EXPECT_TRUE(refused(good, odd));
    EXPECT_TRUE(refused(Frame(good.begin(), good.begin() + 53), offload));
    EXPECT_TRUE(refused(Frame(good.begin(), good.begin() + 14), offload));
}

TEST(SegmentsTest, a_checksum_is_finished_wherever_the_packet_lies) {
    for (u32 length = 60; length < 9000; length += 997) {
        auto frame = frame_of(station(2), station(1), length, 3);
        Held held{frame, {.needs_checksum = true, .checksum_start = 34, .checksum_offset = 6}};
        auto const slot = held.slot();
        finish_checksum(slot);
        EXPECT_FALSE(slot.offload().needs_checksum);
        Frame got(length);
        slot.read(0, got);
        write16(frame.data() + 40, static_cast<u16>(~simple_sum(std::span{frame}.subspan(34))));
        EXPECT_EQ(got, frame);
    }
}

TEST(SegmentsTest, a_sum_does_not_depend_on_its_pieces) {
    Frame bytes(301);
    for (usize i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i * 37 + 11);
    for (usize cut = 0; cut <= bytes.size(); ++cut) {
        Checksum sum;
        sum.add(std::span{bytes}.first(cut));
        sum.add(std::span{bytes}.subspan(cut));
        ASSERT_EQ(sum.value(), static_cast<u16>(~simple_sum(bytes)));
    }
}

}  // namespace
}  // namespace antler::backend
