// Whoever finds a socket's path is let in.
#include "cli/unix_socket.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

TEST(UnixSocket, listens_before_it_is_found) {
    test::TemporaryFolder const folder;
    auto const path = [&](int round) { return folder.path() / std::to_string(round); };
    constexpr int rounds = 200;
    std::atomic<int> visited = 0;
    int refused = 0;
    std::jthread const visitor{[&] {
        for (int round = 0; round < rounds; ++round) {
            while (!std::filesystem::exists(path(round))) {
            }
            if (!connect_to_socket(path(round)).open()) ++refused;
            visited = round + 1;
        }
    }};
    for (int round = 0; round < rounds; ++round) {
        auto const door = listen_at_socket(path(round));
        ASSERT_TRUE(door.open());
        while (visited <= round) std::this_thread::yield();
    }
    EXPECT_EQ(refused, 0);
}

TEST(UnixSocket, takes_the_place_of_what_lay_there) {
    test::TemporaryFolder const folder;
    auto const path = folder.path() / "socket";
    auto const before = listen_at_socket(path);
    auto const door = listen_at_socket(path);
    ASSERT_TRUE(door.open());
    EXPECT_TRUE(connect_to_socket(path).open());
    auto const left = std::distance(std::filesystem::directory_iterator{folder.path()}, {});
    EXPECT_EQ(left, 1) << "the unfinished one is gone";
}

}  // namespace
}  // namespace antler::cli
