// The devices of a VM, wired: console, clock, power button, and the lines to its vCPUs.
#include "vm/machine.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using device::Width;
namespace csr = hart::csr;

constexpr u64 uart = 0x1000'0000;
constexpr u64 rtc = 0x10'1000;
constexpr u64 plic = 0xc00'0000;
constexpr u64 power = 0x10'0000;

class MachineOfAVm : public testing::Test {
protected:
    MachineOfAVm() : vm_{world_.add({.vcpus = 2})}, first_{world_.start(vm_)} {}
    u64 get(u64 at, Width width = Width::word) {
        auto const value = vm_.machine().read(Gpa{at}, width);
        EXPECT_TRUE(value) << std::hex << at;
        return value ? value.value() : 0;
    }
    void set(u64 at, u64 value, Width width = Width::word) {
        EXPECT_TRUE(vm_.machine().write(Gpa{at}, width, value)) << std::hex << at;
    }
    void set_byte(u64 at, u64 value) { set(at, value, Width::byte); }
    // The PLIC gives this source to the context of hart 0.
    void enable(u32 source) {
        set(plic + 4 * source, 1);
        set(plic + 0x2080, get(plic + 0x2080) | u64{1} << source);
    }
    World world_{};
    Vm& vm_;
    Vcpu& first_;
};

