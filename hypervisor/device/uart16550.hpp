// A 16550A serial port, as the drivers of Linux, U-Boot and EDK2 use it.
#pragma once

#include <array>
#include <concepts>
#include <utility>

#include "base/seams.hpp"
#include "device/counters.hpp"
#include "device/device.hpp"
#include "device/uart16550_registers.hpp"

namespace antler::device {

// Where transmitted bytes go.  False means not now: the byte waits in the transmit FIFO until drain().
template <class S>
concept ByteSink = requires(S& sink, u8 byte) {
    { sink.transmit(byte) } -> std::same_as<bool>;
};

// There is no baud rate: a byte is on the wire as soon as the sink takes it, and a receiver FIFO below its
// trigger level counts as timed out at once.
template <IrqLine Line, ByteSink Sink>
class Uart16550 final : public Device {
public:
    static constexpr u32 fifo_bytes = 16;
    static constexpr u32 polls_that_mean_listening = 64;

    Uart16550(Line line, Sink sink) : line_{std::move(line)}, sink_{std::move(sink)} {}

    [[nodiscard]] std::string_view name() const override { return "serial"; }

    // Any width reads the one byte at that offset, as on QEMU's board.
    [[nodiscard]] Result<u64> read(Offset offset, Width) override {
        if (offset == static_cast<Offset>(uart::Register::line_status)) return u64{read_line_status()};
        if (offset >= uart::registers) return Err{Error::not_supported};
        return u64{read_register(static_cast<uart::Register>(offset))};
    }

    [[nodiscard]] Result<void> write(Offset offset, Width, u64 value) override {
        if (offset >= uart::registers) return Err{Error::not_supported};
        write_register(static_cast<uart::Register>(offset), static_cast<u8>(value));
        update_line();
        return {};
    }

    // What read() of the line status would answer; false: that has consequences, for an error goes, or the
    // guest is found to listen.
    [[nodiscard, gnu::always_inline]] bool glance_at_line_status(u32& value) {
        if (line_errors_ != 0) return false;
        if (received_ == 0 && idle_polls_ < polls_that_mean_listening) {
            if (idle_polls_ == polls_that_mean_listening - 1) return false;
            ++idle_polls_;
        }
        value = line_status();
        return true;
    }

    // How many bytes receive() takes now.  In loopback the outside is disconnected.
    [[nodiscard]] u32 room() const {
        if (loopback()) return 0;
        auto const capacity = fifos() ? fifo_bytes : 1;
        return received_ < capacity ? capacity - received_ : 0;
    }

    // A byte from outside.  One that finds no room is lost, and the guest sees an overrun.
    void receive(u8 byte) {
        if (loopback()) return;
        accept(byte);
        update_line();
    }

    // A break on the line, and a byte behind it.  False: nothing happened, for something waits in the
    // receiver, or there is no driver that would be interrupted.
    [[nodiscard]] bool receive_break(u8 then) {
        if (!interrupts_on_input() || received_ != 0 || room() < 2) return false;
        accept(0);
        line_errors_ |= uart::lsr::break_seen;
        accept(then);
        update_line();
        return true;
    }

    // What was received, for a guest that asks its firmware instead of the port.  One that asks in vain
    // listens.
    u32 take(std::span<u8> into) {
        u32 taken = 0;
        while (taken < into.size() && received_ != 0) into[taken++] = take_received();
        if (taken == 0 && !into.empty()) idle_polls_ = polls_that_mean_listening;
        update_line();
        return taken;
    }

    // Does the guest take input?  It wants the interrupt, or it polls and waits.
    [[nodiscard]] bool listening() const {
        return interrupts_on_input() || idle_polls_ >= polls_that_mean_listening;
    }

    [[nodiscard]] bool interrupts_on_input() const {
        return (interrupt_enable_ & uart::ier::received_data) != 0;
    }

    // The sink takes bytes again.
    void drain() {
        send_waiting();
        update_line();
    }
    [[nodiscard]] bool draining() const { return transmitting_ != 0; }

    void counters(CounterVisitor& each) const {
        each("sent_bytes", sent_bytes_);
        each("received_bytes", received_bytes_);
    }

    void visit(StateVisitor auto& state) {
        state("interrupt-enable", interrupt_enable_);
        state("fifo-control", fifo_control_);
        state("line-control", line_control_);
        state("modem-control", modem_control_);
        state("line-errors", line_errors_);
        state("modem-status", modem_status_);
        state("scratch", scratch_);
        state("divisor", divisor_);
        state("transmitter-interrupt", transmitter_interrupt_);
        state("idle-polls", idle_polls_);
        state("receiver", std::span<u8>{receiver_});
        state("receiver-head", receiver_head_);
        state("received", received_);
        state("transmitter", std::span<u8>{transmitter_});
        state("transmitter-head", transmitter_head_);
        state("transmitting", transmitting_);
    }
    void restored() {
        interrupt_enable_ &= uart::ier::all;
        fifo_control_ &= uart::fcr::kept;
        modem_control_ &= uart::mcr::all;
        line_errors_ &= uart::lsr::errors;
        if (received_ > fifo_bytes) received_ = fifo_bytes;
        if (transmitting_ > fifo_bytes) transmitting_ = fifo_bytes;
        update_line();
    }

private:
    [[nodiscard]] bool fifos() const { return (fifo_control_ & uart::fcr::enable) != 0; }
    [[nodiscard]] bool loopback() const { return (modem_control_ & uart::mcr::loopback) != 0; }
    [[nodiscard]] bool divisor_latch() const { return (line_control_ & uart::lcr::divisor_latch) != 0; }

