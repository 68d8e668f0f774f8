// Collects what the tree must say and puts it where the description wants it.
#include "vm/device_tree_of.hpp"

#include <array>

#include "vm/device_tree.hpp"
#include "vm/outside.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

Result<void> write_device_tree(Vm& vm) {
    auto const& description = vm.description();
    std::array<u8, 64> seed{};
    bool const seeded = random_bytes(seed);
    GuestTreeOptions options{
        .vcpus = description.vcpus,
        .memory = {ram_base, description.memory_bytes},
        .command_line = description.command_line,
        .initrd = {description.initrd.at, description.initrd.memory_bytes},
        .rng_seed = std::span{seed}.first(seeded ? seed.size() : 0),
        .timebase = vm.timebase(),
        .host_extensions = vm.host_isa().extensions,
        .host_isa = vm.host_isa().isa,
        .features = vm.features(),
        .hidden = description.hidden,
    };
    auto const tree = TRY(write_guest_tree(vm.tree_buffer(), options));
    auto const written = vm.ram().write(description.device_tree, tree);
    seed.fill(0);
    return written;
}

}  // namespace antler::vm
