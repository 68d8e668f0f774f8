// What devices behind an IOMMU did wrong is their owner's, and what is wrong with its tables is found.
#include "tests/unit/platform/iommu_desk.hpp"

namespace antler::platform::test {
namespace {

TEST(Iommu, ADeviceWithTooManyFaultsIsHeardNoMore) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    vm.give(ram);
    ASSERT_TRUE(desk.all.attach(disk, vm, "wild").ok());
    u32 heard = 0;
    bool silenced = false;
    for (u32 i = 0; i < 3 * Iommus::most_faults; ++i) {
        EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
        for (auto const& fault : desk.faults(Ticks{i})) {
            ++heard;
            silenced |= fault.silenced;
        }
    }
    EXPECT_EQ(heard, Iommus::most_faults);
    EXPECT_TRUE(silenced);
    EXPECT_FALSE(desk.writes(disk.number, ram).empty()) << "it works nonetheless";
    desk.all.detach(disk);
    ASSERT_TRUE(desk.all.attach(disk, vm, "wild").ok());
    EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
    EXPECT_EQ(desk.faults().size(), 1u) << "whoever has it next is heard again";
    desk.all.detach(disk);
}

// What boot/ does when it is asked.
struct Hearer final : FaultHearer {
    explicit Hearer(Desk& d) : desk{d} { desk.all.set_hearer(*this); }
    void hear(u32 iommu) override {
        EXPECT_EQ(iommu, 0u);
        EXPECT_EQ(desk.writes(disk.number, ram), Only{}) << "it reaches nothing any more";
        for (auto const& fault : desk.faults()) {
            heard.push_back(desk.names[heard_now++]);
            addresses.push_back(fault.record.iotval);
        }
        heard_now = 0;
        EXPECT_TRUE(desk.all.is_attached(disk)) << "nobody else can have it yet";
    }
    Desk& desk;
    usize heard_now = 0;
    std::vector<std::string> heard{};
    std::vector<u64> addresses{};
};

TEST(Iommu, WhatADeviceDidIsItsOwnersThoughNobodyAskedInTime) {
    Desk desk;
    Guest one{desk.board.frames, desk.tags, 1}, two{desk.board.frames, desk.tags, 2};
    one.give(ram);
    Hearer hearer{desk};
    ASSERT_TRUE(desk.all.attach(disk, one, "one").ok());
    EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
    EXPECT_EQ(desk.writes(disk.number, ram + 2_MiB), Only{});
    desk.all.detach(disk);
    // The third is what it tried while it was asked about.
    EXPECT_EQ(hearer.heard, (std::vector<std::string>{"one", "one", "one"}));
    EXPECT_EQ(hearer.addresses, (std::vector<u64>{(ram + 1_MiB).raw(), (ram + 2_MiB).raw(), ram.raw()}));
    EXPECT_FALSE(desk.all.is_attached(disk));
    ASSERT_TRUE(desk.all.attach(disk, two, "two").ok());
    EXPECT_TRUE(desk.faults().empty());
    EXPECT_EQ(desk.writes(disk.number, ram), Only{});
    EXPECT_EQ(desk.faults().size(), 1u);
    EXPECT_EQ(desk.names[0], "two");
    desk.all.detach(disk);
    desk.all.detach(disk);  // of nobody: nobody is asked
    EXPECT_EQ(hearer.heard.size(), 4u);
}

TEST(Iommu, ADeviceThatIsHeldReachesNothingUntilItIsLetGo) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1}, other_vm{desk.board.frames, desk.tags, 2};
    auto const page = vm.give(ram);
    auto const pages = isa::iommu::MessagePages::of(files, 1);
    ASSERT_TRUE(desk.all.set_message_pages(vm, pages).ok());
    ASSERT_TRUE(desk.all.attach(disk, vm, "vm").ok());
    ASSERT_TRUE(desk.all.attach(other, vm, "vm").ok());
    constexpr Hpa file{0x2800'1000};
    desk.all.redirect(vm, 0, file);
    EXPECT_EQ(desk.writes(disk.number, ram), (Only{{page}}));
    EXPECT_EQ(desk.writes(disk.number, files), (Only{{file}}));
    desk.all.hold(disk);
    EXPECT_EQ(desk.hardware.log.back(), isa::iommu::Command::fence()) << "nothing of it is under way";
    EXPECT_EQ(desk.writes(disk.number, ram), Only{}) << "nothing is kept";
    EXPECT_EQ(desk.writes(disk.number, files), Only{});
    EXPECT_EQ(desk.writes(other.number, ram), (Only{{page}})) << "others go on";
    EXPECT_TRUE(desk.all.is_attached(disk));
    EXPECT_EQ(desk.all.attach(disk, other_vm, "other").error(), Error::already_exists);
    // What changes meanwhile it finds changed.
    desk.all.redirect(vm, 0, file + 4_KiB);
    ASSERT_TRUE(vm.unmap({ram, 4_KiB}).ok());
    auto const next = vm.give(ram + 8_KiB);
    desk.all.hold(disk);  // twice is once
    desk.all.let_go(disk);
    EXPECT_EQ(desk.writes(disk.number, ram), Only{});
    EXPECT_EQ(desk.writes(disk.number, ram + 8_KiB), (Only{{next}}));
    EXPECT_EQ(desk.writes(disk.number, files), (Only{{file + 4_KiB}}));
    desk.all.detach(disk);
    desk.all.detach(other);
    desk.all.let_go(disk);
    EXPECT_EQ(desk.writes(disk.number, ram + 8_KiB), Only{}) << "of nobody";
    ASSERT_TRUE(desk.all.set_message_pages(vm, std::nullopt).ok());
}

