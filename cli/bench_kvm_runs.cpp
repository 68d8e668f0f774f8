// What runs under KVM, and the scripts that start it in the Linux there.

#include "cli/bench_kvm.hpp"

#include <fmt/format.h>

namespace antler::cli {
namespace {

constexpr std::string_view one_guest =
    "qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m 512M -smp 1 "
    "-kernel /guests/bench -serial stdio </dev/null\n";
constexpr std::string_view two_harts =
    "qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m 512M -smp 2 "
    "-kernel /guests/bench -serial stdio </dev/null\n";
constexpr std::string_view two_harts_aia =
    "qemu-system-riscv64 -accel kvm -M virt,aia=aplic-imsic -nodefaults -display none -m 512M -smp 2 "
    "-kernel /guests/bench -serial stdio </dev/null\n";
constexpr std::string_view one_guest_aia =
    "qemu-system-riscv64 -accel kvm -M virt,aia=aplic-imsic -nodefaults -display none -m 512M -smp 1 "
    "-kernel /guests/bench -serial stdio </dev/null\n";
constexpr std::string_view one_guest_balloon =
    "qemu-system-riscv64 -accel kvm -M virt -global virtio-mmio.force-legacy=false -nodefaults "
    "-display none -m 512M -smp 1 -kernel /guests/bench -append balloon -device virtio-balloon-device "
    "-serial stdio </dev/null\n";
constexpr std::string_view one_guest_huge =
    "mkdir /tmp/huge && mount -t hugetlbfs huge /tmp/huge && echo 264 >/proc/sys/vm/nr_hugepages\n"
    "qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m 512M -smp 1 "
    "-mem-prealloc -mem-path /tmp/huge -kernel /guests/bench -serial stdio </dev/null\n";
constexpr std::string_view devices =
    "q='qemu-system-riscv64 -accel kvm -M virt -global virtio-mmio.force-legacy=false -nodefaults "
    "-display none -m 64M -smp 1'\n"
    "truncate -s 8M /tmp/disk\n"
    "$q -kernel /guests/block -append measure -drive if=none,id=d,file=/tmp/disk,format=raw,cache=unsafe "
    "-device virtio-blk-device,drive=d -serial stdio </dev/null\n"
    "wire() {\n"
    "    echo -netdev dgram,id=n,local.type=unix,local.path=/tmp/$1,remote.type=unix,remote.path=/tmp/$2 "
    "-device virtio-net-device,netdev=n\n"
    "}\n"
    "$q -kernel /guests/net -append self=1 $(wire a b) -serial null </dev/null &\n"
    "$q -kernel /guests/net -append 'self=2 peer=1 measure' $(wire b a) -serial stdio </dev/null\n";

// The guest's clock starts when QEMU makes the VM, so a program as large as the kernel says when it is
// entered. QEMU stays when the guest is over, for its kernel counts the exits only of VMs that live.
constexpr std::string_view linux_guest =
    "boot() {\n"
    "    qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m 512M -smp 1 $memory "
    "-no-shutdown "
    "-initrd /guests/initramfs -append 'console=ttyS0 quiet rdinit=/bin/marker' "
    "-kernel /guests/$1 -serial stdio </dev/null |\n"
    "    while read -r line; do\n"
    "        echo \"$1 $line\"\n"
    "        case $line in\n"
    "        marker*) read -r count </sys/kernel/debug/kvm/exits && echo \"exits $count\" ;;\n"
    "        esac\n"
    "        case $line in marker* | [0-9]*) killall qemu-system-riscv64 ;; esac\n"
    "    done\n"
    "}\n"
    "boot entry\nboot linux\nboot linux\nboot linux\n";

}  // namespace

std::vector<KvmRun> const& kvm_runs() {
    static std::vector<std::string_view> const alone{
        "sbi_base",     "set_timer", "set_timer_wfi", "timer_irq",         "ipi_self",
        "rfence_self",  "uart_read", "plic_read",     "first_touch_eager", "demand_2m",
        "stimecmp_wfi", "wake_1ms",  "stimecmp_irq",  "wake_1ms_max",      "fp_first",
        "v_first",      "sta_set",   "aplic_read",    "msi_self_aia"};
    static std::vector<KvmRun> const runs{
        {"the bench guest on one hart", "kvm", 1, false, one_guest, {"bench"}, false, alone},
        {"guests with virtio devices of QEMU",
         "kvm",
         1,
         false,
         devices,
         {"block", "net"},
         false,
         {"net_64", "net_1500", "block_4k", "block_4k_write"}},
        {"the bench guest with a balloon",
         "kvm",
         1,
         false,
         one_guest_balloon,
         {"bench"},
         false,
         {"balloon_page", "balloon_back"}},
        {"the bench guest on two harts",
         "kvm",
         2,
         false,
         two_harts,
         {"bench"},
         false,
         {"hart_start", "ipi_pingpong"}},
        {"the bench guest with large pages of its host",
         "kvm_huge",
         1,
         false,
         one_guest_huge,
         {"bench"},
         false,
         {"first_touch_eager", "demand_2m"}},
        {"Linux", "kvm", 1, false, linux_guest, {}, true, {"linux_boot", "linux_exits"}},
        {"the bench guest with AIA on one hart", "kvm_aia", 1, true, one_guest_aia, {"bench"}, false, alone},
        {"the bench guest with AIA on two harts",
         "kvm_aia",
         2,
         true,
         two_harts_aia,
         {"bench"},
         false,
         {"hart_start_msi", "ipi_pingpong_msi", "ipi_aia"}},
    };
    return runs;
}

std::string kvm_row(std::string_view guests_name) {
    // What the rows of Antler are called where harts have interrupt files.
    if (guests_name == "hart_start" || guests_name == "ipi_pingpong")
        return fmt::format("{}_msi", guests_name);
    if (guests_name == "ipi" || guests_name == "msi_self") return fmt::format("{}_aia", guests_name);
    return std::string{guests_name};
}

}  // namespace antler::cli
