// The Linux with KVM: what is put into it, and what it runs.
#include "cli/kvm_host.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/bench_data.hpp"
#include "cli/bench_kvm.hpp"

namespace antler::cli {
namespace {

TEST(Libraries, AreThoseThatAProgramNeeds) {
    EXPECT_EQ(needed_libraries("NeededLibraries [\n  ld-linux-riscv64-lp64d.so.1\n  libaio.so.1t64\n]\n"),
              (std::vector<std::string>{"ld-linux-riscv64-lp64d.so.1", "libaio.so.1t64"}));
    EXPECT_TRUE(needed_libraries("NeededLibraries [\n]\n").empty());
    EXPECT_TRUE(needed_libraries("").empty());
}

TEST(KvmRuns, AreBelievedAboutRowsOfTheTable) {
    for (auto const& run : kvm_runs())
        for (auto const row : run.rows)
            EXPECT_TRUE(std::ranges::any_of(bench_rows(), [&](auto const& known) {
                return known.name == row;
            })) << row;
}

TEST(KvmRuns, NameRowsAsAntlersAreWhereHartsHaveInterruptFiles) {
    EXPECT_EQ(kvm_row("ipi"), "ipi_aia");
    EXPECT_EQ(kvm_row("hart_start"), "hart_start_msi");
    EXPECT_EQ(kvm_row("sbi_base"), "sbi_base");
}

TEST(KvmBoots, AreToldApartByTheirConsolesAndTheLeastCounts) {
    auto const figures = kvm_boot_figures(
        "entry 100\r\nlinux marker 10300\nlinux exits 26000\r\nlinux marker 10200\nlinux exits 26314\n"
        "virtio marker 1\nvirtio exits 700\npci exits 900\n",
        "kvm");
    EXPECT_EQ(figures, (Figures{{"linux_boot", "kvm", 10100 * 100},
                                {"linux_exits", "kvm", 26000},
                                {"linux_exits_virtio", "kvm", 700},
                                {"linux_exits_virtio_pci", "kvm", 900}}));
}

TEST(KvmBoots, HaveNoLengthWithoutTheirBegin) {
    EXPECT_EQ(kvm_boot_figures("linux marker 10300\nvirtio exits 700\n", "kvm"),
              (Figures{{"linux_exits_virtio", "kvm", 700}}));
    EXPECT_TRUE(kvm_boot_figures("kvm: over\n", "kvm").empty());
}

}  // namespace
}  // namespace antler::cli
