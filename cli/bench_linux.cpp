// Linux with a program of guests/linux as its first process.
#include "cli/bench_linux.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/units.hpp"
#include "cli/bench_data.hpp"
#include "cli/catalogue.hpp"
#include "cli/cpio.hpp"
#include "cli/failure.hpp"
#include "cli/initramfs.hpp"
#include "cli/qemu_session.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{20};  // the emulator inside the emulator, on a computer that is busy
constexpr std::string_view words_of_all = "console=ttyS0 quiet panic=-1";
constexpr u64 guest_memory = 256_MiB;
constexpr u64 scratch_bytes = 64_MiB;

// Which of the disks is which is told by what is on it.  Nobody says more than milliseconds.
// OpenSSL, which iperf3 is linked to, is not to look for vectors: under KVM in an emulator Linux dies of
// that.
constexpr std::string_view disk_script = R"script(#!/bin/sh
export OPENSSL_riscvcap=rv64gc
[ "$1" = marks ] || modprobe -q ext4
for disk in a b; do
    [ -e /dev/vd$disk ] || continue
    if mount -t ext4 -o ro,noload /dev/vd$disk /mnt 2>/dev/null; then
        mount -o bind /dev /mnt/dev
        mount -t proc proc /mnt/proc
        mount -t tmpfs tmp /mnt/tmp
    else
        export SCRATCH=/dev/vd$disk
    fi
done
case $1 in
marks) dmesg | sed -n 's!^\[ *\([0-9.]*\)\] !mark \1 !p' ;;
fio)
    for how in randread randwrite; do
        chroot /mnt /usr/bin/fio --name=disk --filename=$SCRATCH --rw=$how --bs=4k --size=8M --iodepth=8 \
            --ioengine=libaio --direct=1 --thread --randseed=1 --output-format=terse --terse-version=3 |
            awk -F ';' '/^3;/ { print "\nwork fio_" how " " ($9 + $50) * 10000 }' how=$how
    done
    ;;
iperf3-server)
    ip link set lo up
    ip link set eth0 up
    ip address add 10.9.0.1/24 dev eth0
    chroot /mnt /usr/bin/iperf3 -s
    ;;
iperf3)
    ip link set eth0 up
    ip address add 10.9.0.2/24 dev eth0
    for try in 1 2 3 4 5 6 7 8 9; do
        chroot /mnt /usr/bin/iperf3 -c 10.9.0.1 -n 64K >/dev/null 2>&1 && break
        sleep 1
    done
    chroot /mnt /usr/bin/iperf3 -J -c 10.9.0.1 -n 4M |
        awk '/sum_received/ { there = 1 }
            there && /"seconds"/ { gsub(/[^0-9.]/, "", $2); print "\nwork iperf3 " $2 * 10000000; exit }'
    ;;
esac
poweroff -f
)script";

}  // namespace

Path LinuxBoards::userland() {
    return cache_directory() / Catalogue::find_disk("debian:userland")->file;
}

bool LinuxBoards::has_userland() {
    return std::filesystem::is_regular_file(userland());
}

Path LinuxBoards::initramfs() const {
    auto const path = work_ / "programs.cpio";
    if (std::filesystem::exists(path)) return path;
    auto const programs = build_directory() / "target";
    auto archive = make_initramfs(
        {.packages = guest_packages(), .programs = {programs / "linux-work", programs / "linux-naps"}});
    CpioWriter more;
    more.add_file("bin/disk-work", as_bytes(disk_script), 0755);
    auto const behind = std::move(more).finish();
    // The kernel takes one archive behind another as one.
    archive.insert(archive.end(), behind.begin(), behind.end());
    write_file(path, archive);
    return path;
}

Path LinuxBoards::scratch() const {
    auto const path = work_ / "scratch.raw";
    if (std::filesystem::exists(path)) return path;
    write_file(path, Bytes{});
    std::filesystem::resize_file(path, scratch_bytes);
    return path;
}

QemuMachine LinuxBoards::natively(LinuxLoad const& load) const {
    auto const& guest = load.guests.back();
    QemuMachine board{.harts = load.harts,
                      .memory = guest_memory,
                      .cpu = default_cpu,
                      .icount = load.exact,
                      .kernel = BenchBoards::kernel(),
                      .initrd = initramfs(),
                      .cmdline = fmt::format("{} {}", words_of_all, guest.words)};
    if (guest.disks)
        board.drives = {{.serial = "userland", .file = userland(), .readonly = true},
                        {.serial = "scratch", .file = scratch()}};
    return board;
}