TEST_F(MachineOfAVm, AnswersWhereQemusBoardHasDevicesAndNowhereElse) {
    auto& machine = vm_.machine();
    for (u64 const at : {power, rtc, plic, plic + 0x5f'fffc, uart, uart + 0xff})
        EXPECT_TRUE(machine.has_device(Gpa{at})) << std::hex << at;
    for (u64 const at : {u64{0}, power - 1, rtc + 0x1000, plic - 1, plic + 0x60'0000, uart - 1, uart + 0x100,
                         u64{0x8000'0000}, ~u64{0}}) {
        EXPECT_FALSE(machine.has_device(Gpa{at})) << std::hex << at;
        EXPECT_FALSE(machine.read(Gpa{at}, Width::byte));
        EXPECT_FALSE(machine.write(Gpa{at}, Width::byte, 0));
    }
}

TEST_F(MachineOfAVm, SaysWhatTheGuestSays) {
    for (char const c : std::string{"hello\n"}) set_byte(uart, static_cast<u8>(c));
    EXPECT_EQ(fake::outside().console, "hello\n");
}

TEST_F(MachineOfAVm, TakesInputOnlyWhenTheGuestListens) {
    auto& machine = vm_.machine();
    EXPECT_EQ(machine.console_room(), 0U);
    fake::outside().room_asked = 0;
    set_byte(uart + 1, 1);  // it wants the receiver's interrupt
    EXPECT_EQ(fake::outside().room_asked, 1U);
    EXPECT_EQ(machine.console_room(), 1U);  // no FIFO yet
    set_byte(uart + 2, 1);
    EXPECT_EQ(machine.console_room(), 16U);
    EXPECT_EQ(fake::outside().room_asked, 1U);  // nobody waits for it any more
    machine.console_type("0123456789abcdef");
    EXPECT_EQ(machine.console_room(), 0U);
    fake::outside().room_asked = 0;
    EXPECT_EQ(get(uart, Width::byte), u64{'0'});
    EXPECT_EQ(fake::outside().room_asked, 1U);
    EXPECT_EQ(machine.console_room(), 1U);
}

TEST_F(MachineOfAVm, AGuestThatPollsListensToo) {
    EXPECT_EQ(vm_.machine().console_room(), 0U);
    for (int i = 0; i < 100; ++i) static_cast<void>(get(uart + 5, Width::byte));
    EXPECT_NE(vm_.machine().console_room(), 0U);
}

TEST_F(MachineOfAVm, AGuestThatAsksItsFirmwareGetsTheSameBytes) {
    auto& machine = vm_.machine();
    std::array<u8, 4> bytes{};
    EXPECT_EQ(machine.console_take(bytes), 0U);
    EXPECT_NE(machine.console_room(), 0U);  // it listens
    machine.console_type("x");
    EXPECT_EQ(machine.console_take(bytes), 1U);
    EXPECT_EQ(bytes[0], 'x');
    EXPECT_EQ(machine.console_take(bytes), 0U);
}

TEST_F(MachineOfAVm, InputRaisesTheLineOfTheVcpuThatWantsIt) {
    enable(uart_source);
    set_byte(uart + 1, 1);
    vm_.machine().console_type("a");
    EXPECT_EQ(world_.run(), &first_);
    EXPECT_EQ(csr::hvip::read_raw(), vs_external);
    EXPECT_EQ(get(plic + 0x20'1004), uart_source);
    EXPECT_EQ(world_.run(), &first_);
    EXPECT_EQ(csr::hvip::read_raw(), 0U);  // claimed
    set(plic + 0x20'1004, uart_source);    // completed, but the byte is still there
    EXPECT_EQ(world_.run(), &first_);
    EXPECT_EQ(csr::hvip::read_raw(), vs_external);
}

TEST_F(MachineOfAVm, TheClockRingsAtItsTime) {
    enable(rtc_source);
    set(rtc + 0x10, 1);
    auto const when = fake::outside().wall_clock.n + 1'000'000;
    set(rtc + 0x0c, when >> 32);
    set(rtc + 0x08, when & 0xffff'ffff);
    EXPECT_EQ(vm_.machine().alarm(), 10'001U);
    EXPECT_EQ(world_.run(), &first_);
    EXPECT_EQ(fake::outside().host_timer, 10'001U);  // though the guest did not block
    fake::hart().now = 10'001;
    fake::outside().wall_clock = Nanos{when};
    world_.core().timer_fired();
    EXPECT_EQ(world_.run(), &first_);
    EXPECT_EQ(csr::hvip::read_raw(), vs_external);
    EXPECT_EQ(vm_.machine().alarm(), ~u64{0});
}

TEST_F(MachineOfAVm, AnAlarmThatRangTooEarlyIsSetAgain) {
    set(rtc + 0x10, 1);
    auto const when = fake::outside().wall_clock.n + 2'000'000;
    set(rtc + 0x0c, when >> 32);
    set(rtc + 0x08, when & 0xffff'ffff);
    EXPECT_EQ(world_.run(), &first_);
    fake::hart().now = vm_.machine().alarm();
    fake::outside().wall_clock = Nanos{when - 1'000'000};  // somebody has set the board's clock back
    world_.core().timer_fired();
    EXPECT_EQ(vm_.machine().alarm(), fake::hart().now + 10'001);
}

TEST_F(MachineOfAVm, AnAlarmRingsWhileTheGuestsOwnTimerIsDueAndUnserved) {
    set(rtc + 0x10, 1);
    auto const when = fake::outside().wall_clock.n + 1'000'000;
    set(rtc + 0x0c, when >> 32);
    set(rtc + 0x08, when & 0xffff'ffff);
    EXPECT_EQ(world_.run(), &first_);
    csr::vstimecmp::write_raw(1);  // the guest has interrupts off
    fake::hart().now = 5'000;
    world_.core().timer_fired();  // comes back
    EXPECT_EQ(fake::outside().host_timer, 10'001U);
}

TEST_F(MachineOfAVm, AlarmsOfAnyTimeEndInATimerThatIsNotInThePast) {
    set(rtc + 0x10, 1);
    for (u64 const when : {fake::outside().wall_clock.n + 1, ~u64{0}, ~u64{0} - 1}) {
        set(rtc + 0x0c, when >> 32);
        set(rtc + 0x08, when & 0xffff'ffff);
        EXPECT_GT(vm_.machine().alarm(), fake::hart().now);
        set(rtc + 0x14, 0);
        EXPECT_EQ(vm_.machine().alarm(), ~u64{0});
    }
}

TEST_F(MachineOfAVm, ThePowerButtonEndsTheVm) {
    struct Case {
        u64 value;
        bool crashed;
        bool over;
    };
    for (auto const& [value, crashed, over] : {Case{0x7777, false, false}, Case{0x5555, false, true}}) {
        set(power, value);
        EXPECT_TRUE(vm_.is_ending());
        world_.run_all();
        EXPECT_EQ(vm_.is_over(), over);
        EXPECT_EQ(vm_.has_crashed(), crashed);
    }
}

TEST_F(MachineOfAVm, AFailureIsACrash) {
    set(power, 0x3333 | 1 << 16);
    world_.run_all();
    EXPECT_TRUE(vm_.is_over());
    EXPECT_TRUE(vm_.has_crashed());
}

TEST_F(MachineOfAVm, IsAsNewAfterAReset) {
    enable(uart_source);
    set_byte(uart + 1, 1);
    set_byte(uart + 7, 0x5a);
    vm_.machine().console_type("a");
    vm_.machine().set_alarm(5);
    vm_.machine().reset(2);
    EXPECT_EQ(get(uart + 7, Width::byte), 0U);
    EXPECT_EQ(get(plic + 0x2080), 0U);
    EXPECT_EQ(get(plic + 4 * uart_source), 0U);
    EXPECT_EQ(vm_.machine().alarm(), ~u64{0});
    EXPECT_EQ(vm_.machine().console_room(), 0U);
}

}  // namespace
}  // namespace antler::vm
