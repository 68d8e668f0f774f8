// A watchdog like that of Allwinner's A31, which Linux drives with sunxi_wdt: fed in time, or the machine
// ends.
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <utility>

#include "base/units.hpp"
#include "device/device.hpp"

namespace antler::device {

// Where the watchdog gets its time, and whom it asks to be called back: watchdog.expire() at or after
// `wake_at`.  bite() ends the guest's machine.
template <class H>
concept WatchdogHost = requires(H& host, std::optional<Nanos> when) {
    { host.now() } -> std::same_as<Nanos>;         // never goes back
    { host.wake_at(when) } -> std::same_as<void>;  // in the time of now(); none cancels
    { host.bite() } -> std::same_as<void>;
};

template <WatchdogHost Host>
class Watchdog final : public Device {
public:
    enum class Register : u32 {
        interrupt_enable = 0x00,
        interrupt_status = 0x04,
        control = 0x10,
        configuration = 0x14,
        mode = 0x18,
    };
    static constexpr u32 feed = 0x0a57 << 1 | 1;  // any other word leaves it hungry
    static constexpr u32 enabled = 1;             // of mode
    static constexpr u32 interval_shift = 4;      // of mode
    static constexpr u32 whole_machine = 1;       // of configuration: what it does when it was not fed
    static constexpr u32 only_status = 2;

    explicit Watchdog(Host host) : host_{std::move(host)} {}

    [[nodiscard]] std::string_view name() const override { return "watchdog"; }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        switch (static_cast<Register>(offset)) {
            case Register::interrupt_enable: return u64{interrupt_enable_};
            case Register::interrupt_status: return u64{missed_};
            case Register::configuration: return u64{configuration_};
            case Register::mode: return u64{mode_};
            case Register::control: break;
        }
        return u64{0};
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        auto const word = static_cast<u32>(value);
        switch (static_cast<Register>(offset)) {
            case Register::interrupt_enable: interrupt_enable_ = word & 1; break;
            case Register::interrupt_status:
                if ((word & 1) != 0) missed_ = false;
                break;
            case Register::control:
                if ((word & 0x1fff) == feed) start();
                break;
            case Register::configuration: configuration_ = word & 3; break;
            case Register::mode: set_mode(word); break;
        }
        return {};
    }

    // Bites when nobody fed it in time, and asks to be called again when it is too early.
    void expire() {
        if (!is_running()) return;
        if (host_.now() < Nanos{deadline_}) return host_.wake_at(Nanos{deadline_});
        missed_ = true;
        if (configuration_ != whole_machine) return start();
        mode_ &= ~enabled;
        host_.wake_at(std::nullopt);
        host_.bite();
    }

    // The guest could not feed it: its machine stood still, and it gets the whole time again.
    void start_again() {
        if (is_running()) start();
    }

    void visit(StateVisitor auto& state) {
        state("interrupt-enable", interrupt_enable_);
        state("configuration", configuration_);
        state("mode", mode_);
        state("missed", missed_);
    }
    // A guest that was away has the whole time again.
    void restored() {
        interrupt_enable_ &= 1;
        configuration_ &= 3;
        mode_ &= enabled | 0xf << interval_shift;
        host_.wake_at(std::nullopt);
        start_again();
    }

private:
    static constexpr u64 half_second = 500'000'000;
    // By what mode says; what the manual reserves is the longest.
    static constexpr std::array<u8, 16> half_seconds{1,  2,  4,  6,  8,  10, 12, 16,
                                                     20, 24, 28, 32, 32, 32, 32, 32};

    [[nodiscard]] bool is_running() const { return (mode_ & enabled) != 0; }

    void set_mode(u32 word) {
        auto const before = mode_;
        mode_ = word & (enabled | 0xf << interval_shift);
        if (mode_ == before) return;  // writing it again feeds nothing
        if (is_running()) return start();
        host_.wake_at(std::nullopt);
    }

    void start() {
        if (!is_running()) return;
        deadline_ = host_.now().n + half_seconds[mode_ >> interval_shift & 0xf] * half_second;
        host_.wake_at(Nanos{deadline_});
    }

    Host host_;
    u64 deadline_ = 0;
    u32 interrupt_enable_ = 0;
    u32 configuration_ = 0;
    u32 mode_ = 0;
    bool missed_ = false;
};

}  // namespace antler::device
