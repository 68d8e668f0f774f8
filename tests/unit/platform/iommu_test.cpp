// The driver of IOMMUs against one that keeps whatever it may.
#include "tests/unit/platform/iommu_desk.hpp"

namespace antler::platform::test {
namespace {

TEST(Iommu, ADeviceThatNobodyKnowsReachesNothing) {
    Desk desk;
    ASSERT_TRUE(desk.opened);
    EXPECT_EQ(desk.hardware.mode(), isa::iommu::DirectoryMode::three_levels);
    EXPECT_EQ(desk.writes(0x10, ram), Only{});
    auto const faults = desk.faults();
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_EQ(faults[0].record.why(), static_cast<u16>(isa::iommu::FaultCause::directory_invalid));
    EXPECT_EQ(faults[0].device, disk);
    EXPECT_TRUE(faults[0].vm.empty() && !faults[0].house);
}

TEST(Iommu, HasAsManyLevelsAsNumbersNeedAndItCan) {
    for (auto const bits : {6u, 7u, 15u, 16u, 24u}) {
        Desk desk{Iommu::everything, bits};
        ASSERT_TRUE(desk.opened);
        EXPECT_EQ(desk.all[0].shape().levels, bits <= 6 ? 1u : bits <= 15 ? 2u : 3u) << bits;
    }
    // Without messages its entries are small, and a page holds more of them.
    Desk desk{Iommu::everything & ~isa::iommu::Capabilities::msi_flat::mask, 16};
    ASSERT_TRUE(desk.opened);
    EXPECT_EQ(desk.all[0].shape().levels, 2u);
    EXPECT_EQ(desk.all[0].shape().entry_bytes(), 32u);
    ASSERT_TRUE(desk.all.attach_house({0, 0xffff}).ok());
    EXPECT_EQ(desk.writes(0xffff, ram), (Only{{Hpa{ram.raw()}}}));
    EXPECT_EQ(desk.writes(0xfffe, ram), Only{});
}

TEST(Iommu, WithFewerLevelsRefusesWhatTheyDoNotReach) {
    fake::Board board;
    Iommu hardware{board.memory};
    hardware.most_levels = 1;
    Iommus all{board.frames};
    ASSERT_TRUE(all.add(hardware, {}, 16, false).ok());
    EXPECT_TRUE(all.attach_house({0, 63}).ok());
    EXPECT_EQ(all.attach_house({0, 64}).error(), Error::not_supported);
    EXPECT_EQ(hardware.access(64, ram, true), Only{});
    all[0].close(board.frames);
}

TEST(Iommu, OfAnUnknownVersionIsOff) {
    Desk desk{0x20};
    EXPECT_FALSE(desk.opened);
    EXPECT_EQ(desk.hardware.mode(), isa::iommu::DirectoryMode::off);
    EXPECT_TRUE(desk.all[0].is_dead());
    EXPECT_EQ(desk.all.attach_house(disk).error(), Error::not_supported);
}

TEST(Iommu, AVmsDeviceReachesItsMemoryAndNoOther) {
    Desk desk;
    Guest one{desk.board.frames, desk.tags, 1}, two{desk.board.frames, desk.tags, 2};
    auto const page = one.give(ram);
    two.give(ram);
    two.give(ram + 4_KiB);
    ASSERT_TRUE(desk.all.attach(disk, one, "one").ok());
    EXPECT_EQ(desk.reads(disk.number, ram + 0x234), (Only{{page + 0x234}}));
    EXPECT_EQ(desk.writes(disk.number, ram + 4_KiB), Only{});
    auto const faults = desk.faults();
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_EQ(desk.names[0], "one");
    EXPECT_EQ(faults[0].record.iotval, (ram + 4_KiB).raw());
    EXPECT_EQ(isa::iommu::describe(faults[0].record.why()), "outside of what it may reach");
    EXPECT_EQ(desk.all.attach(disk, two, "two").error(), Error::already_exists);
    EXPECT_EQ(desk.all.attach_house(disk).error(), Error::already_exists);
    desk.all.detach(disk);
    EXPECT_EQ(desk.reads(disk.number, ram), Only{}) << "nothing is kept";
    ASSERT_TRUE(desk.all.attach(disk, two, "two").ok());
    EXPECT_NE(desk.reads(disk.number, ram), (Only{{page}}));
    desk.all.detach(disk);
}

TEST(Iommu, APageIsNotFreeBeforeDevicesAreDoneWithIt) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    auto const page = vm.give(ram);
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}})) << "what was nothing is kept nowhere";
    auto const logged = desk.hardware.log.size();
    GpaRange range{ram, 4_KiB};
    auto debt = vm.unmap_step(range);
    ASSERT_TRUE(debt.ok());
    // It is the VM's still, so that it may be written.
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    EXPECT_TRUE(desk.board.frames.inspect(page));
    std::move(debt).value().pay(vm.observers());
    EXPECT_EQ(desk.writes(disk.number, ram), Only{});
    EXPECT_GT(desk.hardware.log.size(), logged);
    EXPECT_TRUE(desk.hardware.log.back().is(isa::iommu::Command::iofence, isa::iommu::Command::fence_c));
    desk.all.detach(disk);
}

