// A console with ports, between its driver and people who type.
#include "device/virtio/console.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/fake/virtio_driver.hpp"

namespace antler::device::virtio {
namespace {

struct People {
    std::array<std::string, 3> said{}, typed{};
    ConsoleSize terminal{80, 24};  // of port 0
    bool again = false;
    void write(u32 port, std::string_view text) { said.at(port) += text; }
    usize read(u32 port, std::span<u8> into) {
        auto& waits = typed.at(port);
        auto const count = std::min(waits.size(), into.size());
        std::copy_n(waits.begin(), count, into.begin());
        waits.erase(0, count);
        return count;
    }
    std::string_view name(u32 port) { return port == 0 ? "first" : "second"; }
    ConsoleSize size(u32 port) { return port == 0 ? terminal : ConsoleSize{}; }
    void call_again() { again = true; }
};

using enum ConsoleEvents::Event;

struct Message {
    u32 port = 0;
    u16 event = 0;
    std::string more{};
    friend bool operator==(Message const&, Message const&) = default;
};

class VirtioConsole : public testing::Test {
protected:
    static constexpr u64 many = console_feature::many_ports;
    static constexpr u32 to_guest = 2, to_device = 3;  // queues of control
    static constexpr fake::RingPlan plan{.queues = 6, .entries = 16};

    void start(u64 features) {
        queues_ = {};
        memory_.bytes.assign(memory_.bytes.size(), 0);
        fake::start_device(card_, features | feature::version_1, plan);
    }
    void put(Offset at, u32 value) { EXPECT_TRUE(card_.write(at, Width::word, value)); }
    u64 get(Offset at, Width width) { return card_.read(at, width).value(); }

    void offer(u32 queue, u64 at, u32 bytes, bool write) {
        auto const ring = plan.ring(queue);
        auto& next = queues_[queue].offered;
        auto const place = static_cast<u16>(next % plan.entries);
        memory_.at<Descriptor>(ring + 16u * place) = {at, bytes, static_cast<u16>(write ? flag_write : 0), 0};
        memory_.at<u16>(ring + plan.available + 4 + 2u * place) = place;
        memory_.at<u16>(ring + plan.available + 2) = ++next;
        put(0x050, queue);
    }
    [[nodiscard]] u64 buffer(u32 queue) {
        return fake::driver_ram + 0x1'0000 +
               (queue * plan.entries + queues_[queue].offered % plan.entries) * u64{0x2000};
    }
    void give_room(u32 queue, u32 count = 1, u32 bytes = 64) {
        for (u32 i = 0; i < count; ++i) offer(queue, buffer(queue), bytes, true);
    }
    void say(u32 queue, std::string_view text) {
        auto const at = buffer(queue);
        std::memcpy(&memory_.at<char>(at), text.data(), text.size());
        offer(queue, at, static_cast<u32>(text.size()), false);
    }
    void tell(u32 port, u16 event, u16 value) {
        struct {
            u32 port;
            u16 event, value;
        } const message{port, event, value};
        say(to_device, {reinterpret_cast<char const*>(&message), sizeof message});
    }
    // What came into the buffers of a queue.
    std::vector<std::string> taken(u32 queue) {
        work();
        std::vector<std::string> all;
        auto const ring = plan.ring(queue) + plan.used;
        auto& used = queues_[queue].used;
        while (used != memory_.at<u16>(ring + 2)) {
            auto const entry = ring + 4 + 8u * (used++ % plan.entries);
            auto const& buffer = memory_.at<Descriptor>(plan.ring(queue) + 16 * memory_.at<u32>(entry));
            all.emplace_back(&memory_.at<char>(buffer.address), memory_.at<u32>(entry + 4));
        }
        return all;
    }
    std::vector<Message> told() {
        std::vector<Message> all;
        for (auto const& bytes : taken(to_guest)) {
            Message message;
            EXPECT_GE(bytes.size(), 8U);
            std::memcpy(&message.port, bytes.data(), 4);
            std::memcpy(&message.event, bytes.data() + 4, 2);
            message.more = bytes.substr(8);
            all.push_back(std::move(message));
        }
        return all;
    }
    void work() {
        for (u32 i = 0; i < 100; ++i) {
            people_.again = false;
            if (!model_.work() && !people_.again) return;
        }
        ADD_FAILURE() << "there is always more";
    }
    // Both ports, as Linux greets them.
    void greet() {
        give_room(to_guest, 8);
        tell(0, device_ready, 1);
        tell(0, port_ready, 1);
        tell(1, port_ready, 1);
        EXPECT_EQ(told().size(), 7U);
    }
    bool was_told_of_configuration() {
        auto const why = get(0x060, Width::word);
        put(0x064, static_cast<u32>(why));
        return (why & 2) != 0;
    }
    u64 counter(std::string const& name) {
        struct Look final : CounterVisitor {
            std::map<std::string, u64> found{};
            void operator()(std::string_view counter, u64 value) override {
                found[std::string{counter}] = value;
            }
        } look;
        model_.counters(look);
        return look.found.at(name);
    }

