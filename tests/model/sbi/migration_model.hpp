// vCPUs of several VMs move between harts with stubborn translation caches, while they change their own
// tables, fence each other, and lose and gain memory.  Whatever a hart may still hold, no guest reaches what
// its last fence, or the hypervisor, took away, and its registers are its own.
//
// QEMU flushes its whole TLB at every exit and hides a missing fence; this does not.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <vector>

#include "base/units.hpp"
#include "hart/lane_fence.hpp"
#include "memory/audit.hpp"
#include "sbi/extension.hpp"
#include "tests/fake/hart_tlb.hpp"
#include "tests/fake/memory_program.hpp"
#include "tests/unit/vm/world.hpp"
#include "vm/emulate.hpp"
#include "vm/ram.hpp"
#include "vm/team.hpp"

namespace antler::vm::migration {

using abi::sbi::HartState;
using fake::Fence;
using isa::Pte;
using isa::StageMode;
namespace csr = hart::csr;

inline constexpr u32 harts = 3;
inline constexpr u32 vms = 3;
inline constexpr u32 vcpus = 3;   // of each
inline constexpr u32 spaces = 2;  // address spaces of each VM
inline constexpr u32 asids = 3;
inline constexpr u32 pages = 4;  // virtual ones of a space, and everything is read by its first word
inline constexpr u64 first_page = 1_GiB;
inline constexpr u64 tables_at = World::code + 512_KiB;
inline constexpr u64 data_at = World::code + 2_MiB;
inline constexpr u32 data_pages = 96;
inline constexpr u64 tail_at = World::code + 4_MiB;
inline constexpr u64 memory_bytes = 4_MiB + 64_KiB;  // the tail has a table of its own

// What an entry was, and from when on.
struct Written {
    u64 time, entry;
};

// What the model knows of a vCPU.
struct Seen {
    Vcpu* vcpu = nullptr;
    bool is_new = true;  // it was started, and has not run since
    u64 vsatp = 0;
    u64 scratch = 0;
    u64 floats = 0;
    u8 vectors = 0;
    u64 code = 0;                                        // no older code may be run
    std::array<std::optional<u32>, asids> space{};       // that it uses under an ASID
    std::array<std::array<u64, pages>, asids> fenced{};  // no entry that ceased to be before may be used
    std::vector<u8> registers = std::vector<u8>(32 * fake::Hart::vector_bytes);
};

struct Guest {
    Vm* vm = nullptr;
    std::array<Seen, vcpus> vcpu{};
    std::array<std::array<std::vector<Written>, pages>, spaces> tables{};
    u64 code = 0;
};

class Model {
public:
    // Where VMs end, an operator destroys one now and then, and another one begins in its place.
    Model(u64 seed, u8 vmid_bits, bool vms_end = false)
        : choices_{seed}, world_{harts, vmid_bits}, vms_end_{vms_end} {
        for (u32 i = 0; i < harts; ++i) {
            cores_[i] = &world_.core(i);
            cores_[i]->team = &team_;
            cores_[i]->vector_bytes = fake::Hart::vector_bytes;
            tlbs_.emplace_back(world_.board().memory, vmid_bits);
        }
        for (u32 i = 0; i < vms; ++i) add(i);
        for (u32 i = 0; i < harts; ++i) {
            auto& file = world_.file(i);
            file.on_pause = [this, i] { let_others_run(i); };
            file.on_step = [this] {
                if (chance(4)) speculate(world_.here());
                if (chance(16)) interleave();
            };
            file.on_fence = [this](Fence const& fence) {
                auto const here = world_.here();
                speculate(here);
                tlbs_[here].execute(world_.file(here), fence);
                if (fence.kind == Fence::Kind::instructions) code_[here] = {};
                speculate(here);
            };
        }
        auto& memory = world_.board().memory;
        memory.on_flush_harts = [this](auto const& mask, auto& space, auto const& request) {
            mask.for_each([&](u32 i) {
                speculate(i);
                world_.on(i, [&](Core& core) { flush_space(core, space, request); });
            });
        };
        memory.on_fence_page = [this](memory::Hva at) { tlbs_[world_.here()].fence_own_page(satp(), at); };
        memory.on_fence_windows = [this] { tlbs_[world_.here()].fence_windows(); };
        memory.on_view = [this](Hpa) {
            if (chance(8)) speculate(pick(harts));
        };
    }
    ~Model() {
        world_.board().memory.on_view = {};
        world_.board().memory.on_fence_page = {};
        world_.board().memory.on_fence_windows = {};
        world_.board().memory.on_flush_harts = {};
    }

