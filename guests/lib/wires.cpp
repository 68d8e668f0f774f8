// A hart's end of the devices' wires: of a PLIC, of an APLIC, or of an APLIC and the hart's interrupt file.
#include "guests/lib/wires.hpp"

#include "guests/lib/device_tree.hpp"
#include "guests/lib/interrupt_file.hpp"
#include "isa/aplic.hpp"

namespace antler::guests {

namespace {

namespace aplic = isa::aplic;

namespace file = isa::interrupt_file;

constexpr u32 priority = 1;
constexpr u32 no_priority_passes = 7;  // a threshold of a PLIC
constexpr u64 claim_offset = 4;

[[nodiscard]] constexpr u16 enable_register(u32 identity) {
    return file::of<isa::Xlen::rv64>(file::eie0, identity);
}

abi::FdtNode node_of(abi::FdtReader const& tree, std::string_view name) {
    auto const found = tree.find_if([name](abi::FdtNode const& node) { return node.compatible(name); });
    if (!found) give_up("the device tree has no interrupt controller");
    return *found;
}

// The place of this hart's wire among those of the controller.
u32 index_at(abi::FdtReader const& tree, abi::FdtNode const& controller, u64 hart) {
    auto const cpus = tree.find("/cpus");
    auto const wires = controller.property("interrupts-extended");
    if (cpus && wires)
        for (auto const cpu : cpus->children()) {
            auto const own = cpu.child("interrupt-controller");
            if (cpu.base_name() != "cpu" || cpu.number("reg") != hart || !own) continue;
            for (u32 i = 0; i < wires->cells() / 2; ++i)
                if (wires->cell(i * 2) == own->phandle() && wires->cell(i * 2 + 1) == u32{irq::external})
                    return i;
        }
    give_up("the device tree does not wire this hart to its interrupt controller");
}

}  // namespace

Wires::Wires(u64 hart) {
    auto const tree = device_tree();
    if (tree.find_if([](abi::FdtNode const& node) { return node.compatible("riscv,plic0"); })) {
        auto const plic = node_of(tree, "riscv,plic0");
        base_ = plic.reg().value().address;
        index_ = index_at(tree, plic, hart);
        return;
    }
    auto const controller = node_of(tree, "riscv,aplic");
    base_ = controller.reg().value().address;
    kind_ = controller.has("msi-parent") ? Kind::aia : Kind::aplic;
    index_ = index_at(tree, kind_ == Kind::aia ? node_of(tree, "riscv,imsics") : controller, hart);
    if (kind_ == Kind::aia) {
        File::write(file::eithreshold, 0);
    } else {
        store<u32>(idc() + aplic::idc_idelivery, 1);
    }
    store<u32>(base_ + aplic::domaincfg, aplic::Domaincfg::ie::set(0, true));
}

u64 Wires::idc() const {
    return base_ + aplic::idcs + u64{aplic::idc_bytes} * index_;
}

void Wires::open(u32 source) const {
    if (kind_ == Kind::plic) {
        store<u32>(base_ + source * 4, priority);
        store<u32>(enable_word(source), load<u32>(enable_word(source)) | u32{1} << source % 32);
        return unmask();
    }
    store<u32>(base_ + aplic::sourcecfg + source * 4, aplic::Sourcecfg::of(aplic::SourceMode::level1).raw);
    auto const target = kind_ == Kind::aia ? aplic::Target::message(index_, 0, source)
                                           : aplic::Target::direct(index_, priority);
    store<u32>(base_ + aplic::target + source * 4, target.raw);
    if (kind_ == Kind::aia) File::set(enable_register(source), u64{1} << source % 64);
    store<u32>(base_ + aplic::setienum, source);
    unmask();
}

void Wires::close(u32 source) const {
    if (kind_ == Kind::plic)
        return store<u32>(enable_word(source), load<u32>(enable_word(source)) & ~(u32{1} << source % 32));
    store<u32>(base_ + aplic::clrienum, source);
    if (kind_ == Kind::aia) File::clear(enable_register(source), u64{1} << source % 64);
}

void Wires::mask() const {
    switch (kind_) {
        case Kind::plic: return store<u32>(plic_threshold(), no_priority_passes);
        case Kind::aplic: return store<u32>(idc() + aplic::idc_ithreshold, priority);
        case Kind::aia: return File::write(file::eidelivery, 0);
    }
}

void Wires::unmask() const {
    switch (kind_) {
        case Kind::plic: return store<u32>(plic_threshold(), 0);
        case Kind::aplic: return store<u32>(idc() + aplic::idc_ithreshold, 0);
        case Kind::aia: return File::write(file::eidelivery, 1);
    }
}

u32 Wires::claim() const {
    switch (kind_) {
        case Kind::plic: return load<u32>(plic_threshold() + claim_offset);
        case Kind::aplic: return aplic::Topi::source::get(load<u32>(idc() + aplic::idc_claimi));
        case Kind::aia: return isa::Stopei::identity::get(csr_stopei::swap(0));
    }
    return 0;
}

// A level that is still high, or high again, is to be sent once more.                       [aia AdvPLIC 9.2]
void Wires::complete(u32 source) const {
    if (kind_ == Kind::plic) return store<u32>(plic_threshold() + claim_offset, source);
    if (kind_ == Kind::aia) store<u32>(base_ + aplic::setipnum, source);
}

bool Wires::pending(u32 source) const {
    if (kind_ == Kind::aia) return File::is_pending(source);
    auto const words = kind_ == Kind::plic ? u64{0x1000} : u64{aplic::setip};
    return (load<u32>(base_ + words + source / 32 * 4) >> source % 32 & 1) != 0;
}

}  // namespace antler::guests
