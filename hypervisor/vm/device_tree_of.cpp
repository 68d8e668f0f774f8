// Collects what the tree must say and puts it where the description wants it.
#include "vm/device_tree_of.hpp"

#include <array>

#include "vm/device_tree.hpp"
#include "vm/lent_devices.hpp"
#include "vm/outside.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

namespace {

GuestTreeOptions options_of(Vm const& vm, std::span<u8 const> seed) {
    auto const& description = vm.description();
    return {
        .vcpus = description.vcpus,
        .memory = {ram_base, description.memory_bytes},
        .command_line = description.command_line,
        .initrd = {description.initrd.at, description.initrd.memory_bytes},
        .rng_seed = seed,
        .timebase = vm.timebase(),
        .channels = vm.machine().channels(),
        .interrupts = vm.interrupts(),
        .identities = vm.identities(),
        .slots = vm.machine().mmio_count(),
        .pci = vm.machine().pci(),
        .lent =
            vm.machine().lent() != nullptr ? vm.machine().lent()->devices() : std::span<LentDevice const>{},
        .watchdog = vm.machine().has_watchdog(),
        .flash = vm.machine().has_flash(),
        .host_extensions = vm.host_isa().extensions,
        .host_isa = vm.host_isa().isa,
        .features = vm.features(),
        .hidden = description.hidden,
    };
}

constexpr usize seed_bytes = 64;

}  // namespace

Result<void> write_device_tree(Vm& vm) {
    std::array<u8, seed_bytes> seed{};
    auto const drawn = std::span{seed}.first(random_bytes(seed) ? seed.size() : 0);
    auto const options = options_of(vm, drawn);
    auto const room = guest_tree_room(options);
    memory::Order order{};
    while (order.bytes() < room) ++order.n;
    auto& space = vm.ram().space();
    auto page = TRY(space.frames().take(memory::Pool::house, order, space.owner()));
    std::span const buffer{static_cast<u8*>(memory::house_view(page.start())), room};
    auto const tree = write_guest_tree(buffer, options);
    Result<void> written{};
    if (tree) {
        written = vm.ram().write(vm.description().device_tree, tree.value());
    } else {
        written = Err{tree.error()};
    }
    seed.fill(0);
    space.frames().give_back(std::move(page));
    return written;
}

}  // namespace antler::vm