QemuMachine LinuxBoards::under_antler(LinuxLoad const& load) const {
    auto text = fmt::format("[machine]\nharts = {}\nmemory = \"1G\"\ncpu = \"{}\"\nicount = {}\n", load.harts,
                            default_cpu, load.exact);
    for (auto const& guest : load.guests)
        if (guest.network) {
            text += "[switch.lan]\n";
            break;
        }
    for (auto const& guest : load.guests) {
        text += fmt::format(
            "[vm.{}]\ncpus = {{ weight = {} }}\nmemory = {{ size = \"{}M\" }}\n"
            "payload = {{ kernel = \"{}\", initramfs = \"{}\", cmdline = '{} {}' }}\n",
            guest.name, guest.weight, guest_memory / 1_MiB, BenchBoards::kernel().string(),
            initramfs().string(), words_of_all, guest.words);
        if (load.ticks_exit) text += "policies = { hide = [\"sstc\"] }\n";
        if (guest.network) text += "net = [{ switch = \"lan\" }]\n";
        if (!guest.disks) continue;
        text += fmt::format("disks = [{{ path = \"{}\", readonly = true }}", userland().string());
        // One of them writes.
        if (&guest == &load.guests.back()) text += fmt::format(", {{ path = \"{}\" }}", scratch().string());
        text += "]\n";
    }
    return BenchBoards{work_}.described(text);
}

KvmGuests LinuxBoards::kvm_guests(LinuxLoad const& load, std::string_view before) const {
    KvmGuests guests{.files = {{"linux", BenchBoards::kernel()}, {"initramfs", initramfs()}}, .script = {}};
    auto& script = guests.script;
    auto const any_disk = load.guests.back().disks;
    if (any_disk) guests.open_disks(work_, 2);
    for (auto const& guest : load.guests) {
        bool const last = &guest == &load.guests.back();
        if (last && !before.empty()) script += fmt::format("{} ", before);
        script += fmt::format(
            "qemu-system-riscv64 -accel kvm -M virt -global virtio-mmio.force-legacy=false -nodefaults "
            "-display none -m {}M -smp 1 -no-reboot -kernel /guests/linux -initrd /guests/initramfs "
            "-append '{} {}' ",
            guest_memory / 1_MiB, words_of_all, guest.words);
        constexpr auto drive =
            "-drive if=none,id={0},format=raw,cache=none,aio=native,file=/dev/{0}{1} "
            "-device virtio-blk-device,drive={0} ";
        if (guest.disks)
            script += fmt::format(fmt::runtime(drive), "userland", ",readonly=on,file.locking=off");
        if (guest.disks && last) script += fmt::format(fmt::runtime(drive), "scratch", "");
        if (guest.network)
            script += fmt::format(
                "-netdev dgram,id=n,local.type=unix,local.path=/tmp/{0},remote.type=unix,remote.path=/tmp/{1}"
                " -device virtio-net-device,netdev=n,mac=52:54:00:00:00:0{2} ",
                last ? "b" : "a", last ? "a" : "b", last ? 2 : 1);
        script += last ? "-serial stdio </dev/null\n" : "-serial null </dev/null &\n";
    }
    return guests;
}

QemuMachine LinuxBoards::under_kvm(LinuxLoad const& load, std::string_view before) const {
    auto machine = KvmHost{work_}.machine({.harts = load.harts}, kvm_guests(load, before));
    machine.icount = load.exact;
    if (load.guests.back().disks)
        machine.drives = {{.serial = "userland", .file = userland(), .readonly = true},
                          {.serial = "scratch", .file = scratch()}};
    return machine;
}

QemuMachine LinuxBoards::on(std::string_view system, LinuxLoad load) const {
    load.ticks_exit = system == ours_with_ticks;
    return system == ours || load.ticks_exit ? under_antler(load)
           : system == native                ? natively(load)
                                             : under_kvm(load);
}

std::string LinuxBoards::run(QemuMachine const& machine, std::string_view until, std::string_view name) {
    auto transcript = run_and_record(machine, patience, until);
    if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
    auto console = std::move(transcript.console);
    auto const mark = fmt::format("[{}] ", name);
    for (auto at = console.find(mark); at != std::string::npos; at = console.find(mark, at))
        console.erase(at, mark.size());
    return console;
}

}  // namespace antler::cli
