// What takes the wires of a VM's devices to its vCPUs: a PLIC or an APLIC, behind one kind of line.
#pragma once

#include <variant>

#include "base/address.hpp"
#include "base/match.hpp"
#include "device/aplic.hpp"
#include "device/plic.hpp"
#include "vm/description.hpp"

namespace antler::vm {

class Vm;

// The map of QEMU's virt board, so that images built for it boot unchanged.
inline constexpr GpaRange plic_region{Gpa{0xc00'0000}, 0x60'0000};
inline constexpr GpaRange aplic_region{Gpa{0xd00'0000}, 0x8000};

// The seam between the controller and the vCPUs: a wire to each, or its interrupt file.
struct VcpuLines {
    Vm* vm;
    void operator()(u32 vcpu, bool level) const { signal(vcpu, level); }
    void signal(u32 vcpu, bool level) const;
    void send(u32 vcpu, u32 identity) const;
};

using Plic = device::Plic<VcpuLines>;
using Aplic = device::Aplic<VcpuLines>;

// Which of them it is never changes, so a line costs one branch more than a wire into one of them.
class WireController {
public:
    WireController(Vm& vm, u32 vcpus, Interrupts kind) : which_{made(VcpuLines{&vm}, vcpus, kind)} {}

    // What a device is given as its line.
    struct Line {
        WireController* controller{};
        u32 source{};
        void set(bool level) { controller->set_source(source, level); }
    };
    [[nodiscard]] Line line(u32 source) { return {this, source}; }

    void set_source(u32 source, bool level) {
        if (auto* const plic = std::get_if<Plic>(&which_); plic != nullptr) [[likely]]
            return plic->set_source(source, level);
        std::get_if<Aplic>(&which_)->set_source(source, level);
    }

    // This source is a wire of the board's.
    void come_from(u32 source, device::OutsideWires& outside) {
        match(which_, [&](auto& one) { one.come_from(source, outside); });
    }

    [[nodiscard]] Plic* plic() { return std::get_if<Plic>(&which_); }
    [[nodiscard]] device::Device& registers() {
        return match(which_, [](auto& one) -> device::Device& { return one; });
    }
    [[nodiscard]] GpaRange region() const {
        return std::holds_alternative<Plic>(which_) ? plic_region : aplic_region;
    }

private:
    using Which = std::variant<Plic, Aplic>;
    [[nodiscard]] static Which made(VcpuLines lines, u32 vcpus, Interrupts kind) {
        if (kind == Interrupts::plic) return Which{std::in_place_type<Plic>, vcpus, lines};
        auto const delivery = kind == Interrupts::aia ? Aplic::Delivery::messages : Aplic::Delivery::direct;
        return Which{std::in_place_type<Aplic>, vcpus, delivery, lines};
    }

    Which which_;
};

using DeviceLine = WireController::Line;

}  // namespace antler::vm
