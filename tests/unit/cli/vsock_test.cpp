// What somebody says who wants to be joined with a guest.
#include <gtest/gtest.h>

#include "cli/vsock_server.hpp"

namespace antler::cli {
namespace {

TEST(Vsock, a_visitor_names_a_port) {
    EXPECT_EQ(port_of_connect("CONNECT 22"), 22u);
    EXPECT_EQ(port_of_connect("CONNECT 4294967294"), 4'294'967'294u);
    EXPECT_EQ(port_of_connect("CONNECT 22\r"), 22u);
}

TEST(Vsock, whoever_says_anything_else_goes_nowhere) {
    for (auto const* const line : {"", "CONNECT", "CONNECT ", "CONNECT x", "CONNECT 1x", "CONNECT -1",
                                   "CONNECT 0", "CONNECT 4294967295", "CONNECT 4294967296", "connect 1"})
        EXPECT_EQ(port_of_connect(line), 0u) << line;
}

TEST(Vsock, sockets_lie_beside_the_machines_own) {
    EXPECT_EQ(vsock_socket("/run/m/control", "web"), "/run/m/vsock-web");
    EXPECT_EQ(vsock_socket("/run/m/control", "web", 80), "/run/m/vsock-web_80");
}

}  // namespace
}  // namespace antler::cli
