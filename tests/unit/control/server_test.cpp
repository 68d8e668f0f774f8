// A client at the other end of the channel: what it asks, what it is told, and what it cannot do to anybody.
#include "tests/unit/control/client.hpp"

#include <map>

namespace antler::control {
namespace {

TEST_F(ControlServer, nothing_is_answered_before_hello) {
    EXPECT_EQ(answer_to(Type::list, wire::Nothing{}).status(), Status::bad_state);
    auto const welcome = answer_to(Type::hello, wire::Hello{}).as<wire::ReplyWith<wire::Welcome>>();
    EXPECT_EQ(welcome.reply.status, Status::ok);
    EXPECT_EQ(welcome.body.instance, 42u);
    EXPECT_EQ(welcome.body.protocol, wire::protocol_version);
    EXPECT_EQ(answer_to(Type::list, wire::Nothing{}).status(), Status::ok);
}

TEST_F(ControlServer, a_client_of_another_age_is_told_so) {
    auto const answer = answer_to(Type::hello, wire::Hello{.oldest = 7, .newest = 9});
    EXPECT_EQ(answer.status(), Status::not_supported);
}

TEST_F(ControlServer, lists_come_as_items_and_end_with_a_reply) {
    greet();
    ask(Type::list, wire::Nothing{}, 77);
    auto const frames = listen();
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].type(), Type::item_vm);
    EXPECT_EQ(frames[0].header.flags, wire::flag::more);
    EXPECT_EQ(frames[0].as<wire::VmInfo>().name, "linux");
    EXPECT_EQ(frames[1].as<wire::VmInfo>().name, "rtos");
    EXPECT_EQ(frames[2].type(), Type::list);
    EXPECT_EQ(frames[2].header.flags, 0);
    for (auto const& frame : frames) EXPECT_EQ(frame.header.sequence, 77u);
}

TEST_F(ControlServer, statistics_name_vcpus_and_devices) {
    greet();
    ask(Type::vm_statistics, wire::VmName{"rtos"}, 5);
    auto const frames = listen();
    ASSERT_EQ(frames.size(), 6u);
    EXPECT_EQ(frames[1].as<wire::VcpuStatistics>().index, 1u);
    EXPECT_EQ(frames[4].as<wire::DeviceCounter>().value, 2u);
    EXPECT_EQ(frames[5].as<wire::ReplyWith<wire::VmStatistics>>().body.run_time, 5u);
}

TEST_F(ControlServer, each_verb_reaches_the_vm_it_names) {
    greet();
    for (auto const type : {Type::start, Type::shutdown, Type::destroy, Type::reboot, Type::suspend,
                            Type::resume, Type::undefine, Type::power_button}) {
        operations_.done.clear();
        EXPECT_EQ(answer_to(type, wire::VmName{"rtos"}).status(), Status::ok);
        ASSERT_EQ(operations_.done.size(), 1u);
        EXPECT_EQ(operations_.done[0], "act " + std::to_string(static_cast<u32>(type)) + " rtos");
    }
    EXPECT_EQ(answer_to(Type::start, wire::VmName{"nobody"}).status(), Status::no_such_vm);
    EXPECT_EQ(answer_to(Type::pin_vcpu, wire::PinVcpu{"rtos", 0, 1}).status(), Status::ok);
    EXPECT_EQ(answer_to(Type::set_share, wire::SetShare{"rtos", 100, 50}).status(), Status::ok);
    EXPECT_EQ(answer_to(Type::set_memory, wire::SetMemory{"rtos", 1 << 20}).status(), Status::ok);
}

TEST_F(ControlServer, what_it_does_not_understand_is_answered) {
    greet();
    EXPECT_EQ(answer_to(static_cast<Type>(0x7777), wire::Nothing{}).status(), Status::unknown_request);
    EXPECT_EQ(answer_to(Type::event_lost, wire::Nothing{}).status(), Status::unknown_request);
    EXPECT_EQ(answer_to(Type::start, wire::Nothing{}).status(), Status::bad_request);
}