    // Something happens on some hart.
    void step(u32 hart) {
        world_.on(hart, [&](Core& core) {
            fake::hart().now += pick(20'000);
            if (entered_[hart] == nullptr || chance(3)) exit(core);
            auto* const vcpu = entered_[hart];
            if (vcpu == nullptr) return wake_somebody();
            resume_some();
            auto& seen = of(*vcpu);
            if (seen.is_new) begin(seen);
            check(hart, seen);
            if (!testing::Test::HasFatalFailure()) act(core, seen);
        });
    }
    void step() {
        if (vms_end_) take_apart_step();
        step(pick(harts));
    }

    u64 checked = 0, stale = 0;
    u64 handed_over = 0;  // worlds that were switched in a straight line
    u64 called_over = 0;  // the same, for whoever was called
    u64 ended = 0;        // VMs that are gone
    [[nodiscard]] u64 moves() const {
        u64 all = former_moves_;
        for (auto const& guest : guests_)
            for (auto const& seen : guest.vcpu) all += seen.vcpu->times.migrations;
        return all;
    }

private:
    [[nodiscard]] u32 pick(u64 limit) { return static_cast<u32>(choices_.below(limit)); }
    [[nodiscard]] bool chance(u64 one_of) { return choices_.below(one_of) == 0; }
    // One that an operator finds.
    [[nodiscard]] Guest& some_guest() {
        for (;;)
            if (auto& guest = guests_[pick(vms)]; !guest.vm->is_leaving()) return guest;
    }
    [[nodiscard]] Guest& of(Vm const& vm) {
        return *std::ranges::find(guests_, &vm, [](Guest const& guest) { return guest.vm; });
    }
    [[nodiscard]] Seen& of(Vcpu const& vcpu) { return of(vcpu.vm).vcpu[vcpu.id]; }
    [[nodiscard]] u64 number(Guest const& guest) const { return static_cast<u64>(&guest - guests_.data()); }

    // --- the guests' memory

    // Other places in each VM, so that nobody's tables are where another's are.
    [[nodiscard]] u64 table(Guest const& guest, u32 space, u32 level) const {
        return tables_at + ((number(guest) * spaces + space) * 3 + level) * page_bytes;
    }
    void write(Guest& guest, u64 at, u64 entry) {
        auto const there = guest.vm->ram().space().lookup(Gpa{at});
        ASSERT_TRUE(there);
        std::memcpy(world_.board().memory.at(there->at, 8), &entry, 8);
    }
    [[nodiscard]] static u64 address(u32 page) { return first_page + page * page_bytes; }
    // One that no other space of any VM has.
    [[nodiscard]] u64 some_entry(Guest const& guest, u32 space) {
        if (chance(5)) return 0;
        auto const page = pick(data_pages / vms) * vms + number(guest);
        auto const leaf = Pte::leaf(Gpa{data_at + page * page_bytes}, {.may = {true, true, false}});
        return Pte::software::set(leaf.raw, space);
    }

    void add(u32 i) {
        auto& guest = guests_[i];
        guest.vm = &world_.add({.vcpus = vcpus,
                                .first_hart = i,
                                .shown = {.sv39 = true, .sstc = true, .f = true, .asid_bits = 16},
                                .policies = {.trap_memory = i != 0},
                                .memory_bytes = memory_bytes});
        for (u32 space = 0; space < spaces; ++space) {
            auto const sv39 = isa::sv39;
            auto const link = [&](u32 level) {
                write(guest, table(guest, space, level) + sv39.index(first_page, level) * 8,
                      Pte::table(Gpa{table(guest, space, level - 1)}).raw);
            };
            link(2);
            link(1);
            for (auto& history : guest.tables[space]) history.push_back({0, 0});
        }
        for (u32 id = 0; id < vcpus; ++id) {
            auto& seen = guest.vcpu[id];
            seen.vcpu = guest.vm->vcpu(id);
            seen.vcpu->vector.registers = seen.registers.data();
        }
        world_.on(guest.vm->vcpu(0)->home->index, [&](Core&) { VERIFY(guest.vm->power_on().ok()); });
        for (u32 id = 1; id < vcpus; ++id)
            VERIFY(guest.vm->start_hart(id, {.pc = World::code, .opaque = 0}) == abi::sbi::Status::success);
    }

    // --- the end of a VM, in the steps and rounds in which the hypervisor takes it apart

    void take_apart_step() {
        if (dying_ == nullptr) {
            if (!chance(200)) return;
            dying_ = &some_guest();
            return world_.on(pick(harts), [&](Core&) { dying_->vm->unplug(); });
        }
        auto& vm = *dying_->vm;
        if (!vm.is_leaving()) {
            if (!vm.is_over()) return;
            vm.leave();
            ASSERT_TRUE(vm.machine().leave());
            rounds_left_ = 2;
            return ask_for_farewells();
        }
        for (u32 i = 0; i < harts; ++i)
            if (cores_[i]->farewells.load() == farewells_[i]) return;
        for (auto const& seen : dying_->vcpu)
            if (seen.vcpu->in_inbox.load()) return ask_for_farewells();
        if (--rounds_left_ != 0) return ask_for_farewells();
        begin_anew(*std::exchange(dying_, nullptr));
        ++ended;
    }
    void ask_for_farewells() {
        for (u32 i = 0; i < harts; ++i) {
            farewells_[i] = cores_[i]->farewells.load();
            world_.on((i + 1) % harts, [&](Core&) { cores_[i]->ask_farewell(); });
        }
    }
    // Harts may go on keeping what they have of the one before, and the next one must not notice.
    void begin_anew(Guest& guest) {
        for (auto const& seen : guest.vcpu) former_moves_ += seen.vcpu->times.migrations;
        auto const code = guest.code + 1;
        world_.remove(*std::exchange(guest.vm, nullptr));
        guest = {};
        guest.code = code;
        for (auto& seen : guest.vcpu) seen.code = code;
        add(static_cast<u32>(number(guest)));
    }

    // --- the harts

    void speculate(u32 hart) {
        auto& file = world_.file(hart);
        tlbs_[hart].speculate(file, address(pick(pages)));
        static_cast<void>(tlbs_[hart].own(cores_[hart]->view.satp(), some_window()));
        static_cast<void>(tlbs_[hart].outcomes(file, Gpa{data_at + pick(data_pages) * page_bytes}));
        for (u32 i = 0; i < vms; ++i)
            if (guests_[i].vm != nullptr && cores_[hart]->view.serves() == &guests_[i].vm->ram().space() &&
                !code_[hart][i])
                code_[hart][i] = guests_[i].code;
    }
    [[nodiscard]] isa::Satp satp() { return cores_[world_.here()]->view.satp(); }
    [[nodiscard]] memory::Hva some_window() {
        return memory::in_vm_window(Gpa{data_at + pick(data_pages) * page_bytes});
    }
    // The guest leaves its mode, for an interrupt or another reason, and somebody is chosen.
    void exit(Core& core) {
        auto const hart = core.index;
        entered_[hart] = nullptr;
        for (auto const to : fake::outside().ipis) told_[to] = true;
        fake::outside().ipis.clear();
        if (std::exchange(told_[hart], false)) csr::sip::set_bits(host_software_pending);
        if (fake::hart().now >= core.slice_end || chance(8)) core.timer_fired();
        core.serve_interrupts();
        team_.idle.fetch_and(~Team::bit(hart));  // as whoever wakes does
        entered_[hart] = world_.run(hart);
    }
    // A device, perhaps, or an operator.
    void wake_somebody() {
        some(some_guest()).vcpu->signal(Request::software_interrupt);
        resume_some();
    }
    void resume_some() {
        auto& vm = *some_guest().vm;
        if (vm.is_suspended()) vm.resume();
    }
    // Another hart does something while this one is in the middle of an exit, and cannot serve anybody.
    void interleave() {
        auto const here = world_.here();
        auto const other = pick(harts);
        bool const busy = other == here || std::ranges::count(callers_, other) != 0;
        if (middle_ || busy || held_ranks() != 0 || testing::Test::HasFatalFailure()) return;
        middle_ = here;
        step(other);
        middle_ = {};
    }
    // The hart waits for the others.
    void let_others_run(u32 waits) {
        callers_.push_back(waits);
        auto const other = pick(harts);
        if (other != waits && other != middle_) {
            if (std::ranges::count(callers_, other) != 0) {
                world_.on(other, [](Core& core) { core.serve_fences(); });
            } else {
                step(other);
            }
        }
        callers_.pop_back();
    }

    // --- what guests do

    void begin(Seen& seen) {
        seen.is_new = false;
        seen.vsatp = seen.scratch = seen.floats = 0;
        seen.vectors = 0;
        seen.space = {};
    }
    void act(Core& core, Seen& seen) {
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
            case 16:
            case 17: call(core, vcpu, *some(guest).vcpu); break;
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
    [[nodiscard]] Seen& some(Guest& guest) { return guest.vcpu[pick(vcpus)]; }

    void change_entry(Guest& guest) {
        auto const space = pick(spaces);
        auto const page = pick(pages);
        auto const entry = some_entry(guest, space);
        write(guest, table(guest, space, 0) + isa::sv39.index(address(page), 0) * 8, entry);
        guest.tables[space][page].push_back({++time_, entry});
    }
    void forget(Seen& seen, u64 since, std::optional<u32> asid, std::optional<u32> page) {
        for (u32 i = 0; i < asids; ++i)
            for (u32 j = 0; j < pages; ++j)
                if (asid.value_or(i) == i && page.value_or(j) == j)
                    seen.fenced[i][j] = std::max(seen.fenced[i][j], since);
    }
    [[nodiscard]] std::optional<u32> maybe(u32 limit) {
        return chance(2) ? std::optional{pick(limit)} : std::nullopt;
    }
    // sfence.vma, which is the hart's own.
    void fence(Seen& seen, u32 hart) {
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
    // The same where it traps.
    void trapped_fence(Vcpu& vcpu, std::optional<u32> page, std::optional<u32> asid) {
        auto const before = vcpu.x;
        vcpu.x[10] = address(page.value_or(0));
        vcpu.x[11] = asid.value_or(0);
        constexpr u32 sfence_vma = 0x1200'0073;
        ASSERT_EQ(emulate(vcpu, {sfence_vma | (page ? 10U << 15 : 0) | (asid ? 11U << 20 : 0)}),
                  Next::advance);
        vcpu.x = before;
    }
    void change_space(Seen& seen, u32 hart) {
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
    // Remote fences, while other harts run and vCPUs move.
    void fence_others(Core& core, Seen& caller) {
        using abi::sbi::RfenceFid;
        if (callers_.size() > 1) return;
        auto& vcpu = *caller.vcpu;
        auto& guest = of(vcpu.vm);
        auto targets = choices_.below(u64{1} << vcpus);
        // Whoever cannot answer is not asked.
        for (u32 id = 0; id < vcpus; ++id)
            if (auto const& other = *vcpu.vm.vcpu(id);
                middle_ && other.home->index == middle_ && other.loaded)
                targets &= ~(u64{1} << id);
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
    [[nodiscard]] static bool in_the_lane(Vcpu const& vcpu) {
        return abi::sbi::targets_only(vcpu.id, vcpus, vcpu.x[10], vcpu.x[11]) &&
               hart::lane_fence(vcpu.x[16], vcpu.x[12], vcpu.x[13], vcpu.x[14]);
    }
    // A guest that touches what is not there finds it when it tries again; or at the next try, if another
    // hart has brought a part of it.
    void touch(Core& core, Vcpu& vcpu) {
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
    void sleep(Core& core, Vcpu& vcpu) {
        csr::hvip::clear_bits(vs_software);
        entered_[core.index] = nullptr;
        if (!chance(3)) return hand_over(core, vcpu);
        core.block(vcpu);
        exit(core);
    }
    // An IPI: whoever waits for it on this hart goes first, in a straight line where that is possible.
    void call(Core& core, Vcpu& vcpu, Vcpu& other) {
        auto const enter = [&](Vcpu& chosen) { entered_[core.index] = &chosen; };
        if (wake_beside(vcpu, other, vs_software, enter)) {
            ++called_over;
        } else {
            other.signal(Request::software_interrupt);
        }
    }
    // A wfi that traps: to whoever is next, in a straight line where that is possible.
    void hand_over(Core& core, Vcpu& vcpu) {
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
    // An operator's or a balloon's doing.
    void take_memory(Guest& guest) {
        auto& space = guest.vm->ram().space();
        if (middle_ && space.observers().active().snapshot().has(*middle_)) return;
        auto const first = pick(data_pages);
        GpaRange rest{Gpa{data_at + first * page_bytes},
                      std::min(1 + pick(16), data_pages - first) * page_bytes};
        if (chance(4)) rest = {Gpa{tail_at}, 64_KiB};
        while (rest.size != 0) {
            auto debt = space.unmap_step(rest);
            ASSERT_TRUE(debt.ok());
            std::move(debt.value()).pay(space.observers());
            ASSERT_FALSE(memory::audit(space, false));
        }
    }
    void stop(Core& core, Seen& seen) {
        auto& vm = seen.vcpu->vm;
        u32 others = 0;
        for (u32 id = 0; id < vcpus; ++id)
            others += id != seen.vcpu->id && vm.vcpu(id)->hart_state.load() != HartState::stopped;
        if (others == 0) return;  // it would end
        vm.stopped(*seen.vcpu);
        exit(core);
    }
    // It begins anew, and need not fence what it had.
    void start_another(Guest& guest) {
        auto& other = some(guest);
        if (guest.vm->start_hart(other.vcpu->id, {.pc = World::code, .opaque = 0}) !=
            abi::sbi::Status::success)
            return;
        other.is_new = true;
        other.code = guest.code;
        for (auto& space : other.fenced) space.fill(time_);
    }

    // --- what must be true of the vCPU that this hart runs

    [[nodiscard]] bool may_be(std::vector<Written> const& history, u64 fenced, u64 entry) const {
        for (usize i = history.size(); i-- > 0;) {
            if (history[i].entry == entry) return true;
            if (history[i].time <= fenced) return false;
        }
        return false;
    }
    void check(u32 hart, Seen& seen) {
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
    // The hypervisor sees this guest through its window, and nobody else.
    void check_window(u32 hart, memory::Space const& space) {
        auto const at = some_window();
        for (auto const& outcome : tlbs_[hart].own(cores_[hart]->view.satp(), at)) {
            if (!outcome.translates) continue;
            auto const info = world_.board().frames.inspect(outcome.at);
            ASSERT_TRUE(info && info->block.owner == space.owner() && info->state != memory::FrameState::free)
                << "the window shows a frame that is not this guest's";
        }
    }
    void check(u32 hart, memory::Space& space, Gpa at) {
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

    fake::RandomChoices choices_;
    World world_;
    std::array<Core*, harts> cores_{};
    Team team_{.cores = cores_};
    std::vector<fake::HartTlb> tlbs_{};
    std::array<std::array<std::optional<u64>, vms>, harts> code_{};  // the oldest that it may have kept
    std::array<Guest, vms> guests_{};
    std::array<Vcpu*, harts> entered_{};  // whose registers the hart has, in the guest's mode
    std::array<bool, harts> told_{};      // an IPI is on its way
    std::vector<u32> callers_{};          // harts that wait for others, in the middle of an exit
    std::optional<u32> middle_{};         // a hart that others came between
    u64 time_ = 1;

    bool vms_end_;
    Guest* dying_ = nullptr;
    std::array<u32, harts> farewells_{};  // that each hart had said when it was asked
    u32 rounds_left_ = 0;
    u64 former_moves_ = 0;  // of VMs that are gone
};

}  // namespace antler::vm::migration
