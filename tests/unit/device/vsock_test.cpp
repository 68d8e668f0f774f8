// A socket device and its driver: what each may say, and what becomes of one who says something else.
#include "device/virtio/vsock.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "device/virtio/mmio.hpp"

namespace antler::device::virtio {
namespace {

using Operation = vsock::Operation;
using Header = vsock::Header;
using Stage = StreamState::Stage;

constexpr u64 ram_start = 0x8000'0000;
constexpr u32 guest_cid = 7;
constexpr u16 entries = 16;

struct Memory {
    std::vector<u8> bytes = std::vector<u8>(1 << 20);
    u8* find(Gpa at, usize count) {
        auto const offset = at.raw() - ram_start;
        return offset <= bytes.size() && count <= bytes.size() - offset ? bytes.data() + offset : nullptr;
    }
    Result<void> read(Gpa at, std::span<u8> out) {
        auto const* const from = find(at, out.size());
        if (from == nullptr) return Err{Error::out_of_range};
        if (!out.empty()) std::memcpy(out.data(), from, out.size());
        return {};
    }
    Result<void> write(Gpa at, std::span<u8 const> in) {
        auto* const to = find(at, in.size());
        if (to == nullptr) return Err{Error::out_of_range};
        if (!in.empty()) std::memcpy(to, in.data(), in.size());
        return {};
    }
    template <class T>
    T& at(u64 where) {
        return *reinterpret_cast<T*>(bytes.data() + (where - ram_start));
    }
};

struct Line {
    bool* level;
    void set(bool high) { *level = high; }
};

struct Wire {
    bool again = false;
    u32 told = 0;
    void call_again() { again = true; }
    void tell_host() { ++told; }
};

struct Packet {
    Header header{};
    std::string data{};
    [[nodiscard]] Operation operation() const { return header.operation; }
};

// A driver with split rings; its memory is never short.
class VsockDevice : public testing::Test {
protected:
    VsockDevice() { start(); }

