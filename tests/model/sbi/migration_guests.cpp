// What guests of the migration model do, and what operators and balloons do to them.
#include "tests/model/sbi/migration_model.hpp"

namespace antler::vm::migration {

void Model::begin(Seen& seen) {
    seen.is_new = false;
    seen.vsatp = seen.scratch = seen.floats = 0;
    seen.vectors = 0;
    seen.space = {};
}

void Model::act(Core& core, Seen& seen) {
    auto& vcpu = *seen.vcpu;
    auto& guest = of(vcpu.vm);
    auto& file = fake::hart();
    // Between the steps of another hart's exit fences matter most.
    switch (middle_ && chance(3) ? 9 : pick(26)) {
        case 0:
        case 1:
        case 2:
        case 3: change_entry(guest); break;
        case 4:
        case 5: fence(seen, core.index); break;
        case 6:
        case 7:
        case 8: change_space(seen, core.index); break;
        case 9:
        case 10: fence_others(core, seen); break;
        case 11:
            file.floats.f.fill(seen.floats = choices_.below(~u64{0}));
            vcpu.sstatus = isa::Sstatus::fs::set(vcpu.sstatus, isa::ContextStatus::dirty);
            break;
        case 12:
            file.vectors.fill(seen.vectors = static_cast<u8>(pick(256)));
            vcpu.sstatus = isa::Sstatus::vs::set(vcpu.sstatus, isa::ContextStatus::dirty);
            break;
        case 13: csr::vsscratch::write_raw(seen.scratch = choices_.below(~u64{0})); break;
        case 14: sleep(core, vcpu); break;
        case 15:
            if (chance(4)) stop(core, seen);
            break;
        case 16: call(core, vcpu, *some(guest).vcpu); break;
        case 17: call(core, vcpu, sleeper(guest, core)); break;
        case 18:
        case 19: {
            auto& other = *some(some_guest()).vcpu;
            other.vm.pin(other, 1 + choices_.below((u64{1} << harts) - 1));
            break;
        }
        case 20: take_memory(some_guest()); break;
        case 21: touch(core, vcpu); break;
        case 24: cores_[pick(harts)]->ask_farewell(); break;
        case 22: start_another(guest); break;
        case 23: some_guest().vm->suspend(); break;
        default:
            ++guest.code;
            file.on_fence({Fence::Kind::instructions, {}, {}});  // its own
            seen.code = guest.code;
    }
}

void Model::change_entry(Guest& guest) {
    auto const space = pick(spaces);
    auto const page = pick(pages);
    auto const entry = some_entry(guest, space);
    write(guest, table(guest, space, 0) + isa::sv39.index(address(page), 0) * 8, entry);
    guest.tables[space][page].push_back({++time_, entry});
}

void Model::forget(Seen& seen, u64 since, std::optional<u32> asid, std::optional<u32> page) {
    for (u32 i = 0; i < asids; ++i)
        for (u32 j = 0; j < pages; ++j)
            if (asid.value_or(i) == i && page.value_or(j) == j)
                seen.fenced[i][j] = std::max(seen.fenced[i][j], since);
}

std::optional<u32> Model::maybe(u32 limit) {
    return chance(2) ? std::optional{pick(limit)} : std::nullopt;
}

void Model::fence(Seen& seen, u32 hart) {
    auto const asid = maybe(asids);
    auto const page = maybe(pages);
    Fence done{Fence::Kind::guest_virtual, {}, {}};
    if (asid) done.identifier = *asid;
    if (page) done.address = address(*page);
    if (seen.vcpu->vm.policies().trap_memory) {
        trapped_fence(*seen.vcpu, page, asid);
    } else {
        tlbs_[hart].execute(fake::hart(), done);
    }
    forget(seen, time_, asid, page);
}

void Model::trapped_fence(Vcpu& vcpu, std::optional<u32> page, std::optional<u32> asid) {
    auto const before = vcpu.x;
    vcpu.x[10] = address(page.value_or(0));
    vcpu.x[11] = asid.value_or(0);
    constexpr u32 sfence_vma = 0x1200'0073;
    ASSERT_EQ(emulate(vcpu, {sfence_vma | (page ? 10U << 15 : 0) | (asid ? 11U << 20 : 0)}), Next::advance);
    vcpu.x = before;
}

void Model::change_space(Seen& seen, u32 hart) {
    auto const asid = pick(asids);
    auto const space = chance(3) ? pick(spaces) : seen.space[asid].value_or(0);
    auto const root = Gpa{table(of(seen.vcpu->vm), space, 2)};
    seen.vsatp = isa::Vsatp::of(StageMode::sv39, static_cast<u16>(asid), root).raw;
    csr::vsatp::write_raw(seen.vsatp);
    speculate(hart);
    if (seen.space[asid] == space) return;
    seen.space[asid] = space;
    tlbs_[hart].execute(fake::hart(), {Fence::Kind::guest_virtual, {}, asid});
    forget(seen, time_, asid, {});
}

// Not through the hart that others came between: where it runs there, or is to be passed on by it.
bool Model::can_answer(Vcpu const& vcpu) const {
    if (!middle_) return true;
    auto const& core = *cores_[*middle_];
    auto const* waiting = core.inbox.load();
    while (waiting != nullptr && waiting != &vcpu) waiting = waiting->next_in_inbox;
    return waiting == nullptr && !(vcpu.home == &core && vcpu.loaded);
}

void Model::fence_others(Core& core, Seen& caller) {
    using abi::sbi::RfenceFid;
    if (callers_.size() > 1) return;
    auto& vcpu = *caller.vcpu;
    auto& guest = of(vcpu.vm);
    auto targets = choices_.below(u64{1} << vcpus);
    for (u32 id = 0; id < vcpus; ++id)
        if (!can_answer(*vcpu.vm.vcpu(id))) targets &= ~(u64{1} << id);
    auto const asid = maybe(asids);
    auto const first = pick(pages);
    bool const all = chance(3);
    bool const many = chance(3);  // more than are fenced one by one
    bool const instructions = chance(6);
    bool const only = !all && !many && chance(2);  // one page
    auto const function = instructions ? RfenceFid::remote_fence_i
                          : asid       ? RfenceFid::remote_sfence_vma_asid
                                       : RfenceFid::remote_sfence_vma;
    std::array<bool, vcpus> running{};
    for (u32 id = 0; id < vcpus; ++id)
        running[id] = guest.vm->vcpu(id)->hart_state.load() != HartState::stopped;
    auto const since = time_;
    auto const code = guest.code;
    auto const before = vcpu.x;
    vcpu.x[17] = static_cast<u64>(abi::sbi::Eid::rfence);
    vcpu.x[16] = static_cast<u64>(function);
    vcpu.x[10] = targets;
    vcpu.x[11] = 0;
    vcpu.x[12] = all ? 0 : address(first);
    vcpu.x[13] = all ? 0 : many ? 100 * page_bytes : (only ? 1 : pages - first) * page_bytes;
    vcpu.x[14] = asid.value_or(0);
    if (!in_the_lane(vcpu)) {
        ASSERT_EQ(sbi::Services{}.sbi_call(vcpu), Next::advance);
        ASSERT_EQ(vcpu.x[10], 0U);
    }
    vcpu.x = before;
    for (u32 id = 0; id < vcpus; ++id) {
        auto& seen = guest.vcpu[id];
        if ((targets >> id & 1) == 0 || !running[id]) continue;
        if (instructions) {
            seen.code = std::max(seen.code, code);
        } else {
            for (u32 page = all ? 0 : first; page < (only ? first + 1 : pages); ++page)
                forget(seen, since, asid, page);
        }
    }
    exit(core);
}

bool Model::in_the_lane(Vcpu const& vcpu) {
    return abi::sbi::targets_only(vcpu.id, vcpus, vcpu.x[10], vcpu.x[11]) &&
           hart::lane_fence(vcpu.x[16], vcpu.x[12], vcpu.x[13], vcpu.x[14]);
}

void Model::touch(Core& core, Vcpu& vcpu) {
    Gpa const at{chance(4) ? tail_at + pick(16) * page_bytes : data_at + pick(data_pages) * page_bytes};
    auto& space = vcpu.vm.ram().space();
    bool there = false;
    for (int tries = 0; tries < 3 && !there; ++tries) {
        if (!vcpu.vm.ram().touch(at) || core.current != &vcpu) return exit(core);
        auto const found = tlbs_[core.index].outcomes(fake::hart(), at);
        there = std::ranges::all_of(found, [](auto const& outcome) { return outcome.translates; }) ||
                !space.lookup(at);
    }
    ASSERT_TRUE(there) << "a guest would fault for ever";
    exit(core);
}

void Model::sleep(Core& core, Vcpu& vcpu) {
    csr::hvip::clear_bits(vs_software);
    entered_[core.index] = nullptr;
    if (!chance(3)) return hand_over(core, vcpu);
    core.block(vcpu);
    exit(core);
}

Vcpu& Model::sleeper(Guest& guest, Core const& core) {
    for (auto const& seen : guest.vcpu)
        if (seen.vcpu->home == &core && seen.vcpu->place == Vcpu::Place::blocked) return *seen.vcpu;
    return *some(guest).vcpu;
}

void Model::call(Core& core, Vcpu& vcpu, Vcpu& other) {
    auto const enter = [&](Vcpu& chosen) { entered_[core.index] = &chosen; };
    try {
        if (wake_beside(vcpu, other, vs_software, enter))
            ++called_over;
        else
            other.signal(Request::software_interrupt);
    } catch (World::Idle const&) {  // both belong to other harts by now
        entered_[core.index] = nullptr;
    }
}

void Model::hand_over(Core& core, Vcpu& vcpu) {
    constexpr u64 wfi = 0x1050'0073;
    csr::scause::write_raw(static_cast<u64>(isa::Exception::virtual_instruction));
    csr::stval::write(wfi);
    if (core.outlook(vcpu, core.queue.first()) == Core::Outlook::more) ++handed_over;
    try {
        ASSERT_TRUE(wait_turn(vcpu, [&](Vcpu& chosen) { entered_[core.index] = &chosen; }));
    } catch (World::Idle const&) {
        entered_[core.index] = nullptr;
    }
}

void Model::take_memory(Guest& guest) {
    auto& space = guest.vm->ram().space();
    if (middle_ && space.observers().active().snapshot().has(*middle_)) return;
    auto const first = pick(data_pages);
    GpaRange rest{Gpa{data_at + first * page_bytes}, std::min(1 + pick(16), data_pages - first) * page_bytes};
    if (chance(4)) rest = {Gpa{tail_at}, 64_KiB};
    while (rest.size != 0) {
        auto debt = space.unmap_step(rest);
        ASSERT_TRUE(debt.ok());
        std::move(debt.value()).pay(space.observers());
        ASSERT_FALSE(memory::audit(space, false));
    }
}

void Model::stop(Core& core, Seen& seen) {
    auto& vm = seen.vcpu->vm;
    u32 others = 0;
    for (u32 id = 0; id < vcpus; ++id)
        others += id != seen.vcpu->id && vm.vcpu(id)->hart_state.load() != HartState::stopped;
    if (others == 0) return;  // it would end
    vm.stopped(*seen.vcpu);
    exit(core);
}

void Model::start_another(Guest& guest) {
    auto& other = some(guest);
    if (guest.vm->start_hart(other.vcpu->id, {.pc = World::code, .opaque = 0}) != abi::sbi::Status::success)
        return;
    other.is_new = true;
    other.code = guest.code;
    for (auto& space : other.fenced) space.fill(time_);
}

}  // namespace antler::vm::migration
