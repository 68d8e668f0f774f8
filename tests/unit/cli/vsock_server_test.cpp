// Visitors at a machine's sockets, guests who visit, and a hypervisor's control server between them.
#include "cli/vsock_server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include "cli/unix_socket.hpp"
#include "control/server.hpp"
#include "tests/fake/control.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

using namespace std::chrono_literals;
using Stage = device::virtio::StreamState::Stage;
using Guest = fake::Operations::Stream;

// The control channel over a socket.
struct Line final : control::Channel {
    int socket = -1;
    bool connected() override { return socket >= 0; }
    usize receive(std::span<u8> into) override {
        auto const count = ::recv(socket, into.data(), into.size(), 0);
        return count > 0 ? static_cast<usize>(count) : 0;
    }
    usize send(std::span<u8 const> bytes) override {
        auto const count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return count > 0 ? static_cast<usize>(count) : 0;
    }
};

class VsockServer : public testing::Test {
protected:
    VsockServer() {
        door_ = listen_at_socket(control_);
        hypervisor_ = std::thread{[this] { answer(); }};
        server_ = std::thread{[this] { (void)serve_vsock(control_); }};
        EXPECT_TRUE(within([&] { return std::filesystem::exists(vsock_socket(control_, "linux")); }));
    }
    ~VsockServer() override {
        over_ = true;
        hypervisor_.join();
        server_.join();
    }

