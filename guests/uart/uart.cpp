// The 16550 with interrupts: transmit and receive through the PLIC, loopback, FIFO and scratch registers.
#include "base/ring.hpp"
#include "guests/lib/devices.hpp"

namespace antler::guests {
namespace {

struct Driver {
    Wires wires;
    Ring<u8, 256> outgoing{};
    Ring<u8, 256> incoming{};
    Ring<u8, 256> typed{};  // what came before the loopback
    std::atomic<u64> interrupts = 0;
    std::atomic<u64> transmit_interrupts = 0;
    std::atomic<u64> receive_interrupts = 0;
    std::atomic<u64> other_sources = 0;
    bool after_break = false;
    std::atomic<bool> asked_to_end = false;  // a break and `o`, as Linux's system request
};

void handle(Hart&, void* argument) {
    auto& driver = *static_cast<Driver*>(argument);
    driver.interrupts.fetch_add(1);
    while (auto const source = driver.wires.claim()) {
        if (source != uart::source) {
            driver.other_sources.fetch_add(1);
            driver.wires.complete(source);
            continue;
        }
        for (auto why = load<u8>(uart::iir); (why & 1) == 0; why = load<u8>(uart::iir)) {
            switch (why & 0xe) {
                case 0x2:  // transmitter empty
                    driver.transmit_interrupts.fetch_add(1);
                    for (int room = 16; room != 0; --room) {
                        auto const byte = driver.outgoing.pop();
                        if (!byte) break;
                        store<u8>(uart::data, *byte);
                    }
                    if (driver.outgoing.empty())
                        store<u8>(uart::ier, load<u8>(uart::ier) & ~uart::ier_transmit);
                    break;
                case 0x4:  // receiver
                case 0xc:  // receiver, after a while
                    driver.receive_interrupts.fetch_add(1);
                    while ((load<u8>(uart::lsr) & uart::lsr_data) != 0) {
                        auto const byte = load<u8>(uart::data);
                        if (driver.after_break && byte == 'o') driver.asked_to_end = true;
                        driver.after_break = byte == 0;  // a break reads as a zero
                        (void)driver.incoming.push(byte);
                    }
                    break;
                case 0x6: (void)load<u8>(uart::lsr); break;
                default: (void)load<u8>(uart::msr); break;
            }
        }
        driver.wires.complete(source);
    }
}

void transmit(Driver& driver, std::string_view text) {
    interrupts_off();
    for (char const c : text) (void)driver.outgoing.push(static_cast<u8>(c));
    store<u8>(uart::ier, load<u8>(uart::ier) | uart::ier_transmit);
    interrupts_on();
    (void)within(10'000, [&] { return driver.outgoing.size() == 0; });
    (void)within(10'000, [] { return (load<u8>(uart::lsr) & uart::lsr_idle) != 0; });
}

void check_registers() {
    store<u8>(uart::scr, 0xa5);
    check_equal("the scratch register keeps a byte", load<u8>(uart::scr), 0xa5);
    auto const line = load<u8>(uart::lcr);
    store<u8>(uart::lcr, 0x83);
    store<u8>(uart::data, 0x34);
    store<u8>(uart::ier, 0x12);
    check_equal("the divisor is behind the data register", load<u8>(uart::data) | load<u8>(uart::ier) << 8,
                0x1234);
    store<u8>(uart::data, 1);
    store<u8>(uart::ier, 0);
    store<u8>(uart::lcr, line & 0x7f ? line & 0x7f : 3);
    store<u8>(uart::ier, 0);
    check_equal("and hidden again", load<u8>(uart::ier), 0);
    check_equal("no interrupt waits", load<u8>(uart::iir) & 0xf, 1);
    store<u8>(uart::fcr, 7);
    check_equal("its FIFOs can be turned on", load<u8>(uart::iir) & 0xc0, 0xc0);
    check_equal("an idle transmitter says so", load<u8>(uart::lsr) & (uart::lsr_empty | uart::lsr_idle),
                uart::lsr_empty | uart::lsr_idle);
}

// What goes out comes in: the receiver without a person.
void check_loopback(Driver& driver) {
    auto const before = driver.receive_interrupts.load();
    store<u8>(uart::mcr, uart::mcr_loopback);
    interrupts_off();
    while (auto const byte = driver.incoming.pop()) (void)driver.typed.push(*byte);
    interrupts_on();
    u64 wrong = 0;
    for (u8 c = 'a'; c <= 'z'; ++c) {
        store<u8>(uart::data, c);
        if (!within(2000, [&] { return driver.incoming.size() != 0; })) {
            ++wrong;
            break;
        }
        interrupts_off();
        if (driver.incoming.pop() != c) ++wrong;
        interrupts_on();
    }
    store<u8>(uart::mcr, uart::mcr_out2);
    check_equal("in loopback every byte comes back", wrong, 0);
    check("and interrupts", driver.receive_interrupts > before);
}

// Bytes that somebody types, up to a line's end; nobody may be there.
void receive_line(Driver& driver, u64 milliseconds) {
    TextBuffer<200> line;
    transmit(driver, "uart: type a line\r\n");
    bool const deaf = told("deaf");
    bool const ended = within(milliseconds, [&] {
        if (driver.asked_to_end && !deaf) power_off(sbi::ResetReason::none);
        interrupts_off();
        auto const byte = driver.typed.empty() ? driver.incoming.pop() : driver.typed.pop();
        interrupts_on();
        if (!byte) return false;
        if (*byte == '\r' || *byte == '\n') return true;
        char const c = static_cast<char>(*byte);
        line.write({&c, 1});
        return false;
    });
    if (!ended) {
        say("uart: nobody typed");
        return;
    }
    say("uart: got {}", line.view());
    check("what was typed came by interrupts", driver.receive_interrupts != 0);
}

}  // namespace

void run() {
    check_registers();
    Driver driver{Wires{this_hart().id}};
    on_interrupt(irq::external, handle, &driver);
    driver.wires.open(uart::source);
    csr::sie::set(irq::bit(irq::external));
    store<u8>(uart::mcr, uart::mcr_out2);
    store<u8>(uart::ier, uart::ier_receive);
    interrupts_on();

    transmit(driver, "uart: sent by interrupts, more than one FIFO of bytes at a time\r\n");
    check("the transmitter interrupts", driver.transmit_interrupts >= 4);
    check_loopback(driver);

    // Masked, nothing comes; then it does.
    driver.wires.mask();
    auto const before = driver.interrupts.load();
    store<u8>(uart::ier, uart::ier_receive | uart::ier_transmit);
    auto const end = now() + guest().hertz / 100;
    while (now() < end) pause();
    check_equal("a mask holds interrupts back", driver.interrupts - before, 0);
    check("which stay pending", driver.wires.pending(uart::source));
    driver.wires.unmask();
    check("and come when it is gone", within(2000, [&] { return driver.interrupts > before; }));
    check_equal("no other source interrupted", driver.other_sources, 0);
    receive_line(driver, told("wait") ? 30'000 : 500);
    interrupts_off();
}

}  // namespace antler::guests
