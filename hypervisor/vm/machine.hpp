// The devices of one virtual machine, wired to its interrupt controller, behind one lock.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/format.hpp"
#include "base/locked.hpp"
#include "base/units.hpp"
#include "device/bus.hpp"
#include "device/cfi_flash.hpp"
#include "device/counters.hpp"
#include "device/goldfish_rtc.hpp"
#include "device/syscon_test.hpp"
#include "device/uart16550.hpp"
#include "device/watchdog.hpp"
#include "memory/store.hpp"
#include "vm/description.hpp"
#include "vm/imsic_pages.hpp"
#include "vm/outside.hpp"
#include "vm/virtio_slot.hpp"
#include "vm/wire_controller.hpp"

namespace antler::vm {

class Vm;
class ChannelEnd;
class KeptFlash;
class PciHost;
class LentDevices;
struct SlotWire;
struct Channel;

// The map of QEMU's virt board, so that images built for it boot unchanged.
inline constexpr GpaRange test_region{Gpa{0x10'0000}, 0x1000};
inline constexpr GpaRange rtc_region{Gpa{0x10'1000}, 0x1000};
inline constexpr GpaRange watchdog_region{Gpa{0x10'2000}, 0x1000};  // not on that board
inline constexpr GpaRange uart_region{Gpa{0x1000'0000}, 0x100};
inline constexpr Gpa uart_line_status =
    uart_region.start + static_cast<u64>(device::uart::Register::line_status);
inline constexpr GpaRange code_flash_region{Gpa{0x2000'0000}, device::CfiFlash::region_bytes};
inline constexpr GpaRange variables_flash_region{Gpa{0x2200'0000}, device::CfiFlash::region_bytes};
inline constexpr u32 rtc_source = 11;
inline constexpr u32 uart_source = 10;

// The seams between the devices and the VM they belong to.
struct ConsoleSink {
    Vm* vm;
    [[nodiscard]] bool transmit(u8 byte) const;
};
struct PowerButton {
    Vm* vm;
    void operator()(device::PowerRequest request) const;
};
struct RtcClock {
    Vm* vm;
    Timebase timebase;
    [[nodiscard]] Nanos now() const;
    void wake_at(std::optional<Nanos> when) const;
};

// Time that counts for the watchdog, and the end of a guest that did not feed it.
struct WatchdogKennel {
    Vm* vm;
    Timebase timebase;
    [[nodiscard]] Nanos now() const;
    void wake_at(std::optional<Nanos> when) const;
    void bite() const;
};

using Uart = device::Uart16550<DeviceLine, ConsoleSink>;
using Rtc = device::GoldfishRtc<DeviceLine, RtcClock>;
using Test = device::SysconTest<PowerButton>;
using Watchdog = device::Watchdog<WatchdogKennel>;

// Every device of the VM; only the holder of the lock may call one.
struct Devices {
    Devices(Vm& vm, u32 vcpus, Interrupts interrupts, Timebase timebase)
        : wires{vm, vcpus, interrupts},
          uart{wires.line(uart_source), ConsoleSink{&vm}},
          rtc{wires.line(rtc_source), RtcClock{&vm, timebase}},
          test{PowerButton{&vm}},
          watchdog{WatchdogKennel{&vm, timebase}} {}

    WireController wires;
    Uart uart;
    Rtc rtc;
    Test test;
    Watchdog watchdog;
    // Where a VM has flash memory; the cells are put behind them.
    device::CfiFlash code_flash{device::FlashArray::fixed({})};
    device::CfiFlash variables_flash{device::FlashArray::fixed({})};
};

class Machine {
public:
    Machine(Vm& vm, u32 vcpus, Interrupts interrupts, Timebase timebase)
        : devices_{vm, vcpus, interrupts, timebase}, vm_{vm}, timebase_{timebase}, imsic_pages_{vm} {
        attach();
    }

    // The guest's access.  An error is an access that nothing answers.
    [[nodiscard]] Result<u64> read(Gpa at, device::Width width) {
        return access(at, [&](device::Bus::Hit hit) { return hit.device->read(hit.offset, width); });
    }
    [[nodiscard]] Result<void> write(Gpa at, device::Width width, u64 value) {
        return access(at, [&](device::Bus::Hit hit) { return hit.device->write(hit.offset, width, value); });
    }

    // What the guest would read; false: it is not known without consequences, or somebody has the devices
    // just now.  For the device lane.
    [[nodiscard, gnu::always_inline]] bool glance_at_line_status(u32& value) {
        bool known = false;
        return devices_.try_with([&](Devices& devices) __attribute__((always_inline)) {
            known = devices.uart.glance_at_line_status(value);
        }) && known;
    }
    [[nodiscard, gnu::always_inline]] bool glance_at_plic(device::Offset offset, u32& value) {
        bool known = false;
        return devices_.try_with([&](Devices& devices) __attribute__((always_inline)) {
            auto const* const plic = devices.wires.plic();
            known = plic != nullptr && plic->glance(offset, value);
        }) && known;
    }

    // Before the VM starts: a virtio device in the next free slot, and what it is wired to; what that takes
    // lies in the store.
    [[nodiscard]] Result<SlotWire> next_wire(memory::Store& store, VirtioBus where);
    [[nodiscard]] Result<void> add(VirtioSlot& slot);
    // Those that have a slot on mmio.
    [[nodiscard]] u32 mmio_count() const { return mmio_count_; }
    // None unless something is behind it.
    [[nodiscard]] PciHost const* pci() const { return pci_; }
    [[nodiscard]] Result<PciHost*> need_pci(memory::Store& store);
    // None unless the board lends it something.
    [[nodiscard]] LentDevices const* lent() const { return lent_; }
    [[nodiscard]] Result<LentDevices*> need_lent(memory::Store& store);
    // From any hart: the board's wire of this source rises.
    void board_line_rises(u32 source);
    // Before the VM starts, when all are there.
    void open_lent();
    // The next channel; its end lies in the store.
    [[nodiscard]] Result<void> add_channel(memory::Store& store, Channel& channel, u32 side);
    [[nodiscard]] std::span<ChannelEnd* const> channels() const {
        return std::span{channels_}.first(channel_count_);
    }

    // Before the VM starts: its vCPUs have interrupt files.
    [[nodiscard]] Result<void> add_files(u32 vcpus) { return bus_.attach(imsic_region(vcpus), imsic_pages_); }

    // Before the VM starts.  The cells outlive the VM; what it keeps in them is there after a reset.
    [[nodiscard]] Result<void> add_watchdog();
    // `kept`: a disk keeps the second one.
    [[nodiscard]] Result<void> add_flash(std::span<u8 const> code, std::span<u8> variables,
                                         KeptFlash* kept = nullptr);
    [[nodiscard]] bool has_kept_flash() const { return kept_ != nullptr; }
    // Before the guest runs, until it is true: what the disk keeps is there.
    [[nodiscard]] Result<bool> load_flash_step();
    // When the guest runs no more, until it is true: the disk has all that it took.
    [[nodiscard]] bool settle_flash();
    // Of what the guest wrote, the disk did not take all.
    [[nodiscard]] bool lost_flash();
    [[nodiscard]] bool has_watchdog() const { return has_device(watchdog_region.start); }
    [[nodiscard]] bool has_flash() const { return has_device(code_flash_region.start); }
    // A guest that stood still gets the whole time again to feed its watchdog.
    void resumed();

    // From any hart: the devices have something to do that their guest did not ask for.
    void ask_for_work();
    // From any hart: memory of the VM that the board's devices read or write by themselves.  While there is
    // any, no page of it may go.
    void begin_dma(u32 count = 1) { dma_.fetch_add(count, std::memory_order_seq_cst); }
    void end_dma(u32 count = 1) { dma_.fetch_sub(count, std::memory_order_release); }
    [[nodiscard]] bool has_dma() const { return dma_.load(std::memory_order_seq_cst) != 0; }
    // While pages go none begins: whoever has begun and finds it held ends again, before he looks where pages
    // are.
    void hold_dma() { dma_held_.store(true, std::memory_order_seq_cst); }
    void let_dma_begin() { dma_held_.store(false, std::memory_order_release); }
    [[nodiscard]] bool is_dma_held() const { return dma_held_.load(std::memory_order_seq_cst); }
    // How many pages of 4 KiB the guest should do without.
    void set_balloon(u32 pages) {
        devices_.with([&](Devices&) {
            for (u32 i = 0; i < slot_count_; ++i) slots_[i]->set_balloon(pages);
        });
    }

    // The cable of the card in this place among the network cards; false: there is none.
    [[nodiscard]] bool set_cable(u32 card, bool plugged);

    // The terminal behind a port of its virtio console has another size.
    void console_resized(u32 port);

    [[nodiscard]] bool has_streams() const { return streams_ != nullptr; }
    // What body(streams) answers, with the devices locked; there are some.
    template <class Body>
    decltype(auto) with_streams(Body&& body) {
        return devices_.with([&](Devices&) { return std::forward<Body>(body)(*streams_); });
    }

    // On the hart that sees the VM's memory; true: there is more.
    [[nodiscard]] bool serve_work();

    [[nodiscard]] bool has_device(Gpa at) const { return bus_.find(at).has_value(); }

    // As after power-on.
    void reset(u32 vcpus);

    // Linux hears a break on its serial console, and the key behind it, as a system request, whatever its
    // programs do.  False: not now.
    [[nodiscard]] bool send_system_request(char key);
    // There is a driver at the serial port that is interrupted by what comes.
    [[nodiscard]] bool has_serial_driver();

    // Nothing outside knows the devices any more, and no transfer of theirs is under way.  The VM is over;
    // false: not yet, ask again.
    [[nodiscard]] bool leave();

    // What is typed at the console: how much the guest takes now, and the bytes.
    [[nodiscard]] u32 console_room();
    void console_type(std::string_view bytes);

    // The same bytes for a guest that reads them by SBI instead of from the port.
    [[nodiscard]] u32 console_take(std::span<u8> into);

    // Calls each(device, counter, value) for everything that the devices have counted.  Names may go
    // when it returns; virtio devices are numbered by their slots.
    template <class Each>
    void counters(Each&& each) {
        devices_.with([&](Devices& devices) {
            count("serial", devices.uart, each);
            count("clock", devices.rtc, each);
            for (u32 slot = 0; slot < slot_count_; ++slot) {
                TextBuffer<32> name;
                print(name, "{}{}", slots_[slot]->model().name(), slot);
                Named<Each> named{name.view(), each};
                slots_[slot]->counters(named);
            }
        });
    }

    // When the clock or the watchdog wants to be called, in host time; the largest value: never.
    [[nodiscard]] u64 alarm() const {
        auto const clock = alarm_.load(std::memory_order_relaxed);
        auto const watchdog = watchdog_alarm_.load(std::memory_order_relaxed);
        return clock < watchdog ? clock : watchdog;
    }
    void set_alarm(u64 when) { alarm_.store(when, std::memory_order_relaxed); }
    // What its end needs is done when the devices are free again.
    void was_bitten() { bitten_.store(true, std::memory_order_relaxed); }
    void set_watchdog_alarm(u64 when) { watchdog_alarm_.store(when, std::memory_order_relaxed); }
    void alarm_fired();

private:
    void attach();
    void put_cells(Devices& devices);
    template <class Each>
    struct Named final : device::CounterVisitor {
        Named(std::string_view n, Each& e) : name{n}, each{e} {}
        void operator()(std::string_view counter, u64 value) override { each(name, counter, value); }
        std::string_view name;
        Each& each;
    };
    template <class D, class Each>
    static void count(std::string_view name, D const& device, Each& each) {
        if constexpr (device::Counting<D>) {
            Named<Each> named{name, each};
            device.counters(named);
        }
    }
    [[nodiscard]] bool takes_input(Devices& devices) const {
        return (reads_by_sbi_.load(std::memory_order_relaxed) || devices.uart.listening()) &&
               devices.uart.room() != 0;
    }

    // What body(hit) answers, with the device locked.
    template <class Body>
    [[nodiscard, gnu::always_inline]] auto access(Gpa at, Body&& body) -> decltype(body(device::Bus::Hit{})) {
        auto const hit = bus_.find(at);
        if (!hit) return Err{Error::not_found};
        bool has_room = false;
        auto const answer = devices_.with([&](Devices& devices) {
            auto const answered = body(*hit);
            if (input_waits_.load(std::memory_order_relaxed)) [[unlikely]]
                has_room = takes_input(devices);
            return answered;
        });
        if (has_room) [[unlikely]]
            console_has_room(vm_);
        return answer;
    }

    device::Bus bus_{};
    Locked<Devices, Rank::device> devices_;
    Vm& vm_;
    Timebase timebase_;
    ImsicPages imsic_pages_;
    PciHost* pci_ = nullptr;
    LentDevices* lent_ = nullptr;
    std::array<VirtioSlot*, max_slots> slots_{};
    u32 slot_count_ = 0;
    u32 mmio_count_ = 0;                              // of them
    device::virtio::HostStreams* streams_ = nullptr;  // of one of the slots
    std::array<ChannelEnd*, max_channels> channels_{};
    u32 channel_count_ = 0;
    std::atomic<u32> dma_ = 0;
    std::atomic<bool> dma_held_ = false;
    std::atomic<u64> alarm_ = ~u64{0};
    std::atomic<u64> watchdog_alarm_ = ~u64{0};
    std::atomic<bool> bitten_ = false;
    std::span<u8 const> code_cells_{};
    std::span<u8> variables_cells_{};
    KeptFlash* kept_ = nullptr;
    std::atomic<bool> reads_by_sbi_ = false;  // so it listens, whatever the port says
    std::atomic<bool> input_waits_ = true;    // until the guest takes input, the board keeps it
};

}  // namespace antler::vm
