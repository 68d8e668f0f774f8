// A Linux program without a C library: echoes what comes by vsock, or calls somebody and says a word.
#include <array>

#include "guests/linux/system_calls.hpp"

// The stack as the kernel made it: the number of words, and where they are.
asm(".globl _start\n"
    "_start: mv a0, sp\n"
    "andi sp, sp, -16\n"
    "call antler_vsock\n");

namespace antler::guest_linux {
namespace {

constexpr u64 family = 40, stream = 1, stop_writing = 1;
constexpr u32 anybody = ~u32{0};

struct Address {
    u16 family_ = family;
    u16 reserved = 0;
    u32 port = 0;
    u32 cid = anybody;
    u32 zero = 0;
};

u32 number(char const* text) {
    u32 value = 0;
    for (; *text >= '0' && *text <= '9'; ++text) value = value * 10 + static_cast<u32>(*text - '0');
    return value;
}

[[noreturn]] void end(char const* what, i64 error) {
    say("vsock: ");
    say(what);
    if (error < 0) {
        say(", error ");
        say(static_cast<u64>(-error));
    }
    say("\n");
    leave(error < 0 ? 1 : 0);
}
u64 must(char const* what, i64 answer) {
    if (answer < 0) end(what, answer);
    return static_cast<u64>(answer);
}

// Until the other end has said everything; how many bytes that were.
u64 copy(u64 from, u64 to) {
    static std::array<u8, 65'536> bytes;
    u64 sum = 0;
    for (;;) {
        auto const count = must("cannot read", call(Call::read, {from, address(bytes.data()), bytes.size()}));
        if (count == 0) return sum;
        for (u64 done = 0; done < count;)
            done += must("cannot write", call(Call::write, {to, address(bytes.data()) + done, count - done}));
        sum += count;
    }
}

// vsock echo PORT TIMES
void echo(u32 port, u32 times) {
    auto const door = must("no socket", call(Call::socket, {family, stream}));
    Address const here{.port = port};
    must("cannot bind", call(Call::bind, {door, address(&here), sizeof here}));
    must("cannot listen", call(Call::listen, {door, 8}));
    say("vsock: listens\n");
    for (u32 i = 0; i < times; ++i) {
        auto const visitor = must("cannot accept", call(Call::accept, {door}));
        auto const bytes = copy(visitor, visitor);
        call(Call::close, {visitor});
        say("vsock: echoed ");
        say(bytes);
        say("\n");
    }
}

// vsock call CID PORT WORD
void call_host(u32 cid, u32 port, char const* word) {
    auto const socket = must("no socket", call(Call::socket, {family, stream}));
    Address const there{.port = port, .cid = cid};
    must("cannot connect", call(Call::connect, {socket, address(&there), sizeof there}));
    must("cannot write", call(Call::write, {socket, address(word), length(word)}));
    must("cannot write", call(Call::write, {socket, address("\n"), 1}));
    must("cannot shut down", call(Call::shutdown, {socket, stop_writing}));
    copy(socket, 1);
}

}  // namespace

extern "C" [[noreturn]] void antler_vsock(u64 const* stack) {
    auto const count = stack[0];
    auto const word = [&](u64 n) { return reinterpret_cast<char const*>(stack[1 + n]); };
    if (count == 4 && word(1)[0] == 'e')
        echo(number(word(2)), number(word(3)));
    else if (count == 5 && word(1)[0] == 'c')
        call_host(number(word(2)), number(word(3)), word(4));
    else
        end("echo PORT TIMES, or call CID PORT WORD", -22);
    end("done", 0);
}

}  // namespace antler::guest_linux
