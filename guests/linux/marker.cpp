// A Linux program without a C library: says what time it is, and powers the machine off.  Works as PID 1.
#include "base/types.hpp"

namespace {

using antler::i64;
using antler::u64;

// Numbers of Linux' system calls on RISC-V.
enum class Call : u64 { ioctl = 29, openat = 56, write = 64, sync = 81, reboot = 142 };

i64 call(Call which, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0) {
    register u64 a0 asm("a0") = a;
    register u64 a1 asm("a1") = b;
    register u64 a2 asm("a2") = c;
    register u64 a3 asm("a3") = d;
    register u64 a7 asm("a7") = static_cast<u64>(which);
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return static_cast<i64>(a0);
}

constexpr u64 standard_output = 1;
constexpr u64 at_working_directory = static_cast<u64>(-100);
constexpr u64 read_and_write = 2;
constexpr u64 drain_output = 0x5409;  // TCSBRK
constexpr u64 reboot_magic_1 = 0xfee1dead, reboot_magic_2 = 0x28121969, power_off = 0x4321fedc;

}  // namespace

extern "C" [[noreturn]] void _start() {
    u64 time;
    asm volatile("rdtime %0" : "=r"(time));
    char line[40] = "\nmarker ";
    char digits[20];
    auto length = 8U;
    auto count = 0U;
    do digits[count++] = static_cast<char>('0' + time % 10);
    while ((time /= 10) != 0);
    while (count != 0) line[length++] = digits[--count];
    line[length++] = '\n';

    // Without a console in its initramfs the kernel starts us with no open file.
    auto output = standard_output;
    if (call(Call::write, output, reinterpret_cast<u64>(line), length) < 0) {
        auto const opened = call(Call::openat, at_working_directory, reinterpret_cast<u64>("/dev/console"),
                                 read_and_write, 0);
        if (opened >= 0) {
            output = static_cast<u64>(opened);
            call(Call::write, output, reinterpret_cast<u64>(line), length);
        }
    }
    call(Call::ioctl, output, drain_output, 1);
    call(Call::sync);
    call(Call::reboot, reboot_magic_1, reboot_magic_2, power_off);
    while (true) asm volatile("");
}