    // One hypervisor, with two VMs of which the first has a vsock.
    void answer() {
        backend::LockedOutward outward;
        auto const server = std::make_unique<control::Server>(operations_, outward);
        Line line;
        Descriptor client;
        Nanos now{};
        while (!over_) {
            if (!client.open()) {
                client = Descriptor{::accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
                line.socket = client.get();
            }
            {
                std::scoped_lock const lock{mutex_};
                server->streams_changed();
                (void)server->work(line, now);
            }
            now.n += 1'000'000;
            std::this_thread::sleep_for(1ms);
        }
        door_.close();
        client.close();
    }

    template <class Condition>
    [[nodiscard]] static bool within(Condition&& condition) {
        for (int i = 0; i < 2'000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(5ms);
        }
        return false;
    }
    // What the guest's end is, or does, while nobody else does anything with it.
    template <class Body>
    auto with(u32 stream, Body&& body) {
        std::scoped_lock const lock{mutex_};
        return body(operations_.streams.at(stream));
    }
    [[nodiscard]] bool becomes(u32 stream, bool (*condition)(Guest&)) {
        return within([&] {
            std::scoped_lock const lock{mutex_};
            return operations_.streams.size() > stream && condition(operations_.streams[stream]);
        });
    }

    [[nodiscard]] Descriptor visit(std::string const& line) {
        auto socket = connect_to_socket(vsock_socket(control_, "linux"));
        EXPECT_TRUE(socket.open());
        EXPECT_EQ(::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(line.size()));
        return socket;
    }
    // So many bytes, or as many as come before the end.
    [[nodiscard]] static std::string hear(Descriptor const& socket, usize count) {
        std::string said;
        while (said.size() < count) {
            pollfd waiting{socket.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 10'000) <= 0) break;
            std::array<char, 4'096> bytes{};
            auto const got = ::read(socket.get(), bytes.data(), std::min(bytes.size(), count - said.size()));
            if (got <= 0) break;
            said.append(bytes.data(), static_cast<usize>(got));
        }
        return said;
    }
    // A stream that the first visitor opened; it is number 0.
    [[nodiscard]] Descriptor joined(std::string const& more = {}) {
        auto socket = visit("CONNECT 22\n" + more);
        EXPECT_TRUE(becomes(0, [](Guest& guest) { return guest.state.stage == Stage::calling; }));
        with(0, [](Guest& guest) { guest.state.stage = Stage::open; });
        EXPECT_EQ(hear(socket, 6), "OK 77\n");
        return socket;
    }

    test::TemporaryFolder folder_{};
    Path control_ = folder_.path() / "control";
    std::mutex mutex_{};
    fake::Operations operations_{};
    Descriptor door_{};
    std::atomic<bool> over_ = false;
    std::thread hypervisor_{};
    std::thread server_{};
};

TEST_F(VsockServer, joins_a_visitor_with_a_port_of_the_guest) {
    auto const socket = joined("said at once");
    EXPECT_TRUE(
        becomes(0, [](Guest& guest) { return guest.port == 22 && guest.to_guest == "said at once"; }));
    with(0, [](Guest& guest) { guest.to_host = "hello"; });
    EXPECT_EQ(hear(socket, 5), "hello");
}

TEST_F(VsockServer, has_no_door_for_a_vm_without_a_vsock) {
    EXPECT_FALSE(std::filesystem::exists(vsock_socket(control_, "rtos")));
}

TEST_F(VsockServer, closes_where_nobody_listens) {
    auto const socket = visit("CONNECT 22\n");
    EXPECT_TRUE(becomes(0, [](Guest&) { return true; }));
    with(0, [](Guest& guest) { guest.state.stage = Stage::over; });
    EXPECT_EQ(hear(socket, 1), "");
}

TEST_F(VsockServer, closes_on_whoever_says_something_else) {
    EXPECT_EQ(hear(visit("HELLO\n"), 1), "");
    EXPECT_EQ(hear(visit("CONNECT 1234567890123456789012345678901234567890"), 1), "");
}

TEST_F(VsockServer, each_half_ends_by_itself) {
    auto const socket = joined();
    ::shutdown(socket.get(), SHUT_WR);
    EXPECT_TRUE(becomes(0, [](Guest& guest) { return guest.finished; }));
    with(0, [](Guest& guest) {
        guest.to_host = "the last";
        guest.state.guest_finished = true;
    });
    EXPECT_EQ(hear(socket, 100), "the last");
    EXPECT_TRUE(becomes(0, [](Guest& guest) { return guest.closed && !guest.at_once; }));
}

TEST_F(VsockServer, a_visitor_that_goes_ends_its_stream) {
    {
        auto const socket = joined("the last");
    }
    EXPECT_TRUE(becomes(0, [](Guest& guest) { return guest.closed && !guest.at_once; }));
    EXPECT_EQ(with(0, [](Guest& guest) { return guest.to_guest; }), "the last");
}

TEST_F(VsockServer, a_guest_that_goes_closes_the_socket_behind_its_last_byte) {
    auto const socket = joined();
    with(0, [](Guest& guest) {
        guest.to_host = "the last";
        guest.state.stage = Stage::over;
    });
    EXPECT_EQ(hear(socket, 100), "the last");
}

TEST_F(VsockServer, a_guest_comes_to_whoever_listens) {
    auto const listener = listen_at_socket(vsock_socket(control_, "linux", 80));
    {
        std::scoped_lock const lock{mutex_};
        operations_.knock(80);
    }
    pollfd waiting{listener.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
    Descriptor const socket{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    EXPECT_TRUE(becomes(0, [](Guest& guest) { return guest.state.stage == Stage::open; }));
    with(0, [](Guest& guest) { guest.to_host = "hello"; });
    EXPECT_EQ(hear(socket, 5), "hello");
}

TEST_F(VsockServer, a_guest_is_refused_where_nobody_listens) {
    {
        std::scoped_lock const lock{mutex_};
        operations_.knock(80);
    }
    EXPECT_TRUE(becomes(0, [](Guest& guest) { return guest.closed; }));
}

TEST_F(VsockServer, one_who_does_not_read_holds_up_nobody) {
    auto const slow = joined();
    // More than is kept for it anywhere on the way.
    with(0, [](Guest& guest) { guest.to_host.assign(2'000'000, 'x'); });
    auto const other = visit("CONNECT 23\n");
    EXPECT_TRUE(becomes(1, [](Guest&) { return true; }));
    with(1, [](Guest& guest) { guest.state.stage = Stage::open; });
    EXPECT_EQ(hear(other, 6), "OK 77\n");
    with(1, [](Guest& guest) { guest.to_host = "hello"; });
    EXPECT_EQ(hear(other, 5), "hello");
    EXPECT_GT(with(0, [](Guest& guest) { return guest.to_host.size(); }), 1'000'000u);
    EXPECT_EQ(hear(slow, 2'000'000).size(), 2'000'000u);
}

TEST_F(VsockServer, a_guest_that_does_not_read_gets_no_more_than_it_has_room_for) {
    auto const socket = joined();
    std::string const much(100'000, 'y');
    std::thread writer{[&] {
        for (usize done = 0; done < much.size();) {
            auto const count = ::send(socket.get(), much.data() + done, much.size() - done, MSG_NOSIGNAL);
            if (count > 0) done += static_cast<usize>(count);
            if (count < 0 && errno != EAGAIN) break;
            if (count < 0) std::this_thread::sleep_for(1ms);
        }
    }};
    EXPECT_TRUE(
        becomes(0, [](Guest& guest) { return guest.to_guest.size() == fake::Operations::guest_room; }));
    usize heard = 0;
    EXPECT_TRUE(within([&] {
        with(0, [&](Guest& guest) {
            heard += guest.to_guest.size();
            guest.to_guest.clear();
        });
        return heard == much.size();
    }));
    writer.join();
}

}  // namespace
}  // namespace antler::cli
