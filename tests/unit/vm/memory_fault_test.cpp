// Guest-page faults: devices, memory on demand, and addresses that nobody answers.
#include "vm/memory_fault.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/unit/vm/world.hpp"
#include "vm/quick_access.hpp"

namespace antler::vm {
namespace {

using isa::Exception;
namespace csr = hart::csr;

constexpr u64 uart = 0x1000'0000;
constexpr u64 scratch = uart + 7;
constexpr u64 rtc_alarm_low = 0x10'1008;
constexpr u64 nowhere = 0x2000'0000;
constexpr auto load_fault = Exception::load_guest_page_fault;
constexpr auto store_fault = Exception::store_guest_page_fault;

constexpr u32 lb_a0 = 0x0005'8503;  // of (a1)
constexpr u32 lbu_a0 = 0x0005'c503;
constexpr u32 lbu_x0 = 0x0005'c003;
constexpr u32 lw_a0 = 0x0005'a503;
constexpr u32 lwu_a0 = 0x0005'e503;
constexpr u32 ld_a0 = 0x0005'b503;
constexpr u32 sb_a0 = 0x00a5'8023;
constexpr u32 sw_a0 = 0x00a5'a023;
constexpr u32 c_lw_a0 = 0x4188;
constexpr u32 flw_fa0 = 0x0005'a507;
constexpr u32 fld_fa0 = 0x0005'b507;
constexpr u32 fsw_fa0 = 0x00a5'a027;
constexpr u32 amoadd_w = 0x00c5'a52f;
constexpr u32 lr_w = 0x1005'a52f;

class MemoryFault : public testing::Test {
protected:
    MemoryFault()
        : vcpu_{world_.start(world_.add({.vcpus = 1, .shown = {.sv39 = true, .f = true, .d = true}}))} {
        csr::vstvec::write(handler);
        vcpu_.pc = pc;
        vcpu_.x[11] = 0;
    }
    // The hart says where, and nothing about the instruction: it is fetched.
    Vcpu* access(Exception cause, u64 at, u32 instruction, u32 length = 4) {
        vcpu_.pc = pc;
        vcpu_.x[11] = at;
        world_.put_code(vcpu_, instruction, length);
        return world_.take(vcpu_, {.cause = cause, .stval = at, .htval = at >> 2});
    }
    // ... or it tells the instruction, with rs1 replaced.
    Vcpu* told(Exception cause, u64 at, u32 htinst) {
        vcpu_.pc = pc;
        return world_.take(vcpu_, {.cause = cause, .stval = at, .htval = at >> 2, .htinst = htinst});
    }
    void expect_access_fault(Exception cause, u64 at) {
        EXPECT_EQ(csr::vscause::read_raw(), static_cast<u64>(cause));
        EXPECT_EQ(csr::vstval::read(), at);
        EXPECT_EQ(csr::vsepc::read(), pc);
        EXPECT_EQ(vcpu_.pc, handler);
    }
    Machine& machine() { return vcpu_.vm.machine(); }

