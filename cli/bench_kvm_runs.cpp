// What runs under KVM, and the scripts that start it in the Linux there.

#include "cli/bench_kvm.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "cli/bench_measure.hpp"

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
constexpr std::string_view boot_function =
    "boot() {\n"
    "    name=$1 kernel=$2 words=$3\n"
    "    shift 3\n"
    "    qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m 512M -smp ${harts:-1} "
    "-no-shutdown "
    "-initrd /guests/initramfs -append \"$words\" -kernel /guests/$kernel \"$@\" </dev/null |\n"
    "    while read -r line; do\n"
    "        echo \"$name $line\"\n"
    "        case $line in\n"
    "        marker*) read -r count </sys/kernel/debug/kvm/exits && echo \"$name exits $count\" ;;\n"
    "        esac\n"
    "        case $line in marker* | [0-9]*) killall qemu-system-riscv64 ;; esac\n"
    "    done\n"
    "}\n"
    "serial='console=ttyS0 quiet rdinit=/bin/marker'\n";

constexpr std::string_view linux_boots =
    "boot entry entry \"$serial\" -serial stdio\n"
    // The driver of this transport is a module, so the program comes behind a shell that loads it.
    "boot virtio linux 'console=hvc0 quiet antler.run=/bin/marker' -global virtio-mmio.force-legacy=false "
    "-device virtio-serial-device -chardev stdio,id=c -device virtconsole,chardev=c\n"
    "boot pci linux 'console=hvc0 quiet rdinit=/bin/marker' "
    "-device virtio-serial-pci -chardev stdio,id=c -device virtconsole,chardev=c\n"
    "for round in 1 2 3; do boot linux linux \"$serial\" -serial stdio; done\n";

}  // namespace

std::string_view kvm_boot_function() {
    return boot_function;
}

std::vector<KvmRun> const& kvm_runs() {
    static auto const linux_guest = std::string{boot_function} + std::string{linux_boots};
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
        {"Linux",
         "kvm",
         1,
         false,
         linux_guest,
         {},
         true,
         {"linux_boot", "linux_exits", "linux_exits_virtio", "linux_exits_virtio_pci"}},
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

Figures kvm_boot_figures(std::string_view console, std::string_view system) {
    Figures figures;
    auto const entered = least_after(console, "entry "), marked = least_after(console, "linux marker ");
    if (entered && marked)
        figures.push_back({"linux_boot", std::string{system}, (*marked - *entered) * instructions_per_tick});
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> counts{
        {{"linux exits ", "linux_exits"},
         {"virtio exits ", "linux_exits_virtio"},
         {"pci exits ", "linux_exits_virtio_pci"}}};
    for (auto const& [mark, row] : counts)
        if (auto const exits = least_after(console, mark))
            figures.push_back({std::string{row}, std::string{system}, *exits});
    return figures;
}

}  // namespace antler::cli
