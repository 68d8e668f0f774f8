// A run of tests that is ended, and a machine that it started.
#include "cli/test_ending.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/instances.hpp"
#include "cli/private_instances.hpp"

namespace antler::cli {
namespace {

// `sleep` is its QEMU: it holds the machine's folder, and the pipe.
void be_a_run_of_tests(int told) {
    PrivateInstances const machines;
    EndingWatch const ending;
    {
        auto const made = Instance::make("machine");
        ChildProcess qemu{{"/bin/sleep", "1000"}, {.output = told, .kept = {made.lock()}, .detached = true}};
        write_instance_record(made.directory(), {.qemu = qemu.pid()});
        qemu.let_go();
    }
    if (::write(told, "!", 1) != 1) ::_exit(9);
    while (!ending.is_ending()) ::usleep(1'000);
    ::sleep(60);
}

bool hangs_up(int pipe) {
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    char c = 0;
    return ::poll(&waiting, 1, 20'000) > 0 && ::read(pipe, &c, 1) == 0;
}

TEST(EndingWatch, ends_the_machines_of_a_run_of_tests_and_then_the_run_by_the_same_signal) {
    for (int const number : {SIGTERM, SIGINT}) {
        auto told = make_pipe();
        auto const run = ::fork();
        ASSERT_GE(run, 0);
        if (run == 0) {
            told.ours.close();
            be_a_run_of_tests(told.theirs.get());
            ::_exit(1);
        }
        told.theirs.close();
        char c = 0;
        ASSERT_EQ(::read(told.ours.get(), &c, 1), 1);
        ASSERT_EQ(::kill(run, number), 0);
        EXPECT_TRUE(hangs_up(told.ours.get())) << "the machine runs on";
        int status = 0;
        ASSERT_EQ(::waitpid(run, &status, 0), run);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number);
    }
}

TEST(EndingWatch, of_a_run_that_ends_by_itself_leaves_signals_as_they_were) {
    sigset_t before{}, after{};
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    {
        EndingWatch const ending;
        EXPECT_FALSE(ending.is_ending());
    }
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_EQ(::sigismember(&before, SIGTERM), ::sigismember(&after, SIGTERM));
}

}  // namespace
}  // namespace antler::cli
