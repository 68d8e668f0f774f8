// Messages of devices to vCPUs that have a file of their hart, have none, and move between the two: none is
// lost, none is told twice, and none outlives the life that it was meant for.
#include "boot/device_messages.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/fake/iommu.hpp"
#include "tests/unit/vm/world.hpp"
#include "vm/team.hpp"

namespace antler::boot {
namespace {

using platform::DeviceId;
using platform::Iommus;
using vm::Interrupts;
using vm::Vm;
using vm::World;

constexpr DeviceId disk{0, 0x10};
constexpr DeviceId other_disk{0, 0x18};
constexpr platform::HostImsic::Message notice{.to = Hpa{World::files_start}, .data = 42};
constexpr u32 identities = vm::usual_identities;

class Messages : public testing::Test {
protected:
    static constexpr u32 vcpus = 3;

    explicit Messages(u64 capabilities = fake::Iommu::everything)
        : hardware_{world_.board().memory, capabilities},
          vm_{world_.add({.vcpus = vcpus, .interrupts = Interrupts::aia})} {
        for (u32 i = 0; i < world_.harts(); ++i) world_.core(i).team = &team_;
        world_.give_files(2);
        EXPECT_TRUE(all_.add(hardware_, {}, 16, true).ok());
        messages_.take_notices(notice);
    }
    ~Messages() override { all_[0].close(world_.board().frames); }

    void open(Vm& vm, DeviceId device, std::string_view name = "one") {
        ASSERT_TRUE(messages_.open(world_.board().frames, vm));
        ASSERT_TRUE(all_.attach(device, vm.ram().space(), name));
    }
    void close(Vm& vm, DeviceId device) {
        all_.detach(device);
        messages_.close(world_.board().frames, vm);
    }
    // What a device's MSI-X does.  True: it arrived somewhere.
    bool send(DeviceId device, u32 vcpu, u32 identity) {
        auto const found = hardware_.access(device.number, vm::imsic_start + u64{vcpu} * page_bytes, true);
        EXPECT_LE(found.size(), 1u) << "it knows one place only";
        for (auto const& reached : found) {
            if (!reached.is_memory_file) {
                fake::message_sink()(reached.at, identity);
                continue;
            }
            using isa::iommu::MemoryFile;
            auto* const words =
                reinterpret_cast<u64*>(world_.board().memory.at(reached.at, sizeof(MemoryFile)));
            words[MemoryFile::pending(identity)] |= u64{1} << identity % 64;
            notices_ += (words[MemoryFile::enabled(identity)] >> identity % 64 & 1) != 0 ? 1 : 0;
        }
        return !found.empty();
    }
    // The hart with the notices hears of them: of several at once, too.
    void hear() {
        if (std::exchange(notices_, 0) != 0) messages_.interrupted();
    }
    // What the guest finds pending in its file, which is empty afterwards.
    std::set<u32> take(Vm& vm, u32 id) {
        using namespace isa::interrupt_file;
        auto& file = *vm.vcpu(id)->file;
        auto* const of_hart = world_.hart_file(*vm.vcpu(id));
        if (of_hart == nullptr) file.collect();
        auto& there = of_hart != nullptr ? *of_hart : file.soft();
        std::set<u32> found;
        for (u32 identity = 1; identity <= identities; ++identity) {
            auto const select = of<isa::Xlen::rv64>(eip0, identity);
            auto const word = there.read(select).value();
            if ((word >> identity % 64 & 1) == 0) continue;
            found.insert(identity);
            EXPECT_TRUE(there.write(select, word & ~(u64{1} << identity % 64)));
        }
        return found;
    }
    void to_hart(Vm& vm, u32 id, u32 guest) {
        auto& vcpu = *vm.vcpu(id);
        world_.on(vcpu.home->index,
                  [&](vm::Core& core) { vcpu.file->live_in(guest, core.files.page(guest)); });
    }
    void to_software(Vm& vm, u32 id) {
        auto& vcpu = *vm.vcpu(id);
        world_.on(vcpu.home->index, [&](vm::Core&) { vcpu.file->live_in_software(); });
    }

