// The "test finisher" of QEMU's virt board: a guest writes here to power off, to reboot, or to report
// failure.
#pragma once

#include <concepts>
#include <utility>

#include "device/device.hpp"

namespace antler::device {

enum class PowerAction : u8 { poweroff, reboot, fail };

struct PowerRequest {
    PowerAction action{};
    u16 code{};  // what the guest gives as its exit status
    friend constexpr bool operator==(PowerRequest, PowerRequest) = default;
};

template <class H>
concept PowerHandler = std::invocable<H&, PowerRequest>;

template <PowerHandler Handler>
class SysconTest final : public Device {
public:
    static constexpr u32 poweroff = 0x5555;
    static constexpr u32 reboot = 0x7777;
    static constexpr u32 fail = 0x3333;

    explicit SysconTest(Handler handler) : handler_{std::move(handler)} {}

    [[nodiscard]] std::string_view name() const override { return "test"; }

    [[nodiscard]] Result<u64> read(Offset, Width width) override {
        if (!answers(width)) return Err{Error::not_supported};
        return u64{0};
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        if (!answers(width)) return Err{Error::not_supported};
        if (offset != 0) return {};
        auto const code = static_cast<u16>(value >> 16);
        switch (value & 0xffff) {
            case poweroff: handler_(PowerRequest{PowerAction::poweroff, code}); break;
            case reboot: handler_(PowerRequest{PowerAction::reboot, code}); break;
            case fail: handler_(PowerRequest{PowerAction::fail, code}); break;
            default: break;  // no such request
        }
        return {};
    }

    // It keeps nothing.
    void visit(StateVisitor auto&) {}
    void restored() {}

private:
    [[nodiscard]] static constexpr bool answers(Width width) {
        return width == Width::half || width == Width::word;
    }

    Handler handler_;
};

}  // namespace antler::device
