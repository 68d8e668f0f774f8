// A Linux with KVM.
#include "cli/kvm_host.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <set>

#include "base/units.hpp"
#include "cli/catalogue.hpp"
#include "cli/child_process.hpp"
#include "cli/cpio.hpp"
#include "cli/failure.hpp"
#include "cli/kernel_modules.hpp"

namespace antler::cli {
namespace {

// Counted up whenever this file makes other bytes from the same packages.
constexpr u32 recipe = 1;

// Harts spin under -icount for whole turns of the others: a vCPU that waits gives its hart away at once.
constexpr std::string_view init_script = R"script(#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debugfs /sys/kernel/debug
insmod /lib/kvm.ko || echo "kvm: the module does not load"
echo 0 >/sys/module/kvm/parameters/halt_poll_ns
sh /guests/run
echo "kvm: over"
poweroff -f
)script";

constexpr std::array<std::string_view, 1> wanted_modules{"kvm"};

Path emulator() {
    return kvm_packages() / "usr/bin/qemu-system-riscv64";
}

void check_packages() {
    if (std::filesystem::is_regular_file(emulator())) return;
    throw Failure{ExitCode::internal,
                  "Debian's QEMU for riscv64 was not fetched; start through ./antler bench."};
}

Path library(std::string const& name) {
    return kvm_packages() / "usr/lib/riscv64-linux-gnu" / name;
}

// A program and all that it is linked to.
std::set<std::string> libraries_of(Path const& program) {
    std::set<std::string> known;
    std::vector<Path> open{program};
    while (!open.empty()) {
        auto const one = open.back();
        open.pop_back();
        auto const said = capture({find_program("llvm-readelf-19").string(), "--needed-libs", one.string()},
                                  std::chrono::seconds{30});
        if (!said.succeeded())
            throw Failure{ExitCode::internal, fmt::format("llvm-readelf-19 cannot read {}.", one.string())};
        for (auto const& name : needed_libraries(said.output))
            if (known.insert(name).second) open.push_back(library(name));
    }
    return known;
}

Bytes make_base() {
    CpioWriter archive;
    for (auto const* const folder : {"bin", "dev", "guests", "lib", "proc", "run", "sys", "tmp"})
        archive.add_folder(folder);
    archive.add_device("dev/console", 5, 1, 0600);
    archive.add_file("bin/busybox", read_file(guest_packages() / "usr/bin/busybox"), 0755);
    archive.add_file("bin/qemu-system-riscv64", read_file(emulator()), 0755);
    for (auto const& name : libraries_of(emulator()))
        archive.add_file("lib/" + name, read_file(library(name)), 0755);
    if (auto const folder = newest_modules(guest_packages()))
        for (auto const& module : collect_modules(*folder, wanted_modules))
            archive.add_file(fmt::format("lib/{}.ko", module.name), module.bytes);
    archive.add_file("init", as_bytes(init_script), 0755);
    return std::move(archive).finish();
}

std::string first_line(Path const& file) {
    auto const bytes = read_file(file);
    auto const text = as_text(bytes);
    return std::string{text.substr(0, text.find('\n'))};
}

}  // namespace

Path kvm_packages() {
    return cache_directory() / "kvm" / "root";
}

std::vector<std::string> needed_libraries(std::string_view printed) {
    std::vector<std::string> names;
    while (!printed.empty()) {
        auto const end = printed.find('\n');
        auto line = printed.substr(0, end);
        printed = end == std::string_view::npos ? std::string_view{} : printed.substr(end + 1);
        if (!line.starts_with("  ")) continue;
        line.remove_prefix(line.find_first_not_of(' ') == std::string_view::npos
                               ? line.size()
                               : line.find_first_not_of(' '));
        if (!line.empty()) names.emplace_back(line);
    }
    return names;
}

void KvmGuests::open_disks(Path const& work, unsigned count) {
    constexpr std::array<std::string_view, 2> drivers{"virtio_mmio", "virtio_blk"};
    for (auto const& module : collect_modules(newest_modules(guest_packages()).value(), drivers)) {
        auto const file = work / fmt::format("{}.ko", module.name);
        write_file(file, module.bytes);
        files.emplace_back(module.name + ".ko", file);
        script += fmt::format("insmod /guests/{}.ko\n", module.name);
    }
    auto const letters = std::string_view{"abcdefgh"}.substr(0, count);
    script += fmt::format(
        "for try in 1 2 3 4 5 6 7 8 9; do [ -e /dev/vd{} ] && break; sleep 1; done\n"
        "for disk in {}; do\n"
        "    read -r serial </sys/block/vd$disk/serial\n"
        "    ln -s vd$disk /dev/$serial\n"
        "done\n",
        letters.back(), fmt::join(letters, " "));
}

std::string KvmHost::kernel() {
    auto const modules = newest_modules(guest_packages());
    return modules ? modules->filename().string() : std::string{};
}

std::string KvmHost::qemu() {
    return first_line(kvm_packages().parent_path() / "qemu");
}

double KvmHost::program_bytes() {
    check_packages();
    auto sum = static_cast<double>(std::filesystem::file_size(emulator()));
    for (auto const& name : libraries_of(emulator()))
        sum += static_cast<double>(std::filesystem::file_size(library(name)));
    if (auto const folder = newest_modules(guest_packages()))
        for (auto const& module : collect_modules(*folder, wanted_modules))
            sum += static_cast<double>(module.bytes.size());
    return sum;
}

// Kept under the versions of what is in it.
Path KvmHost::base() {
    check_packages();
    auto const folder = cache_directory() / "made";
    auto file = folder / fmt::format("kvm-{}-{}-{}.cpio", recipe, kernel(), qemu());
    if (std::filesystem::is_regular_file(file)) return file;
    std::filesystem::create_directories(folder);
    write_file(file, make_base());
    return file;
}

QemuMachine KvmHost::machine(Shape const& shape, KvmGuests const& guests) const {
    CpioWriter archive;
    archive.add_folder("guests");
    for (auto const& [name, file] : guests.files) archive.add_file("guests/" + name, read_file(file));
    archive.add_file("guests/run", as_bytes(guests.script));
    // The kernel takes one archive behind another as one.
    auto const initrd = work_ / "kvm.cpio";
    AtomicFile whole{initrd};
    whole.write(read_file(base()));
    whole.write(std::move(archive).finish());
    whole.commit();
    auto const linux_image = Catalogue{guest_packages()}.resolve("boot/vmlinux-*");
    if (!linux_image)
        throw Failure{ExitCode::internal, "Debian's riscv64 kernel was not fetched; start through ./antler."};
    return {.harts = shape.harts,
            .memory = 2_GiB,
            .cpu = shape.aia ? fmt::format("{},smaia=on,ssaia=on", default_cpu) : default_cpu,
            .aia = shape.aia ? "aplic-imsic" : "",
            .icount = true,
            .seed = shape.seed,
            .kernel = *linux_image,
            .initrd = initrd,
            .cmdline = "console=ttyS0 quiet"};
}

}  // namespace antler::cli
