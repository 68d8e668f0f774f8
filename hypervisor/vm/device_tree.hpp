// Generates the device tree that a guest is given: QEMU's virt board, with what this VM really has.
#pragma once

#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "isa/features.hpp"
#include "vm/description.hpp"

namespace antler::vm {

class ChannelEnd;
class PciHost;
struct LentDevice;

struct GuestTreeOptions {
    u32 vcpus = 1;  // hart ids 0 to vcpus - 1
    GpaRange memory{};
    std::string_view command_line{};
    GpaRange initrd{};               // size 0: none
    std::span<u8 const> rng_seed{};  // fresh for each boot; empty: none, and a guest that waits for entropy
    Timebase timebase{};
    std::span<ChannelEnd* const> channels{};
    Interrupts interrupts = Interrupts::plic;
    u32 identities = 0;            // of an interrupt file
    u32 slots = 0;                 // of virtio devices on mmio
    PciHost const* pci = nullptr;  // none
    std::span<LentDevice const> lent{};
    bool watchdog = false;
    bool flash = false;

    // What the hart has, as its own tree names it: a list with a NUL behind each name, or, where there is
    // none, a string like "rv64imafdch_zicsr".  The guest is told of those that is_offered() with `features`,
    // and that `hidden` (a list like the first) does not name.
    std::span<u8 const> host_extensions{};
    std::string_view host_isa{};
    isa::Features features{};
    std::string_view hidden{};
};

// A buffer of this size is always large enough.
[[nodiscard]] usize guest_tree_room(GuestTreeOptions const& options);

// The tree, at the start of `buffer`.
[[nodiscard]] Result<std::span<u8>> write_guest_tree(std::span<u8> buffer, GuestTreeOptions const& options);

}  // namespace antler::vm
