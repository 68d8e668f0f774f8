// The boards that a load is measured on.
#include "cli/bench_boards.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "cli/bench_entry.hpp"
#include "cli/catalogue.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/initramfs.hpp"
#include "cli/machine_build.hpp"
#include "cli/run_command.hpp"

namespace antler::cli {
namespace {

// virtio_mmio is a module of Debian's kernel; the driver of PCI is not.
constexpr std::string_view hvc_words = "console=hvc0 quiet antler.run=/bin/marker",
                           hvc_pci_words = "console=hvc0 quiet rdinit=/bin/marker";

std::string_view words_of_linux(Load const& load) {
    if (!load.hvc) return bench_cmdline;
    return load.pci ? hvc_pci_words : hvc_words;
}

std::string processor(Load const& load) {
    if (!load.messages) return fmt::format("cpu = \"{}\"\n", default_cpu);
    std::string text = "aia = \"aplic-imsic\"\n";
    if (load.no_files) text += "qemu_args = [\"-M\", \"aia-guests=0\"]\n";
    return text;
}
std::string_view controller(Load const& load) {
    return load.aia ? "interrupts = \"aia\"\n" : "interrupts = \"plic\"\n";
}

std::string_view devices_of(Load const& load) {
    if (load.hvc)
        return load.pci ? "bus = \"pci\"\nconsoles = 1\nrng = false\n" : "consoles = 1\nrng = false\n";
    return load.balloon ? "balloon = {}\n" : "";
}

// Both on one hart, and one of them talks.
std::string pair_description(Load const& load) {
    return fmt::format(
        "[machine]\nharts = 1\nmemory = \"{0}M\"\n{1}icount = true\n"
        "[vm.ask]\n{4}memory = {{ size = \"16M\" }}\npayload = {{ kernel = \"{2}\", cmdline = \"talks "
        "{3}\" "
        "}}\n"
        "[vm.answer]\n{4}memory = {{ size = \"16M\" }}\n"
        "payload = {{ kernel = \"{2}\", cmdline = \"listens {3}\" }}\n",
        bench_board_memory / 1_MiB, processor(load), guest_elf("pingpong").string(), load.words,
        controller(load));
}

std::string row_word(Load const& load) {
    return (load.row.empty() ? "" : " row=" + load.row) + (load.words.empty() ? "" : " " + load.words);
}

// One guest answers what the other asks; both are on the same hart, so that all time is somebody's.
std::string network_description(Load const& load) {
    return fmt::format(
        "[machine]\nharts = 1\nmemory = \"{0}M\"\ncpu = \"{1}\"\nicount = true\n[switch.lan]\n"
        "[vm.answer]\nmemory = {{ size = \"64M\" }}\nnet = [{{ switch = \"lan\" }}]\n"
        "payload = {{ kernel = \"{2}\", cmdline = \"self=1\" }}\n"
        "[vm.ask]\nmemory = {{ size = \"64M\" }}\nnet = [{{ switch = \"lan\" }}]\n"
        "payload = {{ kernel = \"{2}\", cmdline = \"self=2 peer=1 measure{3}\" }}\n",
        bench_board_memory / 1_MiB, default_cpu, guest_elf("net").string(), row_word(load));
}

QemuMachine bare(Load const& load) {
    return {.harts = load.harts,
            .memory = bench_guest_memory,
            .cpu = load.messages ? fmt::format("{},smaia=on,ssaia=on", default_cpu) : default_cpu,
            .aia = load.messages ? "aplic-imsic" : "",
            .icount = true,
            .seed = load.seed};
}

}  // namespace

Path BenchBoards::kernel() {
    auto const found = Catalogue{guest_packages()}.resolve("boot/vmlinux-*");
    if (!found)
        throw Failure{ExitCode::internal, "Debian's riscv64 kernel was not fetched; start through ./antler."};
    return *found;
}

Path BenchBoards::initramfs() const {
    auto const path = work_ / "marker.cpio";
    if (std::filesystem::exists(path)) return path;
    write_file(path, make_initramfs({.packages = guest_packages(), .programs = {marker()}}));
    return path;
}

Path BenchBoards::marker() {
    return build_directory() / "target" / "linux-marker";
}

QemuMachine BenchBoards::natively(Load const& load) const {
    auto board = bare(load);
    board.kernel = load.linux_kernel ? kernel() : guest_elf("bench");
    if (load.linux_kernel) {
        board.initrd = initramfs();
        board.cmdline = bench_cmdline;
    }
    return board;
}

QemuMachine BenchBoards::entry(u32 harts) const {
    auto const program = work_ / "entry.bin";
    write_file(program, as_bytes(entry_program()));
    auto board = bare({.harts = harts});
    board.kernel = program;
    board.initrd = initramfs();  // the same device tree for the firmware to look at
    board.cmdline = bench_cmdline;
    return board;
}

Path BenchBoards::padded_entry() const {
    auto program = entry_program();
    program.resize(std::filesystem::file_size(kernel()));
    auto const file = work_ / "padded-entry.bin";
    write_file(file, as_bytes(program));
    return file;
}

// Requests go into the guest's memory: there is nothing to copy.
std::string BenchBoards::disk_description(Load const& load) const {
    return fmt::format(
        "[machine]\nharts = 1\nmemory = \"{0}M\"\ncpu = \"{1}\"\nicount = true\n"
        "[vm.bench]\nmemory = {{ size = \"64M\" }}\n"
        "payload = {{ kernel = \"{2}\", cmdline = \"measure{4}\" }}\n"
        "disks = [{{ path = \"{3}\", size = \"8M\" }}]\n",
        bench_board_memory / 1_MiB, default_cpu, guest_elf("block").string(),
        (work_ / "bench-disk.raw").string(), row_word(load));
}

// A PLIC for plic_read; and the rows with IMSICs are what the hypervisor makes of them.
std::string BenchBoards::one_guest(Load const& load) const {
    auto const kernel_path = load.linux_kernel ? kernel() : guest_elf("bench");
    auto payload = fmt::format("kernel = \"{}\"", kernel_path.string());
    if (load.linux_kernel)
        payload +=
            fmt::format(", initramfs = \"{}\", cmdline = \"{}\"", initramfs().string(), words_of_linux(load));
    if (load.injects)
        payload += ", cmdline = \"inject\"";
    else if (load.balloon)
        payload += fmt::format(", cmdline = \"balloon{}\"", row_word(load));
    else if (!load.row.empty())
        payload += fmt::format(", cmdline = \"{}\"", row_word(load));
    return fmt::format(
        "[machine]\nharts = {0}\nmemory = \"{1}M\"\n{2}icount = true\n"
        "[hypervisor]\nlog = \"debug\"\n{8}"
        "[vm.bench]\n{6}{9}cpus = {{ boot_vcpus = {7} }}\nmemory = {{ size = \"{3}M\", "
        "prefault = {4} }}\n"
        "payload = {{ {5} }}\n",
        load.harts, bench_board_memory / 1_MiB, processor(load), bench_guest_memory / 1_MiB, load.prefault,
        payload, controller(load), load.vcpus == 0 ? load.harts : load.vcpus,
        load.doubts ? "ignore = [\"htinst\"]\n" : "", devices_of(load));
}

QemuMachine BenchBoards::described(std::string const& text, u32 seed) const {
    auto const description = parse_description(text, work_ / "bench.toml", Catalogue{guest_packages()});
    auto const built = build_machine(description, work_);
    auto board = qemu_machine(description.machine);
    board.seed = seed;
    board.kernel = built.image;
    board.initrd = built.pack;
    for (auto const& vm : description.vms)
        for (auto const& disk : vm.disks)
            if (!std::filesystem::exists(disk.file)) write_file(disk.file, std::vector<u8>(8_MiB));
    add_board_devices(board, description);
    return board;
}

QemuMachine BenchBoards::under_antler(Load const& load) const {
    return described(load.network ? network_description(load)
                     : load.disk  ? disk_description(load)
                     : load.pair  ? pair_description(load)
                                  : one_guest(load),
                     load.seed);
}

}  // namespace antler::cli
