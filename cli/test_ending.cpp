// Waits for a signal in a thread of its own, for the others wait for programs.
#include "cli/test_ending.hpp"

#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cstdio>

#include "cli/instances.hpp"

namespace antler::cli {
namespace {

// Those that `antler run` was about to start when the signal came are there a little later.
void end_machines() {
    constexpr int enough_quiet = 5;
    constexpr int most_rounds = 50;
    for (int round = 0, quiet = 0; round < most_rounds && quiet < enough_quiet; ++round, ++quiet) {
        for (auto const& machine : running_instances()) {
            (void)end_machine(machine);
            quiet = 0;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
}

}  // namespace

EndingWatch::EndingWatch() {
    ::sigemptyset(&set_);
    for (int const number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&set_, number);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
    watcher_ = std::jthread{[this] { watch(); }};
}

EndingWatch::~EndingWatch() {
    over_ = true;
    watcher_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void EndingWatch::watch() {
    constexpr timespec moment{.tv_sec = 0, .tv_nsec = 100'000'000};
    int number = -1;
    while (number < 0 && !over_) number = ::sigtimedwait(&set_, nullptr, &moment);
    if (number < 0) return;
    ending_ = true;
    try {
        end_machines();
    } catch (std::exception const& failure) {
        fmt::print(stderr, "antler: {}\n", failure.what());
    }
    ::signal(number, SIG_DFL);
    sigset_t only{};
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(number);
}

}  // namespace antler::cli