    static constexpr u64 pc = World::code + 0x40;
    static constexpr u64 handler = World::code + 0x100;
    World world_{1};
    Vcpu& vcpu_;
};

TEST_F(MemoryFault, LoadsAndStoresReachADeviceToldOrFetched) {
    RecordProperty("rules", "norm:H_trap_xtinst norm:htval_trapval");
    vcpu_.x[10] = 0x1'23a5;
    EXPECT_EQ(told(store_fault, scratch, sb_a0 & ~(31U << 15)), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    EXPECT_EQ(machine().read(Gpa{scratch}, device::Width::byte).value(), 0xa5U);
    told(load_fault, scratch, lb_a0 & ~(31U << 15));
    EXPECT_EQ(vcpu_.x[10], ~u64{0} << 8 | 0xa5);
    told(load_fault, scratch, lbu_a0 & ~(31U << 15));
    EXPECT_EQ(vcpu_.x[10], 0xa5U);
    vcpu_.x[10] = 0x11;
    access(store_fault, scratch, sb_a0);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    vcpu_.x[10] = 0;
    access(load_fault, scratch, lb_a0);
    EXPECT_EQ(vcpu_.x[10], 0x11U);
    EXPECT_EQ(vcpu_.exits[static_cast<usize>(ExitKind::mmio)], 5U);
}

TEST_F(MemoryFault, WordsAreExtendedAsTheInstructionSays) {
    static_cast<void>(machine().write(Gpa{rtc_alarm_low}, device::Width::word, 0x8000'0001));
    access(load_fault, rtc_alarm_low, lw_a0);
    EXPECT_EQ(vcpu_.x[10], 0xffff'ffff'8000'0001U);
    access(load_fault, rtc_alarm_low, lwu_a0);
    EXPECT_EQ(vcpu_.x[10], 0x8000'0001U);
}

TEST_F(MemoryFault, ACompressedInstructionIsSteppedOverByTwo) {
    vcpu_.x[10] = 5;
    access(load_fault, rtc_alarm_low, c_lw_a0, 2);
    EXPECT_EQ(vcpu_.pc, pc + 2);
    EXPECT_EQ(vcpu_.x[10], 0U);
    told(load_fault, rtc_alarm_low, lw_a0 & ~(31U << 15) & ~2U);
    EXPECT_EQ(vcpu_.pc, pc + 2);
}

TEST_F(MemoryFault, TheZeroRegisterStaysZero) {
    vcpu_.x[10] = 0xff;
    access(store_fault, scratch, sb_a0);
    access(load_fault, scratch, lbu_x0);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    told(load_fault, scratch, lbu_x0 & ~(31U << 15));
    EXPECT_EQ(vcpu_.x[0], 0U);
}

TEST_F(MemoryFault, FloatingPointRegistersGoThroughTheUnit) {
    RecordProperty("rules", "norm:fp_nan-boxing norm:vsstatus_fs_op");
    static_cast<void>(machine().write(Gpa{rtc_alarm_low}, device::Width::word, 0x3f80'0000));
    access(load_fault, rtc_alarm_low, flw_fa0);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    EXPECT_EQ(fake::hart().floats.f[10], 0xffff'ffff'3f80'0000U);
    EXPECT_EQ(fake::hart().float_loads, 2U);  // one by the world switch
    EXPECT_EQ(isa::Sstatus::fs::get(vcpu_.sstatus), isa::ContextStatus::dirty);
    EXPECT_EQ(isa::Vsstatus::fs::get(csr::vsstatus::read_raw()), isa::ContextStatus::dirty);
    access(load_fault, uart, fld_fa0);
    EXPECT_EQ(vcpu_.floats.f[10] >> 8, 0U);
    fake::hart().floats.f[10] = 0xffff'ffff'0000'0077;
    vcpu_.x[10] = 0;
    access(store_fault, rtc_alarm_low, fsw_fa0);
    EXPECT_EQ(machine().read(Gpa{rtc_alarm_low}, device::Width::word).value(), 0x77U);
}

TEST_F(MemoryFault, CodeThatChangedMeanwhileIsTriedAgain) {
    vcpu_.x[10] = 0x55;
    for (auto const& [cause, instruction] :
         {std::pair{load_fault, sb_a0}, {store_fault, lb_a0}, {store_fault, lr_w}, {load_fault, amoadd_w}}) {
        EXPECT_EQ(access(cause, scratch, instruction), &vcpu_);
        EXPECT_EQ(vcpu_.pc, pc);
    }
    // The same kind of access, of another address.
    vcpu_.pc = pc;
    vcpu_.x[11] = scratch + 8;
    world_.put_code(vcpu_, lb_a0);
    EXPECT_EQ(world_.take(vcpu_, {.cause = load_fault, .stval = scratch, .htval = scratch >> 2}), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc);
    EXPECT_EQ(machine().read(Gpa{scratch}, device::Width::byte).value(), 0U);
}

TEST_F(MemoryFault, CodeThatCannotBeFetchedIsTriedAgain) {
    fake::hart().guest_bytes.clear();
    EXPECT_EQ(world_.take(vcpu_, {.cause = load_fault, .stval = scratch, .htval = scratch >> 2}), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc);
}

TEST_F(MemoryFault, WhatADeviceCannotAnswerIsAnAccessFault) {
    access(load_fault, rtc_alarm_low + 2, lw_a0);
    expect_access_fault(Exception::load_access, rtc_alarm_low + 2);
    access(store_fault, scratch - 3, amoadd_w);
    expect_access_fault(Exception::store_access, scratch - 3);
    access(load_fault, scratch - 3, lr_w);
    expect_access_fault(Exception::load_access, scratch - 3);
    access(load_fault, rtc_alarm_low, ld_a0);  // of a width it has not
    expect_access_fault(Exception::load_access, rtc_alarm_low);
    access(load_fault, nowhere, lw_a0);
    expect_access_fault(Exception::load_access, nowhere);
    access(store_fault, nowhere, sw_a0);
    expect_access_fault(Exception::store_access, nowhere);
    told(load_fault, nowhere, lw_a0 & ~(31U << 15));
    expect_access_fault(Exception::load_access, nowhere);
    // A vector load, which nothing here decodes.
    access(load_fault, scratch, 0x0205'8507 & ~(7U << 12));
    expect_access_fault(Exception::load_access, scratch);
}

TEST_F(MemoryFault, DevicesHoldNoCodeAndNoTables) {
    world_.take(vcpu_, {.cause = Exception::fetch_guest_page_fault, .stval = uart, .htval = uart >> 2});
    expect_access_fault(Exception::fetch_access, uart);
    vcpu_.pc = pc;
    world_.take(vcpu_,
                {.cause = load_fault, .stval = 0x1234, .htval = uart >> 2, .htinst = isa::read64_for_walk});
    expect_access_fault(Exception::load_access, 0x1234);
}

// The two ways to a device say the same, whatever the instruction and wherever it goes.
TEST_F(MemoryFault, TheShortWayToADeviceSaysWhatTheLongOneSays) {
    std::mt19937_64 random{7};
    u64 quick = 0;
    for (int round = 0; round < 20'000; ++round) {
        bool const store = random() % 2 != 0;
        u32 htinst = store ? 0x23 : 0x03;
        htinst |= static_cast<u32>(random() % 8) << 12;
        htinst |= static_cast<u32>(random() % 32) << (store ? 20 : 7);
        if (random() % 8 == 0) htinst &= ~2U;
        if (random() % 16 == 0) htinst |= static_cast<u32>(random() % 4) << 15;
        if (random() % 64 == 0) htinst = static_cast<u32>(random());
        u64 const places[] = {scratch,    uart + 3,  rtc_alarm_low, 0xc00'0004, 0xc00'2000, uart + 0x50,
                              0xc20'0000, 0x10'1010, nowhere,       uart + 8,   0x10'0004};
        // Of the port only what may be read twice.
        auto at = places[random() % std::size(places)];
        if (at < uart && random() % 8 == 0) at += random() % 8;
        for (u32 i = 1; i < 32; ++i) vcpu_.x[i] = random();
        vcpu_.pc = pc;
        World::Trap const trap{
            .cause = store ? store_fault : load_fault, .stval = at, .htval = at >> 2, .htinst = htinst};
        world_.put_code(vcpu_, 0x0001, 2);
        auto const csrs = fake::hart().csrs;
        auto const x = vcpu_.x;

        world_.write(trap);
        ASSERT_EQ(&turn(vcpu_, {}, world_.services), &vcpu_);
        auto const first_x = vcpu_.x;
        auto const first_pc = vcpu_.pc;
        auto const cause = csr::vscause::read_raw();
        quick += first_pc != handler;

        fake::hart().csrs = csrs;
        vcpu_.x = x;
        vcpu_.pc = pc;
        world_.write(trap);
        ASSERT_EQ(&full_turn(vcpu_, {}, world_.services), &vcpu_);
        ASSERT_EQ(vcpu_.x, first_x) << std::hex << htinst << " at " << at;
        ASSERT_EQ(vcpu_.pc, first_pc) << std::hex << htinst << " at " << at;
        ASSERT_EQ(csr::vscause::read_raw(), cause);
    }
    EXPECT_GT(quick, 2'000U);
}

TEST_F(MemoryFault, WhereTheHartDoesNotSayWhereTheGuestsTablesDo) {
    RecordProperty("rules", "norm:htval_trapval");
    // Bare: the address itself.
    vcpu_.x[10] = 0x66;
    vcpu_.x[11] = scratch;
    world_.put_code(vcpu_, sb_a0);
    EXPECT_EQ(world_.take(vcpu_, {.cause = store_fault, .stval = scratch}), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    // Sv39: a giant page at 0x40000000 that leads to the devices.
    constexpr u64 root = World::code + 0x1000;
    std::array<u8, 8> entry{};
    u64 const leaf = 0 << 10 | 0xc7;  // V R W A D
    std::memcpy(entry.data(), &leaf, sizeof leaf);
    ASSERT_TRUE(vcpu_.vm.ram().write(Gpa{root + 8}, entry));
    csr::vsatp::write_raw(u64{8} << 60 | root >> 12);
    vcpu_.pc = pc;
    vcpu_.x[10] = 0x67;
    vcpu_.x[11] = 0x4000'0000 + scratch;
    world_.put_code(vcpu_, sb_a0);
    EXPECT_EQ(world_.take(vcpu_, {.cause = store_fault, .stval = 0x4000'0000 + scratch}), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc + 4);
    EXPECT_EQ(machine().read(Gpa{scratch}, device::Width::byte).value(), 0x67U);
    // Tables that lead nowhere by now: the guest finds out by itself.
    vcpu_.pc = pc;
    EXPECT_EQ(world_.take(vcpu_, {.cause = load_fault, .stval = 0x8000'0000}), &vcpu_);
    EXPECT_EQ(vcpu_.pc, pc);
    // Tables where no memory is.
    csr::vsatp::write_raw(u64{8} << 60 | nowhere >> 12);
    EXPECT_EQ(world_.take(vcpu_, {.cause = load_fault, .stval = 0x1000}), &vcpu_);
    expect_access_fault(Exception::load_access, 0x1000);
}

TEST_F(MemoryFault, OptionsMakeAnyHartOneThatSaysNothing) {
    vcpu_.x[10] = 0x31;
    vcpu_.x[11] = scratch;
    world_.put_code(vcpu_, sb_a0);
    isa::DecodeOptions const silent{.ignore_htinst = true, .ignore_htval = true};
    EXPECT_EQ(
        world_.take(
            vcpu_,
            {.cause = store_fault, .stval = scratch, .htval = nowhere >> 2, .htinst = lb_a0 & ~(31U << 15)},
            silent),
        &vcpu_);
    EXPECT_EQ(machine().read(Gpa{scratch}, device::Width::byte).value(), 0x31U);
}

TEST(MemoryOnDemandOfAVm, ComesWhenItIsTouched) {
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = u64{8} << 20});
    auto& vcpu = world.start(vm);
    constexpr u64 at = World::code + (u64{6} << 20) + 0x456;
    EXPECT_FALSE(vm.ram().is_mapped(Gpa{at}));
    auto const pc = vcpu.pc;
    fake::hart().fences.clear();
    EXPECT_EQ(world.take(vcpu, {.cause = store_fault, .stval = at, .htval = at >> 2}), &vcpu);
    EXPECT_EQ(vcpu.pc, pc);
    EXPECT_TRUE(vm.ram().is_mapped(Gpa{at}));
    // This hart may have kept the invalid entry.
    EXPECT_FALSE(fake::hart().fences.empty());
    std::array<u8, 64> bytes{};
    bytes.fill(1);
    EXPECT_TRUE(vm.ram().read(Gpa{at}, bytes));
    EXPECT_EQ(bytes, (std::array<u8, 64>{}));
    EXPECT_EQ(vcpu.exits[static_cast<usize>(ExitKind::demand)], 1U);
}

// There it cannot look at the interrupts while it zeroes.
TEST(MemoryOnDemandOfAVm, ComesInShortPiecesWhereTheHypervisorTouchesItFirst) {
    constexpr u64 most = u64{64} << 10, megabyte = u64{1} << 20;
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = 32 * megabyte});
    world.start(vm);
    auto& space = vm.ram().space();
    auto const held = [&] { return space.frames().accounting(space.owner()).guest_bytes; };
    std::array<u8, 64> bytes{};
    u64 word = 1;
    auto touched = World::code + 4 * megabyte + 0x456;
    auto const expect_little = [&](auto const& touch) {
        auto const before = held();
        touch(Gpa{touched});
        EXPECT_EQ(space.lookup(Gpa{touched})->leaf_bytes, most);
        EXPECT_EQ(held() - before, most);
        touched += 2 * megabyte;
    };
    expect_little([&](Gpa at) { EXPECT_TRUE(vm.ram().read(at, bytes)); });
    expect_little([&](Gpa at) { EXPECT_TRUE(vm.ram().write(at, bytes)); });
    expect_little([&](Gpa at) { EXPECT_TRUE(vm.ram().load(at, word)); });
    expect_little([&](Gpa at) { EXPECT_TRUE(vm.ram().store(at, word)); });
    expect_little([&](Gpa at) { EXPECT_TRUE(vm.ram().find(at)); });
    EXPECT_EQ(bytes, (std::array<u8, 64>{}));
    // What is left around such a piece comes when the guest touches it, in as few pieces as fit.
    auto const around = World::code + 5 * megabyte;
    EXPECT_TRUE(vm.ram().touch(Gpa{around}));
    EXPECT_EQ(space.lookup(Gpa{around})->leaf_bytes, most);
    EXPECT_TRUE(vm.ram().is_mapped(Gpa{around + megabyte - 1}));
}

TEST(MemoryOnDemandOfAVm, IsWhatItsDevicesHaveFromTheStart) {
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .parted = true, .memory_bytes = u64{8} << 20});
    auto& vcpu = world.start(vm);
    auto& space = vm.ram().space();
    auto const before = space.frames().accounting(space.owner()).guest_bytes;
    EXPECT_EQ(before, u64{8} << 20);
    constexpr u64 touched = World::code + (u64{6} << 20) + 0x456, asked = World::code + (u64{4} << 20);
    EXPECT_FALSE(vm.ram().is_mapped(Gpa{touched}));
    EXPECT_EQ(world.take(vcpu, {.cause = store_fault, .stval = touched, .htval = touched >> 2}), &vcpu);
    EXPECT_EQ(space.lookup(Gpa{touched})->at, space.lookup_kept(Gpa{touched})->at);
    EXPECT_EQ(vcpu.exits[static_cast<usize>(ExitKind::demand)], 1U);
    // A request of a disk that the house serves points where no hart has been.
    EXPECT_EQ(vm.ram().find(Gpa{asked}).value().at, space.lookup_kept(Gpa{asked})->at);
    EXPECT_EQ(space.frames().accounting(space.owner()).guest_bytes, before);
}

TEST(MemoryOnDemandOfAVm, ThatCannotBeHadIsAnAccessFault) {
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = u64{8} << 20});
    auto& vcpu = world.start(vm);
    csr::vstvec::write(World::code + 0x100);
    std::vector<memory::Page<memory::Dirty>> all;
    auto& frames = world.board().frames;
    while (auto page = frames.take_up_to(memory::Pool::guest, memory::max_order, memory::OwnerId{9}))
        all.push_back(std::move(page).value());
    constexpr u64 at = World::code + (u64{6} << 20);
    EXPECT_EQ(world.take(vcpu, {.cause = load_fault, .stval = at, .htval = at >> 2}), &vcpu);
    EXPECT_EQ(csr::vscause::read_raw(), 5U);
    EXPECT_EQ(csr::vstval::read(), at);
    for (auto& page : all) frames.give_back(std::move(page));
}

TEST(MemoryOnDemandOfAVm, ServesInterruptsMeanwhileAndTheVmMayEnd) {
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = u64{8} << 20});
    auto& vcpu = world.start(vm);
    vm.end(Ending::poweroff);  // as another hart would
    csr::sip::set_bits(host_software_pending);
    constexpr u64 at = World::code + (u64{6} << 20);
    EXPECT_EQ(world.take(vcpu, {.cause = store_fault, .stval = at, .htval = at >> 2}), nullptr);
    EXPECT_EQ(csr::sip::read_raw(), 0U);
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(world.core().current, nullptr);
}

TEST(MemoryOnDemandOfAVm, ThatFailsAfterTheVmEndedIsNobodysFault) {
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = u64{2} << 30});
    auto& vcpu = world.start(vm);
    auto const pc = vcpu.pc;
    fake::Shortage const no_tables{world.board().frames, 0};
    vm.end(Ending::poweroff);
    csr::sip::set_bits(host_software_pending);
    constexpr u64 at = World::code + (u64{3} << 29);
    EXPECT_EQ(world.take(vcpu, {.cause = store_fault, .stval = at, .htval = at >> 2}), nullptr);
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(vcpu.pc, pc);
    EXPECT_EQ(csr::vscause::read_raw(), 0U);
}

TEST(MemoryOnDemandOfAVm, ComesToTheWalkOfTheGuestsTablesToo) {
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = u64{8} << 20});
    auto& vcpu = world.start(vm);
    constexpr u64 root = World::code + (u64{6} << 20);
    csr::vsatp::write_raw(u64{8} << 60 | root >> 12);
    auto const pc = vcpu.pc;
    // Its table was never touched, so it is zero: the guest's own page fault comes when it tries again.
    EXPECT_EQ(world.take(vcpu, {.cause = load_fault, .stval = 0x1000}), &vcpu);
    EXPECT_EQ(vcpu.pc, pc);
    EXPECT_TRUE(vm.ram().is_mapped(Gpa{root}));
}

}  // namespace
}  // namespace antler::vm
