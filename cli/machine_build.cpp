// From a description to the two files that a board boots.
#include "cli/machine_build.hpp"

#include <fmt/format.h>

#include <utility>

#include "abi/pack.hpp"
#include "cli/byte_size.hpp"
#include "cli/initramfs.hpp"
#include "cli/seed.hpp"

namespace antler::cli {

namespace {

std::string quoted_name(std::string const& written) {
    return written.starts_with(catalogue_prefix) ? written : fmt::format("\"{}\"", written);
}

KernelImage const& kernel_of(PreparedMachine& machine, VmDescription const& vm) {
    auto& kernel = machine.kernels[vm.kernel_path.string()];
    if (kernel == nullptr) {
        auto parsed = parse_kernel(read_file(vm.kernel_path));
        if (!parsed)
            complain(vm.places.of("payload.kernel"),
                     fmt::format("the kernel {} {}.", quoted_name(vm.kernel), parsed.error()));
        kernel = std::make_unique<KernelImage>(std::move(*parsed));
    }
    return *kernel;
}

Bytes const* initramfs_of(PreparedMachine& machine, VmDescription const& vm) {
    if (!vm.busybox && !vm.initramfs_path) return nullptr;
    auto const path = vm.busybox ? busybox_initramfs() : *vm.initramfs_path;
    auto& bytes = machine.files[path.string()];
    if (bytes == nullptr) bytes = std::make_unique<Bytes>(read_file(path));
    if (bytes->empty())
        complain(vm.places.of("payload.initramfs"),
                 fmt::format("the initramfs \"{}\" is empty.", vm.initramfs));
    return bytes.get();
}

// The file, read once; nothing where there is no path.
Bytes const* file_of(PreparedMachine& machine, Path const& path) {
    if (path.empty()) return nullptr;
    auto& bytes = machine.files[path.string()];
    if (bytes == nullptr) bytes = std::make_unique<Bytes>(read_file(path));
    return bytes.get();
}

// Each VM has its own, whatever it was made of.
Bytes const& seed_of(PreparedMachine& machine, VmDescription const& vm) {
    auto const* const user_data = file_of(machine, vm.user_data_path);
    auto const* const told = file_of(machine, vm.meta_data_path);
    auto const meta_data = told == nullptr ? default_meta_data(vm.name) : std::string{as_text(*told)};
    auto& bytes = machine.seeds[vm.name];
    bytes = std::make_unique<Bytes>(make_seed({as_text(*user_data), meta_data}));
    return *bytes;
}

Bytes const& ramdisk_of(PreparedMachine& machine, VmDescription const& vm, DiskDescription const& disk) {
    if (disk.seed) return seed_of(machine, vm);
    auto const& bytes = *file_of(machine, disk.file);
    if (bytes.empty() || bytes.size() % 512 != 0)
        complain(disk.places.of("path"),
                 fmt::format("the disk \"{}\" has {} bytes, which are not whole sectors of 512.", disk.path,
                             bytes.size()));
    return bytes;
}

void check_flash(VmDescription const& vm, PackedVm const& pack) {
    auto const check = [&](Bytes const* bytes, std::string_view key) {
        if (bytes != nullptr && (bytes->empty() || bytes->size() > abi::pack::most_flash))
            complain(vm.places.of(key),
                     fmt::format("`{}` has {}, and a flash memory has {} at most.", key,
                                 show_rounded_size(bytes->size()), show_size(abi::pack::most_flash)));
    };
    check(pack.firmware_code, "payload.firmware.code");
    check(pack.firmware_variables, "payload.firmware.vars");
}

void check_room(Description const& description, Pack const& pack) {
    u64 needed = pack.size + memory_for_antler;
    for (auto const& vm : description.vms) needed += vm.memory;
    if (needed > description.machine.memory)
        complain(
            description.machine.places.of("memory"),
            fmt::format("the VMs, their payloads of {} and {} for Antler need {}, and the machine has {}.",
                        show_rounded_size(pack.size), show_size(memory_for_antler), show_size(needed),
                        show_size(description.machine.memory)));
}

}  // namespace

// Somebody may have been refused, but not everybody.
void refuse_empty(Description const& description) {
    if (description.vms.empty()) refuse_none(description);
}

PreparedMachine prepare_machine(Description description, u64 alignment) {
    refuse_empty(description);
    PreparedMachine machine{.description = std::move(description)};
    std::vector<PackedVm> packed;
    for (auto const& vm : machine.description.vms) {
        auto const* const kernel = vm.kernel.empty() ? nullptr : &kernel_of(machine, vm);
        auto const* const initramfs = initramfs_of(machine, vm);
        auto const layout = kernel == nullptr
                                ? std::expected<Layout, std::string>{lay_out_firmware(vm.memory)}
                                : lay_out(vm.memory, *kernel,
                                          initramfs == nullptr ? std::optional<u64>{}
                                                               : std::optional<u64>{initramfs->size()});
        if (!layout) complain(vm.places.of("memory.size"), layout.error());
        machine.vms.push_back({kernel, initramfs, *layout});
        auto& pack = packed.emplace_back(PackedVm{&vm, kernel, initramfs, *layout});
        pack.firmware_code = file_of(machine, vm.firmware_code_path);
        pack.firmware_variables = file_of(machine, vm.firmware_variables_path);
        check_flash(vm, pack);
        for (auto const& disk : vm.disks)
            pack.ramdisks.push_back(disk.ramdisk ? &ramdisk_of(machine, vm, disk) : nullptr);
    }
    machine.pack = make_pack(machine.description.hypervisor, packed, machine.description.switches, alignment);
    check_room(machine.description, machine.pack);
    return machine;
}

BuiltMachine build_machine(Description const& description, Path const& directory) {
    auto const machine = prepare_machine(description);
    auto const hypervisor = hypervisor_image();
    std::error_code error;
    if (!std::filesystem::is_regular_file(hypervisor, error))
        throw Failure{
            ExitCode::internal,
            fmt::format("{}: the hypervisor is not built yet; ./antler builds it.", hypervisor.string())};
    auto const image = read_file(hypervisor);

    std::filesystem::create_directories(directory, error);
    if (!std::filesystem::is_directory(directory))
        throw Failure{ExitCode::bad_input,
                      fmt::format("{}: cannot be made a folder: {}.", directory.string(),
                                  error ? error.message() : "something else has that name")};
    BuiltMachine const built{.image = directory / "antler.img", .pack = directory / "machine.pack"};
    machine.pack.write(built.pack);
    write_file(built.image, image);
    return built;
}

}  // namespace antler::cli