    [[nodiscard]] u32 trigger_level() const {
        constexpr std::array<u8, 4> levels{1, 4, 8, 14};
        return fifos() ? levels[fifo_control_ >> 6] : 1;
    }

    [[nodiscard]] u8 line_status() const {
        auto status = line_errors_;
        if (received_ != 0) status |= uart::lsr::data_ready;
        if (transmitting_ == 0) status |= uart::lsr::holding_empty | uart::lsr::transmitter_idle;
        return status;
    }

    // The highest of the pending reasons; the lower ones wait behind it.
    [[nodiscard]] u8 reason() const {
        if ((interrupt_enable_ & uart::ier::line_status) != 0 && line_errors_ != 0)
            return uart::iir::line_status;
        if ((interrupt_enable_ & uart::ier::received_data) != 0 && received_ != 0)
            return received_ >= trigger_level() ? uart::iir::received_data : uart::iir::timeout;
        if ((interrupt_enable_ & uart::ier::transmitter_empty) != 0 && transmitter_interrupt_)
            return uart::iir::transmitter_empty;
        if ((interrupt_enable_ & uart::ier::modem_status) != 0 && (modem_status_ & uart::msr::deltas) != 0)
            return uart::iir::modem_status;
        return uart::iir::none;
    }

    void update_line() {
        auto const wanted = reason() != uart::iir::none;
        if (wanted == raised_) return;
        raised_ = wanted;
        line_.set(wanted);
    }

    // The one register that guests read in loops: nothing here but what it needs.
    [[nodiscard]] u8 read_line_status() {
        if (received_ == 0 && idle_polls_ < polls_that_mean_listening) ++idle_polls_;
        if (line_errors_ != 0) [[unlikely]]
            return take_line_errors();
        return line_status();
    }

    // Reading clears them.
    [[nodiscard, gnu::noinline]] u8 take_line_errors() {
        auto const status = line_status();
        line_errors_ = 0;
        update_line();
        return status;
    }

    [[nodiscard]] u8 read_register(uart::Register which) {
        u8 value = 0;
        switch (which) {
            case uart::Register::data:
                if (divisor_latch()) return static_cast<u8>(divisor_);
                value = take_received();
                break;
            case uart::Register::interrupt_enable:
                return divisor_latch() ? static_cast<u8>(divisor_ >> 8) : interrupt_enable_;
            case uart::Register::identification:
                value = reason();
                if (value == uart::iir::transmitter_empty) transmitter_interrupt_ = false;
                if (fifos()) value |= uart::iir::fifos_enabled;
                break;
            case uart::Register::line_control: return line_control_;
            case uart::Register::modem_control: return modem_control_;
            case uart::Register::line_status: return read_line_status();
            case uart::Register::modem_status:
                value = modem_status();
                modem_status_ &= static_cast<u8>(~uart::msr::deltas);
                break;
            case uart::Register::scratch: return scratch_;
        }
        update_line();
        return value;
    }

    void write_register(uart::Register which, u8 value) {
        switch (which) {
            case uart::Register::data:
                if (divisor_latch())
                    divisor_ = static_cast<u16>((divisor_ & 0xff00) | value);
                else
                    transmit(value);
                break;
            case uart::Register::interrupt_enable:
                if (divisor_latch())
                    divisor_ = static_cast<u16>((divisor_ & 0x00ff) | value << 8);
                else
                    enable_interrupts(value & uart::ier::all);
                break;
            case uart::Register::identification: control_fifos(value); break;
            case uart::Register::line_control: line_control_ = value; break;
            case uart::Register::modem_control: control_modem(value & uart::mcr::all); break;
            case uart::Register::line_status:   // read-only
            case uart::Register::modem_status:  // read-only
                break;
            case uart::Register::scratch: scratch_ = value; break;
        }
    }

    void enable_interrupts(u8 wanted) {
        // Enabling the transmitter's interrupt while it is empty raises it at once: drivers count on it to
        // start.
        auto const newly = static_cast<u8>(wanted & ~interrupt_enable_);
        if ((newly & uart::ier::transmitter_empty) != 0) transmitter_interrupt_ = transmitting_ == 0;
        interrupt_enable_ = wanted;
    }

