// The serial port: registers, FIFOs, interrupts, and the sequences that drivers probe it with.
#include "device/uart16550.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

namespace antler::device {
namespace {

struct Wire {
    bool* level;
    void set(bool to) { *level = to; }
};
struct Sink {
    std::string* text;
    bool* takes;
    bool transmit(u8 byte) {
        if (*takes) text->push_back(static_cast<char>(byte));
        return *takes;
    }
};

class Uart : public testing::Test {
protected:
    enum : u32 { data = 0, ier = 1, iir = 2, fcr = 2, lcr = 3, mcr = 4, lsr = 5, msr = 6, scratch = 7 };
    u32 in(u32 offset) { return static_cast<u32>(uart.read(offset, Width::byte).value()); }
    void out(u32 offset, u32 value) { uart.write(offset, Width::byte, value).value(); }
    void type(std::string_view text) {
        for (char const c : text) uart.receive(static_cast<u8>(c));
    }

    bool level = false;
    bool takes = true;
    std::string sent;
    Uart16550<Wire, Sink> uart{Wire{&level}, Sink{&sent, &takes}};
};

TEST_F(Uart, IsQuietAndEmptyAtFirst) {
    EXPECT_EQ(in(lsr), 0x60u);
    EXPECT_EQ(in(iir), 0x01u);
    EXPECT_EQ(in(ier), 0u);
    EXPECT_EQ(in(msr), 0xb0u);
    EXPECT_FALSE(level);
    EXPECT_EQ(uart.room(), 1u);
}

TEST_F(Uart, SendsWhatIsWritten) {
    for (char const c : std::string_view{"hello"}) {
        while ((in(lsr) & 0x20) == 0) {
        }
        out(data, static_cast<u8>(c));
    }
    EXPECT_EQ(sent, "hello");
}

TEST_F(Uart, AnswersEveryWidthAndNoOffsetBeyondItsRegisters) {
    for (auto const width : {Width::byte, Width::half, Width::word, Width::doubleword}) {
        EXPECT_EQ(uart.read(5, width).value(), 0x60u);
        EXPECT_TRUE(uart.write(7, width, 0xffff'ffff'ffff'ff12));
        EXPECT_EQ(in(scratch), 0x12u);
    }
    EXPECT_FALSE(uart.read(8, Width::byte));
    EXPECT_FALSE(uart.write(0xff, Width::byte, 0));
}

TEST_F(Uart, KeepsTheDivisorBehindItsLatch) {
    out(lcr, 0x83);
    out(data, 0x34);
    out(ier, 0x12);
    EXPECT_EQ(in(data), 0x34u);
    EXPECT_EQ(in(ier), 0x12u);
    out(lcr, 0x03);
    EXPECT_EQ(in(ier), 0u);
    EXPECT_EQ(sent, "");
    EXPECT_EQ(in(lcr), 0x03u);
}

TEST_F(Uart, GivesReceivedBytesInOrder) {
    out(fcr, 0x01);
    EXPECT_EQ(uart.room(), 16u);
    type("abc");
    EXPECT_EQ(in(lsr) & 1, 1u);
    EXPECT_EQ(in(data), 'a' + 0u);
    EXPECT_EQ(in(data), 'b' + 0u);
    EXPECT_EQ(in(data), 'c' + 0u);
    EXPECT_EQ(in(lsr) & 1, 0u);
}

TEST_F(Uart, LosesTheByteThatFindsNoRoomAndSaysSoOnce) {
    out(fcr, 0x01);
    type("0123456789abcdefX");
    EXPECT_EQ(uart.room(), 0u);
    EXPECT_EQ(in(lsr), 0x63u);
    EXPECT_EQ(in(lsr), 0x61u);
    std::string read;
    while ((in(lsr) & 1) != 0) read.push_back(static_cast<char>(in(data)));
    EXPECT_EQ(read, "0123456789abcdef");
    // Without FIFOs there is room for one.
    out(fcr, 0x00);
    type("yz");
    EXPECT_EQ(in(lsr), 0x63u);
    EXPECT_EQ(in(data), 'y' + 0u);
}

TEST_F(Uart, KeepsWhatWasTypedWhenTheFifosAreSwitchedOn) {
    type("u");  // Linux listens first and switches afterwards
    out(fcr, 0x01);
    EXPECT_EQ(in(lsr) & 1, 1u);
    EXPECT_EQ(in(data), 'u' + 0u);
}

TEST_F(Uart, ClearsItsFifosWhenAskedAndWhenTheyAreSwitchedOffByThatName) {
    out(fcr, 0x01);
    type("abc");
    out(fcr, 0x02);  // no enable bit: this switches them off
    EXPECT_EQ(in(lsr) & 1, 0u);
    out(fcr, 0x01);
    type("abc");
    out(fcr, 0x03);
    EXPECT_EQ(in(lsr) & 1, 0u);
    type("abc");
    out(fcr, 0x05);  // the transmitter's
    EXPECT_EQ(in(lsr) & 1, 1u);
    EXPECT_EQ(in(iir), 0xc1u);
}

TEST_F(Uart, RaisesReceivedDataAtTheTriggerLevelAndTimeoutBelow) {
    out(fcr, 0xc1);  // 14 bytes
    out(ier, 0x01);
    EXPECT_FALSE(level);
    type("0123456789abc");
    EXPECT_TRUE(level);
    EXPECT_EQ(in(iir), 0xccu);
    type("d");
    EXPECT_EQ(in(iir), 0xc4u);
    for (int i = 0; i < 14; ++i) {
        EXPECT_TRUE(level);
        in(data);
    }
    EXPECT_FALSE(level);
    EXPECT_EQ(in(iir), 0xc1u);
}

TEST_F(Uart, RaisesTransmitterEmptyWhenEnabledAndForgetsItWhenRead) {
    out(ier, 0x02);
    EXPECT_TRUE(level);
    EXPECT_EQ(in(iir), 0x02u);  // reading it is the acknowledgement
    EXPECT_FALSE(level);
    EXPECT_EQ(in(iir), 0x01u);
    out(data, 'x');  // sent at once, so it is empty again
    EXPECT_TRUE(level);
    out(ier, 0x02);  // written again without a change: no new reason
    EXPECT_EQ(in(iir), 0x02u);
    out(ier, 0x02);
    EXPECT_FALSE(level);
    out(ier, 0x00);
    out(ier, 0x02);
    EXPECT_TRUE(level);
    out(ier, 0x00);
    EXPECT_FALSE(level);
}

TEST_F(Uart, ReportsReasonsInOrderOfPriority) {
    out(fcr, 0x01);
    out(mcr, 0x12);  // loopback moves the modem lines
    out(mcr, 0x00);
    type("0123456789abcdefX");
    out(ier, 0x0f);
    EXPECT_EQ(in(iir), 0xc6u);  // line status: the overrun
    in(lsr);
    EXPECT_EQ(in(iir), 0xc4u);
    for (int i = 0; i < 16; ++i) in(data);
    EXPECT_EQ(in(iir), 0xc2u);
    EXPECT_EQ(in(iir), 0xc0u);  // modem status
    EXPECT_TRUE(level);
    in(msr);
    EXPECT_EQ(in(iir), 0xc1u);
    EXPECT_FALSE(level);
}

TEST_F(Uart, DoesNotForgetTransmitterEmptyWhileAnotherReasonIsAhead) {
    out(ier, 0x03);
    type("a");
    EXPECT_EQ(in(iir), 0x04u);
    EXPECT_EQ(in(iir), 0x04u);
    in(data);
    EXPECT_EQ(in(iir), 0x02u);
    EXPECT_EQ(in(iir), 0x01u);
}

TEST_F(Uart, WaitsForASinkThatIsFull) {
    out(fcr, 0x01);
    takes = false;
    out(ier, 0x02);
    in(iir);
    for (int i = 0; i < 17; ++i) out(data, static_cast<u32>('a' + i));  // one more than there is room
    EXPECT_EQ(in(lsr), 0x00u);
    EXPECT_TRUE(uart.draining());
    EXPECT_FALSE(level);
    takes = true;
    uart.drain();
    EXPECT_EQ(sent, "abcdefghijklmnop");
    EXPECT_EQ(in(lsr), 0x60u);
    EXPECT_TRUE(level);
    EXPECT_FALSE(uart.draining());
}

TEST_F(Uart, LoopsBackWhatItSendsAndItsModemLines) {
    out(fcr, 0x01);
    out(mcr, 0x10);
    EXPECT_EQ(in(msr) & 0xf0, 0x00u);
    std::map<u32, u32> const lines{{0x01, 0x20}, {0x02, 0x10}, {0x04, 0x40}, {0x08, 0x80}};
    for (auto const [output, input] : lines) {
        out(mcr, 0x10 | output);
        EXPECT_EQ(in(msr) & 0xf0, input);
        EXPECT_EQ(in(msr) & 0x0f, 0u);  // changes are told once
    }
    out(data, 'L');
    EXPECT_EQ(sent, "");
    EXPECT_EQ(uart.room(), 0u);
    uart.receive('x');  // the outside is cut off
    EXPECT_EQ(in(lsr), 0x61u);
    EXPECT_EQ(in(data), 'L' + 0u);
    EXPECT_EQ(in(lsr), 0x60u);
}

TEST_F(Uart, ListensWhenItsInterruptIsEnabledOrItsGuestPolls) {
    EXPECT_FALSE(uart.listening());
    out(ier, 0x01);
    EXPECT_TRUE(uart.listening());
    out(ier, 0x00);
    EXPECT_FALSE(uart.listening());
    for (int i = 0; i < 200; ++i) {  // printing is not polling
        in(lsr);
        out(data, 'x');
    }
    EXPECT_FALSE(uart.listening());
    for (int i = 0; i < 64; ++i) {
        EXPECT_FALSE(uart.listening());
        in(lsr);
    }
    EXPECT_TRUE(uart.listening());
    out(data, 'x');
    EXPECT_FALSE(uart.listening());
}

TEST_F(Uart, GivesBytesToAGuestThatAsksItsFirmware) {
    std::array<u8, 4> into{};
    out(fcr, 0x01);
    EXPECT_EQ(uart.take(into), 0u);
    EXPECT_TRUE(uart.listening());
    out(ier, 0x01);
    type("abcdef");
    EXPECT_EQ(uart.take(into), 4u);
    EXPECT_EQ(into[3], 'd');
    EXPECT_TRUE(level);
    EXPECT_EQ(uart.take(into), 2u);
    EXPECT_FALSE(level);
}

// drivers/tty/serial/8250/8250_port.c of Linux: autoconfig(), autoconfig_16550a().
TEST_F(Uart, IsA16550AForTheProbeOfLinux) {
    auto const saved_ier = in(ier);
    out(ier, 0);
    EXPECT_EQ(in(ier) & 0x0f, 0x00u);
    out(ier, 0x0f);
    EXPECT_EQ(in(ier) & 0x0f, 0x0fu);
    out(ier, saved_ier);

    auto const saved_mcr = in(mcr);
    auto const saved_lcr = in(lcr);
    out(mcr, 0x10 | 0x0a);
    EXPECT_EQ(in(msr) & 0xf0, 0x90u);
    out(mcr, saved_mcr);

    out(lcr, 0xbf);
    out(2, 0);  // EFR of better ports
    out(lcr, 0);
    out(fcr, 0x01);
    EXPECT_EQ(in(iir) >> 6, 3u);

    out(lcr, 0x80);
    EXPECT_NE(in(2), 0u);  // else: 16650
    out(lcr, 0xbf);
    EXPECT_NE(in(2), 0u);  // else: 16650V2

    out(lcr, 0);
    auto const first = in(mcr);
    out(lcr, 0xe0);
    ASSERT_EQ((in(2) ^ first) & 0x10, 0u);
    out(lcr, 0);
    out(mcr, first ^ 0x10);
    out(lcr, 0xe0);
    auto const second = in(2);
    out(lcr, 0);
    out(mcr, first);
    EXPECT_EQ((second ^ first) & 0x10, 0u);  // else: a National Semiconductor Super I/O

    out(fcr, 0x01);
    out(fcr, 0x21);
    auto const without = in(iir) >> 5;
    out(fcr, 0x01);
    out(lcr, 0x80);
    out(fcr, 0x21);
    auto const with = in(iir) >> 5;
    out(fcr, 0x01);
    out(lcr, 0);
    EXPECT_FALSE(without == 6 && with == 7);  // a TI 16750

    out(ier, 0x40);
    EXPECT_EQ(in(ier) & 0x40, 0u);  // else: an XScale
    out(ier, 0);
    out(lcr, saved_lcr);
}

// serial8250_do_startup() and its tests for broken transmitter interrupts.
TEST_F(Uart, PassesTheTransmitterTestsOfLinux) {
    out(fcr, 0x01);
    out(fcr, 0x07);
    out(fcr, 0x00);
    in(lsr), in(data), in(iir), in(msr);
    EXPECT_NE(in(lsr), 0xffu);
    out(lcr, 0x03);

    out(ier, 0x02);
    in(iir);
    out(ier, 0x00);
    out(ier, 0x02);
    EXPECT_EQ(in(iir) & 1, 0u);  // the interrupt is asserted again
    out(ier, 0x00);

    out(mcr, 0x08);
    out(ier, 0x02);
    auto const status = in(lsr);
    auto const reason = in(iir);
    out(ier, 0x00);
    EXPECT_FALSE((status & 0x40) != 0 && (reason & 1) != 0);  // UART_BUG_TXEN
}

// drivers/serial/ns16550.c of U-Boot.
TEST_F(Uart, CarriesAConversationOfUBoot) {
    while ((in(lsr) & 0x40) == 0) {
    }
    out(ier, 0);
    out(mcr, 0x03);
    out(fcr, 0x07);
    out(lcr, 0x83);
    out(data, 2);
    out(ier, 0);
    out(lcr, 0x03);
    std::string const typed = "version\r";
    std::string heard;
    usize next = 0;
    while (heard.size() < typed.size()) {
        if (uart.listening() && uart.room() != 0 && next < typed.size())
            uart.receive(static_cast<u8>(typed[next++]));
        if ((in(lsr) & 1) == 0) continue;
        auto const c = in(data);
        heard.push_back(static_cast<char>(c));
        out(data, c);  // the echo
    }
    EXPECT_EQ(heard, typed);
    EXPECT_EQ(sent, typed);
}

struct Saver {
    std::map<std::string, std::vector<u64>> fields;
    template <class T>
    void operator()(std::string_view name, T&& field) {
        if constexpr (std::is_same_v<std::remove_cvref_t<T>, std::span<u8>>)
            for (auto const byte : field) fields[std::string{name}].push_back(byte);
        else
            fields[std::string{name}].push_back(static_cast<u64>(field));
    }
};
struct Loader {
    std::map<std::string, std::vector<u64>> fields;
    std::map<std::string, usize> used{};
    template <class T>
    void operator()(std::string_view name, T&& field) {
        auto& values = fields.at(std::string{name});
        auto& at = used[std::string{name}];
        if constexpr (std::is_same_v<std::remove_cvref_t<T>, std::span<u8>>)
            for (auto& byte : field) byte = static_cast<u8>(values.at(at++));
        else
            field = static_cast<std::remove_cvref_t<T>>(values.at(at++));
    }
};

TEST_F(Uart, GoesOnElsewhereAfterASnapshot) {
    out(fcr, 0x41);
    out(ier, 0x05);
    out(scratch, 0x77);
    type("0123456789abcdefX");
    in(data);
    type("g");
    Saver saver;
    uart.visit(saver);

    bool other_level = false;
    std::string other_sent;
    Uart16550 other{Wire{&other_level}, Sink{&other_sent, &takes}};
    Loader loader{saver.fields};
    other.visit(loader);
    other.restored();
    EXPECT_TRUE(other_level);
    for (u32 const offset : {2u, 5u, 0u, 0u, 2u, 7u, 1u, 3u, 4u, 6u})
        EXPECT_EQ(other.read(offset, Width::byte).value(), in(offset)) << offset;
}

TEST_F(Uart, StaysInsideItsBuffersWhateverASnapshotSays) {
    struct Ones {
        void operator()(std::string_view, std::span<u8> field) { std::ranges::fill(field, u8{0xff}); }
        void operator()(std::string_view, bool& field) { field = true; }
        void operator()(std::string_view, u8& field) { field = 0xff; }
        void operator()(std::string_view, u16& field) { field = 0xffff; }
        void operator()(std::string_view, u32& field) { field = ~u32{0}; }
        void operator()(std::string_view, u64& field) { field = ~u64{0}; }
    } ones;
    uart.visit(ones);
    uart.restored();
    out(mcr, 0);
    out(lcr, 0);
    for (int i = 0; i < 40; ++i) in(data), out(data, 'x'), type("y");
    uart.drain();
    EXPECT_EQ(in(lsr) & 0x60, 0x60u);
}

}  // namespace
}  // namespace antler::device
