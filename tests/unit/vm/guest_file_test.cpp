// A vCPU's interrupt file: in software, in a file of its hart, and on its way between the two.
#include "vm/guest_file.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"
#include "vm/team.hpp"

namespace antler::vm {
namespace {

using namespace isa::interrupt_file;
using isa::Exception;
namespace csr = hart::csr;

constexpr u32 csrrs_a0_stopei_x0 = 0x15c0'2573;
constexpr u32 csrrw_a0_stopei_x0 = 0x15c0'1573;
constexpr u32 csrrs_a0_sireg_a1 = 0x1515'a573;
constexpr u32 csrrw_x0_sireg_a1 = 0x1515'9073;
constexpr u32 csrrci_a0_sireg_2 = 0x1511'7573;
constexpr u32 csrrs_a0_stopi_x0 = 0xdb00'2573;

class Files : public testing::Test {
protected:
    explicit Files(u32 files_of_a_hart = 0, u32 vcpus = 2)
        : vm_{world_.add({.vcpus = vcpus, .interrupts = Interrupts::aia})} {
        for (u32 i = 0; i < world_.harts(); ++i) {
            cores_[i] = &world_.core(i);
            world_.core(i).team = &team_;
        }
        world_.give_files(files_of_a_hart);
        vcpu_ = &world_.start(vm_);
    }
    // A trap of the vCPU that runs here.
    void execute(u32 instruction) {
        EXPECT_NE(world_.take(*vcpu_, {.cause = Exception::virtual_instruction, .stval = instruction}),
                  nullptr);
    }
    [[nodiscard]] u64 result() const { return vcpu_->x[10]; }
    u64 read(u64 select) {
        csr::vsiselect::write_raw(select);
        vcpu_->x[11] = 0;
        execute(csrrs_a0_sireg_a1 & ~(u32{31} << 15));  // from x0
        return result();
    }
    void write(u64 select, u64 value) {
        csr::vsiselect::write_raw(select);
        vcpu_->x[11] = value;
        execute(csrrw_x0_sireg_a1);
    }
    void open() {
        write(eidelivery, 1);
        for (u16 select = eie0; select < eie0 + 8; select += 2) write(select, ~u64{0});
    }
    void expect_illegal(u32 instruction) {
        csr::vscause::write_raw(0);
        execute(instruction);
        EXPECT_EQ(csr::vscause::read_raw(), 2U) << std::hex << instruction;
    }
    [[nodiscard]] static bool raised() { return (csr::hvip::read_raw() & vs_external) != 0; }
    [[nodiscard]] bool is_mapped(u32 vcpu) {
        return vm_.ram().space().lookup(imsic_start + u64{vcpu} * page_bytes).has_value();
    }
    Vcpu* run(u32 hart) { return world_.run(hart); }

