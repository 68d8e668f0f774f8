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

}  // namespace
}  // namespace antler::cli
