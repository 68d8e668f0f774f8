// The devices of a VM, wired: console, clock, power button, and the lines to its vCPUs.
#include "vm/machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/unit/vm/world.hpp"
#include "vm/pci_host.hpp"
#include "vm/random_device.hpp"

namespace antler::vm {
namespace {

using device::Width;
namespace csr = hart::csr;

constexpr u64 uart = 0x1000'0000;
constexpr u64 rtc = 0x10'1000;
constexpr u64 plic = 0xc00'0000;
constexpr u64 power = 0x10'0000;
constexpr u64 watchdog = 0x10'2000;
constexpr u64 program_flash = 0x2000'0000;
constexpr u64 variables_flash = 0x2200'0000;

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

class AWatchedMachine : public MachineOfAVm {
protected:
    static constexpr u64 interval = 20'000'000;  // ticks of two seconds

    AWatchedMachine() {
        EXPECT_FALSE(vm_.machine().has_watchdog());
        EXPECT_TRUE(vm_.machine().add_watchdog());
        EXPECT_TRUE(vm_.machine().has_watchdog());
        set(watchdog + 0x14, 1);           // it ends the whole machine
        set(watchdog + 0x18, 2 << 4 | 1);  // in two seconds
    }
    // That time comes, and the hart's timer with it.
    void pass_until(u64 when) {
        fake::hart().now = when;
        world_.core().timer_fired();
        world_.run_all();
    }
};

TEST_F(AWatchedMachine, GoesOnWhileItsGuestFeedsTheDogAndHasCrashedAfterThat) {
    EXPECT_EQ(vm_.machine().alarm(), interval + 1);
    fake::hart().now = 15'000'000;
    set(watchdog + 0x10, 0x0a57 << 1 | 1);
    EXPECT_EQ(vm_.machine().alarm(), 15'000'000 + interval + 1);
    pass_until(interval + 1);
    EXPECT_FALSE(vm_.is_ending());
    EXPECT_TRUE(fake::outside().announced.empty());
    pass_until(vm_.machine().alarm());
    EXPECT_TRUE(vm_.is_over());
    EXPECT_TRUE(vm_.has_crashed());
    EXPECT_EQ(std::ranges::count(fake::outside().announced, "its watchdog was not fed"), 1);
}

TEST_F(AWatchedMachine, IsNotBittenWhileItStandsStill) {
    vm_.suspend();
    world_.run_all();
    ASSERT_TRUE(vm_.stands_still());
    pass_until(3 * interval);
    EXPECT_FALSE(vm_.is_ending());
    vm_.resume();
    world_.run_all();
    EXPECT_EQ(vm_.machine().alarm(), 4 * interval + 1) << "it has the whole time again";
}

TEST_F(AWatchedMachine, HasAQuietOneAfterAReset) {
    vm_.machine().reset(2);
    EXPECT_EQ(vm_.machine().alarm(), ~u64{0});
    EXPECT_EQ(get(watchdog + 0x18), 0U);
}

TEST_F(MachineOfAVm, KeepsInItsFlashWhatTheGuestWroteAndNotIntoItsProgram) {
    EXPECT_FALSE(vm_.machine().has_flash());
    std::vector<u8> const program(page_bytes, 0x11);
    std::vector<u8> variables(page_bytes, 0xff);
    ASSERT_TRUE(vm_.machine().add_flash(program, variables));
    EXPECT_TRUE(vm_.machine().has_flash());
    EXPECT_FALSE(vm_.machine().has_kept_flash());
    for (auto const flash : {program_flash, variables_flash}) {
        set(flash + 0x40, 0x0040'0040);
        set(flash + 0x40, 0x1234'5678);
        set(flash, 0x00ff'00ff);
    }
    EXPECT_EQ(get(program_flash + 0x40), 0x1111'1111U);
    EXPECT_EQ(get(variables_flash + 0x40), 0x1234'5678U);
    vm_.machine().reset(2);
    EXPECT_EQ(get(program_flash + 0x40), 0x1111'1111U);
    EXPECT_EQ(get(variables_flash + 0x40), 0x1234'5678U);
    EXPECT_EQ(variables[0x40], 0x78);
    // No disk keeps it, so there is nothing to wait for.
    EXPECT_TRUE(vm_.machine().load_flash_step().value());
    EXPECT_TRUE(vm_.machine().settle_flash());
    EXPECT_FALSE(vm_.machine().lost_flash());
    EXPECT_TRUE(vm_.machine().leave());
}

TEST_F(MachineOfAVm, HearsASystemRequestWhereADriverListens) {
    auto& machine = vm_.machine();
    EXPECT_FALSE(machine.has_serial_driver());
    EXPECT_FALSE(machine.send_system_request('s'));
    set_byte(uart + 1, 1);
    set_byte(uart + 2, 1);
    EXPECT_TRUE(machine.has_serial_driver());
    EXPECT_TRUE(machine.send_system_request('s'));
    EXPECT_FALSE(machine.send_system_request('u')) << "the first was not read yet";
    EXPECT_EQ(get(uart + 5, Width::byte) & 0x11, 0x11U) << "data, and a break";
    EXPECT_EQ(get(uart, Width::byte), 0U);
    EXPECT_EQ(get(uart, Width::byte), u64{'s'});
    EXPECT_TRUE(machine.send_system_request('u'));
}

class VirtioOfAVm : public MachineOfAVm {
protected:
    RandomDevice& add(VirtioBus where) {
        return devices_.emplace_back(vm_, vm_.machine().next_wire(store_, where).value());
    }
    ~VirtioOfAVm() override { store_.give_back(); }
    memory::Store store_{world_.board().frames, world_.house(), memory::OwnerId{1}};
    std::deque<RandomDevice> devices_{};
};

TEST_F(VirtioOfAVm, LiesWhereQemusBoardHasItAndBehindThatUntilItIsFull) {
    for (u32 i = 0; i < max_slots; ++i) {
        auto const at = slot_place(i).registers.start;
        EXPECT_FALSE(vm_.machine().has_device(at)) << i;
        ASSERT_TRUE(vm_.machine().add(add(VirtioBus::mmio)));
        EXPECT_EQ(get(at.raw()), 0x7472'6976U) << "its magic";
        EXPECT_EQ(get(at.raw() + 8), 4U) << "its kind";
    }
    EXPECT_EQ(vm_.machine().mmio_count(), max_slots);
    EXPECT_EQ(vm_.machine().add(add(VirtioBus::mmio)).error(), Error::full);
}

TEST_F(VirtioOfAVm, IsAFunctionBehindTheBridgeWhereThatIsAsked) {
    constexpr u64 configuration = 0x3000'0000 + (u64{1} << 15);
    EXPECT_EQ(vm_.machine().pci(), nullptr);
    EXPECT_FALSE(vm_.machine().has_device(Gpa{configuration}));
    ASSERT_TRUE(vm_.machine().add(add(VirtioBus::pci)));
    EXPECT_NE(vm_.machine().pci(), nullptr);
    EXPECT_EQ(vm_.machine().mmio_count(), 0U);
    EXPECT_EQ(get(configuration), 0x1044'1af4U);
    set(configuration + 4, 6, Width::half);
    EXPECT_EQ(get(configuration + 4, Width::half), 6U);
    vm_.machine().reset(2);
    EXPECT_EQ(get(configuration + 4, Width::half), 0U);
    EXPECT_EQ(vm_.machine().need_pci(store_).value(), vm_.machine().pci()) << "there is one bridge";
}

TEST_F(MachineOfAVm, WorkOfItsDevicesIsAskedOfAVcpuThatRuns) {
    vm_.machine().ask_for_work();
    EXPECT_EQ(first_.requests.load() & static_cast<u32>(Request::device_work),
              static_cast<u32>(Request::device_work));
    EXPECT_EQ(vm_.vcpu(1)->requests.load(), 0U) << "it was never started";
    world_.run_all();
    EXPECT_EQ(first_.requests.load(), 0U);
}

}  // namespace
}  // namespace antler::vm
