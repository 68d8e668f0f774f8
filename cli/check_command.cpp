// `antler check FILE`: says what a description makes, or the first thing that is wrong with it.
#include "cli/check_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "abi/pack.hpp"
#include "cli/byte_size.hpp"
#include "cli/machine_build.hpp"
#include "cli/schema.hpp"

namespace antler::cli {

namespace {

std::string joined(std::vector<std::string> const& words) {
    std::string text;
    for (auto const& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

void print_range(std::string_view what, Gpa at, u64 bytes, std::string_view remark) {
    fmt::print("    {:#011x} to {:#011x}  {} ({}){}{}\n", at.raw(), (at + bytes).raw(), what,
               show_rounded_size(bytes), remark.empty() ? "" : ": ", remark);
}

void print_vm(VmDescription const& vm, PreparedVm const& prepared) {
    fmt::print("VM {}: {} vCPU{}, {} of memory{}\n", vm.name, vm.vcpus, vm.vcpus == 1 ? "" : "s",
               show_size(vm.memory), vm.prefault ? "" : " on demand");
    print_range("memory", abi::pack::ram_base, vm.memory, "");
    if (prepared.kernel != nullptr)
        for (auto const& segment : prepared.kernel->segments)
            print_range("kernel", segment.at, segment.memory_bytes,
                        fmt::format("{}, {}", vm.kernel, describe(prepared.kernel->kind)));
    if (prepared.layout.initrd)
        print_range("initramfs", *prepared.layout.initrd, prepared.initramfs->size(), vm.initramfs);
    print_range("device tree", prepared.layout.dtb, abi::pack::dtb_room, "made when the VM starts");
    fmt::print("    starts at {:#x}\n", prepared.layout.entry.raw());
    if (!vm.cmdline.empty()) fmt::print("    command line: {}\n", vm.cmdline);
    if (!vm.trap.empty()) fmt::print("    trapped: {}\n", joined(vm.trap));
    if (!vm.hide.empty()) fmt::print("    hidden: {}\n", joined(vm.hide));
    fmt::print("    on power-off {}, on reboot {}, on a crash {}\n", vm.on_poweroff, vm.on_reboot,
               vm.on_crash);
}

nlohmann::ordered_json vm_as_json(VmDescription const& vm, PreparedVm const& prepared) {
    nlohmann::ordered_json json{
        {"name", vm.name},
        {"vcpus", vm.vcpus},
        {"memory", vm.memory},
        {"prefault", vm.prefault},
        {"kernel", vm.kernel_path.string()},
        {"kernel_kind", prepared.kernel == nullptr ? "" : describe(prepared.kernel->kind)},
        {"entry", prepared.layout.entry.raw()},
        {"dtb", prepared.layout.dtb.raw()},
        {"cmdline", vm.cmdline},
        {"trap", vm.trap},
        {"hide", vm.hide},
        {"on_poweroff", vm.on_poweroff},
        {"on_reboot", vm.on_reboot},
        {"on_crash", vm.on_crash}};
    if (prepared.kernel != nullptr)
        for (auto const& segment : prepared.kernel->segments)
            json["segments"].push_back({{"at", segment.at.raw()},
                                        {"file_bytes", segment.bytes.size()},
                                        {"memory_bytes", segment.memory_bytes}});
    if (prepared.layout.initrd)
        json["initramfs"] = {{"at", prepared.layout.initrd->raw()}, {"bytes", prepared.initramfs->size()}};
    return json;
}

void print_json(PreparedMachine const& prepared) {
    auto const& machine = prepared.description.machine;
    auto const& hypervisor = prepared.description.hypervisor;
    nlohmann::ordered_json json{
        {"machine",
         {{"harts", machine.harts},
          {"memory", machine.memory},
          {"cpu", machine.cpu},
          {"aia", machine.aia},
          {"icount", machine.icount},
          {"spare_disks", machine.spare_disks.value_or(0)},
          {"qemu_args", machine.qemu_args}}},
        {"hypervisor",
         {{"on_panic", hypervisor.on_panic}, {"ignore", hypervisor.ignore}, {"log", hypervisor.log}}},
        {"pack_bytes", prepared.pack.size}};
    for (usize i = 0; i < prepared.vms.size(); ++i)
        json["vms"].push_back(vm_as_json(prepared.description.vms[i], prepared.vms[i]));
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

int check_command(Path const& file, bool as_json) {
    auto description = read_description(file);
    refuse_none(description);
    auto const prepared = prepare_machine(std::move(description));
    if (as_json) {
        print_json(prepared);
        return static_cast<int>(ExitCode::success);
    }
    auto const& machine = prepared.description.machine;
    auto const& hypervisor = prepared.description.hypervisor;
    fmt::print("machine: {} hart{}, {} of memory, cpu {}, aia {}{}\n", machine.harts,
               machine.harts == 1 ? "" : "s", show_size(machine.memory), machine.cpu, machine.aia,
               machine.icount ? ", instructions as time" : "");
    fmt::print("hypervisor: {} after a panic, log {}{}{}\n", hypervisor.on_panic, hypervisor.log,
               hypervisor.ignore.empty() ? "" : ", ignores ", joined(hypervisor.ignore));
    for (usize i = 0; i < prepared.vms.size(); ++i) print_vm(prepared.description.vms[i], prepared.vms[i]);
    fmt::print("pack: {}\n", show_rounded_size(prepared.pack.size));
    return static_cast<int>(ExitCode::success);
}

int schema_command() {
    fmt::print("{}", schema_markdown());
    return static_cast<int>(ExitCode::success);
}

}  // namespace antler::cli
