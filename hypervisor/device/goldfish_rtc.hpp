// The Goldfish real-time clock: nanoseconds since 1970 in two halves, and one alarm.
#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include "base/seams.hpp"
#include "base/units.hpp"
#include "device/device.hpp"

namespace antler::device {

// Where the clock gets its time, and whom it asks to be called back: rtc.expire() at or after `wake_at`.
template <class H>
concept RtcHost = requires(H& host, std::optional<Nanos> when) {
    { host.now() } -> std::same_as<Nanos>;         // since 1970
    { host.wake_at(when) } -> std::same_as<void>;  // in the time of now(); none cancels
};

template <IrqLine Line, RtcHost Host>
class GoldfishRtc final : public Device {
public:
    enum class Register : u32 {
        time_low = 0x00,
        time_high = 0x04,
        alarm_low = 0x08,
        alarm_high = 0x0c,
        irq_enabled = 0x10,
        clear_alarm = 0x14,
        alarm_status = 0x18,
        clear_interrupt = 0x1c,
    };

    GoldfishRtc(Line line, Host host) : line_{std::move(line)}, host_{std::move(host)} {}

    [[nodiscard]] std::string_view name() const override { return "rtc"; }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        switch (static_cast<Register>(offset)) {
            case Register::time_low: {
                // The halves belong together: reading the low one keeps the high one.
                auto const now = guest_now();
                latched_high_ = static_cast<u32>(now >> 32);
                return now & 0xffff'ffff;
            }
            case Register::time_high: return u64{latched_high_};
            case Register::alarm_low: return alarm_ & 0xffff'ffff;
            case Register::alarm_high: return alarm_ >> 32;
            case Register::irq_enabled: return u64{irq_enabled_};
            case Register::alarm_status: return u64{alarm_running_};
            case Register::clear_alarm:
            case Register::clear_interrupt: break;
        }
        return u64{0};
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        auto const half = value & 0xffff'ffff;
        switch (static_cast<Register>(offset)) {
            case Register::time_low: set_time((guest_now() & ~u64{0xffff'ffff}) | half); break;
            case Register::time_high: set_time((guest_now() & 0xffff'ffff) | half << 32); break;
            case Register::alarm_low:  // written last, so this half arms it
                alarm_ = (alarm_ & ~u64{0xffff'ffff}) | half;
                alarm_running_ = true;
                expire();
                break;
            case Register::alarm_high: alarm_ = (alarm_ & 0xffff'ffff) | half << 32; break;
            case Register::irq_enabled: irq_enabled_ = (value & 1) != 0; break;
            case Register::clear_alarm:
                alarm_running_ = false;
                host_.wake_at(std::nullopt);
                break;
            case Register::clear_interrupt: irq_pending_ = false; break;
            case Register::alarm_status: break;
        }
        set_line();
        return {};
    }

    // Fires the alarm when it is due, and asks to be called again when it is not.
    void expire() {
        if (!alarm_running_) return;
        auto const now = guest_now();
        if (alarm_ <= now) {
            alarm_running_ = false;
            irq_pending_ = true;
            host_.wake_at(std::nullopt);
            return set_line();
        }
        // An alarm beyond the end of the host's time never comes.
        auto const host_now = host_.now().n;
        auto const wait = alarm_ - now;
        host_.wake_at(wait <= ~u64{0} - host_now ? std::optional{Nanos{host_now + wait}} : std::nullopt);
    }

    void visit(StateVisitor auto& state) {
        state("offset", offset_);
        state("alarm", alarm_);
        state("latched-high", latched_high_);
        state("alarm-running", alarm_running_);
        state("irq-enabled", irq_enabled_);
        state("irq-pending", irq_pending_);
    }
    void restored() {
        expire();
        set_line();
    }

private:
    [[nodiscard]] u64 guest_now() { return host_.now().n + offset_; }
    void set_time(u64 wanted) {
        offset_ = wanted - host_.now().n;
        expire();  // the alarm is in the guest's time, which just moved
    }
    void set_line() { line_.set(irq_pending_ && irq_enabled_); }

    Line line_;
    Host host_;
    u64 offset_ = 0;  // guest time - host time, modulo 2^64
    u64 alarm_ = 0;   // in guest time
    u32 latched_high_ = 0;
    bool alarm_running_ = false;
    bool irq_enabled_ = false;
    bool irq_pending_ = false;
};

}  // namespace antler::device
