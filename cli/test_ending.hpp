// A run of tests that is ended by a signal takes its machines with it.
#pragma once

#include <signal.h>

#include <atomic>
#include <thread>

namespace antler::cli {

// While one lives, the signals that end a program are its own: made before other threads are.  Machines are
// those of instances_directory(), which should be private.
class EndingWatch {
public:
    EndingWatch();
    ~EndingWatch();
    EndingWatch(EndingWatch const&) = delete;
    EndingWatch& operator=(EndingWatch const&) = delete;

    // Nothing new should begin: the program ends within a moment.
    [[nodiscard]] bool is_ending() const { return ending_; }

private:
    void watch();

    sigset_t set_{};
    sigset_t before_{};
    std::atomic<bool> ending_ = false;
    std::atomic<bool> over_ = false;
    std::jthread watcher_{};
};

}  // namespace antler::cli
