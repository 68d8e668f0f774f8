// Checks of a description that no single key can make: files that must exist, memory that must fit.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

#include "abi/pack.hpp"
#include "cli/byte_size.hpp"
#include "cli/description_checks.hpp"
#include "cli/device_checks.hpp"
#include "cli/disk_images.hpp"
#include "cli/initramfs.hpp"
#include "cli/spelling.hpp"
#include "isa/extensions.hpp"

namespace antler::cli {

namespace {

constexpr std::string_view cpu_without_aia = "rva23s64";
constexpr std::string_view cpu_with_aia = "rva23s64,smaia=on,ssaia=on";

// An existing, readable file, wherever the person is standing.
Path existing_file(Description const& description, std::string const& written, std::string_view what,
                   Place const& place) {
    Path const path =
        Path{written}.is_absolute() ? Path{written} : Path{description.file}.parent_path() / written;
    std::error_code error;
    auto const status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        complain(place, fmt::format("the {} \"{}\" does not exist.", what, path.lexically_normal().string()));
    if (!std::filesystem::is_regular_file(status))
        complain(place, fmt::format("the {} \"{}\" is not a file.", what, path.lexically_normal().string()));
    if (::access(path.c_str(), R_OK) != 0)
        complain(place,
                 fmt::format("the {} \"{}\" may not be read.", what, path.lexically_normal().string()));
    return path;
}

Path fetched_file(Catalogue const& catalogue, std::string_view pattern, std::string_view what,
                  Place const& place) {
    if (auto const path = catalogue.resolve(pattern)) return *path;
    complain(place, fmt::format("{} is not in {} yet; the launcher ./antler fetches it.", what,
                                catalogue.packages().string()));
}

// The file that a `kernel` means.  One of the catalogue may bring an initramfs along.
Path find_kernel(Description const& description, std::string const& written, Place const& place,
                 Catalogue const& catalogue, std::optional<Path>* initramfs) {
    if (written.starts_with(catalogue_prefix)) {
        auto const* const entry = Catalogue::find(written);
        if (entry == nullptr) {
            std::vector<std::string_view> names;
            for (auto const& each : catalogue_entries) names.push_back(each.name);
            complain(place, fmt::format("`{}` is not in the catalogue{}", written,
                                        suggestion(written, names, "there are")));
        }
        if (initramfs != nullptr && !entry->initrd.empty())
            *initramfs = fetched_file(catalogue, entry->initrd, written, place);
        return fetched_file(catalogue, entry->kernel, written, place);
    }
    if (written.starts_with(guest_prefix)) {
        auto const path = guest_elf(written.substr(guest_prefix.size()));
        if (!std::filesystem::exists(path))
            complain(place,
                     fmt::format("`{}` is not a guest that was built: guests/ has their sources.", written));
        return path;
    }
    return existing_file(description, written, "kernel", place);
}

void need_busybox(Catalogue const& catalogue, Place const& place) {
    if (!catalogue.resolve("usr/bin/busybox") && !catalogue.resolve("bin/busybox"))
        complain(place, fmt::format("busybox is not in {} yet; the launcher ./antler fetches it.",
                                    catalogue.packages().string()));
}

void find_firmware(Description const& description, VmDescription& vm, Catalogue const& catalogue) {
    auto const& code = vm.places.of("payload.firmware.code");
    auto const& variables = vm.places.of("payload.firmware.vars");
    if (vm.firmware_code == edk2_name) {
        vm.firmware_code_path = fetched_file(catalogue, edk2_code, vm.firmware_code, code);
        vm.firmware_variables_path = fetched_file(catalogue, edk2_variables, vm.firmware_code, code);
    } else if (!vm.firmware_code.empty()) {
        vm.firmware_code_path = existing_file(description, vm.firmware_code, "firmware", code);
    }
    if (!vm.firmware_variables.empty())
        vm.firmware_variables_path =
            existing_file(description, vm.firmware_variables, "firmware's variables", variables);
}

// What an EFI system partition is made of, and where its image is, or will be.
void find_esp(Description const& description, DiskDescription& disk, Catalogue const& catalogue) {
    if (!disk.places.keys.contains("esp")) return;
    auto const& place = disk.places.of("esp.kernel");
    if (disk.esp_kernel.empty()) complain(disk.places.of("esp"), "an `esp` needs a `kernel`.");
    if (!disk.path.empty() || !disk.host.empty() || !disk.contents.empty() || disk.size || disk.ramdisk)
        complain(disk.places.table,
                 "a disk with an `esp` has no `path`, `host`, `size`, `contents` or `ramdisk`.");
    EspParts parts{.loader = fetched_file(catalogue, efi_loader, "systemd-boot", place),
                   .cmdline = disk.esp_cmdline};
    parts.kernel = find_kernel(description, disk.esp_kernel, place, catalogue, &parts.initramfs);
    std::array<char, 2> start{};
    std::ifstream{parts.kernel, std::ios::binary}.read(start.data(), start.size());
    if (std::string_view{start.data(), start.size()} != "MZ")
        complain(place,
                 fmt::format("the kernel \"{}\" is not a program that EFI can start.", disk.esp_kernel));
    if (disk.esp_initramfs == "busybox") {
        need_busybox(catalogue, disk.places.of("esp.initramfs"));
        parts.initramfs = busybox_initramfs(catalogue.packages());
    } else if (!disk.esp_initramfs.empty()) {
        parts.initramfs =
            existing_file(description, disk.esp_initramfs, "initramfs", disk.places.of("esp.initramfs"));
    }
    disk.file = esp_image_name(parts, cache_directory() / "made");
    disk.path = disk.file.string();
    disk.readonly = !disk.overlay;
    disk.esp = std::move(parts);
}

void find_contents(Description const& description, DiskDescription& disk) {
    if (disk.contents.empty()) return;
    auto const& place = disk.places.of("contents");
    if (disk.path.empty() || !disk.size)
        complain(place, "`contents` need a `path` and a `size`: they are for a file that is made.");
    disk.contents_folder = Path{disk.contents}.is_absolute()
                               ? Path{disk.contents}
                               : Path{description.file}.parent_path() / disk.contents;
    std::error_code error;
    if (!std::filesystem::is_directory(disk.contents_folder, error))
        complain(place, fmt::format("the folder \"{}\" does not exist.",
                                    disk.contents_folder.lexically_normal().string()));
}

void find_payloads(Description const& description, VmDescription& vm, Catalogue const& catalogue) {
    vm.balloon = vm.places.keys.contains("balloon");
    auto const& kernel_place = vm.places.of("payload.kernel");
    if (vm.kernel.empty() && vm.firmware_code.empty())
        complain(vm.places.table, fmt::format("[vm.{}] needs `payload.kernel`.", vm.name));
    find_firmware(description, vm, catalogue);
    if (vm.kernel.empty()) {
        if (!vm.initramfs.empty())
            complain(vm.places.of("payload.initramfs"), "an initramfs needs a `payload.kernel`.");
        return;
    }
    std::optional<Path> own_initramfs;
    vm.kernel_path = find_kernel(description, vm.kernel, kernel_place, catalogue, &own_initramfs);
    if (vm.initramfs.empty()) vm.initramfs_path = own_initramfs;

    auto const& initramfs_place = vm.places.of("payload.initramfs");
    if (vm.initramfs == "busybox") {
        vm.busybox = true;
        need_busybox(catalogue, initramfs_place);
    } else if (!vm.initramfs.empty()) {
        vm.initramfs_path = existing_file(description, vm.initramfs, "initramfs", initramfs_place);
    }
}

// What cloud_init says becomes the last disk.
void add_seed(Description const& description, VmDescription& vm) {
    if (vm.user_data.empty()) {
        if (!vm.meta_data.empty())
            complain(vm.places.of("cloud_init.meta_data"),
                     "`cloud_init.meta_data` needs `cloud_init.user_data`.");
        return;
    }
    auto const& place = vm.places.of("cloud_init.user_data");
    vm.user_data_path = existing_file(description, vm.user_data, "user-data", place);
    if (!vm.meta_data.empty())
        vm.meta_data_path =
            existing_file(description, vm.meta_data, "meta-data", vm.places.of("cloud_init.meta_data"));
    if (vm.disks.size() == abi::pack::most_disks)
        complain(place,
                 fmt::format("`cloud_init` needs a disk, and the VM has {} already, which are the most.",
                             vm.disks.size()));
    auto& disk = vm.disks.emplace_back();
    disk.places.table = place;
    disk.ramdisk = disk.readonly = disk.seed = true;
}

void check_hidden(VmDescription const& vm) {
    std::vector<std::string_view> names;
    for (auto const& row : isa::extensions)
        if (row.offer != isa::Offer::never) names.push_back(row.name);
    for (auto const& name : vm.hide) {
        if (name == "ssaia" && vm.interrupts == "aia")
            complain(vm.places.of("policies.hide"),
                     "`policies.hide` names `ssaia`, without which there is no `interrupts = \"aia\"`.");
        if (std::ranges::find(names, name) != names.end()) continue;
        auto const& place = vm.places.of("policies.hide");
        if (isa::find_extension(name) != nullptr)
            complain(place, fmt::format("`policies.hide` names `{}`, which no VM is ever told of.", name));
        auto const near = nearest_word(name, names);
        complain(place,
                 near.empty()
                     ? fmt::format("`policies.hide` names `{}`, which is not an ISA extension that Antler "
                                   "knows; names are in lower case.",
                                   name)
                     : fmt::format("`policies.hide` names `{}`, which is not an ISA extension that Antler "
                                   "knows; did you mean `{}`?",
                                   name, near));
    }
}

// The VMs that fit, in their order; the others are refused.
void check_memory(Description& description) {
    auto const whole = description.machine.memory;
    bool const alone = description.vms.size() == 1;
    u64 sum = memory_for_antler;
    std::erase_if(description.vms, [&](VmDescription const& vm) {
        if (sum + vm.memory <= whole) {  // it cannot overflow: at most 256 VMs of at most 1 TiB
            sum += vm.memory;
            return false;
        }
        auto const& place = vm.places.of("memory.size");
        if (alone)
            complain(place,
                     fmt::format("the VM's memory of {} and {} for Antler do not fit into the machine's {}.",
                                 show_size(vm.memory), show_size(memory_for_antler), show_size(whole)));
        description.refused.push_back(
            {vm.name, place,
             fmt::format("with the memory of `{}` the VMs have {}, which with {} for Antler do not fit into "
                         "the machine's {}.",
                         vm.name, show_size(sum + vm.memory - memory_for_antler),
                         show_size(memory_for_antler), show_size(whole))});
        return true;
    });
}

}  // namespace

void check_description(Description& description, Catalogue const& catalogue) {
    auto& machine = description.machine;
    if (machine.cpu.empty()) machine.cpu = machine.aia == "none" ? cpu_without_aia : cpu_with_aia;
    // A board that somebody puts together, or that is the same in every run, has nothing but what it was
    // given.
    bool const plain = !machine.icount && machine.qemu_args.empty() && machine.control != "none";
    if (!machine.spare_disks) machine.spare_disks = plain ? 2 : 0;
    repeat_vms(description);
    for (auto& vm : description.vms) {
        check_hidden(vm);
        find_payloads(description, vm, catalogue);
        for (auto& disk : vm.disks) {
            find_esp(description, disk, catalogue);
            find_contents(description, disk);
        }
        add_seed(description, vm);
    }
    check_devices(description);
    check_memory(description);
}

}  // namespace antler::cli
