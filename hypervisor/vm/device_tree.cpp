// Generates the device tree that a guest is given: QEMU's virt board, with what this VM really has.
#include "vm/device_tree.hpp"

#include <algorithm>
#include <array>

#include "abi/fdt_property.hpp"
#include "abi/fdt_writer.hpp"
#include "isa/extensions.hpp"
#include "vm/channel.hpp"
#include "vm/device_tree_interrupts.hpp"
#include "vm/device_tree_lent.hpp"
#include "vm/device_tree_pci.hpp"
#include "vm/machine.hpp"

namespace antler::vm {

namespace {

using abi::FdtStrings;
using abi::FdtWriter;

constexpr u32 uart_clock = 3'686'400;
constexpr std::string_view stdout_path = "/soc/serial@10000000";

// The order of the letters in an ISA string.
constexpr std::string_view letters = "imafdqcbv";
// An ISA string of the old kind implies these; a list does not.
constexpr std::array<std::string_view, 3> implied{"zicntr", "zicsr", "zifencei"};

[[nodiscard]] std::span<u8 const> bytes_of(std::string_view text) {
    return {reinterpret_cast<u8 const*>(text.data()), text.size()};
}

[[nodiscard]] bool names(std::string_view list, std::string_view name) {
    for (auto const each : FdtStrings{bytes_of(list)})
        if (each == name) return true;
    return false;
}

// Calls each(name) for what the guest may know, in the order of an ISA string: letters, z…, s…, the others.
template <class Each>
void for_each_offered(GuestTreeOptions const& options, Each&& each) {
    auto const from_list = !options.host_extensions.empty();
    auto const host_names = [&](auto&& body) {
        if (from_list) {
            for (auto const name : FdtStrings{options.host_extensions}) body(name);
        } else {
            isa::for_each_extension(options.host_isa, body);
        }
    };
    auto const shown = [&](std::string_view name) {
        return isa::is_offered(name, options.features) && !names(options.hidden, name);
    };

    u32 seen_letters = 0;
    std::array<bool, implied.size()> seen{};
    host_names([&](std::string_view name) {
        if (name.size() == 1 && letters.find(name[0]) != std::string_view::npos)
            seen_letters |= u32{1} << letters.find(name[0]);
        for (usize i = 0; i < implied.size(); ++i) seen[i] |= name == implied[i];
    });
    for (usize i = 0; i < letters.size(); ++i)
        if ((seen_letters >> i & 1) != 0 && shown(letters.substr(i, 1))) each(letters.substr(i, 1));
    for (usize i = 0; i < implied.size(); ++i)
        if (!from_list && !seen[i] && shown(implied[i])) each(implied[i]);
    for (char const kind : {'z', 's'})
        host_names([&](std::string_view name) {
            if (name.size() > 1 && name[0] == kind && shown(name)) each(name);
        });
}

// What every vCPU says of itself, kept where the first one said it.
struct Cpu {
    std::span<u8 const> extensions{};
    std::span<u8 const> isa{};
};

// riscv,isa-extensions: the names, with a NUL behind each.
[[nodiscard]] std::span<u8 const> write_extensions(FdtWriter& tree, GuestTreeOptions const& options) {
    usize size = 0;
    for_each_offered(options, [&](std::string_view name) { size += name.size() + 1; });
    auto const place = tree.space("riscv,isa-extensions", size);
    if (!tree.ok()) return {};
    usize at = 0;
    for_each_offered(options, [&](std::string_view name) {
        std::ranges::copy(name, place.begin() + static_cast<std::ptrdiff_t>(at));
        at += name.size() + 1;
    });
    return place;
}

// riscv,isa: "rv64", the letters, and the longer names with a bar before each.
[[nodiscard]] std::span<u8 const> write_isa(FdtWriter& tree, std::span<u8 const> extensions) {
    constexpr std::string_view base = "rv64";
    auto size = base.size() + 1;
    for (auto const name : FdtStrings{extensions}) size += name.size() == 1 ? 1 : name.size() + 1;
    auto const place = tree.space("riscv,isa", size);
    if (!tree.ok()) return {};
    auto at = std::ranges::copy(base, place.begin()).out;
    for (auto const name : FdtStrings{extensions}) {
        if (name.size() > 1) *at++ = '_';
        at = std::ranges::copy(name, at).out;
    }
    return place;
}

[[nodiscard]] std::string_view mmu_type(isa::Features const& features) {
    if (features.sv57) return "riscv,sv57";
    if (features.sv48) return "riscv,sv48";
    return "riscv,sv39";
}

void write_cpu(FdtWriter& tree, GuestTreeOptions const& options, u32 n, Cpu& first) {
    tree.begin_node("cpu", n);
    tree.text("device_type", "cpu");
    tree.cell("reg", n);
    tree.text("status", "okay");
    tree.text("compatible", "riscv");
    tree.text("riscv,isa-base", "rv64i");
    if (n == 0) {
        first.extensions = write_extensions(tree, options);
        first.isa = write_isa(tree, first.extensions);
    } else {
        tree.bytes("riscv,isa-extensions", first.extensions);
        tree.bytes("riscv,isa", first.isa);
    }
    auto const& features = options.features;
    tree.text("mmu-type", mmu_type(features));
    if (features.zicbom && features.cbom_block != 0) tree.cell("riscv,cbom-block-size", features.cbom_block);
    if (features.zicboz && features.cboz_block != 0) tree.cell("riscv,cboz-block-size", features.cboz_block);
    if (features.zicbop && features.cbop_block != 0) tree.cell("riscv,cbop-block-size", features.cbop_block);
    tree.cell("phandle", cpu_phandle(n));

    tree.begin_node("interrupt-controller");
    tree.text("compatible", "riscv,cpu-intc");
    tree.flag("interrupt-controller");
    tree.cell("#interrupt-cells", 1);
    tree.cell("#address-cells", 0);
    tree.cell("phandle", cpu_interrupts_phandle(n));
    tree.end_node();
    tree.end_node();
}

void write_cpus(FdtWriter& tree, GuestTreeOptions const& options) {
    tree.begin_node("cpus");
    tree.cell("#address-cells", 1);
    tree.cell("#size-cells", 0);
    tree.cell("timebase-frequency", static_cast<u32>(options.timebase.hertz));
    Cpu first;
    for (u32 n = 0; n < options.vcpus; ++n) write_cpu(tree, options, n, first);
    tree.begin_node("cpu-map");
    tree.begin_node("cluster0");
    for (u32 n = 0; n < options.vcpus; ++n) {
        std::array<char, 8> name{'c', 'o', 'r', 'e'};
        usize size = 4;
        if (n >= 10) name[size++] = static_cast<char>('0' + n / 10 % 10);
        name[size++] = static_cast<char>('0' + n % 10);
        tree.begin_node(std::string_view{name.data(), size});
        tree.cell("cpu", cpu_phandle(n));
        tree.end_node();
    }
    tree.end_node();
    tree.end_node();
    tree.end_node();
}

void write_device(FdtWriter& tree, std::string_view name, GpaRange region) {
    tree.begin_node(name, region.start.raw());
    tree.wides("reg", {region.start.raw(), region.size});
}

[[nodiscard]] u32 last_source(GuestTreeOptions const& options) {
    u32 last = std::max(uart_source, rtc_source);
    for (u32 slot = 0; slot < options.slots; ++slot) last = std::max(last, slot_place(slot).source);
    for (auto const* const end : options.channels) last = std::max(last, end->place().source);
    for (auto const& device : options.lent)
        for (auto const& wire : std::span{device.wires}.first(device.wire_count))
            last = std::max(last, wire.source);
    if (options.pci == nullptr) return last;
    last = std::max(last, first_pci_source + device::pci::pins - 1);
    for (u32 device = 1; device <= options.pci->devices(); ++device)
        last = std::max(last, options.pci->source_of(device));
    return last;
}

[[nodiscard]] InterruptTree wires_of(GuestTreeOptions const& options) {
    return {options.interrupts, options.vcpus, options.identities, last_source(options)};
}

void write_soc(FdtWriter& tree, GuestTreeOptions const& options) {
    auto const wires = wires_of(options);
    tree.begin_node("soc");
    tree.text("compatible", "simple-bus");
    tree.cell("#address-cells", 2);
    tree.cell("#size-cells", 2);
    tree.flag("ranges");

    write_device(tree, "test", test_region);
    tree.texts("compatible", {"sifive,test1", "sifive,test0", "syscon"});
    tree.cell("phandle", test_phandle);
    tree.end_node();

    write_device(tree, "rtc", rtc_region);
    tree.text("compatible", "google,goldfish-rtc");
    wires.write_wire(tree, rtc_source);
    tree.end_node();

    if (options.watchdog) {
        write_device(tree, "watchdog", watchdog_region);
        tree.text("compatible", "allwinner,sun6i-a31-wdt");
        tree.end_node();
    }

    wires.write(tree);

    write_device(tree, "serial", uart_region);
    tree.text("compatible", "ns16550a");
    tree.cell("clock-frequency", uart_clock);
    wires.write_wire(tree, uart_source);
    tree.end_node();

    if (options.pci != nullptr) write_pci(tree, *options.pci, wires);
    write_lent(tree, options.lent, wires);
    for (u32 slot = 0; slot < options.slots; ++slot) {
        auto const place = slot_place(slot);
        write_device(tree, "virtio_mmio", place.registers);
        tree.text("compatible", "virtio,mmio");
        tree.flag("dma-coherent");
        wires.write_wire(tree, place.source);
        tree.end_node();
    }

    tree.end_node();
}

// Beside the other devices, where EDK2 and U-Boot look for it.
void write_flash(FdtWriter& tree) {
    tree.begin_node("flash", code_flash_region.start.raw());
    tree.text("compatible", "cfi-flash");
    tree.cell("bank-width", 4);
    tree.wides("reg", {code_flash_region.start.raw(), code_flash_region.size,
                       variables_flash_region.start.raw(), variables_flash_region.size});
    tree.end_node();
}

// Memory and registers, named; whom it leads to.
void write_channels(FdtWriter& tree, GuestTreeOptions const& options) {
    auto const wires = wires_of(options);
    for (auto const* const end : options.channels) {
        auto const place = end->place();
        tree.begin_node("channel", place.memory.start.raw());
        tree.text("compatible", "antler,channel");
        tree.wides("reg",
                   {place.memory.start.raw(), place.memory.size, place.bell.start.raw(), place.bell.size});
        tree.texts("reg-names", {"memory", "bell"});
        wires.write_wire(tree, place.source);
        tree.text("antler,with", end->with());
        tree.end_node();
    }
}

void write_power(FdtWriter& tree, std::string_view name, std::string_view compatible, u32 value) {
    tree.begin_node(name);
    tree.text("compatible", compatible);
    tree.cell("regmap", test_phandle);
    tree.cell("offset", 0);
    tree.cell("value", value);
    tree.end_node();
}

void write_chosen(FdtWriter& tree, GuestTreeOptions const& options) {
    tree.begin_node("chosen");
    tree.text("stdout-path", stdout_path);
    if (!options.command_line.empty()) tree.text("bootargs", options.command_line);
    if (options.initrd.size != 0) {
        tree.wide("linux,initrd-start", options.initrd.start.raw());
        tree.wide("linux,initrd-end", options.initrd.end().raw());
    }
    if (!options.rng_seed.empty()) tree.bytes("rng-seed", options.rng_seed);
    tree.end_node();
}

}  // namespace

usize guest_tree_room(GuestTreeOptions const& options) {
    constexpr usize fixed = 4608 + InterruptTree::room;  // everything but the vCPUs and the texts
    constexpr usize each_cpu =
        640 + InterruptTree::room_each_vcpu;  // without its extensions, which appear twice
    auto const known = options.host_extensions.size() + options.host_isa.size() + 64;
    // An old string's letters become names with a NUL each.
    constexpr usize each_slot = 160;
    constexpr usize each_channel = 256;
    auto const pci = options.pci != nullptr ? pci_node_room : 0;
    return fixed + pci + lent_room(options.lent) + options.slots * each_slot +
           options.channels.size() * each_channel + options.command_line.size() + options.rng_seed.size() +
           options.vcpus * (each_cpu + 4 * known);
}

Result<std::span<u8>> write_guest_tree(std::span<u8> buffer, GuestTreeOptions const& options) {
    if (options.vcpus == 0 || options.vcpus > Plic::max_contexts) return Err{Error::out_of_range};
    FdtWriter tree{buffer};
    tree.begin_node("");
    tree.cell("#address-cells", 2);
    tree.cell("#size-cells", 2);
    tree.text("compatible", "riscv-virtio");
    tree.text("model", "antler,virt");

    write_chosen(tree, options);
    tree.begin_node("aliases");
    tree.text("serial0", stdout_path);
    tree.end_node();

    write_device(tree, "memory", options.memory);
    tree.text("device_type", "memory");
    tree.end_node();

    write_cpus(tree, options);
    write_soc(tree, options);
    if (options.flash) write_flash(tree);
    write_channels(tree, options);
    write_power(tree, "poweroff", "syscon-poweroff", Test::poweroff);
    write_power(tree, "reboot", "syscon-reboot", Test::reboot);
    tree.end_node();
    return tree.finish();
}

}  // namespace antler::vm