TEST(Iommu, IsToldPageByPageOrOnceForMany) {
    using isa::iommu::Command;
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    vm.give(ram, memory::order_2m);
    vm.give(ram + 2_MiB);
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    EXPECT_FALSE(desk.writes(disk.number, ram + 1_MiB).empty());
    desk.hardware.log.clear();
    ASSERT_TRUE(vm.protect({ram + 2_MiB, 4_KiB}, {.read = true, .write = false, .execute = true}).ok());
    EXPECT_EQ(desk.hardware.log,
              (std::vector{Command::forget_page(vm.gscid(), ram + 2_MiB), Command::fence()}));
    EXPECT_EQ(desk.writes(disk.number, ram + 2_MiB), Only{});
    EXPECT_FALSE(desk.reads(disk.number, ram + 2_MiB).empty());
    desk.hardware.log.clear();
    ASSERT_TRUE(vm.unmap({ram, 2_MiB}).ok());
    EXPECT_EQ(desk.hardware.log, (std::vector{Command::forget_space(vm.gscid()), Command::fence()}));
    EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
    desk.all.detach(disk);
    desk.hardware.log.clear();
    ASSERT_TRUE(vm.unmap({ram + 2_MiB, 4_KiB}).ok());
    EXPECT_TRUE(desk.hardware.log.empty()) << "it has no devices any more";
}

TEST(Iommu, MessagesGoToTheFileOfTheMoment) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    auto const pages = isa::iommu::MessagePages::of(files, 2);
    ASSERT_TRUE(desk.all.redirects_messages() && desk.all.stores_messages());
    ASSERT_TRUE(desk.all.set_message_pages(vm, pages).ok());
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    ASSERT_TRUE(desk.all.attach(other, vm, "vm").ok());
    EXPECT_EQ(desk.all.set_message_pages(vm, std::nullopt).error(), Error::bad_state);
    auto const page_of = [&](u32 n) { return files + u64{n} * page_bytes; };
    EXPECT_EQ(desk.writes(disk.number, page_of(3)), Only{});
    EXPECT_EQ(isa::iommu::describe(desk.faults()[0].record.why()), "no interrupt file is there");
    constexpr Hpa first{0x2800'1000}, second{0x2800'9000}, house{0x2800'0000};
    desk.all.redirect(vm, 3, first);
    EXPECT_EQ(desk.writes(disk.number, page_of(3)), (Only{{first}}));
    EXPECT_EQ(desk.writes(other.number, page_of(3)), (Only{{first}}));
    desk.all.redirect(vm, 3, second);
    EXPECT_EQ(desk.writes(disk.number, page_of(3)), (Only{{second}}))
        << "none arrives where they went before";
    constexpr Hpa in_memory{0x8123'4200};
    desk.all.redirect_to_memory(vm, 3, in_memory, house, 42);
    EXPECT_EQ(desk.writes(other.number, page_of(3)), (Only{{in_memory, true}}));
    desk.all.redirect_to_memory(vm, 3, in_memory + 512, house, 42);
    EXPECT_EQ(desk.writes(other.number, page_of(3)), (Only{{in_memory + 512, true}}));
    desk.all.redirect(vm, 3, first);
    EXPECT_EQ(desk.writes(other.number, page_of(3)), (Only{{first}}));
    EXPECT_EQ(desk.writes(other.number, page_of(2)), Only{});
    desk.all.redirect(vm, 4, first);  // no such file
    desk.all.refuse_messages(vm, 3);
    EXPECT_EQ(desk.writes(other.number, page_of(3)), Only{});
    EXPECT_EQ(desk.writes(disk.number, page_of(4)), Only{}) << "the tree has nothing there";
    desk.all.detach(disk);
    desk.all.detach(other);
    ASSERT_TRUE(desk.all.set_message_pages(vm, std::nullopt).ok());
}

TEST(Iommu, ThatCannotRedirectMessagesSaysSo) {
    Desk desk{Iommu::everything & ~isa::iommu::Capabilities::msi_flat::mask};
    Guest vm{desk.board.frames, desk.tags, 1};
    EXPECT_FALSE(desk.all.redirects_messages() || desk.all.stores_messages());
    EXPECT_EQ(desk.all.set_message_pages(vm, isa::iommu::MessagePages::of(files, 2)).error(),
              Error::not_supported);
}

TEST(Iommu, LosesRecordsAndGoesOn) {
    Desk desk;
    for (u32 i = 0; i < 2 * platform::Iommu::records; ++i) EXPECT_EQ(desk.writes(i, ram), Only{});
    EXPECT_EQ(desk.faults().size(), platform::Iommu::records - 1);
    EXPECT_TRUE(desk.faults().empty());
    EXPECT_EQ(desk.writes(5, ram), Only{});
    EXPECT_EQ(desk.faults().size(), 1u);
}

TEST(Iommu, ThatDoesNotObeyIsSwitchedOff) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    auto const page = vm.give(ram);
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    desk.hardware.obeys = false;
    ASSERT_TRUE(vm.unmap({ram, 4_KiB}).ok());
    EXPECT_TRUE(desk.all[0].is_dead());
    EXPECT_EQ(desk.hardware.mode(), isa::iommu::DirectoryMode::off);
    EXPECT_EQ(desk.writes(disk.number, ram), Only{});
    desk.all.detach(disk);
}

