// Exits of a boot, told by QEMU's log.
#include "cli/bench_exits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace antler::cli {
namespace {

constexpr u64 program = 0x11196;

void enter(ExitCount& count, std::string const& scause, std::string const& rest = {},
           std::string const& sscratch = "0000000080300000") {
    count.line("riscv_cpu_do_interrupt: hart:0, async:0, cause:" + scause + ", epc:0x0000000080000000");
    count.line("Trace 0: 0x7fd2cc309580 [00000000/0000000080200140/8242c079/ff022000] ");
    count.line(" V      =   0");
    count.line(" scause   " + scause);
    count.line(" sscratch " + sscratch);
    if (!rest.empty()) count.line(rest);
}

TEST(BenchExits, AreToldByCauseAndPlaceUntilTheProgramCalls) {
    ExitCount count{program};
    enter(count, "000000000000000a");
    enter(count, "000000000000000a");
    enter(count, "0000000000000017", " htval    0000000003000801");  // 0xc002004
    enter(count, "0000000000000015", " htval    0000000004000001");  // 0x10000004
    enter(count, "0000000000000016", " stval    0000000010500073");
    enter(count, "8000000000000005");
    enter(count, "0000000000000002", {}, "0000000000000000");  // the hypervisor's own
    count.line(
        "riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000008, epc:0x00000000000db83a, tval:0");
    EXPECT_FALSE(count.ended());
    count.line(
        "riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000008, epc:0x0000000000011240, tval:0");
    EXPECT_TRUE(count.ended());
    enter(count, "000000000000000a");
    count.finish();
    EXPECT_EQ(count.all(), 6U);
    EXPECT_EQ(count.by_reason(),
              (std::map<std::string_view, u64>{
                  {"sbi", 2}, {"plic_enable", 1}, {"serial", 1}, {"wait", 1}, {"interrupt", 1}}));
}

TEST(BenchExits, OfBootsStandBesideOneAnother) {
    EXPECT_TRUE(exits_section({}).empty());
    auto const page = exits_section({{"linux_exits", "antler", 30},
                                     {row_of_reason("linux_exits", "sbi"), "antler", 22},
                                     {"linux_exits_virtio", "antler", 77},
                                     {row_of_reason("linux_exits_virtio", "virtio"), "antler", 77}});
    EXPECT_TRUE(page.contains("each extension that there may be | 22 | | |\n")) << page;
    EXPECT_TRUE(page.contains("| virtio devices | | 77 | |\n")) << page;
    EXPECT_TRUE(page.contains("| all | 30 | 77 | |\n")) << page;
}

}  // namespace
}  // namespace antler::cli