    vm::Team team_{};
    World world_{};
    fake::Iommu hardware_;
    Vm& vm_;
    Iommus all_{world_.board().frames};
    DeviceMessages messages_{all_};
    u32 notices_ = 0;
};

using Identities = std::set<u32>;

TEST_F(Messages, ComeByMemoryToAVcpuWithoutAFile) {
    open(vm_, disk);
    EXPECT_TRUE(send(disk, 0, 20));
    EXPECT_TRUE(send(disk, 0, 21));
    EXPECT_TRUE(send(disk, 2, 200));
    EXPECT_EQ(take(vm_, 0), Identities{}) << "nobody was told yet";
    hear();
    EXPECT_EQ(take(vm_, 0), (Identities{20, 21}));
    EXPECT_EQ(take(vm_, 1), Identities{});
    EXPECT_EQ(take(vm_, 2), Identities{200});
    messages_.interrupted();
    EXPECT_EQ(take(vm_, 0), Identities{}) << "each comes once";
    EXPECT_TRUE(send(disk, 0, 20));
    hear();
    EXPECT_EQ(take(vm_, 0), Identities{20}) << "and again when it is sent again";
    EXPECT_FALSE(send(disk, vcpus + 1, 20)) << "of nobody";
    close(vm_, disk);
    EXPECT_FALSE(send(disk, 0, 20));
}

TEST_F(Messages, GoToTheFileOfAHartAtOnce) {
    to_hart(vm_, 0, 1);
    open(vm_, disk);
    EXPECT_TRUE(send(disk, 0, 20));
    EXPECT_EQ(notices_, 0u);
    EXPECT_EQ(take(vm_, 0), Identities{20});
    to_hart(vm_, 2, 2);
    EXPECT_TRUE(send(disk, 2, 30));
    EXPECT_EQ(notices_, 0u);
    EXPECT_EQ(take(vm_, 2), Identities{30});
    close(vm_, disk);
}

TEST_F(Messages, ThatWereOnTheirWayMoveWithTheFile) {
    open(vm_, disk);
    EXPECT_TRUE(send(disk, 0, 20));
    to_hart(vm_, 0, 1);
    EXPECT_EQ(take(vm_, 0), Identities{20}) << "before its notice was heard";
    hear();
    EXPECT_EQ(take(vm_, 0), Identities{}) << "not twice";
    EXPECT_TRUE(send(disk, 0, 21));
    to_software(vm_, 0);
    EXPECT_EQ(take(vm_, 0), Identities{21});
    EXPECT_TRUE(send(disk, 0, 22));
    EXPECT_EQ(notices_, 1u);
    hear();
    EXPECT_EQ(take(vm_, 0), Identities{22});
    close(vm_, disk);
}

TEST_F(Messages, OfALifeBeforeAreForgotten) {
    open(vm_, disk);
    EXPECT_TRUE(send(disk, 0, 20));
    EXPECT_TRUE(send(disk, 1, 20));
    to_hart(vm_, 1, 1);  // its messages are in the hart's file, whose reset is not ours
    all_.hold(disk);
    EXPECT_FALSE(send(disk, 0, 21));
    messages_.forget(vm_);
    all_.let_go(disk);
    hear();
    EXPECT_EQ(take(vm_, 0), Identities{});
    EXPECT_TRUE(send(disk, 0, 22));
    hear();
    EXPECT_EQ(take(vm_, 0), Identities{22}) << "those of the new life come";
    close(vm_, disk);
}

TEST_F(Messages, OfOneVmAreNoOthers) {
    auto& second = world_.add({.vcpus = 1, .interrupts = Interrupts::aia});
    open(vm_, disk);
    open(second, other_disk, "two");
    EXPECT_TRUE(send(disk, 0, 20));
    EXPECT_TRUE(send(other_disk, 0, 21));
    EXPECT_FALSE(send(other_disk, 1, 22)) << "it has one vCPU";
    messages_.forget(second);
    hear();
    EXPECT_EQ(take(vm_, 0), Identities{20});
    EXPECT_EQ(take(second, 0), Identities{});
    close(vm_, disk);
    EXPECT_TRUE(send(other_disk, 0, 23)) << "the other one goes on";
    hear();
    EXPECT_EQ(take(second, 0), Identities{23});
    close(second, other_disk);
}

TEST_F(Messages, GiveBackWhatTheyTook) {
    auto const of_vm = [&] { return world_.board().frames.accounting(vm_.ram().space().owner()); };
    auto const before = of_vm();
    open(vm_, disk);
    EXPECT_FALSE(of_vm() == before);
    close(vm_, disk);
    EXPECT_EQ(of_vm(), before);
    {
        fake::Shortage const none{world_.board().frames, 0};
        EXPECT_EQ(messages_.open(world_.board().frames, vm_).error(), Error::no_memory);
    }
    {
        fake::Shortage const one{world_.board().frames, 1};  // the table finds no room
        EXPECT_EQ(messages_.open(world_.board().frames, vm_).error(), Error::no_memory);
    }
    EXPECT_EQ(of_vm(), before);
}

TEST_F(Messages, AreNotRedirectedWhereNothingTellsOfThem) {
    DeviceMessages deaf{all_};
    EXPECT_FALSE(deaf.can_redirect());
    EXPECT_EQ(deaf.open(world_.board().frames, vm_).error(), Error::not_supported);
    auto& wired = world_.add({.vcpus = 1, .interrupts = Interrupts::plic});
    EXPECT_EQ(messages_.open(world_.board().frames, wired).error(), Error::not_supported);
}

class WithoutMemoryFiles : public Messages {
protected:
    WithoutMemoryFiles() : Messages{fake::Iommu::everything & ~isa::iommu::Capabilities::msi_mrif::mask} {}
};
TEST_F(WithoutMemoryFiles, NothingIsRedirected) {
    EXPECT_FALSE(messages_.can_redirect());
    EXPECT_EQ(messages_.open(world_.board().frames, vm_).error(), Error::not_supported);
}

TEST_F(Messages, TheAuditFindsOneThatGoesElsewhere) {
    using isa::iommu::MessageEntry;
    auto& second = world_.add({.vcpus = 1, .first_hart = 1, .interrupts = Interrupts::aia});
    auto& frames = world_.board().frames;
    to_hart(vm_, 1, 1);
    open(vm_, disk);
    open(second, other_disk, "two");
    EXPECT_FALSE(messages_.audit(frames));
    to_hart(vm_, 0, 1);
    to_software(vm_, 1);
    EXPECT_FALSE(messages_.audit(frames));

    u64 const* context = nullptr;
    all_[0].for_each_entry(
        [&](u32 device, std::span<u64 const> words) {
            if (device == disk.number) context = words.data();
        },
        [](Hpa) {});
    ASSERT_NE(context, nullptr);
    auto* const table = reinterpret_cast<MessageEntry*>(
        world_.board().memory.at(isa::iommu::Msiptp{context[4]}.table(), page_bytes));
    auto const spoilt = [&](u32 file, u64 value, std::string_view what) {
        auto const before = std::exchange(table[file].first, value);
        auto const found = messages_.audit(frames);
        table[file].first = before;
        EXPECT_FALSE(messages_.audit(frames));
        ASSERT_TRUE(found) << what;
        EXPECT_EQ(found->what, what);
        EXPECT_EQ(found->vm, &vm_);
        EXPECT_EQ(found->file, file);
    };
    auto const page = world_.core(0).files.page(2);
    spoilt(0, MessageEntry::to_file(page), "messages do not lead to their vCPU's file");
    spoilt(0, 0, "messages do not lead to their vCPU's file");
    spoilt(1, MessageEntry::to_file(page), "messages do not lead to their VM's memory");
    spoilt(1, table[2].first, "messages do not lead to their VM's memory");
    spoilt(vcpus, MessageEntry::to_file(page), "messages to no vCPU lead somewhere");
    second.file_lives_at(*second.vcpu(0), world_.core(0).files.page(1));
    ASSERT_TRUE(messages_.audit(frames));
    EXPECT_STREQ(messages_.audit(frames)->what, "two vCPUs have one file");
    second.file_leaves(*second.vcpu(0), world_.core(0).files.page(1));
    EXPECT_FALSE(messages_.audit(frames));
    close(vm_, disk);
    close(second, other_disk);
    EXPECT_FALSE(messages_.audit(frames));
}

// Sequence numbers are identities: each is sent once until it was taken.
TEST_F(Messages, AreNeverLostNorDoubledHoweverFilesMove) {
    constexpr u32 steps = 4'000;
    std::mt19937_64 random{1};
    auto const below = [&](u64 n) { return static_cast<u32>(random() % n); };
    open(vm_, disk);
    std::array<Identities, vcpus> sent{};
    for (u32 step = 0; step < steps; ++step) {
        auto const id = below(vcpus);
        bool const has_file = vm_.vcpu(id)->file->guest() != 0;
        switch (below(5)) {
            case 0:
                if (has_file)
                    to_software(vm_, id);
                else if (id < 2)  // each on a hart of its own, or without
                    to_hart(vm_, id, 1);
                break;
            case 1: hear(); break;
            case 2:
                hear();
                EXPECT_EQ(take(vm_, id), sent[id]) << "step " << step;
                sent[id].clear();
                break;
            default: {
                auto const identity = 1 + below(identities);
                if (sent[id].insert(identity).second) EXPECT_TRUE(send(disk, id, identity));
            }
        }
    }
    hear();
    for (u32 id = 0; id < vcpus; ++id) EXPECT_EQ(take(vm_, id), sent[id]);
    close(vm_, disk);
}

}  // namespace
}  // namespace antler::boot
