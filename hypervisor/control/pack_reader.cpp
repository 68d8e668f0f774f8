// The pack's nodes and properties, each checked before it is believed.
#include "control/pack_reader.hpp"

#include <new>

#include "abi/pack.hpp"
#include "base/units.hpp"

namespace antler::control {
namespace {

namespace pack = abi::pack;
using abi::FdtNode;
using vm::Afterwards;

Afterwards afterwards(FdtNode const& node, std::string_view property, Afterwards otherwise) {
    auto const text = node.text(property);
    if (!text) return otherwise;
    if (*text == pack::word::restart) return Afterwards::restart;
    if (*text == pack::word::preserve) return Afterwards::preserve;
    return Afterwards::destroy;
}

// None: what suits the harts.
Result<std::optional<vm::Interrupts>> interrupts(FdtNode const& node) {
    if (!node.has(pack::property::interrupts)) return std::optional<vm::Interrupts>{};
    auto const text = node.text(pack::property::interrupts);
    if (text == pack::word::plic) return std::optional{vm::Interrupts::plic};
    if (text == pack::word::aplic) return std::optional{vm::Interrupts::aplic};
    if (text == pack::word::aia) return std::optional{vm::Interrupts::aia};
    return Err{Error::bad_format};
}

// The u64 whose first cell is `cell`.
Result<u64> number_at(abi::FdtProperty const& property, usize cell) {
    auto const number = property.number_at(cell, 2);
    if (!number) return Err{Error::bad_format};
    return *number;
}

}  // namespace

Result<Pack> Pack::open(std::span<u8 const> bytes, Hpa where) {
    Pack found{TRY(abi::FdtReader::open(bytes))};
    auto const root = found.tree_.root();
    if (!root.compatible(pack::word::compatible)) return Err{Error::bad_format};
    if (root.number(pack::property::version) != pack::version) return Err{Error::not_supported};
    auto const size = root.number(pack::property::pack_size);
    if (!size || *size > bytes.size()) return Err{Error::out_of_range};
    found.range_ = {where, *size};
    return found;
}

Options Pack::options() const {
    Options options;
    auto const node = tree_.root().child(pack::node::hypervisor);
    if (!node) return options;
    options.halt_on_panic = node->text(pack::property::on_panic) == pack::word::halt;
    if (auto const ignored = node->property(pack::property::ignore)) {
        options.ignore_htinst = ignored->lists(pack::word::htinst);
        options.ignore_htval = ignored->lists(pack::word::htval);
    }
    auto const log = node->text(pack::property::log);
    if (log == pack::word::quiet) options.log = Options::Log::quiet;
    if (log == pack::word::debug) options.log = Options::Log::debug;
    return options;
}

u32 Pack::vm_count() const {
    auto const vms = tree_.root().child(pack::node::vms);
    if (!vms) return 0;
    u32 count = 0;
    for ([[maybe_unused]] auto const vm : vms->children()) ++count;
    return count < pack::most_vms ? count : pack::most_vms;
}

u32 Pack::switch_count() const {
    auto const switches = tree_.root().child(pack::node::switches);
    if (!switches) return 0;
    u32 count = 0;
    for ([[maybe_unused]] auto const one : switches->children()) ++count;
    return count < pack::most_switches ? count : pack::most_switches;
}

Result<SwitchDescription> Pack::describe_switch(u32 index) const {
    auto const switches = tree_.root().child(pack::node::switches);
    if (!switches) return Err{Error::not_found};
    for (auto const node : switches->children()) {
        if (node.number(pack::property::index) != index) continue;
        if (node.name().size() > pack::longest_name) return Err{Error::bad_format};
        return SwitchDescription{node.name(), node.has(pack::property::uplink)};
    }
    return Err{Error::not_found};
}

std::optional<u32> Pack::find_switch(std::string_view name) const {
    auto const switches = tree_.root().child(pack::node::switches);
    if (!switches) return std::nullopt;
    auto const node = switches->child(name);
    auto const index = node ? node->number(pack::property::index) : std::nullopt;
    if (!index || *index >= pack::most_switches) return std::nullopt;
    return static_cast<u32>(*index);
}

Result<HpaRange> Pack::payload(u64 offset, u64 bytes) const {
    auto const start = range_.start + offset;
    if (offset > range_.size || !range_.contains(start, bytes)) return Err{Error::out_of_range};
    return HpaRange{start, bytes};
}

Result<void> Pack::describe(u32 index, vm::Description& into) const {
    auto const vms = tree_.root().child(pack::node::vms);
    if (!vms) return Err{Error::not_found};
    for (auto const node : vms->children())
        if (node.number(pack::property::index) == index) return describe_vm(node, into);
    return Err{Error::not_found};
}

Result<void> Pack::describe_vm(FdtNode const& node, vm::Description& vm) const {
    new (&vm) vm::Description;  // in its place: it is larger than a frame may be
    vm.name = node.name();
    vm.vcpus = static_cast<u32>(node.number(pack::property::vcpus).value_or(0));
    vm.memory_bytes = node.number(pack::property::memory).value_or(0);
    vm.entry = Gpa{node.number(pack::property::entry).value_or(0)};
    vm.device_tree = Gpa{node.number(pack::property::dtb).value_or(0)};
    vm.on_demand = node.has(pack::property::on_demand);
    vm.command_line = node.text(pack::property::cmdline).value_or("");
    if (vm.vcpus == 0 || vm.vcpus > pack::most_vcpus || vm.memory_bytes % 2_MiB != 0)
        return Err{Error::bad_format};
    if (vm.name.size() > pack::longest_name || vm.command_line.size() > pack::longest_cmdline)
        return Err{Error::bad_format};
    TRY(describe_images(node, vm));

    vm.interrupts = TRY(interrupts(node));
    vm.policies.trap_memory = node.has(pack::property::trap_vm);
    vm.policies.trap_wait = node.has(pack::property::trap_wfi);
    vm.policies.trap_return = node.has(pack::property::trap_sret);
    vm.policies.on_poweroff = afterwards(node, pack::property::on_poweroff, Afterwards::destroy);
    vm.policies.on_reboot = afterwards(node, pack::property::on_reboot, Afterwards::restart);
    vm.policies.on_crash = afterwards(node, pack::property::on_crash, Afterwards::destroy);
    if (auto const hidden = node.property(pack::property::hide))
        vm.hidden = {reinterpret_cast<char const*>(hidden->bytes.data()), hidden->bytes.size()};
    return describe_devices(node, vm);
}

// What lies in its memory when it starts, all of it inside.
Result<void> Pack::describe_images(FdtNode const& node, vm::Description& vm) const {
    GpaRange const ram{pack::ram_base, vm.memory_bytes};
    if (vm.memory_bytes == 0 || ram.wraps() || !ram.contains(vm.device_tree, pack::dtb_room))
        return Err{Error::out_of_range};
    if (auto const segments = node.property(pack::property::segments)) {
        auto const rows = segments->cells() / pack::segment_cells;
        if (rows > vm.segments.size()) return Err{Error::out_of_range};
        for (usize row = 0; row < rows; ++row) {
            auto const cell = row * pack::segment_cells;
            Gpa const at{TRY(number_at(*segments, cell))};
            auto const file =
                TRY(payload(TRY(number_at(*segments, cell + 2)), TRY(number_at(*segments, cell + 4))));
            auto const bytes = TRY(number_at(*segments, cell + 6));
            if (bytes < file.size || !ram.contains(at, bytes)) return Err{Error::out_of_range};
            vm.segments[vm.segment_count++] = {at, file, bytes};
        }
    }
    if (auto const initrd = node.property(pack::property::initrd)) {
        Gpa const at{TRY(number_at(*initrd, 0))};
        auto const file = TRY(payload(TRY(number_at(*initrd, 2)), TRY(number_at(*initrd, 4))));
        if (!ram.contains(at, file.size)) return Err{Error::out_of_range};
        vm.initrd = {at, file, file.size};
    }
    return {};
}

}  // namespace antler::control