    struct Rings {
        u16 offered = 0, used = 0;
    };
    fake::DriverMemory memory_{1 << 20};
    People people_{};
    Console<fake::DriverMemory, People> model_{memory_, people_, {.ports = 2}};
    fake::DriverCard card_{{}, model_};
    std::array<Rings, 6> queues_{};
};

TEST_F(VirtioConsole, ADriverThatKnowsNoPortsHasOneThatListens) {
    start(0);
    say(1, "hello");
    people_.typed[0] = "ls\n";
    give_room(0, 2);
    EXPECT_EQ(taken(0), std::vector<std::string>{"ls\n"});
    EXPECT_EQ(people_.said[0], "hello");
    EXPECT_EQ(counter("said_bytes"), 5U);
    EXPECT_EQ(counter("typed_bytes"), 3U);
    people_.typed[0] = "again";
    EXPECT_EQ(taken(0), std::vector<std::string>{"again"}) << "the other buffer was not lost";
}

TEST_F(VirtioConsole, TellsOfItsPortsWhenItsDriverIsThere) {
    start(many);
    give_room(to_guest, 8);
    EXPECT_TRUE(told().empty());
    tell(0, device_ready, 1);
    EXPECT_EQ(told(), (std::vector<Message>{{0, port_add}, {1, port_add}}));
    tell(0, port_ready, 1);
    EXPECT_EQ(told(), (std::vector<Message>{{0, is_console}, {0, port_name, "first"}, {0, port_open}}));
    tell(1, port_ready, 1);
    EXPECT_EQ(told(), (std::vector<Message>{{1, port_name, "second"}, {1, port_open}}));
}

TEST_F(VirtioConsole, WhatItHasToTellWaitsForRoom) {
    start(many);
    tell(0, device_ready, 1);
    EXPECT_TRUE(told().empty());
    give_room(to_guest);
    EXPECT_EQ(told(), (std::vector<Message>{{0, port_add}}));
    give_room(to_guest);
    EXPECT_EQ(told(), (std::vector<Message>{{1, port_add}}));
    give_room(to_guest);
    EXPECT_TRUE(told().empty());
}

TEST_F(VirtioConsole, WhatIsTypedWaitsUntilSomebodyListensAtThePort) {
    start(many);
    greet();
    people_.typed[1] = "x";
    give_room(4, 2);
    EXPECT_TRUE(taken(4).empty());
    tell(1, port_open, 1);
    EXPECT_EQ(taken(4), std::vector<std::string>{"x"});
    tell(1, port_open, 0);
    people_.typed[1] = "y";
    EXPECT_TRUE(taken(4).empty());
    EXPECT_EQ(people_.typed[1], "y");
}

TEST_F(VirtioConsole, WhatAPortSaysIsNobodyElses) {
    start(many);
    greet();
    say(5, "second");
    say(1, "first");
    EXPECT_EQ(people_.said[0], "first");
    EXPECT_EQ(people_.said[1], "second");
}

TEST_F(VirtioConsole, LongTextsAreWhole) {
    start(0);
    std::string text(5'000, ' ');
    for (usize i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
    say(1, text);
    EXPECT_EQ(people_.said[0], text);
    people_.typed[0] = text.substr(0, 600);
    give_room(0, 3, 1000);
    std::string got;
    for (auto const& piece : taken(0)) got += piece;
    EXPECT_EQ(got, text.substr(0, 600));
}

TEST_F(VirtioConsole, WhoSaysMuchIsHeardInPieces) {
    start(0);
    auto const at = buffer(1);
    std::memset(&memory_.at<char>(at), 'z', 0x2000);
    people_.again = false;
    for (u32 i = 0; i < 3; ++i) {  // all at once: 24 KiB
        auto const place = static_cast<u16>(queues_[1].offered++);
        memory_.at<Descriptor>(plan.ring(1) + 16u * place) = {at, 0x2000, 0, 0};
        memory_.at<u16>(plan.ring(1) + plan.available + 4 + 2u * place) = place;
    }
    memory_.at<u16>(plan.ring(1) + plan.available + 2) = queues_[1].offered;
    put(0x050, 1);
    EXPECT_TRUE(people_.again) << "more than the budget of one go";
    EXPECT_LT(people_.said[0].size(), 0x6000U);
    work();
    EXPECT_EQ(people_.said[0].size(), 0x6000U);
}

TEST_F(VirtioConsole, ADriverWithoutPortsReadsTheSizeOfItsTerminal) {
    start(console_feature::size);
    EXPECT_EQ(get(0x100, Width::half), 80U);
    EXPECT_EQ(get(0x102, Width::half), 24U);
    EXPECT_EQ(get(0x104, Width::word), 2U) << "ports";
    EXPECT_FALSE(was_told_of_configuration());
    people_.terminal = {132, 50};
    model_.resized(0);
    EXPECT_TRUE(was_told_of_configuration());
    EXPECT_EQ(get(0x100, Width::half), 132U);
    model_.resized(3);
    EXPECT_FALSE(was_told_of_configuration()) << "there is no such port";
}

TEST_F(VirtioConsole, OneWithPortsIsToldOfIt) {
    start(many | console_feature::size);
    give_room(to_guest, 8);
    model_.resized(0);
    EXPECT_TRUE(told().empty()) << "it has no console yet";
    tell(0, port_ready, 1);
    ConsoleSize size{80, 24};
    auto const bytes = [&] { return std::string{reinterpret_cast<char const*>(&size), sizeof size}; };
    EXPECT_EQ(told(), (std::vector<Message>{
                          {0, is_console}, {0, resize, bytes()}, {0, port_name, "first"}, {0, port_open}}));
    size = people_.terminal = {100, 40};
    model_.resized(0);
    EXPECT_EQ(told(), (std::vector<Message>{{0, resize, bytes()}}));
}

TEST_F(VirtioConsole, OneThatDoesNotKnowSizesIsNotToldOfThem) {
    start(many);
    greet();
    model_.resized(0);
    EXPECT_TRUE(told().empty());
    EXPECT_FALSE(was_told_of_configuration());
}

TEST_F(VirtioConsole, AByteInNeedGoesWithoutAnyRing) {
    EXPECT_TRUE(card_.write(0x108, Width::word, 'p'));
    EXPECT_EQ(people_.said[0], "p");
    EXPECT_TRUE(card_.write(0x100, Width::word, 'q'));
    EXPECT_EQ(people_.said[0], "p") << "that is no register to write to";
}

TEST_F(VirtioConsole, WordsOfPortsThatAreNotThereAreHeardByNobody) {
    start(many);
    greet();
    tell(2, port_open, 1);
    tell(~u32{0}, port_ready, 1);
    tell(0, port_remove, 1);
    say(to_device, "short");
    give_room(to_guest, 2);
    EXPECT_TRUE(told().empty());
}

TEST_F(VirtioConsole, MemoryThatIsNotThereStopsItUntilItsDriverBeginsAnew) {
    constexpr u32 needs_reset = 64;
    for (auto const& [queue, write] : {std::pair{1u, false}, std::pair{0u, true}, std::pair{to_device, false},
                                       std::pair{to_guest, true}}) {
        start(many);
        tell(0, device_ready, 1);
        tell(0, port_open, 1);
        people_.typed[0] = "typed";
        EXPECT_EQ(get(0x070, Width::word) & needs_reset, 0U);
        offer(queue, 0x1000, 64, write);
        work();
        EXPECT_NE(get(0x070, Width::word) & needs_reset, 0U) << queue;
        auto const said = people_.said[0];
        say(1, "more");
        EXPECT_EQ(people_.said[0], said);
    }
    start(0);
    say(1, "well");
    EXPECT_TRUE(people_.said[0].ends_with("well"));
}

}  // namespace
}  // namespace antler::device::virtio
