// The outside of virtual machines, for the tests: what virtual machines asked of the board is written down.
#include "tests/fake/outside.hpp"

#include <algorithm>

#include "vm/outside.hpp"

namespace antler {

namespace fake {

Outside& outside() {
    static thread_local Outside one;
    return one;
}

void reset_outside() {
    outside() = {};
}

}  // namespace fake

namespace vm {

void send_ipi(u32 hart_index) {
    fake::outside().ipis.push_back(hart_index);
    if (fake::outside().on_ipi) fake::outside().on_ipi(hart_index);
}
void set_host_timer(Ticks when) {
    fake::outside().host_timer = when.n;
}
void console_write(Vm const&, std::string_view text, u32) {
    fake::outside().console += text;
}
usize console_read(Vm const&, u32, std::span<u8> into) {
    auto& typed = fake::outside().typed;
    auto const count = std::min(typed.size(), into.size());
    std::copy_n(typed.begin(), count, into.begin());
    typed.erase(0, count);
    return count;
}
device::virtio::ConsoleSize console_size(Vm const&, u32) {
    return {};
}
void streams_have_news() {
    ++fake::outside().stream_news;
}
void console_has_room(Vm const&) {
    ++fake::outside().room_asked;
}
Nanos wall_clock() {
    return fake::outside().wall_clock;
}
void poll_console() {
    ++fake::outside().polls;
}
u64 serve_background() {
    ++fake::outside().background_turns;
    return fake::outside().background_at;
}
void stop_if_panicking() {}
u64 watch_neighbour(u64) {
    return ~u64{0};
}
bool serve_external_interrupt() {
    ++fake::outside().external_interrupts;
    return fake::outside().external_is_a_call;
}
void machine_went_away(Vm const&) {
    ++fake::outside().machines_gone;
}
void announce(Vm const&, std::string_view text) {
    fake::outside().announced.emplace_back(text);
}

// Entropy of the tests is the same in each run.
bool random_bytes(std::span<u8> into) {
    u8 next = 1;
    for (auto& byte : into) byte = next++;
    return fake::outside().has_entropy;
}

}  // namespace vm
}  // namespace antler
