// What waits for a port that takes little at a time, or nothing.
#include "backend/port_backlog.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace antler::backend {
namespace {

struct Port {
    usize room = 0;
    std::string said{};
    auto sender() {
        return [this](std::string_view text) {
            auto const count = std::min(room, text.size());
            said += text.substr(0, count);
            room -= count;
            return count;
        };
    }
};

class Backlog : public testing::Test {
protected:
    Port port;
    std::unique_ptr<PortBacklog> backlog = std::make_unique<PortBacklog>();
};

TEST_F(Backlog, a_port_with_room_gets_everything_at_once) {
    port.room = 100;
    backlog->write("hello", port.sender());
    EXPECT_EQ(port.said, "hello");
    EXPECT_TRUE(backlog->empty());
}

TEST_F(Backlog, what_a_busy_port_does_not_take_goes_later_and_in_order) {
    port.room = 3;
    backlog->write("hello", port.sender());
    EXPECT_EQ(port.said, "hel");
    EXPECT_FALSE(backlog->empty());
    port.room = 1;
    backlog->write(" world", port.sender());
    EXPECT_EQ(port.said, "hell");
    port.room = 100;
    backlog->drain(port.sender());
    EXPECT_EQ(port.said, "hello world");
    EXPECT_TRUE(backlog->empty());
}

TEST_F(Backlog, a_port_that_takes_nothing_costs_what_has_no_room_and_says_how_much) {
    std::string const kept(PortBacklog::most, 'a');
    backlog->write(kept, port.sender());
    backlog->write("bcd", port.sender());
    EXPECT_EQ(port.said, "");
    port.room = 2 * PortBacklog::most;
    while (!backlog->empty()) backlog->drain(port.sender());
    EXPECT_EQ(port.said, kept + "\r\nantler: 3 bytes were lost at this port\r\n");
    backlog->write("again", port.sender());
    EXPECT_TRUE(port.said.ends_with("again"));
}

TEST_F(Backlog, a_drain_takes_a_bounded_piece) {
    backlog->write(std::string(3 * PortBacklog::piece, 'a'), port.sender());
    port.room = PortBacklog::most;
    backlog->drain(port.sender());
    EXPECT_EQ(port.said.size(), PortBacklog::piece);
}

}  // namespace
}  // namespace antler::backend
