// The debug console, and the two legacy calls that it replaces.
#include <gtest/gtest.h>

#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::DebugConsoleFid;

constexpr u64 memory = Guest::code;
constexpr u64 end = Guest::code + Guest::memory_bytes;

void put(Guest& guest, u64 at, std::string_view text) {
    EXPECT_TRUE(guest.ram().write(Gpa{at}, {reinterpret_cast<u8 const*>(text.data()), text.size()}));
}
std::string get(Guest& guest, u64 at, usize size) {
    std::string text(size, '?');
    EXPECT_TRUE(guest.ram().read(Gpa{at}, {reinterpret_cast<u8*>(text.data()), text.size()}));
    return text;
}

TEST(SbiDebugConsole, WritesWhatLiesInGuestMemory) {
    Guest guest;
    put(guest, memory + 0x123, "hello");
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_write, {5, memory + 0x123, 0}),
              Guest::success(5));
    EXPECT_EQ(fake::outside().console, "hello");
}

TEST(SbiDebugConsole, WritesABoundedPartOfMuch) {
    Guest guest;
    put(guest, memory, std::string(5000, 'x'));
    auto const answer = guest.call(Eid::debug_console, DebugConsoleFid::console_write, {5000, memory, 0});
    EXPECT_EQ(answer, Guest::success(256));
    EXPECT_EQ(fake::outside().console, std::string(256, 'x'));
    EXPECT_EQ(
        guest.call(Eid::debug_console, DebugConsoleFid::console_write, {Guest::memory_bytes, memory, 0}),
        Guest::success(256));
}

TEST(SbiDebugConsole, RefusesWhatIsNotMemoryFromItsFirstByteToItsLast) {
    Guest guest;
    struct Case {
        u64 bytes, low, high;
    };
    for (auto const& [bytes, low, high] : {Case{1, 0, 0},
                                           {1, memory - 1, 0},
                                           {2, memory - 1, 0},
                                           {1, end, 0},
                                           {2, end - 1, 0},
                                           {1, memory, 1},
                                           {Guest::memory_bytes + 1, memory, 0},
                                           {~u64{0}, memory, 0},
                                           {u64{0} - memory, memory, 0},
                                           {1, 0x1000'0000, 0},
                                           {16, ~u64{0} - 7, 0}})
        for (auto const function : {DebugConsoleFid::console_write, DebugConsoleFid::console_read})
            EXPECT_EQ(guest.call(Eid::debug_console, function, {bytes, low, high}),
                      Guest::error(Status::invalid_param))
                << std::hex << bytes << " " << low << " " << high;
    EXPECT_TRUE(fake::outside().console.empty());
}

TEST(SbiDebugConsole, NoBytesAreFineEverywhere) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_write, {0, 0, 0}), Guest::success(0));
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_read, {0, 0, 0}), Guest::success(0));
}

TEST(SbiDebugConsole, ReachesTheLastByteOfMemory) {
    Guest guest;
    put(guest, end - 1, "z");
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_write, {1, end - 1, 0}),
              Guest::success(1));
    EXPECT_EQ(fake::outside().console, "z");
}

TEST(SbiDebugConsole, ReadsWhatWasTypedAndNoMore) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_read, {8, memory, 0}),
              Guest::success(0));
    put(guest, memory, "--------");
    EXPECT_TRUE(
        guest.machine().machine().write(vm::uart_region.start + 2, device::Width::byte, 1));  // its FIFO
    guest.machine().machine().console_type("abc");
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_read, {2, memory, 0}),
              Guest::success(2));
    EXPECT_EQ(get(guest, memory, 4), "ab--");
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_read, {8, memory + 2, 0}),
              Guest::success(1));
    EXPECT_EQ(get(guest, memory, 4), "abc-");
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_read, {8, memory, 0}),
              Guest::success(0));
}

TEST(SbiDebugConsole, ReadingMakesTheBoardsInputFlow) {
    Guest guest;
    EXPECT_EQ(guest.machine().machine().console_room(), 0U);
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_read, {8, memory, 0}),
              Guest::success(0));
    EXPECT_GT(guest.machine().machine().console_room(), 0U);
}

TEST(SbiDebugConsole, WritesOneByteOfItsRegister) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::debug_console, DebugConsoleFid::console_write_byte, {0xffff'ff41}),
              Guest::success(0));
    EXPECT_EQ(fake::outside().console, "A");
}

TEST(SbiLegacy, PutcharAndGetcharLeaveTheSecondRegisterAlone) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::legacy_console_putchar, 0, {'B'}),
              (Guest::Answer{Next::advance, Status::success, 0x100b}));
    EXPECT_EQ(fake::outside().console, "B");
    EXPECT_EQ(guest.call(Eid::legacy_console_getchar, 99),
              (Guest::Answer{Next::advance, Status{-1}, 0x100b}));
    guest.machine().machine().console_type("\xff");
    EXPECT_EQ(guest.call(Eid::legacy_console_getchar, 0),
              (Guest::Answer{Next::advance, Status{0xff}, 0x100b}));
}

TEST(SbiLegacy, ShutdownPowersOffAndSetTimerSetsTheTimer) {
    Guest guest{{.sstc = false}};
    EXPECT_EQ(guest.call(Eid::legacy_set_timer, 3, {4711}),
              (Guest::Answer{Next::advance, Status::success, 0x100b}));
    EXPECT_EQ(guest.vcpu().timer, 4711U);
    EXPECT_EQ(guest.call(Eid::legacy_shutdown, 3).next, Next::stop);
    EXPECT_TRUE(guest.machine().is_ending());
}

}  // namespace
}  // namespace antler::sbi
