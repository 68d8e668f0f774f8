// The board for the tests: what virtual machines asked of it is written down.
#include "tests/fake/board.hpp"

#include "vm/outside.hpp"

namespace antler {

namespace fake {

Board& board() {
    static thread_local Board one;
    return one;
}

void reset_board() {
    board() = {};
}

}  // namespace fake

namespace vm {

void send_ipi(u32 hart_index) {
    fake::board().ipis.push_back(hart_index);
}
void set_host_timer(Ticks when) {
    fake::board().host_timer = when.n;
}
void console_write(Vm const&, std::string_view text) {
    fake::board().console += text;
}
void console_has_room(Vm const&) {
    ++fake::board().room_asked;
}
Nanos wall_clock() {
    return fake::board().wall_clock;
}
void poll_console() { ++fake::board().polls; }
void serve_external_interrupt() {
    ++fake::board().external_interrupts;
}
void machine_went_away(Vm const&) {
    ++fake::board().machines_gone;
}
void announce(Vm const&, std::string_view text) {
    fake::board().announced.emplace_back(text);
}

// Entropy of the tests is the same in each run.
bool random_bytes(std::span<u8> into) {
    u8 next = 1;
    for (auto& byte : into) byte = next++;
    return fake::board().has_entropy;
}

}  // namespace vm
}  // namespace antler