    World world_{3};
    std::array<Core*, 3> cores_{};
    Team team_{.cores = cores_};
    Vm& vm_;
    Vcpu* vcpu_;
};

struct Software : Files {
    Software() : Files{0} {}
};
struct Hardware : Files {
    Hardware() : Files{1} {}
};

TEST_F(Software, AMessageRaisesTheInterruptAndIsClaimedByTheGuest) {
    open();
    vm_.deliver_message(imsic_start, 17);
    run(0);
    EXPECT_TRUE(raised());
    EXPECT_EQ(isa::Hvictl::iid::get(csr::hvictl::read_raw()), 9U);
    execute(csrrs_a0_stopei_x0);
    EXPECT_EQ(result(), 17U << 16 | 17);
    EXPECT_TRUE(raised());
    execute(csrrw_a0_stopei_x0);
    EXPECT_EQ(result(), 17U << 16 | 17);
    EXPECT_FALSE(raised());
    EXPECT_EQ(csr::hvictl::read_raw(), 0U);
    execute(csrrw_a0_stopei_x0);
    EXPECT_EQ(result(), 0U);
}

TEST_F(Software, TheThresholdAndDeliveryCountAtOnce) {
    open();
    vm_.deliver_message(imsic_start, 9);
    run(0);
    write(eithreshold, 9);
    EXPECT_FALSE(raised());
    write(eithreshold, 10);
    EXPECT_TRUE(raised());
    write(eidelivery, 0);
    EXPECT_FALSE(raised());
    EXPECT_EQ(read(eithreshold), 10U);
    EXPECT_EQ(read(eip0), u64{1} << 9);
    csr::vsiselect::write_raw(eip0);
    execute(csrrci_a0_sireg_2);
    EXPECT_EQ(result(), u64{1} << 9);
}

TEST_F(Software, AMessageThatIsNotServedYetIsSeenByTheGuestAllTheSame) {
    open();
    vcpu_->file->send(5);
    execute(csrrw_a0_stopei_x0);
    EXPECT_EQ(result(), 5U << 16 | 5);
}

TEST_F(Software, ForeignAddressesAndIdentitiesAreIgnored) {
    open();
    vm_.deliver_message(imsic_start + 4, 5);
    vm_.deliver_message(imsic_start + 2 * page_bytes, 5);
    vm_.deliver_message(imsic_start + (u64{1} << 40), 5);
    vm_.deliver_message(Gpa{0}, 5);
    vm_.deliver_message(imsic_start, 0);
    vm_.deliver_message(imsic_start, 256);
    EXPECT_EQ(vcpu_->requests.load(), 0U);
    EXPECT_EQ(vm_.vcpu(1)->requests.load(), 0U);
}

TEST_F(Software, PrioritiesOfMajorInterruptsAreZeros) {
    write(0x30, ~u64{0});
    EXPECT_EQ(read(0x30), 0U);
    EXPECT_EQ(read(0x3e), 0U);
    csr::vsiselect::write_raw(0x31);
    expect_illegal(csrrs_a0_sireg_a1);
}

TEST_F(Software, WhatIsNotThereIsIllegal) {
    for (u64 const select :
         {u64{0}, u64{0x2f}, u64{0x40}, u64{0x6f}, u64{0x81}, u64{0xff}, u64{0x100}, ~u64{0}}) {
        csr::vsiselect::write_raw(select);
        expect_illegal(csrrs_a0_sireg_a1);
    }
    expect_illegal(csrrs_a0_stopi_x0);  // which the hart answers itself
    vcpu_->sstatus = isa::Sstatus::spp::set(vcpu_->sstatus, false);
    expect_illegal(csrrs_a0_stopei_x0);
}

TEST_F(Software, AStoreToItsPageIsAMessage) {
    open();
    EXPECT_TRUE(vm_.machine().write(imsic_start, device::Width::word, 33).ok());
    EXPECT_FALSE(vm_.machine().write(imsic_start, device::Width::byte, 33).ok());
    EXPECT_FALSE(vm_.machine().write(imsic_start + 2 * page_bytes, device::Width::word, 33).ok());
    EXPECT_EQ(vm_.machine().read(imsic_start, device::Width::word).value(), 0U);
    run(0);
    EXPECT_TRUE(raised());
}

TEST_F(Software, AMessageWakesWhoWaits) {
    open();
    world_.on(0, [&](Core& core) { core.block(*vcpu_); });
    EXPECT_EQ(run(0), nullptr);
    vm_.deliver_message(imsic_start, 7);
    EXPECT_EQ(run(0), vcpu_);
}

TEST_F(Hardware, OneThatRunsHasAFileOfItsHart) {
    EXPECT_EQ(vcpu_->file->guest(), 1U);
    EXPECT_EQ(isa::Hstatus::vgein::get(vcpu_->hstatus), 1U);
    EXPECT_TRUE(is_mapped(0));
    EXPECT_FALSE(is_mapped(1));
    ASSERT_TRUE(vcpu_->file->page());
    EXPECT_EQ(*vcpu_->file->page(), world_.core(0).files.page(1));
}

TEST_F(Hardware, AMessageGoesToTheFileAndInterruptsNoHart) {
    auto& file = *world_.hart_file(*vcpu_);
    static_cast<void>(file.write(eidelivery, 1));
    static_cast<void>(file.write(eie0, ~u64{0}));
    auto const ipis = fake::outside().ipis.size();
    vm_.deliver_message(imsic_start, 7);
    EXPECT_EQ(file.top(), 7U);
    EXPECT_EQ(fake::outside().ipis.size(), ipis);
    EXPECT_EQ(vcpu_->requests.load(), 0U);
    EXPECT_FALSE(raised());
}

TEST_F(Hardware, ItsFileWakesWhoWaits) {
    auto& file = *world_.hart_file(*vcpu_);
    static_cast<void>(file.write(eidelivery, 1));
    static_cast<void>(file.write(eie0, ~u64{0}));
    world_.on(0, [&](Core& core) { core.block(*vcpu_); });
    EXPECT_EQ(run(0), nullptr);
    EXPECT_EQ(csr::hgeie::read_raw(), 2U);
    vm_.deliver_message(imsic_start, 7);
    EXPECT_TRUE(world_.on(0, [&](Core& core) { return core.serve_interrupts(); }));
    EXPECT_EQ(csr::hgeie::read_raw(), 0U);
    EXPECT_EQ(run(0), vcpu_);
}

TEST_F(Hardware, WhatWaitsInTheFileLetsNobodySleep) {
    auto& file = *world_.hart_file(*vcpu_);
    static_cast<void>(file.write(eidelivery, 1));
    static_cast<void>(file.write(eie0, ~u64{0}));
    vm_.deliver_message(imsic_start, 7);
    world_.on(0, [&](Core& core) { core.block(*vcpu_); });
    EXPECT_EQ(run(0), vcpu_);
    EXPECT_EQ(csr::hgeie::read_raw(), 0U);
}

TEST_F(Hardware, AFileMovesWithAllThatItHas) {
    auto* file = world_.hart_file(*vcpu_);
    static_cast<void>(file->write(eidelivery, 1));
    static_cast<void>(file->write(eithreshold, 200));
    static_cast<void>(file->write(eie0, 0xf0));
    static_cast<void>(file->write(eie0 + 2, 5));
    for (u32 const identity : {5U, 9U, 64U}) file->set_pending(identity);
    vm_.pin(*vcpu_, Team::bit(2));
    world_.run_all();
    ASSERT_EQ(vcpu_->home->index, 2U);
    EXPECT_EQ(world_.core(0).files.owners[1], nullptr);
    EXPECT_EQ(world_.core(2).files.owners[1], vcpu_);
    file = world_.hart_file(*vcpu_);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(file->read(eidelivery), 1U);
    EXPECT_EQ(file->read(eithreshold), 200U);
    EXPECT_EQ(file->read(eie0), 0xf0U);
    EXPECT_EQ(file->read(eie0 + 2), 5U);
    EXPECT_EQ(file->read(eip0), u64{1} << 5 | u64{1} << 9);
    EXPECT_EQ(file->read(eip0 + 2), 1U);
    EXPECT_EQ(vm_.ram().space().lookup(imsic_start)->at, world_.core(2).files.page(1));
}

TEST_F(Hardware, AnotherVcpuOfTheHartGetsTheFileWhenItIsWanted) {
    auto& second = world_.start(vm_, 1);
    vm_.pin(second, Team::bit(0));
    world_.run_all();
    ASSERT_EQ(second.home->index, 0U);
    auto const turn = [&] {
        fake::hart().now += 2 * Core::slice;
        world_.on(0, [&](Core& core) { core.must_choose = true; });
        return run(0);
    };
    for (int i = 0; i < 4 && turn() != &second; ++i) {
    }
    EXPECT_EQ(second.file->guest(), 0U);  // nothing came for it
    second.file->send(3);
    for (int i = 0; i < 4 && second.file->guest() == 0; ++i) turn();
    EXPECT_EQ(second.file->guest(), 1U);
    EXPECT_EQ(vcpu_->file->guest(), 0U);
    EXPECT_EQ(isa::Hstatus::vgein::get(vcpu_->hstatus), 0U);
    EXPECT_FALSE(is_mapped(0));
    EXPECT_TRUE(is_mapped(1));
    EXPECT_EQ(world_.hart_file(second)->read(eip0), u64{1} << 3);
}

TEST_F(Hardware, OneThatStopsKeepsItsFileAndFindsItAgain) {
    auto& file = *world_.hart_file(*vcpu_);
    static_cast<void>(file.write(eie0, ~u64{0}));
    world_.start(vm_, 1);
    world_.on(0, [&](Core&) { vm_.stopped(*vcpu_); });
    EXPECT_EQ(world_.core(0).files.owners[1], vcpu_);
    EXPECT_TRUE(is_mapped(0));
    EXPECT_EQ(csr::hgeie::read_raw(), 0U);  // nothing wakes it
    vm_.deliver_message(imsic_start, 3);
    ASSERT_EQ(vm_.start_hart(0, {}), abi::sbi::Status::success);
    EXPECT_EQ(run(0), vcpu_);
    EXPECT_EQ(isa::Hstatus::vgein::get(vcpu_->hstatus), 1U);
    EXPECT_EQ(world_.hart_file(*vcpu_)->read(eip0), u64{1} << 3);
}

TEST_F(Hardware, OneThatStoppedGivesItsFileToWhoeverNeedsIt) {
    auto& second = world_.start(vm_, 1);
    world_.on(0, [&](Core&) { vm_.stopped(*vcpu_); });
    run(0);
    vm_.pin(second, Team::bit(0));
    world_.run_all();
    ASSERT_EQ(second.home->index, 0U);
    EXPECT_EQ(second.file->guest(), 1U);
    EXPECT_EQ(vcpu_->file->guest(), 0U);
    EXPECT_FALSE(is_mapped(0));
    vm_.deliver_message(imsic_start, 7);  // and hears of messages all the same
    run(0);
    EXPECT_EQ(vcpu_->file->soft().read(eip0), u64{1} << 7);
}

TEST_F(Hardware, WhenItsMachineEndsAFileIsFree) {
    world_.start(vm_, 1);
    world_.on(0, [&](Core&) { vm_.stopped(*vcpu_); });
    vm_.leave();
    world_.on(0, [](Core& core) { core.ask_farewell(); });
    EXPECT_EQ(run(0), nullptr);
    EXPECT_EQ(world_.core(0).files.owners[1], nullptr);
    EXPECT_FALSE(is_mapped(0));
}

TEST_F(Hardware, RegistersThatAHartsFileHasNotAreZeros) {
    EXPECT_EQ(read(eie63 - 1), 0U);
    csr::vsiselect::write_raw(eip0 + 1);
    expect_illegal(csrrs_a0_sireg_a1);
    expect_illegal(csrrs_a0_stopei_x0);
}

struct Watcher final : FileObserver {
    std::vector<std::pair<u32, u64>> heard{};
    void file_leaves(Vcpu& vcpu, Hpa page) override {
        EXPECT_TRUE(vcpu.vm.ram().space().lookup(imsic_start + u64{vcpu.id} * page_bytes));
        EXPECT_FALSE(vcpu.file->page());
        heard.emplace_back(vcpu.id, ~page.raw());
    }
    void file_lives_at(Vcpu& vcpu, Hpa page) override { heard.emplace_back(vcpu.id, page.raw()); }
};

TEST_F(Hardware, ObserversHearOfEveryMoveBeforeTheFileIsRead) {
    Watcher watcher;
    vm_.observe_files(watcher);
    auto const old = world_.core(0).files.page(1).raw();
    vm_.pin(*vcpu_, Team::bit(1));
    world_.run_all();
    auto const now = world_.core(1).files.page(1).raw();
    EXPECT_EQ(watcher.heard, (std::vector<std::pair<u32, u64>>{{0, ~old}, {0, now}}));
}

}  // namespace
}  // namespace antler::vm
