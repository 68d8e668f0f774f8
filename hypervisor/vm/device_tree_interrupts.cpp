// The interrupt controllers in a guest's device tree, and how devices name their wires.
#include "vm/device_tree_interrupts.hpp"

#include "abi/fdt_property.hpp"
#include "vm/guest_file.hpp"
#include "vm/wire_controller.hpp"

namespace antler::vm {

namespace {

using abi::FdtWriter;

constexpr u32 supervisor_external = 9;  // its bit in sip  [norm:sip_seip_sie_seie]
constexpr u32 no_interrupt = ~u32{0};   // of a context that no hart has

// interrupts-extended: `each` wires to every vCPU, of which wire(n) says the interrupt.
template <class Wire>
void write_harts(FdtWriter& tree, u32 vcpus, u32 each, Wire&& wire) {
    constexpr usize cell_bytes = 4;
    auto const wires = tree.space("interrupts-extended", usize{vcpus} * each * 2 * cell_bytes);
    for (u32 n = 0; tree.ok() && n < each * vcpus; ++n) {
        auto* const at = wires.data() + usize{n} * 2 * cell_bytes;
        abi::store_be32(at, cpu_interrupts_phandle(n / each));
        abi::store_be32(at + cell_bytes, wire(n));
    }
}

void begin(FdtWriter& tree, std::string_view name, GpaRange region) {
    tree.begin_node(name, region.start.raw());
    tree.wides("reg", {region.start.raw(), region.size});
    tree.flag("interrupt-controller");
}

void write_plic(FdtWriter& tree, u32 vcpus, u32 last_source) {
    begin(tree, "plic", plic_region);
    tree.texts("compatible", {"sifive,plic-1.0.0", "riscv,plic0"});
    tree.cell("#interrupt-cells", 1);
    tree.cell("#address-cells", 0);
    tree.cell("riscv,ndev", last_source);
    // The contexts of machine mode lead nowhere.
    write_harts(tree, vcpus, 2, [](u32 n) { return n % 2 == 0 ? no_interrupt : supervisor_external; });
    tree.cell("phandle", controller_phandle);
    tree.end_node();
}

void write_aplic(FdtWriter& tree, u32 vcpus, u32 last_source, bool sends) {
    begin(tree, "interrupt-controller", aplic_region);
    tree.texts("compatible", {"qemu,aplic", "riscv,aplic"});
    tree.cell("#interrupt-cells", 2);
    tree.cell("#address-cells", 0);
    tree.cell("riscv,num-sources", last_source);
    if (sends) {
        tree.cell("msi-parent", imsic_phandle);
    } else {
        write_harts(tree, vcpus, 1, [](u32) { return supervisor_external; });
    }
    tree.cell("phandle", controller_phandle);
    tree.end_node();
}

// A page for each vCPU, in their order, and none for guests of guests.
void write_imsic(FdtWriter& tree, u32 vcpus, u32 identities) {
    begin(tree, "interrupt-controller", imsic_region(vcpus));
    tree.texts("compatible", {"qemu,imsics", "riscv,imsics"});
    tree.flag("msi-controller");
    tree.cell("#interrupt-cells", 0);
    tree.cell("#address-cells", 0);
    tree.cell("#msi-cells", 0);
    tree.cell("riscv,num-ids", identities);
    write_harts(tree, vcpus, 1, [](u32) { return supervisor_external; });
    tree.cell("phandle", imsic_phandle);
    tree.end_node();
}

}  // namespace

void InterruptTree::write(FdtWriter& tree) const {
    if (kind == Interrupts::plic) return write_plic(tree, vcpus, last_source);
    bool const sends = kind == Interrupts::aia;
    if (sends) write_imsic(tree, vcpus, identities);
    write_aplic(tree, vcpus, last_source, sends);
}

void InterruptTree::write_wire(FdtWriter& tree, u32 source) const {
    if (kind == Interrupts::plic) {
        tree.cell("interrupts", source);
    } else {
        tree.cells("interrupts", {source, level_high});
    }
    tree.cell("interrupt-parent", controller_phandle);
}

}  // namespace antler::vm
