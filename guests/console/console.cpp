// The debug console of the SBI: whole and partial writes, reads, and addresses that are not the guest's
// memory.
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

using sbi::DebugConsoleFid;
using sbi::Eid;
using sbi::Status;

sbi::Return write(u64 bytes, u64 address, u64 high = 0) {
    return sbi::call(Eid::debug_console, DebugConsoleFid::console_write, bytes, address, high);
}
sbi::Return read(u64 bytes, u64 address, u64 high = 0) {
    return sbi::call(Eid::debug_console, DebugConsoleFid::console_read, bytes, address, high);
}
constexpr u64 code(Status status) {
    return static_cast<u64>(static_cast<i64>(status));
}

void expect(std::string_view what, sbi::Return answer, Status status) {
    check_equal(what, static_cast<u64>(answer.status), code(status));
}

void check_writes() {
    constexpr std::string_view line = "console: written in one call\n";
    auto const at = reinterpret_cast<u64>(line.data());
    u64 done = 0;
    while (done < line.size()) {
        auto const answer = write(line.size() - done, at + done);
        if (answer.status != Status::success || answer.value > line.size() - done) break;
        done += answer.value;
    }
    check_equal("a line is written, in as many calls as it takes", done, line.size());
    auto const nothing = write(0, at);
    check("no bytes are written where none are asked",
          nothing.status == Status::success && nothing.value == 0);
    for (char const c : std::string_view{"console: written byte by byte\n"})
        sbi::call(Eid::debug_console, DebugConsoleFid::console_write_byte, static_cast<u8>(c));
    expect("a byte is written", sbi::call(Eid::debug_console, DebugConsoleFid::console_write_byte, '\n'),
           Status::success);
    expect("upper bits of a byte do not matter",
           sbi::call(Eid::debug_console, DebugConsoleFid::console_write_byte, 0xffff'ff00 | '\n'),
           Status::success);
    // A line that crosses a page's border.
    auto const pages = take_pages(2);
    auto const text = pages + page_bytes - 5;
    for (usize i = 0; i < 10; ++i) store<u8>(text + i, i == 9 ? '\n' : '.');
    u64 crossed = 0;
    while (crossed < 10) {
        auto const answer = write(10 - crossed, text + crossed);
        if (answer.status != Status::success || answer.value == 0) break;
        crossed += answer.value;
    }
    check_equal("a line across two pages", crossed, 10);
}

void check_wrong_addresses() {
    auto const& ram = guest().ram;
    auto const good = take_pages(1);
    if (!sbi::by_antler()) return;  // OpenSBI lets S-mode name anything that is not its own
    expect("an address above 64 bits", write(1, good, 1), Status::invalid_param);
    expect("a read to an address above 64 bits", read(1, good, 1), Status::invalid_param);
    expect("a range that leaves memory at its end", write(16, ram.end().raw() - 8), Status::invalid_param);
    expect("a range behind memory", write(1, ram.end().raw()), Status::invalid_param);
    expect("a range before memory", write(16, ram.start.raw() - 8), Status::invalid_param);
    expect("a device", write(1, 0x1000'0000), Status::invalid_param);
    expect("a device to read to", read(1, 0x1000'0000), Status::invalid_param);
    expect("a range that wraps", write(~u64{0}, good), Status::invalid_param);
    expect("a range as long as all addresses", write(~u64{0}, 0), Status::invalid_param);
    expect("address zero", write(4, 0), Status::invalid_param);
}

void check_reads() {
    auto const at = take_pages(1);
    store<u8>(at, 0x7f);
    auto const answer = read(16, at);
    check("a read where nobody types gives nothing or what was typed",
          answer.status == Status::success && answer.value <= 16);
    if (answer.value == 0) check_equal("and then writes nothing", load<u8>(at), 0x7f);
    auto const nothing = read(0, at);
    check("a read of no bytes", nothing.status == Status::success && nothing.value == 0);
}

void check_legacy() {
    if (!sbi::offers(Eid::legacy_console_putchar)) {
        say("console: no legacy console");
        return;
    }
    for (char const c : std::string_view{"console: written as long ago\n"})
        sbi::call(static_cast<u64>(Eid::legacy_console_putchar), 0, static_cast<u8>(c));
    auto const got = sbi::call(static_cast<u64>(Eid::legacy_console_getchar), 0);
    check("the old read gives a byte or -1",
          static_cast<i64>(got.status) >= -1 && static_cast<i64>(got.status) < 256);
}

}  // namespace

void run() {
    check("there is a debug console", sbi::offers(Eid::debug_console));
    check_writes();
    check_wrong_addresses();
    check_reads();
    check_legacy();
    expect("a function that is not there", sbi::call(static_cast<u64>(Eid::debug_console), 3),
           Status::not_supported);
    expect("an extension that is not there", sbi::call(0x0123'4567, 0), Status::not_supported);
}

}  // namespace antler::guests
