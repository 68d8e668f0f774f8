// From the first instruction to run(), and the end.
#include <new>

#include "abi/fdt_reader.hpp"
#include "abi/fdt_walk.hpp"
#include "guests/lib/guest.hpp"

extern "C" antler::u8 guest_end[];
extern "C" void guest_hart_entry();

namespace antler {

// base/ calls it; a guest has nobody to tell but its console.
void panic(std::string_view what, u64, u64) {
    guests::give_up(what);
}

}  // namespace antler

namespace antler::guests {
namespace {

alignas(4096) constinit u8 guest_memory[sizeof(Guest)];  // the one object with static storage

void prepare(Hart& hart, Guest& whole, u64 id) {
    hart.id = id;
    hart.guest = &whole;
    hart.stack_top = reinterpret_cast<u64>(hart.stack.data() + hart.stack.size());
    hart.trap_stack_top = reinterpret_cast<u64>(hart.trap_stack.data() + hart.trap_stack.size());
}

void take_traps(Hart& hart) {
    csr::sscratch::write(reinterpret_cast<u64>(&hart));
    csr::stvec::write(reinterpret_cast<u64>(&guest_trap_entry));
}

void read_device_tree(Guest& whole) {
    auto const* const start = reinterpret_cast<u8 const*>(whole.device_tree);
    auto const announced = abi::FdtReader::announced_size({start, 8});
    if (!announced) give_up("the device tree has no header");
    auto const opened = abi::FdtReader::open({start, announced.value()});
    if (!opened) give_up(describe(opened.error()));
    auto const& tree = opened.value();
    whole.hart_count = 0;
    if (auto const cpus = tree.find("/cpus")) {
        whole.hertz = cpus->number("timebase-frequency").value_or(whole.hertz);
        for (auto const cpu : cpus->children())
            if (cpu.base_name() == "cpu" && cpu.enabled()) ++whole.hart_count;
    }
    if (whole.hart_count > max_harts) whole.hart_count = max_harts;
    auto const memory = tree.find("/memory");
    auto const bank = memory ? memory->reg() : std::nullopt;
    if (!bank) give_up("the device tree has no memory");
    whole.ram = {Gpa{bank->address}, bank->size};

    // Free are the pages on the side of the tree that has more of them.
    auto const own_end = (reinterpret_cast<u64>(guest_end) + 4095) & ~u64{4095};
    auto const tree_start = whole.device_tree & ~u64{4095};
    auto const tree_end = (whole.device_tree + announced.value() + 4095) & ~u64{4095};
    auto const ram_end = whole.ram.end().raw();
    whole.free_start = own_end;
    whole.free_end = ram_end;
    if (tree_start >= own_end && tree_start < ram_end) {
        if (tree_start - own_end >= ram_end - tree_end) {
            whole.free_end = tree_start;
        } else {
            whole.free_start = tree_end;
        }
    }
}

void write_all(char const* text, usize length) {
    while (length != 0) {
        auto const done = sbi::call(sbi::Eid::debug_console, sbi::DebugConsoleFid::console_write, length,
                                    reinterpret_cast<u64>(text), 0);
        if (done.status != sbi::Status::success) {
            for (; length != 0; --length)
                sbi::call(static_cast<u64>(sbi::Eid::legacy_console_putchar), 0, static_cast<u8>(*text++));
            return;
        }
        text += done.value;
        length -= done.value;
    }
}

}  // namespace

extern "C" [[noreturn]] void guest_start(u64 hart_id, u64 device_tree) {
    auto& whole = *new (guest_memory) Guest;
    whole.boot_hart = hart_id;
    whole.device_tree = device_tree;
    for (usize i = 0; i < max_harts; ++i) prepare(whole.harts[i], whole, i);
    auto& hart = whole.harts[hart_id % max_harts];
    asm volatile("mv tp, %0" ::"r"(&hart) : "memory");
    csr::sie::write(0);
    take_traps(hart);
    read_device_tree(whole);
    run();
    finish();
}

extern "C" [[noreturn]] void guest_hart_start(u64, Hart* hart) {
    csr::sie::write(0);
    take_traps(*hart);
    hart->body(hart->argument);
    sbi::hart_stop();
    give_up("hart_stop returned");
}

void flush_line() {
    auto& hart = this_hart();
    write_all(hart.line.data(), hart.line_length);
    hart.line_length = 0;
}

void end_line() {
    Console{}.write("\n");
    auto& taken = guest().console_taken;
    while (taken.exchange(true, std::memory_order_acquire)) pause();
    flush_line();
    taken.store(false, std::memory_order_release);
}

void Console::write(std::string_view text) {
    auto& hart = this_hart();
    for (char const c : text) {
        if (hart.line_length == hart.line.size()) flush_line();
        hart.line[hart.line_length++] = c;
    }
}

bool check(std::string_view name, bool good) {
    (good ? guest().passed : guest().failed).fetch_add(1, std::memory_order_relaxed);
    say("{} {}", good ? "PASS" : "FAIL", name);
    return good;
}

bool check_equal(std::string_view name, u64 found, u64 wanted) {
    if (found == wanted) return check(name, true);
    guest().failed.fetch_add(1, std::memory_order_relaxed);
    say("FAIL {}: found {:x}, not {:x}", name, found, wanted);
    return false;
}

void power_off(sbi::ResetReason reason) {
    flush_line();
    sbi::reset(sbi::ResetType::shutdown, reason);
    while (true) wait_for_interrupt();
}

void finish() {
    auto const failed = guest().failed.load();
    say("{}: {} checks passed, {} failed", failed == 0 ? "GOOD" : "BAD", guest().passed.load(), failed);
    power_off(failed == 0 ? sbi::ResetReason::none : sbi::ResetReason::system_failure);
}

void give_up(std::string_view why) {
    say("FAIL {}", why);
    power_off(sbi::ResetReason::system_failure);
}

u64 take_pages(u64 count, u64 alignment) {
    auto& whole = guest();
    auto const start = (whole.free_start + alignment - 1) & ~(alignment - 1);
    auto const size = count * 4096;
    if (start > whole.free_end || size > whole.free_end - start) give_up("no free memory");
    whole.free_start = start + size;
    return start;
}

u64 free_bytes() {
    return guest().free_end - guest().free_start;
}

sbi::Return start_hart(u64 id, void (*body)(void*), void* argument) {
    auto& hart = guest().harts[id % max_harts];
    hart.body = body;
    hart.argument = argument;
    std::atomic_thread_fence(std::memory_order_release);
    return sbi::hart_start(id, reinterpret_cast<u64>(&guest_hart_entry), reinterpret_cast<u64>(&hart));
}

}  // namespace antler::guests
