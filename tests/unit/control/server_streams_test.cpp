// Streams between a client and guests: credit in both directions, calls from either end, and every way to
// end.
#include "tests/unit/control/client.hpp"

namespace antler::control {
namespace {

using Stage = device::virtio::StreamState::Stage;

class StreamServer : public ControlServer {
protected:
    StreamServer() { greet(); }

    // While a guest is called the server wants to be asked again for as long as it waits.
    std::vector<Received> listen_briefly() {
        for (int turns = 0; turns < 20; ++turns) {
            now_.n += 1'000'000;
            (void)server_.work(channel_, now_);
        }
        return heard();
    }
    std::vector<Received> news() {
        server_.streams_changed();
        return listen();
    }
    // A stream that the client opened, and the guest's end of it.
    struct Opened {
        u32 stream = 0;
        fake::Operations::Stream* guest = nullptr;
    };
    Opened open(u32 room = 65'536) {
        ask(Type::vsock_connect, wire::VsockConnect{.vm = "linux", .port = 22, .room = room}, ++sequence_);
        EXPECT_TRUE(listen_briefly().empty());
        auto& guest = operations_.streams.back();
        guest.state.stage = Stage::open;
        auto const frames = news();
        EXPECT_EQ(frames.size(), 1u);
        EXPECT_EQ(frames[0].header.sequence, sequence_);
        auto const opened = frames[0].as<wire::ReplyWith<wire::VsockOpened>>();
        EXPECT_EQ(opened.reply.status, Status::ok);
        EXPECT_EQ(opened.body.room, fake::Operations::guest_room);
        EXPECT_EQ(opened.body.port, 77u);
        return {opened.body.stream, &guest};
    }
    Received send(u32 stream, std::string_view text) {
        return answer_to(Type::vsock_data,
                         wire::VsockData{stream, {reinterpret_cast<u8 const*>(text.data()), text.size()}});
    }
    static std::string text(std::vector<Received> const& frames) {
        std::string all;
        for (auto const& frame : frames)
            if (frame.type() == Type::event_vsock_data) {
                auto const data = frame.as<wire::VsockData>();
                all.append(data.bytes.begin(), data.bytes.end());
            }
        return all;
    }
};

TEST_F(StreamServer, a_call_is_answered_when_the_guest_has) {
    ask(Type::vsock_connect, wire::VsockConnect{.vm = "linux", .port = 22, .room = 100}, 50);
    EXPECT_TRUE(listen_briefly().empty());
    // Meanwhile others are answered.
    ask(Type::host_info, wire::Nothing{}, 51);
    EXPECT_EQ(listen_briefly().back().status(), Status::ok);
    operations_.streams.back().state.stage = Stage::open;
    auto const frames = news();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].header.sequence, 50u);
    EXPECT_EQ(frames[0].type(), Type::vsock_connect);
    EXPECT_EQ(frames[0].status(), Status::ok);
}

TEST_F(StreamServer, a_guest_that_refuses_is_a_sentence) {
    ask(Type::vsock_connect, wire::VsockConnect{.vm = "linux", .port = 22, .room = 100}, 50);
    EXPECT_TRUE(listen_briefly().empty());
    operations_.streams.back().state.stage = Stage::over;
    auto const frames = news();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].header.sequence, 50u);
    EXPECT_EQ(frames[0].status(), Status::failed);
    EXPECT_TRUE(operations_.streams.back().closed);
}

TEST_F(StreamServer, a_guest_that_does_not_answer_is_not_waited_for_for_ever) {
    ask(Type::vsock_connect, wire::VsockConnect{.vm = "linux", .port = 22, .room = 100}, 50);
    (void)listen_briefly();
    std::vector<Received> frames;
    for (u32 turns = 0; frames.empty() && turns < 100; ++turns) {
        auto const later = server_.work(channel_, now_);
        frames = heard();
        if (!frames.empty()) break;
        ASSERT_NE(later, Server::never);
        now_ = now_ + later;
    }
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].status(), Status::failed);
    EXPECT_TRUE(operations_.streams.back().at_once);
}

TEST_F(StreamServer, who_cannot_be_called_is_said_at_once) {
    EXPECT_EQ(answer_to(Type::vsock_connect, wire::VsockConnect{.vm = "none", .port = 22}).status(),
              Status::no_such_vm);
    operations_.next = {Status::not_supported, "it has no vsock"};
    EXPECT_EQ(answer_to(Type::vsock_connect, wire::VsockConnect{.vm = "linux", .port = 22}).status(),
              Status::not_supported);
}

