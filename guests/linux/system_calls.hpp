// What Linux programs without a C library have in common: system calls, the clock, and words on the console.
#pragma once

#include "base/types.hpp"

namespace antler::guest_linux {

// Numbers of Linux' system calls on RISC-V.
enum class Call : u64 {
    dup3 = 24,
    ioctl = 29,
    mknodat = 33,
    openat = 56,
    close = 57,
    pipe2 = 59,
    read = 63,
    write = 64,
    sync = 81,
    exit = 93,
    clock_gettime = 113,
    clock_nanosleep = 115,
    sched_setscheduler = 119,
    reboot = 142,
    socket = 198,
    bind = 200,
    listen = 201,
    accept = 202,
    connect = 203,
    shutdown = 210,
    clone = 220,
    execve = 221,
    mmap = 222,
    wait4 = 260,
};

struct Arguments {
    u64 a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
};

inline i64 call(Call which, Arguments const& with = {}) {
    register u64 a0 asm("a0") = with.a;
    register u64 a1 asm("a1") = with.b;
    register u64 a2 asm("a2") = with.c;
    register u64 a3 asm("a3") = with.d;
    register u64 a4 asm("a4") = with.e;
    register u64 a5 asm("a5") = with.f;
    register u64 a7 asm("a7") = static_cast<u64>(which);
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return static_cast<i64>(a0);
}

template <class T>
u64 address(T const* what) {
    return reinterpret_cast<u64>(what);
}

struct Time {
    u64 seconds = 0;
    u64 nanos = 0;
};
inline constexpr u64 monotonic = 1;

// A kernel that has just started does in the background what it put off.
inline void let_the_kernel_settle() {
    Time const second{1, 0};
    call(Call::clock_nanosleep, {monotonic, 0, address(&second)});
}

// The time CSR: 10 MHz on QEMU's virt.
inline u64 ticks() {
    u64 time;
    asm volatile("rdtime %0" : "=r"(time));
    return time;
}

inline constexpr u64 standard_output = 1;
inline constexpr u64 at_working_directory = static_cast<u64>(-100);

inline u64 length(char const* text) {
    u64 n = 0;
    while (text[n] != 0) ++n;
    return n;
}
inline bool same(char const* one, char const* other) {
    while (*one != 0 && *one == *other) ++one, ++other;
    return *one == *other;
}
inline void say(char const* text) {
    call(Call::write, {standard_output, address(text), length(text)});
}
inline void say(u64 number) {
    char digits[20];
    u64 at = sizeof digits;
    do digits[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    call(Call::write, {standard_output, address(digits + at), sizeof digits - at});
}

[[noreturn]] inline void leave(u64 status) {
    call(Call::exit, {status});
    __builtin_trap();
}

// What PID 1 does when it is done; what was said is out first.
inline void power_off() {
    constexpr u64 drain_output = 0x5409;  // TCSBRK
    constexpr u64 magic_1 = 0xfee1dead, magic_2 = 0x28121969, off = 0x4321fedc;
    call(Call::ioctl, {standard_output, drain_output, 1});
    call(Call::sync);
    call(Call::reboot, {magic_1, magic_2, off});
}

}  // namespace antler::guest_linux