    void put(Offset at, u32 value) { EXPECT_TRUE(card_.write(at, Width::word, value).ok()); }
    u32 get(Offset at) { return static_cast<u32>(card_.read(at, Width::word).value()); }
    void start() {
        put(0x070, 0);
        put(0x070, 3);
        put(0x024, 0);
        put(0x020, 1);
        put(0x024, 1);
        put(0x020, 1);
        put(0x070, 11);
        for (u32 queue = 0; queue < 3; ++queue) {
            put(0x030, queue);
            put(0x038, entries);
            put(0x080, static_cast<u32>(ring(queue)));
            put(0x090, static_cast<u32>(ring(queue) + 0x1000));
            put(0x0a0, static_cast<u32>(ring(queue) + 0x2000));
            put(0x044, 1);
            std::memset(&memory_.at<u8>(ring(queue)), 0, 0x3000);
            posted_[queue] = taken_[queue] = 0;
        }
        put(0x070, 15);
    }
    [[nodiscard]] static u64 ring(u32 queue) { return ram_start + queue * 0x1'0000; }
    [[nodiscard]] static u64 buffer(u32 queue, u32 n) {
        return ram_start + 0x4'0000 + queue * 0x2'0000 + n * 0x2000;
    }

    void post(u32 queue, u32 bytes, bool write) {
        auto const n = static_cast<u16>(posted_[queue] % entries);
        memory_.at<Descriptor>(ring(queue) + n * 16u) = {buffer(queue, n), bytes,
                                                         static_cast<u16>(write ? flag_write : 0), 0};
        memory_.at<u16>(ring(queue) + 0x1004 + n * 2u) = n;
        memory_.at<u16>(ring(queue) + 0x1002) = ++posted_[queue];
    }
    // Room for what the device says.
    void give_room(u32 buffers = 1, u32 bytes = 4096) {
        while (buffers-- != 0) post(0, bytes, true);
        put(0x050, 0);
    }
    std::deque<Packet> heard() {
        work();
        std::deque<Packet> packets;
        while (memory_.at<u16>(ring(0) + 0x2002) != taken_[0]) {
            auto const at = ring(0) + 0x2004 + taken_[0]++ % entries * 8u;
            auto const id = memory_.at<u32>(at);
            auto const bytes = memory_.at<u32>(at + 4);
            Packet packet;
            EXPECT_GE(bytes, sizeof packet.header);
            packet.header = memory_.at<Header>(buffer(0, id));
            packet.data.assign(&memory_.at<char>(buffer(0, id) + sizeof(Header)), bytes - sizeof(Header));
            EXPECT_EQ(packet.header.length, packet.data.size());
            EXPECT_EQ(packet.header.destination_cid, guest_cid);
            packets.push_back(std::move(packet));
        }
        return packets;
    }
    Packet hear_one() {
        give_room();
        auto const packets = heard();
        EXPECT_EQ(packets.size(), 1u);
        return packets.empty() ? Packet{} : packets.front();
    }
    void work() {
        for (int i = 0; i < 1'000; ++i) {
            wire_.again = false;
            if (!model_.work() && !wire_.again) return;
        }
        ADD_FAILURE() << "there is always more";
    }

    [[nodiscard]] static Header packet(Operation operation, u32 host_port, u32 guest_port = 50) {
        return {.source_cid = guest_cid,
                .destination_cid = vsock::host_cid,
                .source_port = guest_port,
                .destination_port = host_port,
                .type = vsock::type_stream,
                .operation = operation,
                .buffer_bytes = 65'536};
    }
    // With as many bytes as there are, whatever the header says.
    void say(Header const& header, std::string_view data = {}) {
        auto const n = posted_[1] % entries;
        memory_.at<Header>(buffer(1, n)) = header;
        if (!data.empty())
            std::memcpy(&memory_.at<u8>(buffer(1, n) + sizeof header), data.data(), data.size());
        post(1, static_cast<u32>(sizeof header + data.size()), false);
        put(0x050, 1);
    }
    void say_data(u32 port, std::string_view data, u32 forwarded = 0) {
        auto header = packet(Operation::data, port);
        header.length = static_cast<u32>(data.size());
        header.forwarded = forwarded;
        say(header, data);
    }

    // A stream that the guest opened.
    StreamId opened(u32 port = 1000, u32 buffer_bytes = 65'536) {
        auto request = packet(Operation::request, port);
        request.buffer_bytes = buffer_bytes;
        say(request);
        auto const knock = host_.knock(0);
        EXPECT_TRUE(knock);
        EXPECT_EQ(knock->host_port, port);
        host_.take(knock->stream);
        host_.accept(knock->stream);
        EXPECT_EQ(hear_one().operation(), Operation::response);
        return knock->stream;
    }
    std::string read(StreamId stream) {
        std::array<u8, 16'384> bytes{};
        auto const count = host_.read(stream, bytes);
        return {bytes.begin(), bytes.begin() + count};
    }
    u32 write(StreamId stream, std::string_view text) {
        return host_.write(stream, {reinterpret_cast<u8 const*>(text.data()), text.size()});
    }
    u64 counter(std::string_view name) {
        struct Look final : CounterVisitor {
            std::string_view wanted;
            u64 found = ~u64{0};
            void operator()(std::string_view counter, u64 value) override {
                if (counter == wanted) found = value;
            }
        } look;
        look.wanted = name;
        model_.counters(look);
        return look.found;
    }

    using Device = Vsock<Memory, Wire>;
    Memory memory_{};
    Wire wire_{};
    bool level_ = false;
    std::vector<u8> buffers_ = std::vector<u8>(Device::memory_bytes);
    Device model_{memory_, wire_, {.cid = guest_cid}, buffers_};
    HostStreams& host_{model_};
    Mmio<Line> card_{Line{&level_}, model_};
    std::array<u16, 3> posted_{};
    std::array<u16, 3> taken_{};
};

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
}  // namespace antler::device::virtio