TEST(Iommu, LeavesOfTreesAreWhatItCanRead) {
    Desk desk{Iommu::everything & ~isa::iommu::Capabilities::svpbmt::mask};
    auto features = isa::Features::all();
    Iommus none{desk.board.frames};
    none.narrow(features);
    EXPECT_TRUE(features.svnapot && features.svpbmt) << "without one nothing changes";
    desk.all.narrow(features);
    EXPECT_FALSE(features.svnapot || features.svpbmt);
    Space wide{desk.board.frames, desk.tags, memory::OwnerId{1}};
    ASSERT_TRUE(wide.create(GStageMode::sv57x4, isa::Features::all()).ok());
    EXPECT_EQ(desk.all.attach(disk, wide, "wide").error(), Error::not_supported);
    while (!wide.destroy_step()) {
    }
}

TEST(Iommu, ThatSetsDTellsWhatDevicesWrite) {
    Desk desk{Iommu::everything | isa::iommu::Capabilities::amo_hwad::mask};
    Guest vm{desk.board.frames, desk.tags, 1};
    auto const page = vm.give(ram);
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    ASSERT_TRUE(desk.all.marks_pages(disk));
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    for (u32 round = 0; round < 2; ++round) {
        ASSERT_TRUE(vm.protect({ram, 4_KiB}, isa::Permissions::all(), false).ok());
        EXPECT_EQ(desk.reads(disk.number, ram), (Only{{page}}));
        EXPECT_FALSE(vm.lookup(ram)->how.dirty);
        EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}})) << "nothing is lost";
        EXPECT_TRUE(vm.lookup(ram)->how.dirty) << "also of what it wrote before: it forgot that D was set";
    }
    EXPECT_TRUE(desk.faults().empty());
    desk.all.detach(disk);
}

TEST(Iommu, ThatDoesNotSetDSeesNoLeafWithoutIt) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1}, logged{desk.board.frames, desk.tags, 2};
    auto const page = vm.give(ram);
    logged.give(ram);
    ASSERT_FALSE(desk.all.marks_pages(disk));
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    EXPECT_EQ(vm.protect({ram, 4_KiB}, isa::Permissions::all(), false).error(), Error::not_supported);
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    // As it would be: past the space, which does not do it.
    auto cleared = vm.with_tree([&](memory::Stage2& tree) {
        memory::Stretch part{ram.raw(), 4_KiB};
        return tree.protect_step(part, isa::Permissions::all(), false);
    });
    std::move(cleared).value().pay(vm.observers());
    EXPECT_EQ(desk.reads(disk.number, ram), (Only{{page}}));
    EXPECT_EQ(desk.writes(disk.number, ram), Only{}) << "it fails, for good";
    ASSERT_TRUE(vm.protect({ram, 4_KiB}, isa::Permissions::all()).ok());
    ASSERT_TRUE(logged.protect({ram, 4_KiB}, isa::Permissions::all(), false).ok());
    EXPECT_EQ(desk.all.attach(other, logged, "logged").error(), Error::not_supported);
    EXPECT_FALSE(desk.all.is_attached(other));
    ASSERT_TRUE(logged.protect({ram, 4_KiB}, isa::Permissions::all()).ok());
    desk.all.detach(disk);
    ASSERT_TRUE(vm.protect({ram, 4_KiB}, isa::Permissions::all(), false).ok())
        << "it has no devices any more";
}

