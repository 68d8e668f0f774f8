// A VM's PCI host bridge: configuration by addresses (ECAM) and the windows of memory, one bus of 32 devices.
#pragma once

#include <array>

#include "device/pci/function.hpp"

namespace antler::device::pci {

inline constexpr u32 devices_of_a_bus = 32;

// What nobody answers.
[[nodiscard]] constexpr u64 nobody(Width width) {
    return ~u64{0} >> (64 - 8 * static_cast<u32>(width));
}

class HostBridge {
public:
    static constexpr u64 bytes_of_a_bus = u64{1} << 20;

    HostBridge() = default;
    HostBridge(HostBridge const&) = delete;
    HostBridge& operator=(HostBridge const&) = delete;

    // Before the guest sees it.
    void put(u32 device, Function& function) { functions_[device] = &function; }
    [[nodiscard]] bool is_free(u32 device) const { return functions_[device] == nullptr; }

    // The configuration space of its bus.
    class Space final : public Device {
    public:
        explicit Space(HostBridge& bridge) : bridge_{bridge} {}
        [[nodiscard]] std::string_view name() const override { return "pci"; }
        [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
            auto* const function = bridge_.function_at(offset);
            if (function == nullptr) return nobody(width);
            return function->read_configuration(offset % bytes_of_a_function, width);
        }
        [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
            if (auto* const function = bridge_.function_at(offset); function != nullptr)
                function->write_configuration(offset % bytes_of_a_function, width, value);
            return {};
        }

    private:
        HostBridge& bridge_;
    };

    // Addresses that go to the bus, which has the same ones.
    class Window final : public Device {
    public:
        Window(HostBridge& bridge, Gpa start) : bridge_{bridge}, start_{start} {}
        [[nodiscard]] std::string_view name() const override { return "pci"; }
        [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
            auto const hit = bridge_.find(start_ + offset);
            if (!hit) return nobody(width);
            return hit->function->read_bar(hit->place.bar, hit->place.offset, width);
        }
        [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
            if (auto const hit = bridge_.find(start_ + offset); hit)
                hit->function->write_bar(hit->place.bar, hit->place.offset, width, value);
            return {};
        }

    private:
        HostBridge& bridge_;
        Gpa start_;
    };

private:
    static constexpr Offset bytes_of_a_function = 4096;

    struct Hit {
        Function* function{};
        Function::Place place{};
    };

    // Devices have one function each.
    [[nodiscard]] Function* function_at(Offset offset) const {
        auto const number = offset / bytes_of_a_function;
        return number % 8 == 0 && number / 8 < devices_of_a_bus ? functions_[number / 8] : nullptr;
    }

    // The same device is asked again and again.
    [[nodiscard]] std::optional<Hit> find(Gpa at) {
        if (auto* const last = functions_[last_]; last != nullptr)
            if (auto const place = last->decode(at); place) return Hit{last, *place};
        for (u32 i = 0; i < devices_of_a_bus; ++i) {
            if (functions_[i] == nullptr) continue;
            auto const place = functions_[i]->decode(at);
            if (!place) continue;
            last_ = i;
            return Hit{functions_[i], *place};
        }
        return std::nullopt;
    }

    std::array<Function*, devices_of_a_bus> functions_{};
    u32 last_ = 0;
};

}  // namespace antler::device::pci
