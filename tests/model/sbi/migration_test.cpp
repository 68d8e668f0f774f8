// vCPUs that move between harts with stubborn translation caches, while their VMs change.
#include "tests/fake/long_form.hpp"
#include "tests/model/sbi/migration_model.hpp"

namespace antler::vm::migration {
namespace {

class Migration : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(Migration, LeavesNothingBehindAndTakesAllAlong) {
    RecordProperty("rules",
                   "norm:sfence_vma_ordering_semantics norm:hfence-gvma_op norm:hfence-vvma_limits "
                   "norm:asid_hart_private norm:hgatp_op_hfence_gvma norm:vs_stage_speculative_a_bit "
                   "norm:hfence-vvma_mode norm:hfence-gvma_vmid norm:sfence_vma_v0 "
                   "norm:hgatp_vmid_lsbs norm:vsstatus_fs_op");
    auto const [vmid_bits, seed] = GetParam();
    bool const vms_end = seed == 3;
    Model model{static_cast<u64>(seed) * 1'000 + static_cast<u64>(vmid_bits), static_cast<u8>(vmid_bits),
                vms_end};
    auto const steps = fake::steps(4'000, 200'000);
    RecordProperty("amount", std::to_string(steps));
    for (u64 i = 0; i < steps; ++i) {
        model.step();
        if (HasFatalFailure()) FAIL() << "step " << i;
    }
    EXPECT_GT(model.checked, 3'000U);
    EXPECT_GT(model.stale, 50U);  // harts do hold what is old
    EXPECT_GT(model.moves(), 50U);
    EXPECT_GT(model.handed_over, 5U);
    EXPECT_GT(model.called_over, 0U);
    if (vms_end) EXPECT_GT(model.ended, 3U);
}

INSTANTIATE_TEST_SUITE_P(WithVmidBits, Migration,
                         testing::Combine(testing::Values(0, 1, 2, 14), testing::Range(1, 4)));

}  // namespace
}  // namespace antler::vm::migration
