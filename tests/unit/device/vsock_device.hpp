// A socket device, and a driver and a host for it that say whatever a test wants.
#pragma once

#include "device/virtio/vsock.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "tests/fake/virtio_driver.hpp"

namespace antler::device::virtio::test {

using Operation = vsock::Operation;
using Header = vsock::Header;
using Stage = StreamState::Stage;

using Memory = fake::DriverMemory;

inline constexpr u64 ram_start = fake::driver_ram;
inline constexpr u32 guest_cid = 7;
inline constexpr u16 entries = 16;
inline constexpr fake::RingPlan plan{
    .queues = 3, .entries = entries, .apart = 0x1'0000, .available = 0x1000, .used = 0x2000};

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
        for (u32 queue = 0; queue < plan.queues; ++queue) {
            std::memset(&memory_.at<u8>(ring(queue)), 0, 0x3000);
            posted_[queue] = taken_[queue] = 0;
        }
        fake::start_device(card_, feature::version_1, plan);
    }
    [[nodiscard]] static u64 ring(u32 queue) { return plan.ring(queue); }
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
    Memory memory_{1 << 20};
    Wire wire_{};
    bool level_ = false;
    std::vector<u8> buffers_ = std::vector<u8>(Device::memory_bytes);
    Device model_{memory_, wire_, {.cid = guest_cid}, buffers_};
    HostStreams& host_{model_};
    fake::DriverCard card_{fake::DriverLine{&level_}, model_};
    std::array<u16, 3> posted_{};
    std::array<u16, 3> taken_{};
};

}  // namespace antler::device::virtio::test
