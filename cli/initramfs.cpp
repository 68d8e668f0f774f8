// Makes the initramfs `busybox`: a shell, and the kernel modules that a VM needs.
#include "cli/initramfs.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

#include "cli/applets.hpp"
#include "cli/cpio.hpp"
#include "cli/failure.hpp"
#include "cli/kernel_modules.hpp"

namespace antler::cli {

namespace {

// Counted up whenever this file makes other bytes from the same packages.
constexpr u32 recipe = 3;

// virtio_pci, virtio_console and the serial port are built into Debian's kernel.
constexpr std::array<std::string_view, 11> wanted_modules{
    "virtio_mmio",
    "virtio_blk",
    "virtio_net",
    "nvme",
    "virtio_balloon",
    "virtio_rng",
    "vmw_vsock_virtio_transport",
    "crc32c_generic",  // ext4 asks for it by an alias only
    "ext4",
    "sunxi_wdt",  // the watchdog
    "efivarfs"};

// Boots are counted by the instruction, and a process costs ten million: what the shell can do itself, it
// does.
constexpr std::string_view init_script = R"script(#!/bin/sh
export PATH=/bin
mount -a

read -r name </proc/sys/kernel/hostname
[ "$name" = "(none)" ] && echo antler >/proc/sys/kernel/hostname

# Modules for what is there, if they belong to this kernel.
read -r release </proc/sys/kernel/osrelease
if [ -d "/lib/modules/$release" ]; then
    for device in /sys/bus/platform/devices/*.virtio_mmio; do
        [ -e "$device" ] && modprobe -q virtio_mmio
        break
    done
    aliases=
    for file in /sys/bus/virtio/devices/*/modalias /sys/bus/pci/devices/*/modalias; do
        [ -e "$file" ] && read -r alias <"$file" && aliases="$aliases $alias"
    done
    [ -n "$aliases" ] && modprobe -a -q $aliases
fi

# antler.run="command" on the kernel's command line
read -r line </proc/cmdline
case $line in
*antler.run=*)
    run=${line#*antler.run=}
    case $run in
    \"*) run=${run#\"} run=${run%%\"*} ;;
    *) run=${run%% *} ;;
    esac
    sh -c "$run"
    ;;
esac

# root=DEVICE, and perhaps init=PROGRAM: the system on that disk goes on from here.
case " $line" in
*" root="*)
    root=${line#*root=} root=${root%% *} first=/sbin/init
    case " $line" in *" init="*) first=${line#*init=} first=${first%% *} ;; esac
    modprobe -q ext4
    if mount -t ext4 "$root" /mnt; then
        mount -o move /dev /mnt/dev
        umount /proc /sys
        exec switch_root /mnt "$first"
    fi
    ;;
esac

# A shell on the console, under its own name, because /dev/console controls no jobs.
read -r consoles </sys/class/tty/console/active
echo "${consoles##* }::respawn:-/bin/sh" >/etc/inittab
exec init
)script";

constexpr std::string_view fstab =
    "dev /dev devtmpfs defaults 0 0\n"
    "proc /proc proc defaults 0 0\n"
    "sys /sys sysfs defaults 0 0\n";

constexpr std::string_view profile = R"script(export PATH=/bin HOME=/root TERM=vt100 PS1='\h:\w\$ '
cd
)script";

constexpr std::string_view passwd = "root::0:0:root:/root:/bin/sh\n";
constexpr std::string_view group = "root:x:0:\n";

Path busybox_in(Path const& packages) {
    for (auto const* const place : {"usr/bin/busybox", "bin/busybox"}) {
        std::error_code error;
        if (std::filesystem::is_regular_file(packages / place, error)) return packages / place;
    }
    throw Failure{
        ExitCode::internal,
        fmt::format("busybox is not in {} yet; the launcher ./antler fetches it.", packages.string())};
}

std::string name_of(Path const& program) {
    constexpr std::string_view before = "linux-";
    return program.filename().string().substr(before.size());
}

void add_modules(CpioWriter& archive, Path const& folder) {
    auto const modules = collect_modules(folder, wanted_modules);
    auto const place = fmt::format("lib/modules/{}", folder.filename().string());
    archive.add_folder("lib");
    archive.add_folder("lib/modules");
    archive.add_folder(place);
    for (auto const& module : modules)
        archive.add_file(fmt::format("{}/{}.ko", place, module.name), module.bytes);
    archive.add_file(place + "/modules.dep", as_bytes(dependency_file(modules)));
    archive.add_file(place + "/modules.alias", as_bytes(alias_file(modules)));
}

// FNV-1a: tells versions apart, nothing more.
class Digest {
public:
    void add(ByteView bytes) {
        for (auto const byte : bytes) value_ = (value_ ^ byte) * 0x100'0000'01b3;
        value_ = (value_ ^ bytes.size()) * 0x100'0000'01b3;
    }
    void add(std::string_view text) { add(as_bytes(text)); }
    [[nodiscard]] u64 value() const { return value_; }

private:
    u64 value_ = 0xcbf2'9ce4'8422'2325;
};

}  // namespace

Bytes make_initramfs(InitramfsParts const& parts) {
    auto const busybox = read_file(busybox_in(parts.packages));
    auto const applets = find_applets(busybox);
    if (applets.empty())
        throw Failure{ExitCode::internal,
                      fmt::format("{}: this is not a busybox whose commands can be found.",
                                  busybox_in(parts.packages).string())};
    CpioWriter archive;
    for (auto const* const folder : {"bin", "dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "usr"})
        archive.add_folder(folder, std::string_view{folder} == "tmp" ? 01777 : 0755);
    archive.add_link("sbin", "bin");
    archive.add_link("usr/bin", "../bin");
    archive.add_link("usr/sbin", "../bin");
    archive.add_device("dev/console", 5, 1, 0600);
    archive.add_file("etc/fstab", as_bytes(fstab));
    archive.add_file("etc/group", as_bytes(group));
    archive.add_file("etc/passwd", as_bytes(passwd));
    archive.add_file("etc/profile", as_bytes(profile));
    archive.add_file("bin/busybox", busybox, 0755);
    for (auto const applet : applets)
        if (applet != "busybox") archive.add_link(fmt::format("bin/{}", applet), "busybox");
    for (auto const& program : parts.programs)
        archive.add_file("bin/" + name_of(program), read_file(program), 0755);
    if (auto const folder = newest_modules(parts.packages)) add_modules(archive, *folder);
    archive.add_file("init", as_bytes(init_script), 0755);
    // Not compressed: unpacking costs the guest instructions at every boot, and the file travels nowhere.
    return std::move(archive).finish();
}

Path cached_initramfs(InitramfsParts const& parts, Path const& directory) {
    auto const modules = newest_modules(parts.packages);
    Digest key;
    for (auto const text : {init_script, fstab, group, passwd, profile}) key.add(text);
    key.add(std::to_string(recipe));
    key.add(read_file(busybox_in(parts.packages)));
    for (auto const& program : parts.programs) {
        key.add(name_of(program));
        key.add(read_file(program));
    }
    if (modules) {  // a release of a kernel names its modules; another build of it has another date
        key.add(modules->filename().string());
        key.add(std::to_string(std::filesystem::last_write_time(*modules).time_since_epoch().count()));
    }
    auto const file = directory / fmt::format("busybox-{:016x}.cpio", key.value());
    if (std::filesystem::is_regular_file(file)) return file;

    std::error_code error;
    std::filesystem::create_directories(directory, error);
    write_file(file, make_initramfs(parts));
    return file;
}

Path busybox_initramfs(Path const& packages) {
    InitramfsParts parts{.packages = packages};
    for (auto const* const name : {"linux-marker", "linux-vsock"})
        if (auto const program = build_directory() / "target" / name;
            std::filesystem::is_regular_file(program))
            parts.programs.push_back(program);
    return cached_initramfs(parts, cache_directory() / "made");
}

}  // namespace antler::cli