TEST_F(ControlServer, a_refusal_carries_its_sentence) {
    greet();
    operations_.next = {Status::bad_state, "rtos is running"};
    auto const answer = answer_to(Type::start, wire::VmName{"rtos"});
    EXPECT_EQ(answer.as<wire::Reply>().sentence, "rtos is running");
}

TEST_F(ControlServer, a_long_step_is_asked_again_while_consoles_go_on) {
    greet();
    ASSERT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{"linux"}).status(), Status::ok);
    operations_.again = 100;
    ask(Type::start, wire::VmName{"rtos"}, 9);
    say(0, "still here");
    (void)server_.work(channel_, now_);
    auto const early = heard();
    ASSERT_EQ(early.size(), 1u);
    EXPECT_EQ(early[0].type(), Type::event_console_output);
    auto const late = listen();
    ASSERT_EQ(late.size(), 1u);
    EXPECT_EQ(late[0].header.sequence, 9u);
    EXPECT_EQ(operations_.done.size(), 1u);
}

TEST_F(ControlServer, a_console_is_heard_from_its_history_on) {
    say(0, "before");
    greet();
    ask(Type::console_open, wire::ConsoleOpen{.vm = "linux", .history = 3}, 1);
    say(0, "after");
    auto const frames = listen();
    ASSERT_EQ(frames.size(), 2u);
    auto const opened = frames[0].as<wire::ReplyWith<wire::ConsoleOpened>>().body;
    EXPECT_EQ(opened.position, 3u + 5u) << "the last three bytes there were, wherever they are";
    auto const output = frames[1].as<wire::ConsoleOutput>();
    EXPECT_EQ(output.handle, opened.handle);
    EXPECT_EQ(output.position, opened.position);
    EXPECT_EQ(std::string(output.bytes.begin(), output.bytes.end()), "ter");
}

TEST_F(ControlServer, typing_needs_the_ownership) {
    greet();
    auto const opened = answer_to(Type::console_open, wire::ConsoleOpen{.vm = "rtos"})
                            .as<wire::ReplyWith<wire::ConsoleOpened>>();
    auto const handle = opened.body.handle;
    EXPECT_FALSE(opened.body.ours);
    std::array<u8, 300> typed{};
    EXPECT_EQ(answer_to(Type::console_input, wire::ConsoleInput{handle, typed}).status(), Status::not_owner);
    EXPECT_EQ(answer_to(Type::console_window, wire::ConsoleWindow{handle, 100, 30}).status(),
              Status::not_owner);
    EXPECT_EQ(answer_to(Type::console_own, wire::ConsoleOwn{handle, true}).status(), Status::ok);
    EXPECT_EQ(answer_to(Type::console_window, wire::ConsoleWindow{handle, 100, 30}).status(), Status::ok);
    EXPECT_EQ(consoles_[1].columns, 100u);
    EXPECT_EQ(consoles_[1].rows, 30u);
    auto const accepted = answer_to(Type::console_input, wire::ConsoleInput{handle, typed});
    EXPECT_EQ(accepted.as<wire::ReplyWith<wire::Accepted>>().body.bytes, 256u);
    EXPECT_EQ(operations_.inputs, 1u);
    // Somebody at the board's own port takes it.
    outward_.with([&](auto& outward) { outward.hub.put_at_port(&consoles_[1]); });
    auto const frames = listen();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_FALSE(frames[0].as<wire::ConsoleOwner>().ours);
    EXPECT_EQ(answer_to(Type::console_close, wire::ConsoleHandle{handle}).status(), Status::ok);
    EXPECT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{.vm = "rtos", .console = 7}).status(),
              Status::not_found);
    EXPECT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{.vm = "ghost"}).status(), Status::no_such_vm);
}

