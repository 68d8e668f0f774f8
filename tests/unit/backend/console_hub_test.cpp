// The scroll-back of consoles, and who may type at them.
#include "backend/console_hub.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace antler::backend {
namespace {

struct OwnConsole : Console {
    OwnConsole(std::string_view name, u32 number, usize ring = 16, ConsoleKind what = ConsoleKind::serial)
        : memory(ring) {
        vm = name;
        index = number;
        kind = what;
        (void)said.move_to(memory);
    }
    std::vector<u8> memory;
};

std::string all_of(ScrollBack const& said, u64 from = 0) {
    std::array<u8, 64> room{};
    auto const piece = said.read(from, room);
    return {room.begin(), room.begin() + static_cast<long>(piece.size)};
}

std::span<u8 const> bytes(std::string_view text) {
    return {reinterpret_cast<u8 const*>(text.data()), text.size()};
}

TEST(ConsoleHub, the_oldest_bytes_make_room_for_the_newest) {
    OwnConsole console{"a", 0};
    console.said.write("0123456789");
    EXPECT_EQ(all_of(console.said), "0123456789");
    console.said.write("abcdefghij");
    EXPECT_EQ(all_of(console.said), "456789abcdefghij");
    EXPECT_EQ(console.said.oldest(), 4u);
    EXPECT_EQ(all_of(console.said, 18), "ij");
    EXPECT_EQ(all_of(console.said, 1'000), "");
}

TEST(ConsoleHub, a_console_without_memory_only_counts) {
    OwnConsole console{"a", 0, 0};
    console.said.write("0123456789");
    EXPECT_EQ(console.said.written(), 10u);
    EXPECT_EQ(console.said.kept(), 0u);
    EXPECT_EQ(all_of(console.said), "");
}

TEST(ConsoleHub, a_resized_scroll_back_keeps_its_end) {
    OwnConsole console{"a", 0};
    console.said.write("0123456789abcdefghij");
    std::vector<u8> larger(61);
    std::vector<u8> smaller(4);
    EXPECT_EQ(console.said.move_to(larger).data(), console.memory.data());
    EXPECT_EQ(all_of(console.said), "456789abcdefghij");
    (void)console.said.move_to(smaller);
    EXPECT_EQ(all_of(console.said), "ghij");
    console.said.write("k");
    EXPECT_EQ(all_of(console.said), "hijk");
}

TEST(ConsoleHub, consoles_are_found_by_name_and_by_handle_until_they_leave) {
    ConsoleHub hub;
    OwnConsole a{"a", 0};
    OwnConsole b{"a", 1};
    ASSERT_TRUE(hub.add(a) && hub.add(b));
    EXPECT_EQ(hub.find("a", 1), &b);
    EXPECT_EQ(hub.find("b", 0), nullptr);
    auto const handle = a.handle;
    EXPECT_EQ(hub.by_handle(handle), &a);
    hub.remove(a);
    EXPECT_EQ(hub.by_handle(handle), nullptr);
    ASSERT_TRUE(hub.add(a));
    EXPECT_EQ(hub.by_handle(handle), nullptr) << "a handle names one console for ever";
    EXPECT_EQ(hub.by_handle(a.handle), &a);
}

TEST(ConsoleHub, one_more_than_there_are_slots_is_refused) {
    auto const hub = std::make_unique<ConsoleHub>();
    std::vector<std::unique_ptr<OwnConsole>> many;
    for (usize i = 0; i < ConsoleHub::most_consoles; ++i) {
        many.push_back(std::make_unique<OwnConsole>("vm", static_cast<u32>(i)));
        ASSERT_TRUE(hub->add(*many.back()));
    }
    OwnConsole more{"more", 0};
    EXPECT_FALSE(hub->add(more));
    EXPECT_FALSE(hub->write(more, "heard by nobody"));
    hub->remove(more);
}

TEST(ConsoleHub, input_belongs_to_one_owner) {
    ConsoleHub hub;
    OwnConsole a{"a", 0};
    ASSERT_TRUE(hub.add(a));
    EXPECT_EQ(hub.type(a, ConsoleOwner::port, bytes("x")), 0u);
    hub.put_at_port(&a);
    EXPECT_EQ(hub.type(a, ConsoleOwner::port, bytes("x")), 1u);
    hub.watch(a, 0, 0);
    hub.own_by_channel(a, 0);
    EXPECT_EQ(hub.type(a, ConsoleOwner::port, bytes("y")), 0u);
    EXPECT_EQ(hub.type(a, ConsoleOwner::channel, bytes("z")), 1u);
    std::array<u8, 8> typed{};
    EXPECT_EQ(hub.take_typed(a, typed), 2u);
    EXPECT_EQ(typed[1], 'z');
    hub.disown(a, 0);
    EXPECT_EQ(a.owner, ConsoleOwner::port) << "the port still looks there";
}

TEST(ConsoleHub, what_is_typed_is_taken_only_as_long_as_there_is_room) {
    ConsoleHub hub;
    OwnConsole a{"a", 0};
    ASSERT_TRUE(hub.add(a));
    hub.put_at_port(&a);
    std::string const much(1'000, 'x');
    EXPECT_EQ(hub.type(a, ConsoleOwner::port, bytes(much)), 256u);
    std::array<u8, 100> some{};
    EXPECT_EQ(hub.take_typed(a, some), 100u);
    EXPECT_EQ(hub.type(a, ConsoleOwner::port, bytes(much)), 100u);
}

TEST(ConsoleHub, the_port_rotates_over_consoles_with_input_and_takes_them_from_the_channel) {
    ConsoleHub hub;
    OwnConsole log{"", 0, 16, ConsoleKind::log};
    OwnConsole a{"a", 0};
    OwnConsole b{"b", 0};
    EXPECT_EQ(hub.rotate_port(), nullptr);
    ASSERT_TRUE(hub.add(log) && hub.add(a) && hub.add(b));
    EXPECT_EQ(hub.rotate_port(), &a);
    hub.watch(b, 0, 0);
    hub.own_by_channel(b, 0);
    EXPECT_EQ(hub.rotate_port(), &b);
    EXPECT_EQ(a.owner, ConsoleOwner::nobody);
    EXPECT_EQ(b.owner, ConsoleOwner::port);
    EXPECT_EQ(hub.next_unheard(0), &b) << "the channel is told";
    EXPECT_TRUE(b.ears[0].owner_changed);
    hub.owner_told(b, 0);
    EXPECT_EQ(hub.next_unheard(0), nullptr);
    EXPECT_EQ(hub.rotate_port(), &a);
    hub.remove(a);
    EXPECT_EQ(hub.at_port(), nullptr);
    EXPECT_EQ(hub.rotate_port(), &b);
}

TEST(ConsoleHub, the_channel_is_woken_once_until_it_has_heard_all) {
    ConsoleHub hub;
    OwnConsole a{"a", 0};
    ASSERT_TRUE(hub.add(a));
    EXPECT_FALSE(hub.write(a, "nobody listens"));
    hub.watch(a, 0, 7);
    EXPECT_FALSE(hub.rest(0));
    std::array<u8, 64> room{};
    ASSERT_EQ(hub.next_unheard(0), &a);
    EXPECT_EQ(hub.hear(a, 0, room).size, 7u);
    EXPECT_TRUE(hub.rest(0));
    EXPECT_TRUE(hub.write(a, "1"));
    EXPECT_FALSE(hub.write(a, "2"));
    ASSERT_EQ(hub.next_unheard(0), &a);
    auto const piece = hub.hear(a, 0, room);
    EXPECT_EQ(std::string(room.begin(), room.begin() + static_cast<long>(piece.size)), "12");
    EXPECT_EQ(piece.position, 14u);
    EXPECT_FALSE(hub.write(a, "3")) << "it is still listening to the turn it was woken for";
    ASSERT_EQ(hub.next_unheard(0), &a);
    EXPECT_EQ(hub.hear(a, 0, room).size, 1u);
    EXPECT_EQ(hub.next_unheard(0), nullptr);
    EXPECT_FALSE(hub.write(a, "4")) << "it has not gone to rest yet";
    EXPECT_FALSE(hub.rest(0));
    EXPECT_EQ(hub.hear(a, 0, room).size, 1u);
    EXPECT_TRUE(hub.rest(0));
    EXPECT_TRUE(hub.write(a, "5"));
}

TEST(ConsoleHub, a_slow_channel_sees_the_gap_in_the_position) {
    ConsoleHub hub;
    OwnConsole a{"a", 0};
    ASSERT_TRUE(hub.add(a));
    hub.watch(a, 0, 0);
    (void)hub.write(a, "0123456789abcdefghij");
    std::array<u8, 64> room{};
    auto const piece = hub.hear(a, 0, room);
    EXPECT_EQ(piece.position, 4u);
    EXPECT_EQ(piece.size, 16u);
}

TEST(ConsoleHub, talkative_consoles_take_turns) {
    ConsoleHub hub;
    OwnConsole a{"a", 0};
    OwnConsole b{"b", 0};
    ASSERT_TRUE(hub.add(a) && hub.add(b));
    hub.watch(a, 0, 0);
    hub.watch(b, 0, 0);
    (void)hub.write(a, "aaaaaaaa");
    (void)hub.write(b, "bbbbbbbb");
    std::array<u8, 4> room{};
    for (auto* const expected : {&a, &b, &a, &b}) {
        ASSERT_EQ(hub.next_unheard(0), expected);
        EXPECT_EQ(hub.hear(*expected, 0, room).size, 4u);
    }
    EXPECT_EQ(hub.next_unheard(0), nullptr);
}

}  // namespace
}  // namespace antler::backend
