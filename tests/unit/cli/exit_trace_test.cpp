// A log of instructions, cut into exits.
#include "cli/exit_trace.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace antler::cli {
namespace {

constexpr u64 image = 0x8020'0000;

void feed(ExitTrace& trace, unsigned hart, std::initializer_list<u64> offsets) {
    for (auto const offset : offsets)
        trace.line(
            fmt::format("Trace {}: 0x7f12 [00000000/{:016x}/00002003/ff000000] x", hart, image + offset));
}

TEST(ExitTrace, CutsWhereAnExitBegins) {
    ExitTrace trace{image, {.entry = 0x140}};
    feed(trace, 0, {0x10, 0x14});  // before the first exit
    feed(trace, 0, {0x140, 0x144, 0x148, 0x140, 0x200, 0x204, 0x140, 0x150, 0x140});
    EXPECT_EQ(trace.exits(), 3U);
    auto const shapes = trace.shapes();
    ASSERT_EQ(shapes.size(), 2U);
    EXPECT_EQ(shapes[0].times, 2U);  // both of three instructions
    EXPECT_EQ(shapes[0].path, (std::vector<u64>{0x140, 0x200, 0x204}));
    EXPECT_EQ(shapes[1].path, (std::vector<u64>{0x140, 0x150}));
}

TEST(ExitTrace, KeepsHartsApart) {
    ExitTrace trace{image, {.entry = 0x140}};
    feed(trace, 0, {0x140});
    feed(trace, 1, {0x140, 0x20});
    feed(trace, 0, {0x30, 0x34, 0x140});
    feed(trace, 1, {0x140});
    auto const shapes = trace.shapes();
    ASSERT_EQ(shapes.size(), 2U);
    EXPECT_EQ(shapes[0].path, (std::vector<u64>{0x140, 0x30, 0x34}));
    EXPECT_EQ(shapes[1].path, (std::vector<u64>{0x140, 0x20}));
}

TEST(ExitTrace, KnowsExitsByCallsFromOthers) {
    ExitTrace trace{image, {.entry = 0x140, .returns = {0x180}}};
    auto const interrupt = [&](u64 cause) {
        trace.line(
            fmt::format("riscv_cpu_do_interrupt: hart:1, async:1, cause:{:016x}, epc:0x0, tval:0x0, "
                        "desc=s_external",
                        cause));
    };
    interrupt(9);
    feed(trace, 1, {0x140, 0x144, 0x180});
    interrupt(5);  // a timer is nobody's call
    feed(trace, 1, {0x140, 0x180});
    feed(trace, 1, {0x140, 0x144, 0x148, 0x180, 0x140});
    interrupt(1);
    feed(trace, 1, {0x140, 0x144, 0x148, 0x14c, 0x180, 0x140});
    EXPECT_EQ(trace.calls(), (std::vector<usize>{3, 5}));
}

TEST(ExitTrace, KnowsAWorldSwitchFromAnotherExit) {
    ExitTrace trace{image, {.entry = 0x140, .returns = {0x1f0}, .switches = {0x180}}};
    auto const trap = [&](unsigned cause, u64 value) {
        trace.line(
            fmt::format("riscv_cpu_do_interrupt: hart:0, async:0, cause:{:016x}, epc:0x{:016x}, "
                        "tval:0x{:016x}, desc=virt_illegal_instruction",
                        cause, image, value));
    };
    constexpr unsigned virtual_instruction = 22, ecall = 10;
    constexpr u64 wfi = 0x1050'0073;
    trap(virtual_instruction, wfi);
    feed(trace, 0, {0x140, 0x180, 0x1f0, 0x144, 0x148});  // the guest's own instructions do not count
    trap(virtual_instruction, wfi);
    feed(trace, 0, {0x140, 0x144, 0x1f0});  // it runs on itself
    trap(ecall, 0);
    feed(trace, 0, {0x140, 0x180, 0x1f0});
    trap(virtual_instruction, wfi);
    feed(trace, 0, {0x140, 0x144, 0x180, 0x1f0});
    trap(ecall, 0);
    feed(trace, 0, {0x140});
    EXPECT_EQ(trace.world_switches(), (std::vector<usize>{3, 4}));
    EXPECT_EQ(trace.exits(), 4U);
}

TEST(ExitTrace, IgnoresWhatIsNoInstructionOfTheImage) {
    ExitTrace trace{image, {.entry = 0x140}};
    for (auto const* const line : {"", "Trace", "Trace x: 1", "Trace 0: 0x1 [1/zz/", "IN: main",
                                   "Trace 0: 0x1 [00000000/0000000000001000/0/0]"})
        trace.line(line);
    EXPECT_EQ(trace.exits(), 0U);
    EXPECT_TRUE(trace.shapes().empty());
}

}  // namespace
}  // namespace antler::cli
