// The runs, one after another as they are made.
#include "cli/bench_runs.hpp"

namespace antler::cli {

std::vector<Run> const& all_runs() {
    static std::vector<std::string_view> const alone{
        "sbi_base",     "set_timer", "set_timer_wfi", "timer_irq",         "ipi_self",
        "rfence_self",  "uart_read", "plic_read",     "first_touch_eager", "stimecmp_wfi",
        "stimecmp_irq", "wake_1ms",  "wake_1ms_max",  "fp_first",          "v_first"};
    // QEMU's firmware knows nothing of stolen time.
    static std::vector<std::string_view> const above = [] {
        auto rows = alone;
        rows.emplace_back("sta_set");
        return rows;
    }();
    static std::vector<std::string_view> const pair{"hart_start", "ipi_pingpong"};
    static std::vector<std::string_view> const pair_msi{"hart_start_msi", "ipi_pingpong_msi"};
    static std::vector<std::string_view> const own_aia{"msi_self_aia", "aplic_read"};
    static std::vector<std::string_view> const pair_aia{"ipi_aia", "hart_start_aia", "msi_self_aia",
                                                        "aplic_read"};
    static std::vector<Run> const runs{
        {"the bench guest on one hart", Where::native, {}, alone},
        {"the bench guest on two harts", Where::native, {.harts = 2}, pair},
        {"the bench guest on one hart with an IMSIC",
         Where::native,
         {.messages = true, .aia = true},
         own_aia},
        {"Linux", Where::native, {.linux_kernel = true}, {"linux_boot"}},
        {"the bench guest on one hart", Where::antler, {}, above},
        {"the bench guest on two harts", Where::antler, {.harts = 2}, pair},
        {"two vCPUs of the bench guest on one hart, each instruction written down",
         Where::antler,
         {.vcpus = 2, .traced = true},
         {"wake_beside"}},
        {"the bench guest on two harts with IMSICs", Where::antler, {.harts = 2, .messages = true}, pair_msi},
        {"the bench guest with AIA on two harts",
         Where::antler,
         {.harts = 2, .messages = true, .aia = true},
         pair_aia},
        {"the same with interrupt files in software",
         Where::antler,
         {.harts = 2, .messages = true, .aia = true, .no_files = true},
         {"ipi_soft_aia", "msi_self_soft_aia"}},
        {"the bench guest on a hart that does not tell instructions",
         Where::antler,
         {.doubts = true},
         {"uart_read_fetched"}},
        {"the bench guest with a balloon",
         Where::antler,
         {.balloon = true},
         {"split_2m", "balloon_page", "balloon_back"}},
        {"the bench guest with memory on demand",
         Where::antler,
         {.prefault = false},
         // One hart: where several take turns, the time that one measures passes for all.
         {"demand_2m", "interrupts_off"}},
        {"memory on demand, each instruction written down",
         Where::antler,
         {.prefault = false, .traced = true},
         {"demand_2m_rest"}},
        {"Linux", Where::antler, {.linux_kernel = true}, {"linux_boot"}},
        {"Linux, its exits counted", Where::antler, {.linux_kernel = true, .counted = true}, {"linux_exits"}},
        {"Linux with a virtio console, its exits counted",
         Where::antler,
         {.linux_kernel = true, .counted = true, .hvc = true},
         {"linux_exits_virtio"}},
        {"the same behind a PCI host bridge",
         Where::antler,
         {.linux_kernel = true, .counted = true, .hvc = true, .pci = true},
         {"linux_exits_virtio_pci"}},
        {"two guests on a switch", Where::antler, {.network = true}, {"net_64", "net_1500", "net_exits"}},
        {"a guest on a disk", Where::antler, {.disk = true}, {"block_4k", "block_4k_write"}},
        {"two VMs that take turns", Where::antler, {.pair = true}, {"world_switch_seen"}},
        {"two VMs that take turns and calculate",
         Where::antler,
         {.pair = true, .words = "fp"},
         {"world_switch_seen_fp"}},
        {"two VMs that take turns, each instruction written down",
         Where::antler,
         {.pair = true, .traced = true},
         {"world_switch"}},
        {"two VMs with AIA that take turns, each instruction written down",
         Where::antler,
         {.pair = true, .messages = true, .aia = true, .traced = true},
         {"world_switch_aia"}},
        {"two VMs that take turns and calculate, each instruction written down",
         Where::antler,
         {.pair = true, .words = "fp", .traced = true},
         {"world_switch_fp"}},
        {"two VMs that take turns and change vectors, each instruction written down",
         Where::antler,
         {.pair = true, .words = "v", .traced = true},
         {"world_switch_v"}},
        {"two VMs that take turns and are told of stolen time, each instruction written down",
         Where::antler,
         {.pair = true, .words = "sta", .traced = true},
         {"world_switch_sta"}},
        {"a device that interrupts another hart's guest, each instruction written down",
         Where::antler,
         {.harts = 2, .prefault = false, .traced = true, .injects = true},
         {"inject"}},
        {"the same with an interrupt file in software",
         Where::antler,
         {.harts = 2,
          .prefault = false,
          .messages = true,
          .aia = true,
          .traced = true,
          .injects = true,
          .no_files = true},
         {"inject_soft_aia"}},
        {"the same with an interrupt file of the hart",
         Where::antler,
         {.harts = 2, .prefault = false, .messages = true, .aia = true, .traced = true, .injects = true},
         {"inject_aia"}},
        {"a start on eight harts", Where::antler, {.harts = 8, .prefault = false}, {"start"}},
        {"a start on eight harts, memory zeroed first", Where::antler, {.harts = 8}, {"start_zeroed"}},
    };
    return runs;
}

}  // namespace antler::cli