TEST_F(StreamServer, a_client_gets_no_more_than_it_has_room_for) {
    auto const [stream, guest] = open(10);
    guest->to_host = "0123456789abcdefghijklmnop";
    EXPECT_EQ(text(news()), "0123456789");
    EXPECT_EQ(text(news()), "");
    ask(Type::vsock_credit, wire::VsockCredit{stream, 5}, 900);
    EXPECT_EQ(text(listen()), "abcde");
    // What ends behind it waits too.
    guest->state.guest_finished = true;
    guest->state.stage = Stage::over;
    EXPECT_TRUE(news().empty());
    ask(Type::vsock_credit, wire::VsockCredit{stream, ~u32{0}}, 901);
    ask(Type::vsock_credit, wire::VsockCredit{stream, ~u32{0}}, 902);
    auto const frames = listen();
    EXPECT_EQ(text(frames), "fghijklmnop");
    EXPECT_EQ(frames.back().type(), Type::event_vsock_closed);
}

TEST_F(StreamServer, a_client_that_sends_too_much_hears_how_much_was_taken) {
    auto const [stream, guest] = open();
    std::string const much(5'000, 'x');
    EXPECT_EQ(send(stream, much).as<wire::ReplyWith<wire::Accepted>>().body.bytes, 5'000u);
    EXPECT_EQ(send(stream, much).as<wire::ReplyWith<wire::Accepted>>().body.bytes, 3'192u);
    EXPECT_EQ(send(stream, much).as<wire::ReplyWith<wire::Accepted>>().body.bytes, 0u);
    guest->to_guest.clear();
    auto const frames = news();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].type(), Type::event_vsock_credit);
    EXPECT_EQ(frames[0].as<wire::VsockCredit>().bytes, fake::Operations::guest_room);
}

TEST_F(StreamServer, either_end_may_finish_before_the_other) {
    auto const [stream, guest] = open();
    EXPECT_EQ(answer_to(Type::vsock_finish, wire::VsockStream{stream}).status(), Status::ok);
    EXPECT_TRUE(guest->finished);
    guest->to_host = "the last";
    guest->state.guest_finished = true;
    auto const frames = news();
    EXPECT_EQ(text(frames), "the last");
    EXPECT_EQ(frames.back().type(), Type::event_vsock_finished);
    EXPECT_TRUE(news().empty());  // once
    EXPECT_EQ(answer_to(Type::vsock_close, wire::VsockStream{stream}).status(), Status::ok);
    EXPECT_TRUE(guest->closed);
    EXPECT_FALSE(guest->at_once);
    EXPECT_EQ(answer_to(Type::vsock_close, wire::VsockStream{stream}).status(), Status::not_found);
}

TEST_F(StreamServer, a_guest_that_goes_is_an_event_behind_its_last_byte) {
    auto const [stream, guest] = open();
    guest->to_host = "the last";
    guest->state.stage = Stage::over;
    auto const frames = news();
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(text(frames), "the last");
    EXPECT_EQ(frames[1].type(), Type::event_vsock_closed);
    EXPECT_EQ(frames[1].as<wire::VsockClosed>().stream, stream);
    EXPECT_EQ(send(stream, "more").status(), Status::not_found);
}

TEST_F(StreamServer, guests_come_to_ports_where_the_client_listens) {
    operations_.knock(80);
    EXPECT_TRUE(news().empty());
    EXPECT_FALSE(server_.ports().contains(80));
    ask(Type::vsock_listen, wire::VsockListen{.port = 80, .on = true}, 900);
    auto const frames = listen();
    ASSERT_EQ(frames.size(), 2u);
    ASSERT_EQ(frames[1].type(), Type::event_vsock_incoming);
    auto const incoming = frames[1].as<wire::VsockIncoming>();
    EXPECT_EQ(incoming.cid, 3u);
    EXPECT_EQ(incoming.port, 80u);
    EXPECT_EQ(incoming.guest_port, 9u);
    EXPECT_EQ(incoming.vm, "linux");
    EXPECT_EQ(incoming.room, fake::Operations::guest_room);
    // Before it is accepted nothing goes through.
    EXPECT_EQ(send(incoming.stream, "early").status(), Status::bad_state);
    EXPECT_EQ(answer_to(Type::vsock_accept, wire::VsockAccept{incoming.stream, 1'000}).status(), Status::ok);
    EXPECT_EQ(answer_to(Type::vsock_accept, wire::VsockAccept{incoming.stream, 1'000}).status(),
              Status::bad_state);
    EXPECT_EQ(send(incoming.stream, "hello").status(), Status::ok);
    EXPECT_EQ(operations_.streams.back().to_guest, "hello");
    EXPECT_EQ(answer_to(Type::vsock_listen, wire::VsockListen{.port = 80, .on = false}).status(), Status::ok);
    operations_.knock(80);
    EXPECT_TRUE(news().empty());
}

TEST_F(StreamServer, a_client_may_listen_at_every_port) {
    EXPECT_EQ(answer_to(Type::vsock_listen, wire::VsockListen{.port = wire::every_port, .on = true}).status(),
              Status::ok);
    for (u32 port = 1; port < 4; ++port) operations_.knock(port);
    EXPECT_EQ(news().size(), 3u);
}

TEST_F(StreamServer, ports_are_as_many_as_can_be) {
    for (u32 port = 1; port <= 32; ++port)
        EXPECT_EQ(answer_to(Type::vsock_listen, wire::VsockListen{.port = port, .on = true}).status(),
                  Status::ok);
    EXPECT_EQ(answer_to(Type::vsock_listen, wire::VsockListen{.port = 32, .on = true}).status(), Status::ok);
    EXPECT_EQ(answer_to(Type::vsock_listen, wire::VsockListen{.port = 33, .on = true}).status(),
              Status::no_memory);
    EXPECT_EQ(answer_to(Type::vsock_listen, wire::VsockListen{.port = 5, .on = false}).status(), Status::ok);
    EXPECT_FALSE(server_.ports().contains(5));
    EXPECT_TRUE(server_.ports().contains(32));
}

TEST_F(StreamServer, streams_are_as_many_as_can_be) {
    for (u32 i = 0; i < 32; ++i) (void)open();
    EXPECT_EQ(answer_to(Type::vsock_connect, wire::VsockConnect{.vm = "linux", .port = 1}).status(),
              Status::no_memory);
    // A guest that calls waits until there is room again.
    (void)answer_to(Type::vsock_listen, wire::VsockListen{.port = wire::every_port, .on = true});
    operations_.knock(80);
    EXPECT_TRUE(news().empty());
    ask(Type::vsock_close, wire::VsockStream{1}, 900);
    EXPECT_EQ(listen().back().type(), Type::event_vsock_incoming);
}

TEST_F(StreamServer, a_client_that_goes_leaves_no_stream) {
    auto const [stream, guest] = open();
    channel_.there = false;
    (void)server_.work(channel_, now_);
    EXPECT_TRUE(guest->closed);
    EXPECT_TRUE(guest->at_once);
    channel_.there = true;
    greet();
    EXPECT_EQ(send(stream, "more").status(), Status::not_found);
}

TEST_F(StreamServer, another_hello_leaves_no_stream) {
    auto const [stream, guest] = open();
    (void)answer_to(Type::vsock_listen, wire::VsockListen{.port = 80, .on = true});
    greet();
    EXPECT_TRUE(guest->closed);
    EXPECT_TRUE(server_.ports().empty());
}

TEST_F(StreamServer, much_of_one_stream_does_not_silence_consoles_or_other_streams) {
    auto const first = open(~u32{0});
    auto const second = open();
    ASSERT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{.vm = "rtos"}).status(), Status::ok);
    first.guest->to_host.assign(100'000, 'x');
    second.guest->to_host = "short";
    say(1, "a console");
    channel_.largest_piece = 100'000;
    server_.streams_changed();
    // One turn: sixteen frames at most.
    now_.n += 1'000'000;
    (void)server_.work(channel_, now_);
    bool has_console = false;
    bool has_second = false;
    for (auto const& frame : heard()) {
        has_console = has_console || frame.type() == Type::event_console_output;
        has_second = has_second || (frame.type() == Type::event_vsock_data &&
                                    frame.as<wire::VsockData>().stream == second.stream);
    }
    EXPECT_TRUE(has_console);
    EXPECT_TRUE(has_second);
}

}  // namespace
}  // namespace antler::control