    void control_fifos(u8 value) {
        auto const switched = ((value ^ fifo_control_) & uart::fcr::enable) != 0;
        // Without the enable bit in this very write, the others do nothing.
        fifo_control_ = (value & uart::fcr::enable) != 0 ? value & uart::fcr::kept : 0;
        // The chip forgets both FIFOs when they are switched; here what was received stays unless it is
        // cleared by name, for Linux switches them after it has begun to listen, and the first byte typed
        // would be lost.
        auto const clears = switched ? u8{uart::fcr::clear_transmitter} | value : fifos() ? value : 0;
        if ((clears & uart::fcr::clear_receiver) != 0) received_ = 0;
        if ((clears & uart::fcr::clear_transmitter) != 0 && transmitting_ != 0) {
            transmitting_ = 0;
            transmitter_interrupt_ = true;
        }
    }

    // The modem lines: the far end is always there; in loopback they follow our own outputs.
    [[nodiscard]] u8 modem_lines() const {
        if (!loopback()) return uart::msr::cts | uart::msr::dsr | uart::msr::dcd;
        u8 lines = 0;
        if ((modem_control_ & uart::mcr::rts) != 0) lines |= uart::msr::cts;
        if ((modem_control_ & uart::mcr::dtr) != 0) lines |= uart::msr::dsr;
        if ((modem_control_ & uart::mcr::out1) != 0) lines |= uart::msr::ri;
        if ((modem_control_ & uart::mcr::out2) != 0) lines |= uart::msr::dcd;
        return lines;
    }
    [[nodiscard]] u8 modem_status() const {
        return static_cast<u8>(modem_lines() | (modem_status_ & uart::msr::deltas));
    }

    void control_modem(u8 value) {
        auto const before = modem_lines();
        modem_control_ = value;
        auto const after = modem_lines();
        auto const changed = static_cast<u8>(before ^ after);
        if ((changed & uart::msr::cts) != 0) modem_status_ |= uart::msr::delta_cts;
        if ((changed & uart::msr::dsr) != 0) modem_status_ |= uart::msr::delta_dsr;
        if ((changed & uart::msr::dcd) != 0) modem_status_ |= uart::msr::delta_dcd;
        if ((before & ~after & uart::msr::ri) != 0) modem_status_ |= uart::msr::trailing_ri;
    }

    void transmit(u8 byte) {
        idle_polls_ = 0;
        transmitter_interrupt_ = false;
        if (loopback()) {
            accept(byte);
            transmitter_interrupt_ = transmitting_ == 0;
            return;
        }
        // A guest that writes without looking at LSR loses the byte, as on the wire.
        if (transmitting_ == (fifos() ? fifo_bytes : 1)) return;
        transmitter_[(transmitter_head_ + transmitting_++) % fifo_bytes] = byte;
        send_waiting();
    }

    void send_waiting() {
        if (transmitting_ == 0) return;
        while (transmitting_ != 0) {
            if (!sink_.transmit(transmitter_[transmitter_head_ % fifo_bytes])) return;
            transmitter_head_ = static_cast<u8>((transmitter_head_ + 1) % fifo_bytes);
            --transmitting_;
            ++sent_bytes_;
        }
        transmitter_interrupt_ = true;
    }

    void accept(u8 byte) {
        idle_polls_ = 0;
        if (received_ >= (fifos() ? fifo_bytes : 1)) {
            line_errors_ |= uart::lsr::overrun;
            return;
        }
        receiver_[(receiver_head_ + received_++) % fifo_bytes] = byte;
    }

    [[nodiscard]] u8 take_received() {
        auto const byte = receiver_[receiver_head_ % fifo_bytes];
        if (received_ == 0) return byte;  // an empty receiver repeats what it had
        receiver_head_ = static_cast<u8>((receiver_head_ + 1) % fifo_bytes);
        ++received_bytes_;
        --received_;
        return byte;
    }

    Line line_;
    Sink sink_;
    bool raised_ = false;  // what the line was last told

    u8 interrupt_enable_ = 0;
    u8 fifo_control_ = 0;
    u8 line_control_ = 0;
    u8 modem_control_ = uart::mcr::out2;
    u8 line_errors_ = 0;
    u8 modem_status_ = 0;  // the deltas; the lines themselves follow from the modem control register
    u8 scratch_ = 0;
    u16 divisor_ = 12;                    // 9600 baud, as after a reset of QEMU's
    bool transmitter_interrupt_ = false;  // "holding register became empty", not yet seen by the guest
    u32 idle_polls_ = 0;                  // reads of LSR without data since the last byte either way

    std::array<u8, fifo_bytes> receiver_{};
    u8 receiver_head_ = 0;
    u8 received_ = 0;
    std::array<u8, fifo_bytes> transmitter_{};
    u8 transmitter_head_ = 0;
    u8 transmitting_ = 0;

    // For the operator, and not the guest's to see or save.
    u64 sent_bytes_ = 0;
    u64 received_bytes_ = 0;
};

}  // namespace antler::device
