// Random programs of maps, unmaps, splits, merges and roll-overs over harts with stubborn translation caches.
#include "tests/fake/long_form.hpp"
#include "tests/model/memory/stubborn_model.hpp"

namespace antler::memory::stubborn {
namespace {

class StubbornTlb : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(VmidBits, StubbornTlb, testing::Values(0, 1, 2, 14));

TEST_P(StubbornTlb, NoHartFindsWhatWasTakenAway) {
    RecordProperty("rules",
                   "norm:sfence_vma_ordering_semantics norm:hfence-gvma_op norm:hfence-vvma_limits "
                   "norm:asid_hart_private norm:hgatp_op_hfence_gvma norm:Svnapot_cache_entries "
                   "norm:hfence-gvma_mode norm:hgatp_vmid_lsbs");
    auto const steps = fake::steps(1'000, 700'000);
    RecordProperty("amount", std::to_string(3 * steps));
    u64 checks = 0, translations = 0;
    for (u64 seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(seed);
        Model model{seed * 31 + static_cast<u64>(GetParam()), static_cast<u8>(GetParam()),
                    seed % 3 == 0 ? GStageMode::sv48x4 : GStageMode::sv39x4, seed % 2 == 0};
        for (u64 i = 0; i < steps; ++i) {
            model.step();
            if (HasFailure()) return;
        }
        checks += model.checks;
        translations += model.translations;
    }
    EXPECT_GT(checks, 10'000u);
    EXPECT_GT(translations, checks / 10);  // the program is not idle
}

}  // namespace
}  // namespace antler::memory::stubborn
