// Devices of several VMs read and write at random addresses while pages come and go, devices change hands and
// messages are redirected, through an IOMMU that reads ahead and keeps whatever it may.  No access ever
// reaches a frame that its VM does not own, nor, once the debt is paid, a page that was taken away.
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "base/units.hpp"
#include "memory/audit.hpp"
#include "platform/iommus.hpp"
#include "tests/fake/iommu.hpp"
#include "tests/fake/memory_program.hpp"

namespace antler::platform {
namespace {

using isa::GStageMode;
using memory::FlushDebt;
using memory::FrameState;
using memory::Space;

constexpr Gpa ram{0x7fe0'0000};  // crosses a GiB after 2 MiB
constexpr u64 ram_bytes = 6_MiB;
constexpr Gpa files{0x2800'0000};
constexpr u32 file_count = 4;
constexpr u32 vm_count = 3;
constexpr std::array<u32, 5> numbers{0x08, 0x10, 0x11, 0x1f0, 0xfffe};

class Model {
public:
    Model(u64 seed, u64 capabilities) : choices_{seed}, hardware_{board_.memory, capabilities} {
        EXPECT_TRUE(all_.add(hardware_, {}, 16, true).ok());
        for (u32 i = 0; i < vm_count; ++i) {
            auto& vm = vms_[i];
            vm.space =
                std::make_unique<Space>(board_.frames, tags_, memory::OwnerId{static_cast<u16>(1 + i)});
            auto const devices = i == 0 ? memory::DeviceTree::shared : memory::DeviceTree::own;
            EXPECT_TRUE(vm.space->create(GStageMode::sv39x4, features_, devices).ok());
            if (all_.redirects_messages())
                EXPECT_TRUE(all_.set_message_pages(*vm.space, isa::iommu::MessagePages::of(files, 2)).ok());
        }
        read_ahead();
    }
    ~Model() {
        pay_all();
        for (auto const number : numbers) all_.detach({0, number});
        for (auto& vm : vms_) {
            EXPECT_TRUE(all_.set_message_pages(*vm.space, std::nullopt).ok());
            while (!vm.space->destroy_step()) {
            }
            EXPECT_EQ(board_.frames.accounting(vm.space->owner()), memory::Use{});
            vm.space.reset();
        }
        board_.memory.on_view = {};
        all_[0].close(board_.frames);
    }

    void step() {
        auto& vm = vms_[choices_.below(vm_count)];
        switch (choices_.below(12)) {
            case 0:
            case 1:
            case 2: map(vm); break;
            case 3:
            case 4: unmap(vm); break;
            case 5: protect(vm); break;
            case 6: attach(vm); break;
            case 7: detach(); break;
            case 8: redirect(vm); break;
            case 9: pay_all(); break;
            case 10: part(vm); break;
            default: break;
        }
        for (u32 i = 0; i < 4; ++i) access();
        if (choices_.below(32) == 0) look();
    }
    u64 reached = 0, refused = 0, messages = 0;

private:
    // Who owns what, while nobody reads.
    void look() {
        board_.memory.on_view = {};
        for (auto& each : vms_) {
            auto const wrong = audit(*each.space, each.debts == 0);
            ASSERT_FALSE(wrong) << wrong->what;
        }
        auto const wrong = all_.audit();
        ASSERT_FALSE(wrong) << wrong->what;
        read_ahead();
    }

    struct Vm {
        std::unique_ptr<Space> space{};
        std::array<Hpa, file_count> files{};  // zero: refused
        std::array<bool, file_count> in_memory{};
        u32 debts = 0;
    };

    // It reads at any time, so also between any two stores of ours.
    void read_ahead() {
        board_.memory.on_view = [this](Hpa) {
            if (choices_.below(8) == 0) hardware_.speculate(some_number(), some_address());
        };
    }
    u32 some_number() { return numbers[choices_.below(numbers.size())]; }
    Gpa some_page() { return ram + choices_.below(ram_bytes / 4_KiB) * 4_KiB; }
    Gpa some_address() {
        if (choices_.below(4) == 0) return files + choices_.below(file_count + 1) * page_bytes;
        return some_page() + choices_.below(512) * 8;
    }

    void map(Vm& vm) {
        auto const order = choices_.below(3) == 0 ? memory::order_2m : memory::order_4k;
        auto const at = Gpa{some_page().raw() & ~(order.bytes() - 1)};
        auto page = board_.frames.take(memory::Pool::guest, order, vm.space->owner());
        if (!page) return;
        auto zeroed =
            memory::PageMaker::make<memory::Zeroed>(memory::PageMaker::unmake(std::move(page).value()));
        if (vm.space->is_parted() && choices_.below(2) == 0)
            (void)vm.space->keep(at, std::move(zeroed));
        else
            (void)vm.space->map(at, std::move(zeroed));
    }
    void keep(Vm& vm, Result<FlushDebt>&& debt) {
        if (!debt) return;
        ++vm.debts;
        debts_.emplace_back(&vm, std::make_unique<FlushDebt>(std::move(debt).value()));
        if (choices_.below(2) == 0) pay_all();
    }
    void unmap(Vm& vm) {
        GpaRange range{some_page(), (1 + choices_.below(40)) * 4_KiB};
        keep(vm, vm.space->unmap_step(range));
    }
    void protect(Vm& vm) {
        GpaRange range{some_page(), (1 + choices_.below(40)) * 4_KiB};
        bool const write = choices_.below(2) == 0;
        bool const dirty = !(all_.all_mark_pages() || vm.space->is_parted()) || choices_.below(2) == 0;
        keep(vm, vm.space->protect_step(range, {.read = true, .write = write, .execute = true}, dirty));
    }
    // Harts find what devices have, or are asked to tell what they write.
    void part(Vm& vm) {
        if (!vm.space->is_parted()) return;
        if (choices_.below(2) == 0) return static_cast<void>(vm.space->show(some_page(), {ram, ram_bytes}));
        GpaRange range{some_page(), (1 + choices_.below(40)) * 4_KiB};
        keep(vm, vm.space->log_step(range));
    }
    void pay_all() {
        for (auto& [vm, debt] : debts_) {
            std::move(*debt).pay(vm->space->observers());
            --vm->debts;
        }
        debts_.clear();
    }
    void attach(Vm& vm) {
        auto const number = some_number();
        if (all_.attach({0, number}, *vm.space, "vm")) owner_[number] = &vm;
    }
    void detach() {
        auto const number = some_number();
        all_.detach({0, number});
        owner_.erase(number);
    }
    void redirect(Vm& vm) {
        if (!all_.redirects_messages()) return;
        auto const file = static_cast<u32>(choices_.below(file_count));
        Hpa const to{0x2800'0000 + (1 + choices_.below(64)) * 4_KiB};
        vm.in_memory[file] = choices_.below(3) == 0;
        vm.files[file] = choices_.below(6) == 0 ? Hpa{} : to;
        if (vm.files[file] == Hpa{})
            all_.refuse_messages(*vm.space, file);
        else if (vm.in_memory[file])
            all_.redirect_to_memory(*vm.space, file, to, Hpa{0x2800'0000}, 40 + file);
        else
            all_.redirect(*vm.space, file, to);
    }

    void access() {
        auto const number = some_number();
        auto const at = some_address();
        bool const write = choices_.below(2) == 0;
        auto const found = hardware_.access(number, at, write);
        if (found.empty()) ++refused;
        auto const owner = owner_.find(number);
        if (owner == owner_.end()) {
            ASSERT_TRUE(found.empty()) << "a device of nobody reaches memory";
            return;
        }
        auto& vm = *owner->second;
        if (all_.redirects_messages() && at >= files && at < files + file_count * page_bytes)
            return check_message(vm, static_cast<u32>((at - files) / page_bytes), found);
        auto const now = vm.space->lookup_kept(at);
        for (auto const& one : found) {
            ++reached;
            auto const info = board_.frames.inspect(one.at);
            ASSERT_TRUE(info && info->block.owner == vm.space->owner() && info->state != FrameState::free)
                << "a device reaches a frame that is not its VM's";
            if (vm.debts != 0) continue;
            ASSERT_TRUE(now) << "a device still reaches a page that was taken away and paid for";
            ASSERT_EQ(now->at, one.at);
            ASSERT_TRUE(!write || now->how.may.write) << "a device writes what may only be read";
        }
        if (vm.debts == 0 && now && (!write || now->how.may.write)) {
            ASSERT_FALSE(found.empty());
            ASSERT_TRUE(!write || vm.space->may_be_written(at)) << "a device writes what nobody is told of";
        }
    }
    void check_message(Vm const& vm, u32 file, std::set<fake::Iommu::Reached> const& found) {
        ++messages;
        if (vm.files[file] == Hpa{}) {
            ASSERT_TRUE(found.empty()) << "a message goes to a file that was closed";
            return;
        }
        ASSERT_EQ(found, (std::set<fake::Iommu::Reached>{{vm.files[file], vm.in_memory[file]}}))
            << "a message goes astray";
    }

    fake::RandomChoices choices_;
    fake::Board board_{{{Hpa{0x8000'0000}, 48_MiB}}, 8_MiB};
    isa::Features features_ = isa::Features::all();
    memory::Tags tags_{14};
    fake::Iommu hardware_;
    Iommus all_{board_.frames};
    std::array<Vm, vm_count> vms_{};
    std::map<u32, Vm*> owner_{};
    std::vector<std::pair<Vm*, std::unique_ptr<FlushDebt>>> debts_{};
};

void play(u64 capabilities, bool has_messages) {
    u64 reached = 0, refused = 0, messages = 0;
    for (u64 seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(seed);
        Model model{seed * 37, capabilities};
        for (u64 i = 0; i < 3000; ++i) {
            model.step();
            if (testing::Test::HasFailure()) return;
        }
        reached += model.reached;
        refused += model.refused;
        messages += model.messages;
    }
    EXPECT_GT(reached, 1'000u);
    EXPECT_GT(refused, 3'000u);
    if (has_messages) {
        EXPECT_GT(messages, 1'000u);
    }
}

TEST(StubbornIommu, NoDeviceReachesWhatWasTakenAway) {
    play(fake::Iommu::everything, true);
}
TEST(StubbornIommu, NorThroughOneThatTellsWhatTheyWrite) {
    play(fake::Iommu::everything | isa::iommu::Capabilities::amo_hwad::mask, true);
}
TEST(StubbornIommu, NorThroughOneThatKnowsNothingOfMessages) {
    play(fake::Iommu::everything & ~isa::iommu::Capabilities::msi_flat::mask, false);
}

}  // namespace
}  // namespace antler::platform
