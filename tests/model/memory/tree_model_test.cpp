// Page-table trees do what a map of intervals does, in every scheme, and give everything back.
#include <gtest/gtest.h>

#include "tests/fake/memory_program.hpp"

namespace antler::fake {
namespace {

template <isa::Xlen X>
void run(isa::Scheme scheme, bool napot, u64 seeds, u64 steps) {
    for (u64 seed = 1; seed <= seeds; ++seed) {
        SCOPED_TRACE(seed);
        RandomChoices choices{seed};
        TreeProgram<X> program{scheme, napot, choices};
        program.run(steps);
        program.finish();
    }
}

TEST(TreeModel, Sv39x4WithGroups) {
    run<isa::Xlen::rv64>(isa::sv39x4, true, 8, 1500);
}
TEST(TreeModel, Sv39x4WithoutGroups) {
    run<isa::Xlen::rv64>(isa::sv39x4, false, 4, 1500);
}
TEST(TreeModel, Sv48x4) {
    run<isa::Xlen::rv64>(isa::sv48x4, true, 2, 1500);
}
TEST(TreeModel, Sv57x4) {
    run<isa::Xlen::rv64>(isa::sv57x4, true, 2, 1500);
}
TEST(TreeModel, Sv32x4) {
    run<isa::Xlen::rv32>(isa::sv32x4, false, 4, 1500);
}

}  // namespace
}  // namespace antler::fake
