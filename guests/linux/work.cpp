// A Linux program without a C library: does what computers do, and says how long each of it took.
#include "guests/linux/system_calls.hpp"

// The stack as the kernel made it: the number of words, and where they are.
asm(".globl _start\n"
    "_start: mv a0, sp\n"
    "andi sp, sp, -16\n"
    "call antler_work\n");

namespace {

using namespace antler::guest_linux;
using antler::i64;
using antler::u32;
using antler::u64;
using antler::u8;

constexpr char const* self = "/bin/work";
constexpr char const* nowhere = "/dev/null";
constexpr char const* sample = "/tmp/sample";
constexpr u64 region_bytes = 32 << 20;
u64* region;

[[noreturn]] void fail(char const* what) {
    say("work: ");
    say(what);
    say(" failed\n");
    power_off();
    leave(1);
}
u64 must(char const* what, i64 answer) {
    if (answer < 0) fail(what);
    return static_cast<u64>(answer);
}

class Random {  // xorshift
public:
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

private:
    u64 state_ = 88172645463325252;
};

void take_region() {
    constexpr u64 read_and_write = 3, private_and_anonymous = 0x22, populated = 0x8000;
    auto const at = call(Call::mmap, {.b = region_bytes,
                                      .c = read_and_write,
                                      .d = private_and_anonymous | populated,
                                      .e = static_cast<u64>(-1)});
    region = reinterpret_cast<u64*>(must("mmap", at));
}

// Nothing but registers.
void calculate() {
    Random random;
    for (u32 i = 0; i < 12'500'000; ++i) random.next();
    // The answer decides something, so that the loop stays.
    if (random.next() == 0) fail("calculating");
}

// Nodes of a cache line each, one circle through all of them in an order that nothing guesses.
constexpr u64 node_words = 8, nodes = region_bytes / 8 / node_words;
void lay_chase() {
    Random random;
    for (u64 i = 0; i < nodes; ++i) region[i * node_words] = i;
    for (u64 i = nodes - 1; i > 0; --i) {
        auto const other = random.next() % i;
        auto const kept = region[i * node_words];
        region[i * node_words] = region[other * node_words];
        region[other * node_words] = kept;
    }
}
void chase() {
    u64 at = 0;
    for (u32 i = 0; i < 1'000'000; ++i) at = region[at * node_words];
    if (at >= nodes) fail("the chase");
}

void fill() {
    for (u64 round = 0; round < 24; ++round)
        for (u64 i = 0; i < region_bytes / 8; i += 8) {
            // Volatile: no compiler makes one call of it.
            u64 volatile* const line = region + i;
            line[0] = round;
            line[1] = round;
            line[2] = round;
            line[3] = round;
            line[4] = round;
            line[5] = round;
            line[6] = round;
            line[7] = round;
        }
}

u64 fork() {
    constexpr u64 tell_by_sigchld = 17;
    return must("fork", call(Call::clone, {tell_by_sigchld}));
}

// No file system of devices is mounted.
void make_nowhere() {
    constexpr u64 character_device = 020666, null = 1 << 8 | 3;
    call(Call::mknodat, {at_working_directory, address(nowhere), character_device, null});
}

// Runs a program to its end; what it prints is lost.
void run(char const* program, char const* const* words) {
    auto const child = fork();
    if (child == 0) {
        constexpr u64 to_write = 1;
        auto const null =
            must("/dev/null", call(Call::openat, {at_working_directory, address(nowhere), to_write}));
        call(Call::dup3, {null, standard_output});
        char const* const no_environment[] = {nullptr};
        call(Call::execve, {address(program), address(words), address(no_environment)});
        leave(127);
    }
    u32 status = 0;
    must("wait", call(Call::wait4, {child, address(&status)}));
    if (status != 0) fail(program);
}

void fork_and_exec() {
    char const* const words[] = {self, "nothing", nullptr};
    for (u32 i = 0; i < 50; ++i) run(self, words);
}

void close_both(u32 const* ends) {
    call(Call::close, {ends[0]});
    call(Call::close, {ends[1]});
}

// Two processes and two pipes: a byte goes there, and another comes back.
void ping_pong() {
    constexpr u32 rounds = 2'000;
    u32 there[2];
    u32 back[2];
    must("pipe", call(Call::pipe2, {address(there)}));
    must("pipe", call(Call::pipe2, {address(back)}));
    u8 byte = 1;
    auto const pass = [&byte](Call how, u32 where) {
        if (call(how, {where, address(&byte), 1}) != 1) fail("the pipe");
    };
    auto const child = fork();
    for (u32 i = 0; i < rounds; ++i) {
        if (child == 0) {
            pass(Call::read, there[0]);
            pass(Call::write, back[1]);
        } else {
            pass(Call::write, there[1]);
            pass(Call::read, back[0]);
        }
    }
    if (child == 0) leave(0);
    must("wait", call(Call::wait4, {child}));
    close_both(there);
    close_both(back);
}

// Words that repeat, as text does.
void write_sample(u64 bytes) {
    constexpr u64 to_write_anew = 01 | 0100 | 01000;
    auto const file =
        must("the sample", call(Call::openat, {at_working_directory, address(sample), to_write_anew, 0600}));
    Random random;
    static u8 piece[65'536];
    for (u64 done = 0; done < bytes; done += sizeof piece) {
        for (u64 i = 0; i < sizeof piece;) {
            auto const word = random.next() % 512;
            for (u64 letter = 0; letter < 3 + word % 7 && i < sizeof piece; ++letter)
                piece[i++] = static_cast<u8>('a' + (word * (letter + 3)) % 26);
            if (i < sizeof piece) piece[i++] = ' ';
        }
        if (call(Call::write, {file, address(piece), sizeof piece}) != sizeof piece) fail("the sample");
    }
    call(Call::close, {file});
}
void large_sample() {
    write_sample(4 << 20);
}
void small_sample() {
    write_sample(512 << 10);
}
void sha256() {
    char const* const words[] = {"sha256sum", sample, nullptr};
    run("/bin/busybox", words);
}
void gzip() {
    char const* const words[] = {"gzip", "-c", sample, nullptr};
    run("/bin/busybox", words);
}

void nothing() {}

struct Work {
    char const* name;
    void (*prepare)();  // is not counted
    void (*work)();
};
constexpr Work works[] = {
    {"cpu", nothing, calculate},      {"chase", lay_chase, chase},  {"memset", fill, fill},
    {"fork", nothing, fork_and_exec}, {"pipe", nothing, ping_pong}, {"sha256", large_sample, sha256},
    {"gzip", small_sample, gzip},
};

void work_through(bool tell) {
    for (auto const& one : works) {
        one.prepare();
        auto const begun = ticks();
        one.work();
        auto const took = ticks() - begun;
        if (!tell) continue;
        say("\nwork ");
        say(one.name);
        say(" ");
        say(took);
        say("\n");
    }
}

}  // namespace

// Without a word all of it, then the machine is powered off; `forever` says nothing and never ends.
extern "C" [[noreturn]] void antler_work(u64 const* stack) {
    auto const* const word = stack[0] == 2 ? reinterpret_cast<char const*>(stack[2]) : nullptr;
    if (word != nullptr && same(word, "nothing")) leave(0);
    make_nowhere();
    take_region();
    let_the_kernel_settle();
    while (word != nullptr && same(word, "forever")) work_through(false);
    work_through(true);
    power_off();
    leave(0);
}
