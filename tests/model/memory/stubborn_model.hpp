// Several harts with stubborn TLBs run several spaces while their tables change.  After a debt is paid no
// hart may find anything but what is mapped now; before, nothing but frames that the space still owns.
//
// QEMU flushes its whole TLB at every exit and hides a missing fence; this does not.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>

#include "base/units.hpp"
#include "memory/audit.hpp"
#include "memory/guest_ram.hpp"
#include "memory/hart_view.hpp"
#include "tests/fake/memory_program.hpp"
#include "tests/fake/tlb.hpp"

namespace antler::memory::stubborn {

using isa::Features;
using isa::GStageMode;

inline constexpr Hpa bank{0x8000'0000};
inline constexpr Gpa ram{0x7fe0'0000};            // crosses a GiB after 2 MiB
inline constexpr u64 ram_bytes = 6_MiB + 64_KiB;  // the tail needs a table for a small block
inline constexpr u32 hart_count = 3;
inline constexpr u32 space_count = 4;

class Model {
public:
    Model(u64 seed, u8 vmid_bits, GStageMode mode, bool napot)
        : choices_{seed}, tags_{vmid_bits}, mode_{mode} {
        features_.svnapot = napot;
        EXPECT_TRUE(house_.create(board_.frames, features_).ok());
        for (u32 i = 0; i < hart_count; ++i)
            harts_.push_back(std::make_unique<Hart>(board_.memory, house_, i));
        for (u32 i = 0; i < space_count; ++i) new_space(i);
        auto& memory = board_.memory;
        memory.on_flush_harts = [this](HartMask const& mask, Space& space, FlushRequest const& request) {
            // What a hart may still reach is not free yet.
            mask.for_each([&](u32 i) { check_frames(*harts_[i]); });
            mask.for_each([&](u32 i) { flush(*harts_[i], space, request); });
        };
        // The hart that does the work has its own windows.
        memory.on_window = [this](Hva at) { return window(*harts_[worker_], at); };
        memory.on_fence_page = [this](Hva at) { fence_house(*harts_[worker_], at); };
        memory.on_fence_windows = [this] { fence_windows(*harts_[worker_]); };
        memory.on_flush_house = [this](HvaRange) {
            for (auto& hart : harts_) hart->own.fence_all();
        };
        // Harts walk at any time, so also between any two stores.
        memory.on_view = [this](Hpa) {
            if (choices_.below(8) == 0) speculate();
        };
    }
    ~Model() {
        for (u32 i = 0; i < hart_count; ++i) leave(i);
        pay_all();
        for (auto& space : spaces_) end(space);
        for (u16 i = 1; i <= space_count; ++i) EXPECT_EQ(board_.frames.accounting(OwnerId{i}), Use{});
        board_.memory.on_view = {};
    }

    void step() {
        worker_ = static_cast<u32>(choices_.below(hart_count));
        switch (choices_.below(18)) {
            case 16: move_memory(); break;
            case 17: keep(); break;
            case 0:
            case 1:
            case 2: enter(worker_, some_space()); break;
            case 3: leave(worker_); break;
            case 4:
            case 5: populate(); break;
            case 6:
            case 7: unmap(); break;
            case 8: protect(); break;
            case 9: split(); break;
            case 10: merge(); break;
            case 11: pay_all(); break;
            case 12: replace_space(); break;
            default: touch(); break;
        }
        for (u32 i = 0; i < hart_count; ++i) check(*harts_[i]);
        audit_all();
    }
    void audit_all() {
        board_.memory.looking = true;  // no hart walks meanwhile
        for (auto& space : spaces_) {
            auto const finding = audit(*space, !owes(*space));
            ASSERT_FALSE(finding) << finding->what;
        }
        board_.memory.looking = false;
    }
    u64 checks = 0, translations = 0, faults = 0;

private:
    struct Hart {
        Hart(fake::Memory& memory, House& house, u32 i) : guest{memory}, own{memory} {
            EXPECT_TRUE(view.create(house, i).ok());
        }
        HartView view{};
        fake::Tlb guest;                             // G-stage
        fake::Tlb own;                               // the house and its windows
        std::map<u16, std::set<Space*>> vs_stage{};  // whose VS-stage translations it may have, by VMID
        Space* running = nullptr;  // what hgatp says, which is not always what the window shows
        u16 vmid = 0;
    };
    using Debt = std::pair<Space*, std::unique_ptr<FlushDebt>>;

    void new_space(u32 i) {
        auto space = std::make_unique<Space>(board_.frames, tags_, OwnerId{static_cast<u16>(1 + i)});
        EXPECT_TRUE(space->create(mode_, features_, i == 1 ? DeviceTree::own : DeviceTree::shared).ok());
        spaces_[i] = std::move(space);
    }
    static void end(std::unique_ptr<Space>& space) {
        while (!space->destroy_step()) {
        }
        space.reset();
    }

    [[nodiscard]] Space& some_space() { return *spaces_[choices_.below(space_count)]; }
    [[nodiscard]] Gpa some_page() {
        if (choices_.below(8) == 0) return ram + ram_bytes - 4_KiB * (1 + choices_.below(16));
        return ram + 4_KiB * choices_.below(ram_bytes / 4_KiB);
    }
    [[nodiscard]] GpaRange some_range() {
        auto const at = some_page();
        static constexpr u64 sizes[] = {4_KiB, 8_KiB, 64_KiB, 128_KiB, 1_MiB, 2_MiB};
        return {at, std::min(sizes[choices_.below(std::size(sizes))], ram_bytes - (at - ram))};
    }
    [[nodiscard]] bool owes(Space const& space) const {
        for (auto const& debt : debts_)
            if (debt.first == &space) return true;
        return false;
    }

    [[nodiscard]] isa::Stage stage_of(Space& space) const {
        return {isa::scheme_of(space.mode()),
                space.root().raw(),
                {features_.svnapot, features_.svpbmt, false},
                false};
    }
    [[nodiscard]] isa::Stage stage_of(Hart& hart) const {
        return {isa::sv39, hart.view.satp().root().raw(), {features_.svnapot, false, false}, false};
    }

    // Of the copy window, where blocks are seldom large.
    [[nodiscard]] u64 some_slot() {
        auto const pages =
            choices_.below(2) == 0 ? choices_.below(1024) : 512 * choices_.below(2) + choices_.below(3);
        return copy_window.raw() + pages * 4_KiB;
    }

    // What the hart does with its own instructions.
    void enter(u32 i, Space& space) {
        auto& hart = *harts_[i];
        hart.view.enter(space, [&](Space::Ticket const& ticket) {
            hart.running = &space;
            hart.vmid = ticket.tag.vmid();
            hart.guest.speculate(hart.vmid, stage_of(space),
                                 some_page().raw());  // between hgatp and the fence
            if (!ticket.must_fence) return;
            hart.guest.fence_space(hart.vmid);
            hart.vs_stage[hart.vmid].clear();
        });
    }
    // hgatp is zero from then on.
    void leave(u32 i) {
        worker_ = i;
        harts_[i]->view.leave([&] { harts_[i]->running = nullptr; });
        harts_[i]->guest.speculate_bare(0);
    }
    void flush(Hart& hart, Space& space, FlushRequest const& request) {
        auto const before = worker_;
        for (u32 i = 0; i < hart_count; ++i)
            if (harts_[i].get() == &hart) worker_ = i;
        hart.view.flush(
            space, request,
            [&](u16 vmid) {
                ASSERT_EQ(vmid, hart.vmid);
                hart.guest.fence_space(vmid);
            },
            [&](Gpa at, u16 vmid) {
                ASSERT_EQ(vmid, hart.vmid);
                hart.guest.fence_page(vmid, stage_of(space), at.raw());
            });
        worker_ = before;
    }
    void fence_house(Hart& hart, Hva at) { hart.own.fence_page(windows, stage_of(hart), at.raw()); }
    // Windows are not global, the house is: only they go.
    static constexpr u16 windows = 0, global = 1;
    void fence_windows(Hart& hart) { hart.own.fence_space(windows); }

    // Through the hart's own TLB: every answer it may give must be the same.
    [[nodiscard]] Hpa window(Hart& hart, Hva at) {
        auto const found = hart.own.outcomes(windows, stage_of(hart), at.raw());
        EXPECT_EQ(found.size(), 1u) << "a window may show two things";
        EXPECT_TRUE(found.begin()->translates);
        auto const now = isa::walk_one_stage(board_.memory, stage_of(hart), at,
                                             {.access = isa::Access::store, .sum = true});
        return std::get<isa::Leaf>(now).physical;  // so that what is not right is only seen
    }
    void speculate() {
        auto& hart = *harts_[choices_.below(hart_count)];
        if (auto* const space = hart.running; space != nullptr) {
            hart.guest.speculate(hart.vmid, stage_of(*space), some_page().raw());
        } else {
            hart.guest.speculate_bare(0);
        }
        hart.own.speculate(global, stage_of(hart),
                           bank.raw() + choices_.below(44_MiB / page_bytes) * page_bytes);
        hart.own.speculate(windows, stage_of(hart), in_vm_window(some_page()).raw());
        hart.own.speculate(windows, stage_of(hart), some_slot());
    }

    // A granule becomes the house's, or the guests'.
    void move_memory() {
        static_cast<void>(
            move_granule(board_.frames, house_, choices_.below(2) == 0 ? Pool::house : Pool::guest));
    }
    // The house sees its own memory, and nothing of the guests'.
    void check_house(Hart& hart) {
        Hpa const at{bank.raw() + choices_.below(44_MiB / page_bytes) * page_bytes};
        auto const info = board_.frames.inspect(at);
        if (!info) return;
        for (auto const& outcome : hart.own.outcomes(global, stage_of(hart), at.raw())) {
            if (info->block.pool == Pool::guest) {
                ASSERT_FALSE(outcome.translates) << "the house may see memory of guests";
            } else {
                ASSERT_TRUE(outcome.translates) << "the house may fault on its own memory";
                ASSERT_EQ(outcome.at, at);
            }
        }
    }

    void populate() {
        auto& hart = *harts_[worker_];
        auto& space = some_space();
        GuestRam guest{space, {ram, ram_bytes}};
        auto const at = some_page();
        auto done = guest.populate(hart.view, at);
        if (!done || hart.view.serves() != &space) return;
        bool const added = done.value().stale.is_all();
        flush(hart, space, done.value().stale);
        auto found = hart.guest.outcomes(hart.vmid, stage_of(space), at.raw());
        if (!added && found.size() != 1) {
            // Another hart has added the table above: this one faults once more, and then must succeed.
            done = guest.populate(hart.view, at);
            ASSERT_TRUE(done.ok() && done.value().was_there);
            flush(hart, space, done.value().stale);
            found = hart.guest.outcomes(hart.vmid, stage_of(space), at.raw());
        }
        if (owes(space)) return;
        ASSERT_EQ(found.size(), 1u) << "a hart would fault for ever";
        ASSERT_TRUE(found.begin()->translates);
    }
    // Devices have it, and harts find it by populate().
    void keep() {
        auto& space = some_space();
        if (!space.is_parted()) return;
        auto const order = choices_.below(2) == 0 ? order_2m : order_4k;
        auto page = board_.frames.take(Pool::guest, order, space.owner());
        if (!page) return;
        static_cast<void>(space.keep(some_page().align_down(order.bytes()),
                                     PageMaker::make<Zeroed>(PageMaker::unmake(std::move(page).value()))));
    }
    void owe(Space& space, Result<FlushDebt>&& debt) {
        if (!debt) return;
        if (choices_.below(2) == 0) {
            std::move(debt.value()).pay(space.observers());
        } else {
            debts_.emplace_back(&space, std::make_unique<FlushDebt>(std::move(debt.value())));
        }
    }
    void pay_all() {
        for (auto& [space, debt] : debts_) std::move(*debt).pay(space->observers());
        debts_.clear();
    }
    void unmap() {
        auto& space = some_space();
        auto rest = some_range();
        while (rest.size != 0) {
            auto debt = space.unmap_step(rest);
            if (!debt) return;
            owe(space, std::move(debt));
        }
    }
    void protect() {
        auto& space = some_space();
        auto rest = some_range();
        isa::Permissions const may{true, choices_.below(2) == 0, true};
        bool const logs = space.is_parted() && choices_.below(2) == 0;
        while (rest.size != 0) {
            auto debt = logs ? space.log_step(rest) : space.protect_step(rest, may);
            if (!debt) return;
            owe(space, std::move(debt));
        }
    }
    void split() {
        auto& space = some_space();
        owe(space, space.split(some_page(), choices_.below(2) == 0 ? 64_KiB : 4_KiB));
    }
    void merge() {
        auto& space = some_space();
        owe(space, space.merge(some_page()));
    }
    // A VM ends, and another one begins with its frames and perhaps its VMID.
    void replace_space() {
        if (choices_.below(4) != 0) return;
        auto const which = static_cast<u32>(choices_.below(space_count));
        auto const before = worker_;
        for (u32 i = 0; i < hart_count; ++i)
            if (harts_[i]->view.serves() == spaces_[which].get()) leave(i);
        worker_ = before;
        pay_all();
        for (auto& hart : harts_)
            for (auto& [vmid, spaces] : hart->vs_stage)
                if (spaces.erase(spaces_[which].get()) != 0)
                    spaces.insert(nullptr);  // of somebody who is dead
        end(spaces_[which]);
        new_space(which);
    }
    // The guest runs a little.
    void touch() {
        for (int i = 0; i < 4; ++i) {
            auto& hart = *harts_[worker_];
            if (auto* const space = hart.running; space != nullptr)
                hart.guest.speculate(hart.vmid, stage_of(*space), some_page().raw());
        }
    }

    void check_frames(Hart& hart) {
        auto* const space = hart.running;
        for (int i = 0; space != nullptr && i < 16; ++i) {
            auto const at = some_page();
            check_outcomes(*space, hart.guest.outcomes(hart.vmid, stage_of(*space), at.raw()), at, false);
        }
    }
    void check(Hart& hart) {
        for (int i = 0; i < 4; ++i) check_house(hart);
        for (int i = 0; i < 4; ++i) {
            auto const at = some_slot();
            for (auto const& outcome : hart.own.outcomes(windows, stage_of(hart), at))
                ASSERT_FALSE(outcome.translates) << "the copy window shows something though it is closed";
        }
        auto* const space = hart.view.serves();
        if (space == nullptr) return;
        // Nobody else's VS-stage translations under this VMID.
        auto& mine = hart.vs_stage[hart.vmid];
        mine.insert(space);
        ASSERT_EQ(mine.size(), 1u) << "VS-stage translations of another space";
        bool const settled = !owes(*space);
        for (int i = 0; i < 3; ++i) {
            auto const at = some_page();
            check_outcomes(*space, hart.guest.outcomes(hart.vmid, stage_of(*space), at.raw()), at, settled);
            auto const window = in_vm_window(at).raw();
            auto seen = hart.own.outcomes(windows, stage_of(hart), window);
            if (*seen.rbegin() == fake::Outcome{} && space->lookup(at)) {
                // Another hart mapped it.  The accessor that faults catches up.
                auto const before = worker_;
                for (u32 h = 0; h < hart_count; ++h)
                    if (harts_[h].get() == &hart) worker_ = h;
                hart.view.catch_up(*space);
                worker_ = before;
                seen = hart.own.outcomes(windows, stage_of(hart), window);
            }
            check_outcomes(*space, seen, at, settled);
        }
    }
    void check_outcomes(Space& space, std::set<fake::Outcome> const& found, Gpa at, bool settled) {
        auto const now = space.lookup(at);
        ASSERT_FALSE(found.empty());
        for (auto const& outcome : found) {
            ++checks;
            if (!outcome.translates) {
                ++faults;
                continue;  // at worst a fault that populate() answers
            }
            ++translations;
            auto const info = board_.frames.inspect(outcome.at);
            ASSERT_TRUE(info && info->block.owner == space.owner() && info->state != FrameState::free)
                << "a hart can reach a frame that is not its guest's";
            if (!settled) continue;
            ASSERT_TRUE(now) << "a hart still reaches a page that was unmapped and paid for";
            ASSERT_EQ(now->at, outcome.at) << "a hart reaches another page than the mapped one";
            ASSERT_EQ(now->how.may, outcome.may) << "a hart has permissions that were taken away";
        }
        if (settled && now) {
            bool reachable = false;
            for (auto const& outcome : found) reachable |= outcome.translates;
            ASSERT_TRUE(reachable);
        }
    }

    fake::RandomChoices choices_;
    fake::Board board_{{{bank, 48_MiB}}, 8_MiB};
    Features features_ = Features::all();
    Tags tags_;
    GStageMode mode_;
    House house_{};
    std::vector<std::unique_ptr<Hart>> harts_{};
    std::array<std::unique_ptr<Space>, space_count> spaces_{};
    std::vector<Debt> debts_{};
    u32 worker_ = 0;
};

}  // namespace antler::memory::stubborn
