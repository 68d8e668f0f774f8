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

    // --- what guests do (migration_guests.cpp)

    void begin(Seen& seen);
    void act(Core& core, Seen& seen);
    [[nodiscard]] Seen& some(Guest& guest) { return guest.vcpu[pick(vcpus)]; }

    void change_entry(Guest& guest);
    void forget(Seen& seen, u64 since, std::optional<u32> asid, std::optional<u32> page);
    [[nodiscard]] std::optional<u32> maybe(u32 limit);
    // sfence.vma, which is the hart's own.
    void fence(Seen& seen, u32 hart);
    // The same where it traps.
    void trapped_fence(Vcpu& vcpu, std::optional<u32> page, std::optional<u32> asid);
    void change_space(Seen& seen, u32 hart);
    [[nodiscard]] bool can_answer(Vcpu const& vcpu) const;
    // Remote fences, while other harts run and vCPUs move.
    void fence_others(Core& core, Seen& caller);
    [[nodiscard]] static bool in_the_lane(Vcpu const& vcpu);
    // A guest that touches what is not there finds it when it tries again; or at the next try, if another
    // hart has brought a part of it.
    void touch(Core& core, Vcpu& vcpu);
    void sleep(Core& core, Vcpu& vcpu);
    // One that sleeps on that hart, if there is one.
    [[nodiscard]] Vcpu& sleeper(Guest& guest, Core const& core);
    // An IPI: whoever waits for it on this hart goes first, in a straight line where that is possible.
    void call(Core& core, Vcpu& vcpu, Vcpu& other);
    // A wfi that traps: to whoever is next, in a straight line where that is possible.
    void hand_over(Core& core, Vcpu& vcpu);
    // An operator's or a balloon's doing.
    void take_memory(Guest& guest);
    void stop(Core& core, Seen& seen);
    // It begins anew, and need not fence what it had.
    void start_another(Guest& guest);

    // --- what must be true of the vCPU that this hart runs (migration_checks.cpp)

    [[nodiscard]] bool may_be(std::vector<Written> const& history, u64 fenced, u64 entry) const;
    void check(u32 hart, Seen& seen);
    // The hypervisor sees this guest through its window, and nobody else.
    void check_window(u32 hart, memory::Space const& space);
    void check(u32 hart, memory::Space& space, Gpa at);

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
