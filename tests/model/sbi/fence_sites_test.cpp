// Each fence of the hypervisor is needed: where one is left out, a hart with a stubborn translation cache
// finds what was taken away, or never finds what it was given.
#include <gtest/gtest-spi.h>

#include "hart/house_entry.hpp"
#include "platform/iommus.hpp"
#include "tests/fake/fence_sites.hpp"
#include "tests/fake/iommu.hpp"
#include "tests/model/memory/stubborn_model.hpp"
#include "tests/model/sbi/migration_model.hpp"

namespace antler::vm {
namespace {

// What tests said meanwhile is not said of this one.
class Failures {
public:
    [[nodiscard]] bool any() const {
        for (int i = 0; i < results_.size(); ++i)
            if (results_.GetTestPartResult(i).failed()) return true;
        return false;
    }

    [[nodiscard]] std::string words() const {
        for (int i = 0; i < results_.size(); ++i)
            if (results_.GetTestPartResult(i).failed()) return results_.GetTestPartResult(i).message();
        return {};
    }

private:
    testing::TestPartResultArray results_{};
    testing::ScopedFakeTestPartResultReporter reporter_{
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results_};
};

using Program = void (*)(u64 seed, Failures const& failures);

// --- random programs

constexpr u8 vmid_lengths[] = {0, 1, 2, 14};

void memory_program(u64 seed, Failures const& failures) {
    using namespace memory::stubborn;
    memory::stubborn::Model model{seed, vmid_lengths[seed % 4], GStageMode::sv39x4, seed % 2 == 0};
    for (int i = 0; i < 400 && !failures.any(); ++i) model.step();
}

void vcpu_program(u64 seed, Failures const& failures) {
    migration::Model model{seed, vmid_lengths[seed % 4]};
    for (int i = 0; i < 1'500 && !failures.any(); ++i) model.step();
}

// --- what those seldom come to

// Whoever had the hart before left translations, and the hart walks tables while they are written.
void begin_to_translate(u64, Failures const&) {
    fake::reset_hart();
    fake::Board board;
    memory::House house;
    ASSERT_TRUE(house.create(board.frames, isa::Features::all()).ok());
    memory::HartView view;
    ASSERT_TRUE(view.create(house, 0).ok());
    fake::HartTlb tlb{board.memory, 14};
    fake::hart().on_fence = [&](fake::Fence const& fence) { tlb.execute(fake::hart(), fence); };
    auto const at = memory::Hva{view.satp().root().raw()};
    // A former owner's table, at the same place in memory.
    auto* const root = static_cast<u64*>(memory::house_view(view.satp().root()));
    auto const index = isa::sv39.index(at.raw(), 2);
    auto const entry = std::exchange(root[index], isa::Pte::leaf(Hpa{0}, {}).raw);
    static_cast<void>(tlb.own(view.satp(), at));
    root[index] = entry;
    hart::enter_house(view.satp());
    EXPECT_EQ(hart::csr::satp::read_raw(), view.satp().raw);
    auto const found = tlb.own(view.satp(), at);
    EXPECT_EQ(found.size(), 1U);
    EXPECT_EQ(found.begin()->at.raw(), at.raw());
}

// The copy window shows what it is to show, and nothing when it is closed, whatever the hart looks at
// meanwhile.
void open_a_window(u64, Failures const&) {
    World world;
    auto& view = world.core().view;
    auto& memory = world.board().memory;
    fake::HartTlb tlb{memory, 14};
    memory.on_fence_page = [&](memory::Hva at) { tlb.fence_own_page(view.satp(), at); };
    memory.on_fence_windows = [&] { tlb.fence_windows(); };
    auto const granule = memory.banks().front().start + 32_MiB;
    constexpr u64 sizes[] = {memory::granule_bytes, page_bytes, 3 * page_bytes};
    for (auto const bytes : sizes) {
        auto const slot = memory::copy_window + (bytes == memory::granule_bytes ? 0 : memory::granule_bytes);
        auto const last = bytes - page_bytes;
        static_cast<void>(tlb.own(view.satp(), slot + last));
        {
            auto const guard = view.open({granule, bytes});
            auto const found = tlb.own(view.satp(), slot + last);
            EXPECT_EQ(found.size(), 1U);
            EXPECT_EQ(found.begin()->at, granule + last);
        }
        for (auto const& outcome : tlb.own(view.satp(), slot + last)) EXPECT_FALSE(outcome.translates);
    }
    memory.on_fence_page = {};
    memory.on_fence_windows = {};
}

// The house gets a granule and loses it again; another hart is told.
void change_the_house(u64, Failures const&) {
    World world;
    auto& core = world.core(1);
    auto const satp = core.view.satp();
    fake::HartTlb tlb{world.board().memory, 14};
    world.file(1).on_fence = [&](fake::Fence const& fence) { tlb.execute(fake::hart(), fence); };
    world.board().memory.on_flush_house = [&](memory::HvaRange) {
        std::atomic<u32> left = 1;
        core.ask_flush({.left = &left});
        world.on(1, [](Core& there) { there.serve_fences(); });
        EXPECT_EQ(left.load(), 0U);
    };
    for (auto const to : {memory::Pool::house, memory::Pool::guest}) {
        auto& frames = world.board().frames;
        auto granule = frames.withdraw(memory::other(to));
        ASSERT_TRUE(granule.ok());
        memory::Hva const at{granule.value().range().start.raw()};
        frames.deposit(std::move(granule).value(), memory::other(to));
        static_cast<void>(tlb.own(satp, at));
        ASSERT_TRUE(memory::move_granule(frames, world.house(), to).ok());
        for (auto const& outcome : tlb.own(satp, at))
            EXPECT_EQ(outcome.translates, to == memory::Pool::house);
    }
}

// What a guest touched is there when it tries again, where its hart remembers that there was nothing.
void touch(u64, Failures const&) {
    World world;
    auto& vm = world.add({.memory_bytes = 2_MiB + 64_KiB});
    auto& vcpu = world.start(vm);
    fake::HartTlb tlb{world.board().memory, 8};
    fake::hart().on_fence = [&](fake::Fence const& fence) { tlb.execute(fake::hart(), fence); };
    Gpa const tail{World::code + 2_MiB};
    for (auto const bytes : {64_KiB, 4_KiB}) {  // a table of its own, and a page of it
        auto& space = vm.ram().space();
        GpaRange rest{tail, bytes};
        auto debt = space.unmap_step(rest);
        ASSERT_TRUE(debt.ok());
        world.board().memory.on_flush_harts = [&](auto const&, auto& flushed, auto const& request) {
            flush_space(world.core(), flushed, request);
        };
        std::move(debt).value().pay(space.observers());
        static_cast<void>(tlb.outcomes(fake::hart(), tail));
        ASSERT_TRUE(vcpu.vm.ram().touch(tail).ok());
        for (auto const& outcome : tlb.outcomes(fake::hart(), tail)) EXPECT_TRUE(outcome.translates);
    }
}

// More is asked of a vCPU than its queue holds: everything goes.
void ask_too_often(u64, Failures const&) {
    World world;
    auto& vm = world.add();
    world.start(vm);
    auto& other = world.start(vm, 1);
    static_cast<void>(world.run(1));
    bool tables = false, code = false;
    world.file(1).on_fence = [&](fake::Fence const& fence) {
        tables =
            tables || (fence.kind == fake::Fence::Kind::guest_virtual && !fence.address && !fence.identifier);
        code = code || fence.kind == fake::Fence::Kind::instructions;
    };
    for (u64 i = 0; i < 16; ++i)
        (void)other.ask_fence(
            {.kind = GuestFence::Kind::range, .start = Gva{i * page_bytes}, .size = page_bytes});
    (void)other.ask_fence({.kind = GuestFence::Kind::all, .start{}});
    (void)other.ask_fence({.kind = GuestFence::Kind::instructions, .start{}});
    static_cast<void>(world.run(1));
    EXPECT_TRUE(tables && code);
}

// Devices of a VM lose a page, and many, which harts were never shown or tell the writes of; and nothing
// stays with the IOMMU once it is paid for.
void take_from_devices(u64 seed, Failures const&) {
    constexpr platform::DeviceId disk{0, 0x10};
    fake::Board board;
    memory::Tags tags{14};
    fake::Iommu hardware{board.memory};
    platform::Iommus all{board.frames};
    ASSERT_TRUE(all.add(hardware, {}, 16, true).ok());
    memory::Space space{board.frames, tags, memory::OwnerId{1}};
    auto const devices = seed % 2 == 0 ? memory::DeviceTree::shared : memory::DeviceTree::own;
    ASSERT_TRUE(space.create(isa::GStageMode::sv39x4, isa::Features::all(), devices).ok());
    ASSERT_TRUE(all.attach(disk, space, "vm").ok());
    Gpa const at{World::code};
    auto const give = [&](Gpa to, u64 bytes) {
        auto page = board.frames.take(memory::Pool::guest, memory::largest_order(bytes, 0), space.owner());
        ASSERT_TRUE(page.ok());
        auto zeroed =
            memory::PageMaker::make<memory::Zeroed>(memory::PageMaker::unmake(std::move(page).value()));
        ASSERT_TRUE(
            (space.is_parted() ? space.keep(to, std::move(zeroed)) : space.map(to, std::move(zeroed))).ok());
    };
    give(at + 4_MiB, 4_KiB);  // its table stays
    for (auto const [to, bytes] : {std::pair{at + 4_MiB + 8_KiB, 4_KiB}, std::pair{at, 2_MiB}}) {
        give(to, bytes);
        EXPECT_EQ(hardware.access(disk.number, to, true).size(), 1U);
        ASSERT_TRUE(space.unmap({to, bytes}).ok());
        EXPECT_TRUE(hardware.access(disk.number, to, true).empty());
    }
    all.detach(disk);
    while (!space.destroy_step()) {
    }
    all[0].close(board.frames);
}

constexpr Program programs[] = {begin_to_translate, change_the_house, touch,        ask_too_often,
                                open_a_window,      memory_program,   vcpu_program, take_from_devices};

// Which of them is to fail.
Program program_for(FenceSite site) {
    using enum FenceSite;
    switch (site) {
        case house_entered: return begin_to_translate;
        case house_flushed:
        case house_grows:
        case house_changes: return change_the_house;
        case windows_shown: return memory_program;
        case granule_opened:
        case granule_closed:
        case page_opened:
        case page_closed:
        case pages_opened:
        case pages_closed: return open_a_window;
        case table_touched:
        case page_touched: return touch;
        case asked_too_often_tables:
        case asked_too_often_code: return ask_too_often;
        case devices_lose_pages:
        case devices_lose_many:
        case devices_are_done: return take_from_devices;
        case windows_handed_over:
        case space_entered:
        case space_changed:
        case page_changed:
        case tables_of_former_space:
        case tables_of_other_vcpu:
        case code_of_other_vcpu:
        case asked_for_all:
        case asked_for_space:
        case asked_for_range:
        case asked_for_long_range:
        case asked_for_range_of_space:
        case asked_for_long_range_of_space:
        case asked_for_code:
        case emulated_all:
        case emulated_page:
        case emulated_space:
        case emulated_page_of_space:
        case lane_page:
        case lane_page_of_space:
        case lane_code:
        case named_by_caller: return vcpu_program;
    }
    return nullptr;
}

class WithoutFence : public testing::TestWithParam<int> {};

TEST_P(WithoutFence, ATestFails) {
    RecordProperty("rules",
                   "norm:hfence-gvma_op norm:hfence-vvma_limits norm:sfence_vma_ordering_semantics "
                   "norm:satp_op_sfence_vma norm:hgatp_op_hfence_gvma norm:sfence_vma_v0 "
                   "norm:hfence-vvma_mode");
    auto const site = static_cast<FenceSite>(GetParam());
    bool found = false, met = false;
    {
        Failures const failures;
        for (u64 seed = 1; seed <= 24 && !found; ++seed) {
            fake::LeftOut const without{site};
            program_for(site)(seed, failures);
            met = met || fake::LeftOut::times() != 0;
            found = failures.any();
        }
    }
    EXPECT_TRUE(met) << "no program comes to " << fake::name_of(site);
    EXPECT_TRUE(found) << fake::name_of(site) << " is needless, or the models have a gap";
}

INSTANTIATE_TEST_SUITE_P(OfEachSite, WithoutFence, testing::Range(0, int{fence_sites}), [](auto const& info) {
    return std::string{fake::name_of(static_cast<FenceSite>(info.param))};
});

// The same programs are right while every fence stands.
TEST(WithEveryFence, EveryProgramIsRight) {
    std::string words;
    {
        Failures const failures;
        for (u64 seed = 1; seed <= 2; ++seed)
            for (auto const program : programs) program(seed, failures);
        words = failures.words();
    }
    EXPECT_EQ(words, "");
}

}  // namespace
}  // namespace antler::vm
