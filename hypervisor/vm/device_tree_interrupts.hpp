// The interrupt controllers in a guest's device tree, and how devices name their wires.
#pragma once

#include "abi/fdt_writer.hpp"
#include "vm/description.hpp"

namespace antler::vm {

// Handles in the tree: three fixed ones, then two for each vCPU.
inline constexpr u32 controller_phandle = 1;  // of what devices are wired to
inline constexpr u32 test_phandle = 2;
inline constexpr u32 imsic_phandle = 3;
[[nodiscard]] constexpr u32 cpu_phandle(u32 n) {
    return 4 + 2 * n;
}
[[nodiscard]] constexpr u32 cpu_interrupts_phandle(u32 n) {
    return 5 + 2 * n;
}

struct InterruptTree {
    Interrupts kind = Interrupts::plic;
    u32 vcpus = 1;
    u32 identities = 0;  // of an interrupt file
    // The last wire that something is at: a guest prepares each that there is, register by register.
    u32 last_source = 0;

    // How many cells name a wire after the controller's handle, and the second one: it is high while it is
    // on.
    static constexpr u32 level_high = 4;
    [[nodiscard]] u32 cells() const { return kind == Interrupts::plic ? 1 : 2; }

    // The controllers' nodes, in /soc.
    void write(abi::FdtWriter& tree) const;
    // In a device's node.
    void write_wire(abi::FdtWriter& tree, u32 source) const;
    // What the nodes take at most, beside their wires.
    static constexpr usize room = 768;
    static constexpr usize room_each_vcpu = 16;
};

}  // namespace antler::vm