TEST(Iommu, ADeviceThatWasHeldIsHeardAgain) {
    Desk desk;
    Guest vm{desk.board.frames, desk.tags, 1};
    vm.give(ram);
    ASSERT_TRUE(desk.all.attach(disk, vm, "wild").ok());
    for (u32 i = 0; i < 2 * Iommus::most_faults; ++i) {
        EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
        (void)desk.faults(Ticks{i});
    }
    EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
    EXPECT_TRUE(desk.faults().empty()) << "it was one too many";
    desk.all.hold(disk);
    desk.all.let_go(disk);
    EXPECT_EQ(desk.writes(disk.number, ram + 1_MiB), Only{});
    EXPECT_EQ(desk.faults().size(), 1u);
    desk.all.detach(disk);
}

// The entry of a device, to be spoilt.
u64* entry_of(Desk& desk, u32 device) {
    u64 const* found = nullptr;
    desk.all[0].for_each_entry(
        [&](u32 number, std::span<u64 const> words) {
            if (number == device) found = words.data();
        },
        [](Hpa) {});
    return const_cast<u64*>(found);
}

TEST(Iommu, TheAuditFindsAnEntryThatIsNotItsOwners) {
    Desk desk;
    Guest one{desk.board.frames, desk.tags, 1}, two{desk.board.frames, desk.tags, 2};
    one.give(ram);
    constexpr DeviceId ours{0, 0xfff8};
    EXPECT_FALSE(desk.all.audit());
    ASSERT_TRUE(desk.all.set_message_pages(one, isa::iommu::MessagePages::of(files, 1)).ok());
    ASSERT_TRUE(desk.all.attach(disk, one, "one").ok());
    ASSERT_TRUE(desk.all.attach(other, two, "two").ok());
    ASSERT_TRUE(desk.all.attach_house(ours).ok());
    EXPECT_FALSE(desk.all.audit());
    desk.all[0].silence(disk.number);
    EXPECT_FALSE(desk.all.audit()) << "one that is not heard is in its place too";

    auto* const entry = entry_of(desk, disk.number);
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(entry_of(desk, disk.number + 1), nullptr);
    auto const spoilt = [&](u64& word, u64 value, std::string_view what) {
        auto const before = std::exchange(word, value);
        auto const found = desk.all.audit();
        word = before;
        EXPECT_FALSE(desk.all.audit());
        ASSERT_TRUE(found) << what;
        EXPECT_EQ(found->what, what);
    };
    constexpr auto not_its_owners = "a device's entry is not its owner's";
    spoilt(entry[1], entry_of(desk, other.number)[1], not_its_owners);
    spoilt(entry[1], 0, not_its_owners);
    spoilt(entry[4], entry[4] + (1 << 10), not_its_owners);
    spoilt(entry[5], 3, not_its_owners);
    spoilt(entry[0], entry[0] | isa::iommu::TranslationControl::en_ats::mask, not_its_owners);
    spoilt(entry[8], 1, "a device of nobody has an entry");
    spoilt(entry_of(desk, ours.number)[1], entry[1], not_its_owners);
    for (auto const id : {disk, other, ours}) desk.all.detach(id);
    EXPECT_FALSE(desk.all.audit());
    ASSERT_TRUE(desk.all.set_message_pages(one, std::nullopt).ok());
}

TEST(Iommu, TheAuditFindsATreeThatIsSomebodyElses) {
    Desk desk;
    Guest one{desk.board.frames, desk.tags, 1};
    ASSERT_TRUE(desk.all.attach(disk, one, "one").ok());
    auto const root = one.root();
    // The frames of the root are given to another owner, as no code of ours does.
    auto page = memory::PageMaker::make<memory::Dirty>(desk.board.frames.inspect(root)->block);
    desk.board.frames.give_back(std::move(page));
    auto const found = desk.all.audit();
    ASSERT_TRUE(found);
    EXPECT_STREQ(found->what, "a device walks a tree of nobody's");
    EXPECT_EQ(found->device, disk);
    auto again = desk.board.frames.take(memory::Pool::house, memory::Order{2}, one.owner());
    ASSERT_TRUE(again);
    auto const block = memory::PageMaker::unmake(std::move(again).value());
    EXPECT_EQ(block.start, root) << "the frame that was free last";
    EXPECT_FALSE(desk.all.audit());
    desk.all.detach(disk);
}

}  // namespace
}  // namespace antler::platform::test