TEST_F(ControlServer, a_client_that_does_not_read_stops_nobody_and_sees_the_gap) {
    greet();
    ASSERT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{"linux"}).status(), Status::ok);
    channel_.takes = 0;
    for (u32 i = 0; i < 5'000; ++i) {
        say(0, "0123456789abcdef0123456789abcdef");
        (void)server_.work(channel_, now_);
    }
    for (u32 i = 0; i < 1'000; ++i) ask(Type::list, wire::Nothing{}, 1'000 + i);
    for (u32 i = 0; i < 100; ++i) (void)server_.work(channel_, now_);
    EXPECT_FALSE(channel_.in.empty()) << "no request is taken while its answer finds no room";
    channel_.takes = ~usize{0};
    u64 position = 0;
    u64 lost = 0;
    u32 answers = 0;
    for (auto const& frame : listen()) {
        if (frame.type() == Type::event_console_output) {
            auto const output = frame.as<wire::ConsoleOutput>();
            lost += output.position - position;
            position = output.position + output.bytes.size();
        }
        answers += frame.type() == Type::list ? 1 : 0;
    }
    EXPECT_EQ(position, 5'000u * 32);
    EXPECT_GT(lost, 0u);
    EXPECT_EQ(answers, 1'000u);
}

TEST_F(ControlServer, a_client_that_vanishes_leaves_nothing_behind) {
    greet();
    ASSERT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{.vm = "linux", .own = true}).status(),
              Status::ok);
    ASSERT_EQ(answer_to(Type::create_begin, wire::CreateBegin{100}).status(), Status::ok);
    ask(Type::list, wire::Nothing{}, 1);
    channel_.in.resize(channel_.in.size() - 3);  // in the middle of a word
    channel_.there = false;
    (void)listen();
    EXPECT_EQ(operations_.done.back(), "abort");
    EXPECT_FALSE(consoles_[0].ears[0].open);
    EXPECT_EQ(consoles_[0].owner, backend::ConsoleOwner::nobody);
    channel_.in.clear();
    channel_.there = true;
    EXPECT_EQ(answer_to(Type::list, wire::Nothing{}).status(), Status::bad_state);
    greet();
    EXPECT_EQ(answer_to(Type::list, wire::Nothing{}).status(), Status::ok);
}

TEST_F(ControlServer, a_client_that_comes_without_the_other_having_gone_begins_anew) {
    greet();
    ASSERT_EQ(answer_to(Type::console_open, wire::ConsoleOpen{"linux"}).status(), Status::ok);
    ask(Type::list, wire::Nothing{}, 1);
    channel_.in.resize(channel_.in.size() - 3);
    greet();
    EXPECT_FALSE(consoles_[0].ears[0].open);
}

TEST_F(ControlServer, events_come_to_who_asked_for_them) {
    auto const happen = [&](u32 id) {
        outward_.with([&](auto& outward) {
            backend::Event event{.type = Type::event_vm_state, .id = id, .now = wire::VmState::crashed};
            event.name.write("rtos");
            (void)outward.happened(event);
        });
    };
    greet();
    happen(1);
    EXPECT_TRUE(listen().empty());
    ASSERT_EQ(answer_to(Type::subscribe, wire::Subscribe{wire::topic::vm_state}).status(), Status::ok);
    happen(2);
    auto const frames = listen();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].as<wire::VmStateChanged>().id, 2u);
    EXPECT_EQ(frames[0].as<wire::VmStateChanged>().name, "rtos");
    for (u32 i = 0; i < 70; ++i) happen(i);
    auto const many = listen();
    u32 told = 0;
    u32 lost = 0;
    for (auto const& frame : many) {
        if (frame.type() == Type::event_lost) lost += frame.as<wire::EventsLost>().count;
        told += frame.type() == Type::event_vm_state ? 1 : 0;
    }
    EXPECT_EQ(told, 32u);
    EXPECT_EQ(lost, 38u);
}

