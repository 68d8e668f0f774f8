// One run from start to end, with a shell script in QEMU's place.
#include "cli/qemu_session.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "cli/console.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

using namespace std::chrono_literals;

// `body` runs with the serial port as its standard input and output.
class FakeQemu : public testing::Test {
protected:
    void pretend(std::string const& body) {
        auto const script = work_.path() / "qemu";
        std::ofstream{script}
            << "#!/bin/bash\n"
               "for word; do case $word in socket,id=console,fd=*) fd=${word##*=} ;; esac; done\n"
               "[ -z \"$fd\" ] || exec <&$fd >&$fd\n"
            << body;
        std::filesystem::permissions(script, std::filesystem::perms::owner_all);
        ::setenv("ANTLER_QEMU", script.c_str(), 1);
    }
    ~FakeQemu() override { ::unsetenv("ANTLER_QEMU"); }

    SessionResult run(SessionOptions options = {}) {
        options.watch = [&](std::string_view said) {
            console_ += said;
            return false;
        };
        if (!options.limit) options.limit = 20s;
        return run_session({}, options);
    }

    // The end that the session reads, with `text` in it; `keep` holds the other end open.
    Descriptor keys(std::string const& text, Descriptor* keep = nullptr) {
        auto pipe = make_pipe();
        EXPECT_EQ(::write(pipe.theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        if (keep != nullptr) *keep = std::move(pipe.theirs);
        return std::move(pipe.ours);
    }

    BlockedSignals blocked_;
    WorkDirectory work_;
    std::string console_;
};

TEST_F(FakeQemu, PowersOff) {
    pretend("echo OpenSBI; exit 0\n");
    auto const result = run();
    EXPECT_EQ(result.end, SessionEnd::powered_off);
    EXPECT_EQ(exit_code(result), 0);
    EXPECT_EQ(console_, "OpenSBI\n");
}

TEST_F(FakeQemu, FailsAfterItSpoke) {
    pretend("echo OpenSBI; exit 1\n");
    auto const result = run();
    EXPECT_EQ(result.end, SessionEnd::failed);
    EXPECT_EQ(exit_code(result), 3);
}

TEST_F(FakeQemu, DoesNotStart) {
    pretend("echo 'no such machine' >&2; exit 1\n");
    auto const result = run();
    EXPECT_EQ(result.end, SessionEnd::not_started);
    EXPECT_EQ(exit_code(result), 1);
    EXPECT_EQ(result.complaints, "no such machine\n");
}

TEST_F(FakeQemu, IsStoppedWhenTheTimeIsUp) {
    pretend("echo OpenSBI; sleep 100\n");
    SessionOptions options;
    options.limit = 300ms;
    auto const result = run(options);
    EXPECT_EQ(result.end, SessionEnd::timed_out);
    EXPECT_EQ(exit_code(result), 4);
}

TEST_F(FakeQemu, GetsKeysOnceTheFirmwareHasSpoken) {
    // What comes before would be lost: the script drops it as the firmware does.
    pretend("read -t 0.3 early; echo \"early <$early>\"; read line; echo \"then <$line>\"\n");
    auto const input = keys("poweroff -f\n");
    SessionOptions options;
    options.input = input.get();
    EXPECT_EQ(run(options).end, SessionEnd::powered_off);
    EXPECT_EQ(console_, "early <>\nthen <poweroff -f>\n");
}

TEST_F(FakeQemu, OutlivesTheEndOfTheKeys) {
    pretend("echo OpenSBI; sleep 0.5; echo still here\n");
    auto const input = keys("");
    SessionOptions options;
    options.input = input.get();
    EXPECT_EQ(run(options).end, SessionEnd::powered_off);
    EXPECT_EQ(console_, "OpenSBI\nstill here\n");
}

TEST_F(FakeQemu, TakesALongScriptAsFastAsItReads) {
    pretend(
        "echo OpenSBI; count=0; while read line && [ \"$line\" != end ]; do count=$((count + 1)); done; echo "
        "$count\n");
    auto const path = work_.path() / "script";
    {
        std::ofstream script{path};
        for (int i = 0; i < 50'000; ++i) script << "line\n";
        script << "end\n";
    }
    Descriptor const input{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    SessionOptions options;
    options.input = input.get();
    EXPECT_EQ(run(options).end, SessionEnd::powered_off);
    EXPECT_EQ(console_, "OpenSBI\n50000\n");
}

TEST_F(FakeQemu, IsLeftByTheEscapeKeyOfATerminalOnly) {
    pretend("echo OpenSBI; read line; printf '%q\\n' \"$line\"; sleep 100\n");
    Descriptor keep;
    auto const input = keys(
        "ab\x1d"
        "cd\n",
        &keep);
    SessionOptions options;
    options.input = input.get();
    options.interactive = true;
    auto const result = run(options);
    EXPECT_EQ(result.end, SessionEnd::left);
    EXPECT_EQ(exit_code(result), 0);

    console_.clear();
    pretend("echo OpenSBI; read line; printf '%q\\n' \"$line\"\n");
    auto const script = keys(
        "ab\x1d"
        "cd\n");
    options.input = script.get();
    options.interactive = false;
    EXPECT_EQ(run(options).end, SessionEnd::powered_off);
    EXPECT_EQ(console_, "OpenSBI\n$'ab\\035cd'\n");
}

TEST_F(FakeQemu, EndsWithUsWhenASignalComes) {
    pretend("echo OpenSBI; kill -TERM $PPID; sleep 100\n");
    auto const result = run();
    EXPECT_EQ(result.end, SessionEnd::signalled);
    EXPECT_EQ(exit_code(result), 128 + SIGTERM);
}

TEST_F(FakeQemu, WritesAllOfItsOutputThroughASlowPipe) {
    pretend("seq 20000\n");
    auto pipe = make_pipe();
    pid_t const reader = ::fork();
    if (reader == 0) {
        std::size_t total = 0;
        pipe.theirs.close();
        char chunk[512];
        for (ssize_t got = 0; (got = ::read(pipe.ours.get(), chunk, sizeof chunk)) > 0; ::usleep(50))
            total += static_cast<std::size_t>(got);
        ::_exit(total == 108'894 ? 0 : 1);
    }
    SessionOptions options;
    options.output = pipe.theirs.get();
    EXPECT_EQ(run(options).end, SessionEnd::powered_off);
    pipe.theirs.close();
    int status = 1;
    ::waitpid(reader, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(FakeQemu, EndsWhenNobodyReadsItsOutput) {
    pretend("while :; do echo y; done\n");
    auto pipe = make_pipe();
    pipe.ours.close();
    SessionOptions options;
    options.output = pipe.theirs.get();
    EXPECT_EQ(run(options).end, SessionEnd::output_gone);
}

TEST_F(FakeQemu, LeavesNothingRunningBehind) {
    pretend("echo $$; sleep 100 & wait\n");
    SessionOptions options;
    options.limit = 300ms;
    (void)run(options);
    pid_t const script = std::atoi(console_.c_str());
    ASSERT_GT(script, 0);
    EXPECT_NE(::kill(script, 0), 0);
    // Its child was in the same process group; somebody else reaps it, soon.
    for (int i = 0; i < 100 && ::kill(-script, 0) == 0; ++i) ::usleep(20'000);
    EXPECT_NE(::kill(-script, 0), 0);
}

TEST_F(FakeQemu, IsRecordedThroughAFile) {
    auto const record = [&](std::string const& body) {
        pretend(body);
        return run_and_record({}, 20s);
    };
    std::string const say =
        "for word; do case $word in file,id=console,path=*) echo OpenSBI >${word##*=} ;; esac; done; ";
    EXPECT_EQ(record(say + "exit 0\n").console, "OpenSBI\n");
    EXPECT_EQ(record(say + "exit 0\n").result.end, SessionEnd::powered_off);
    EXPECT_EQ(record(say + "exit 1\n").result.end, SessionEnd::failed);
    EXPECT_EQ(record("exit 1\n").result.end, SessionEnd::not_started);
}

TEST(Judgement, TellsACrashFromARefusalToStart) {
    EXPECT_EQ(judge(0, true, false), SessionEnd::powered_off);
    EXPECT_EQ(judge(1 << 8, true, false), SessionEnd::failed);
    EXPECT_EQ(judge(1 << 8, false, false), SessionEnd::not_started);
    EXPECT_EQ(judge(SIGSEGV, true, false), SessionEnd::failed);
}

TEST(Judgement, BelievesTheHypervisorWhereTheFirmwareForgetsTheReason) {
    EXPECT_EQ(judge(0, true, true), SessionEnd::failed);
    auto const crashed = [](std::string_view console) {
        CrashDetector detector;
        for (char const c : console) detector.saw({&c, 1});
        return detector.crashed();
    };
    EXPECT_TRUE(crashed("Linux\r\nantler: web: crashed\nantler: rtos: powered off\n"));
    EXPECT_TRUE(crashed("antler: panic on hart 1: broken invariant: x (0x0, 0x0)\n"));
    EXPECT_TRUE(crashed("antler: web: cannot be created: no memory left\n"));
    EXPECT_FALSE(crashed("antler: web: crashed, starting again\nantler: web: powered off\n"));
    EXPECT_FALSE(crashed("antler:~# echo crashed\r\ncrashed\r\n"));
    EXPECT_FALSE(crashed("web: antler: web: crashed\n"));
    EXPECT_FALSE(crashed(std::string(100'000, 'x')));
}

TEST(EscapeKey, SplitsWhatWasTyped) {
    EXPECT_EQ(split_at_escape("abc").for_guest, "abc");
    EXPECT_FALSE(split_at_escape("abc").leave);
    EXPECT_EQ(split_at_escape("ab\x1d"
                              "c")
                  .for_guest,
              "ab");
    EXPECT_TRUE(split_at_escape("\x1d").leave);
    EXPECT_EQ(split_at_escape("").for_guest, "");
}

TEST(RawTerminal, PutsTheTerminalBack) {
    int keyboard = -1;
    int screen = -1;
    ASSERT_EQ(::openpty(&keyboard, &screen, nullptr, nullptr, nullptr), 0);
    termios before{};
    termios raw{};
    termios after{};
    ASSERT_EQ(::tcgetattr(screen, &before), 0);
    {
        RawTerminal const terminal{screen};
        ASSERT_EQ(::tcgetattr(screen, &raw), 0);
    }
    ASSERT_EQ(::tcgetattr(screen, &after), 0);
    EXPECT_FALSE(raw.c_lflag & (ICANON | ECHO | ISIG));
    EXPECT_TRUE(raw.c_oflag & OPOST);
    EXPECT_EQ(before.c_lflag, after.c_lflag);
    EXPECT_EQ(before.c_iflag, after.c_iflag);
    ::close(keyboard);
    ::close(screen);
}

TEST(WorkDirectory, GoesAwayWithEverythingInIt) {
    Path path;
    {
        WorkDirectory const work;
        path = work.path();
        std::ofstream{path / "file"} << "text";
        EXPECT_TRUE(std::filesystem::exists(path / "file"));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(WorkDirectory, RemovesWhatAKilledRunLeftBehind) {
    auto const leftover = std::filesystem::temp_directory_path() / "antler-run.abcdef";
    std::filesystem::create_directory(leftover);
    WorkDirectory const work;
    EXPECT_FALSE(std::filesystem::exists(leftover));
    WorkDirectory const another;
    EXPECT_TRUE(std::filesystem::exists(work.path()));
}

}  // namespace
}  // namespace antler::cli
