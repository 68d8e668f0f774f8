// A Linux program without a C library: says what time it is, and powers the machine off.  Works as PID 1.
#include "guests/linux/system_calls.hpp"

namespace antler::guest_linux {
namespace {

// A virtio console of many ports comes when the device has told of them, after its driver was loaded.
void open_console() {
    constexpr u64 read_and_write = 2;
    Time const millisecond{0, 1'000'000};
    while (call(Call::openat, {at_working_directory, address("/dev/console"), read_and_write}) < 0)
        call(Call::clock_nanosleep, {monotonic, 0, address(&millisecond)});
}

}  // namespace

extern "C" [[noreturn]] void _start() {
    auto time = ticks();
    char line[40] = "\nmarker ";
    char digits[20];
    auto length = 8U;
    auto count = 0U;
    do digits[count++] = static_cast<char>('0' + time % 10);
    while ((time /= 10) != 0);
    while (count != 0) line[length++] = digits[--count];
    line[length++] = '\n';

    // Without a console in its initramfs the kernel starts us with no open file: the second one is its
    // output.
    if (call(Call::write, {standard_output, address(line), length}) < 0) {
        open_console();
        open_console();
        call(Call::write, {standard_output, address(line), length});
    }
    power_off();
    while (true) asm volatile("");
}

}  // namespace antler::guest_linux
