// What must be true of a vCPU wherever it runs in the migration model.
#include "tests/model/sbi/migration_model.hpp"

namespace antler::vm::migration {

bool Model::may_be(std::vector<Written> const& history, u64 fenced, u64 entry) const {
    for (usize i = history.size(); i-- > 0;) {
        if (history[i].entry == entry) return true;
        if (history[i].time <= fenced) return false;
    }
    return false;
}

void Model::check(u32 hart, Seen& seen) {
    auto& vcpu = *seen.vcpu;
    auto& guest = of(vcpu.vm);
    auto& file = fake::hart();
    ASSERT_EQ(csr::vsatp::read_raw(), seen.vsatp);
    ASSERT_EQ(csr::vsscratch::read_raw(), seen.scratch);
    for (auto const f : file.floats.f) ASSERT_EQ(f, seen.floats) << "floating-point registers of another";
    for (auto const v : file.vectors) ASSERT_EQ(v, seen.vectors) << "vector registers of another";
    auto const& code = code_[hart][number(guest)];
    ASSERT_GE(code.value_or(seen.code), seen.code) << "code that was replaced";

    auto& space = vcpu.vm.ram().space();
    ASSERT_EQ(fake::HartTlb::hgatp(file).root().raw(), space.root().raw());
    auto const asid = isa::Vsatp::asid::get(seen.vsatp);
    for (u32 page = 0; seen.vsatp != 0 && page < pages; ++page) {
        auto const& history = guest.tables[*seen.space[asid]][page];
        for (auto const& leaf : tlbs_[hart].leaves(file, address(page))) {
            ++checked;
            ASSERT_TRUE(may_be(history, seen.fenced[asid][page], leaf.entry))
                << "a page table entry of another, or one that was fenced";
            stale += history.back().entry != leaf.entry;
            if (leaf.is_there) check(hart, space, Gpa{Pte{leaf.entry}.target()});
        }
    }
    check(hart, space, Gpa{data_at + pick(data_pages) * page_bytes});
    check_window(hart, space);
}

void Model::check_window(u32 hart, memory::Space const& space) {
    auto const at = some_window();
    for (auto const& outcome : tlbs_[hart].own(cores_[hart]->view.satp(), at)) {
        if (!outcome.translates) continue;
        auto const info = world_.board().frames.inspect(outcome.at);
        ASSERT_TRUE(info && info->block.owner == space.owner() && info->state != memory::FrameState::free)
            << "the window shows a frame that is not this guest's";
    }
}

void Model::check(u32 hart, memory::Space& space, Gpa at) {
    auto const now = space.lookup(at);
    for (auto const& outcome : tlbs_[hart].outcomes(world_.file(hart), at)) {
        if (!outcome.translates) continue;  // at worst a fault that brings memory
        ++checked;
        auto const info = world_.board().frames.inspect(outcome.at);
        ASSERT_TRUE(info && info->block.owner == space.owner() && info->state != memory::FrameState::free)
            << "a frame that is not this guest's";
        ASSERT_TRUE(now) << "a page that was taken away";
        ASSERT_EQ(now->at, outcome.at) << "another page than the mapped one";
    }
}

}  // namespace antler::vm::migration