TEST_F(ControlServer, how_far_a_creation_is_is_told_at_every_sixteenth) {
    greet();
    auto const ready =
        answer_to(Type::create_begin, wire::CreateBegin{3'200}).as<wire::ReplyWith<wire::CreateReady>>().body;
    std::array<u8, 100> const piece{};
    for (u64 offset = 0; offset < 3'200; offset += piece.size())
        ASSERT_EQ(answer_to(Type::create_data, wire::CreateData{ready.transfer, offset, piece}).status(),
                  Status::ok);
    ASSERT_EQ(operations_.told.size(), 16u);
    EXPECT_EQ(operations_.told.back().type, Type::event_create_progress);
    EXPECT_EQ(operations_.told.back().at, 3'200u);
    EXPECT_EQ(operations_.told.back().number, 3'200u);
}

TEST_F(ControlServer, a_vm_is_created_from_pieces_in_order) {
    greet();
    auto const ready =
        answer_to(Type::create_begin, wire::CreateBegin{10}).as<wire::ReplyWith<wire::CreateReady>>().body;
    EXPECT_EQ(answer_to(Type::create_begin, wire::CreateBegin{10}).status(), Status::busy);
    std::array<u8, 6> const first{'a', 'b', 'c', 'd', 'e', 'f'};
    EXPECT_EQ(answer_to(Type::create_data, wire::CreateData{ready.transfer, 1, first}).status(),
              Status::invalid);
    EXPECT_EQ(answer_to(Type::create_data, wire::CreateData{ready.transfer + 1, 0, first}).status(),
              Status::not_found);
    auto const progress = answer_to(Type::create_data, wire::CreateData{ready.transfer, 0, first});
    EXPECT_EQ(progress.as<wire::ReplyWith<wire::CreateProgress>>().body.received, 6u);
    EXPECT_EQ(answer_to(Type::create_commit, wire::CreateCommit{ready.transfer}).status(), Status::invalid);
    EXPECT_EQ(answer_to(Type::create_data, wire::CreateData{ready.transfer, 6, first}).status(),
              Status::invalid);
    EXPECT_EQ(answer_to(Type::create_data, wire::CreateData{ready.transfer, 6, wire::Bytes{first}.first(4)})
                  .status(),
              Status::ok);
    auto const made = answer_to(Type::create_commit, wire::CreateCommit{ready.transfer, true});
    EXPECT_EQ(made.as<wire::ReplyWith<wire::VmInfo>>().body.name, "rtos");
    EXPECT_EQ(operations_.created, "abcdefabcd");
    EXPECT_EQ(answer_to(Type::create_abort, wire::Transfer{ready.transfer}).status(), Status::not_found);
}

TEST_F(ControlServer, a_panic_dump_is_read_in_pieces_and_erased) {
    greet();
    EXPECT_EQ(answer_to(Type::read_panic_dump, wire::ReadPanicDump{}).status(), Status::not_found);
    for (u32 i = 0; i < 700; ++i) operations_.dump += "line " + std::to_string(i) + "\n";
    std::string read;
    for (;;) {
        auto const frame =
            answer_to(Type::read_panic_dump, wire::ReadPanicDump{static_cast<u32>(read.size())});
        auto const piece = frame.as<wire::ReplyWith<wire::PanicDump>>().body;
        EXPECT_EQ(piece.total, operations_.dump.size());
        if (piece.bytes.empty()) break;
        read.append(piece.bytes.begin(), piece.bytes.end());
    }
    EXPECT_EQ(read, operations_.dump);
    EXPECT_EQ(answer_to(Type::erase_panic_dump, wire::Nothing{}).status(), Status::ok);
    EXPECT_TRUE(operations_.dump.empty());
}

TEST_F(ControlServer, a_hart_is_made_to_stand_still) {
    greet();
    EXPECT_EQ(answer_to(Type::stall, wire::Stall{1, 3'000}).status(), Status::ok);
    EXPECT_EQ(operations_.done.back(), "stall 1 3000000000");
}

TEST_F(ControlServer, after_noise_a_request_is_answered) {
    for (u32 seed = 1; seed < 200; ++seed) {
        auto random = seed * 2'654'435'761U;
        for (u32 i = 0; i < seed * 7; ++i) {
            random = random * 1'664'525 + 1'013'904'223;
            // Noise that looks like frames now and then.
            if (random >> 28 == 0)
                for (u32 n = 0; n < 4; ++n) channel_.in.push_back(static_cast<u8>(wire::magic >> 8 * n));
            channel_.in.push_back(static_cast<u8>(random >> 24));
        }
        (void)listen();
        greet();
    }
    EXPECT_GT(server_.garbage(), 0u);
}

}  // namespace
}  // namespace antler::control