TEST(Iommu, ThatDoesNotSetDWalksATreeOfItsOwn) {
    using isa::iommu::Command;
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1, memory::DeviceTree::own};
    auto const page = vm.give(ram), more = vm.give(ram + 4_KiB);
    ASSERT_FALSE(desk.all.marks_pages(disk));
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    desk.hardware.log.clear();
    // What harts write is told by D, before a device is attached and after.
    GpaRange range{ram, 4_KiB};
    std::move(vm.log_step(range)).value().pay(vm.observers());
    EXPECT_FALSE(vm.lookup(ram)->how.dirty);
    EXPECT_TRUE(desk.hardware.log.empty()) << "nothing of what it walks has changed";
    ASSERT_TRUE(desk.all.attach(other, vm, "vm").ok());
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    EXPECT_EQ(desk.writes(other.number, ram), (Only{{page}}));
    EXPECT_TRUE(vm.may_be_written(ram)) << "it does not tell";
    // Harts find it later; it does not wait.
    auto block = memory::PageMaker::make<memory::Zeroed>(memory::PageMaker::unmake(
        desk.board.frames.take(memory::Pool::guest, memory::order_2m, vm.owner()).value()));
    auto const later = block.start();
    ASSERT_TRUE(vm.keep(ram + 2_MiB, std::move(block)).ok());
    EXPECT_FALSE(vm.lookup(ram + 2_MiB));
    EXPECT_EQ(desk.writes(disk.number, ram + 2_MiB), (Only{{later}}));
    ASSERT_TRUE(vm.show(ram + 2_MiB, {ram, 4_MiB}).ok());
    EXPECT_EQ(vm.lookup(ram + 2_MiB)->at, later);
    EXPECT_TRUE(desk.hardware.log.empty());
    // A page that goes, goes from both, and is not free before devices are done with it.
    range = {ram + 4_KiB, 4_KiB};
    EXPECT_EQ(desk.writes(disk.number, ram + 4_KiB), (Only{{more}}));
    auto debt = vm.unmap_step(range);
    ASSERT_TRUE(debt.ok());
    EXPECT_FALSE(vm.lookup(ram + 4_KiB));
    EXPECT_EQ(desk.writes(disk.number, ram + 4_KiB), (Only{{more}}));
    EXPECT_EQ(desk.board.frames.inspect(more)->block.owner, vm.owner());
    std::move(debt).value().pay(vm.observers());
    EXPECT_EQ(desk.hardware.log,
              (std::vector{Command::forget_page(vm.gscid(), ram + 4_KiB), Command::fence()}));
    EXPECT_EQ(desk.writes(disk.number, ram + 4_KiB), Only{});
    EXPECT_FALSE(desk.all.audit());
    desk.all.detach(disk);
    desk.all.detach(other);
}

TEST(Iommu, WithoutMemoryNothingIsAttached) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    {
        fake::Shortage const shortage{desk.board.frames, 1};
        EXPECT_EQ(desk.all.attach(disk, vm, "vm").error(), Error::no_memory);
        EXPECT_EQ(desk.writes(disk.number, ram), Only{});
    }
    EXPECT_FALSE(desk.all.is_attached(disk));
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    desk.all.detach(disk);
}

TEST(IommuMap, TurnsFunctionsIntoDevices) {
    IommuMap map;
    EXPECT_FALSE(map.find(0x10));
    ASSERT_TRUE(map.lines.push({0, 7, 0, 8}));
    ASSERT_TRUE(map.lines.push({9, 7, 0x100, 0xfff7}));
    EXPECT_EQ(map.find(7), (IommuMap::Found{7, 7}));
    EXPECT_FALSE(map.find(8)) << "the IOMMU itself";
    EXPECT_EQ(map.find(0x10), (IommuMap::Found{7, 0x107}));
    EXPECT_EQ(map.last_number(7), 0x100u + 0xfff6u);
    Desk desk;
    desk.all.use_map(map);
    EXPECT_EQ(desk.all.covers(9), (DeviceId{0, 0x100}));
    EXPECT_FALSE(desk.all.covers(8));
    EXPECT_EQ(desk.all.covers(7, 3), (DeviceId{0, 3}));
    EXPECT_FALSE(desk.all.covers(8, 3));
}

}  // namespace
}  // namespace antler::platform::test
