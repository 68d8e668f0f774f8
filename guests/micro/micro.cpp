// The guest of a microvm: answers at its console and on its network, and sleeps in between.
#include "guests/net/talk.hpp"

namespace antler::guests {
namespace {

u8 own_number() {
    return static_cast<u8>(number_of("self="));
}

// A line that was typed, as far as it came.
struct Typed {
    std::array<char, 64> line{};
    usize size = 0;
};

void obey(std::string_view line) {
    if (line == "off") power_off(sbi::ResetReason::none);
    if (line == "fail") power_off(sbi::ResetReason::system_failure);
    if (line == "again") (void)sbi::reset(sbi::ResetType::cold_reboot, sbi::ResetReason::none);
    say("micro {}: {} ms up, heard {}", own_number(), now() * 1000 / guest().hertz, line);
}

void read_console() {
    static constinit Typed typed;
    std::array<char, 16> bytes{};
    auto const got = sbi::call(sbi::Eid::debug_console, sbi::DebugConsoleFid::console_read, bytes.size(),
                               reinterpret_cast<u64>(bytes.data()), 0);
    if (got.status != sbi::Status::success) return;
    for (usize i = 0; i < got.value && i < bytes.size(); ++i) {
        if (bytes[i] == '\r' || bytes[i] == '\n') {
            if (typed.size != 0) obey({typed.line.data(), typed.size});
            typed.size = 0;
        } else if (typed.size != typed.line.size()) {
            typed.line[typed.size++] = bytes[i];
        }
    }
}

[[nodiscard]] bool has_card() {
    auto const tree = device_tree();
    abi::FdtWalk walk{tree};
    constexpr u64 device_id = 8;
    constexpr u32 network_card = 1;
    while (walk.next()) {
        if (!walk.node().compatible("virtio,mmio")) continue;
        auto const registers = walk.reg();
        if (registers && load<u32>(registers->address + device_id) == network_card) return true;
    }
    return false;
}

}  // namespace

void run() {
    auto const nap = guest().hertz / 4;
    say("micro {}: up, {} MiB", own_number(), guest().ram.size >> 20);
    if (has_card()) {
        Card card{0};
        answer(card, {own_number()}, nap, read_console);
        return;
    }
    csr::sie::set(irq::bit(irq::timer));
    for (;;) {
        sbi::set_timer(now() + nap);
        wait_for_interrupt();
        read_console();
    }
}

}  // namespace antler::guests
