// What a guest finds in its registers when it is given an exception.
#include "vm/reflect.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using isa::Exception;
namespace csr = hart::csr;

class Reflect : public testing::Test {
protected:
    Reflect() : vcpu_{world_.start(world_.add({.vcpus = 1}))} {
        csr::vstvec::write(World::code + 0x101);  // vectored: exceptions go to the base all the same
        vcpu_.pc = World::code + 0x40;
    }
    World world_{1};
    Vcpu& vcpu_;
};

TEST_F(Reflect, WritesWhatAHartWouldHaveWritten) {
    RecordProperty("rules",
                   "norm:H_trap_vs_csrwrites norm:sstatus_spp norm:sstatus_spie norm:sstatus_sie norm:sepc");
    using S = isa::Vsstatus;
    for (bool const in_vs : {true, false})
        for (bool const open : {true, false}) {
            vcpu_.pc = World::code + 0x40;
            vcpu_.sstatus = isa::Sstatus::spp::set(vcpu_.sstatus, in_vs);
            csr::vsstatus::write_raw(S::sie::set(0, open));
            EXPECT_EQ(reflect(vcpu_, Exception::load_access, 0x1234), Next::to_guest_trap);
            auto const status = csr::vsstatus::read_raw();
            EXPECT_EQ(S::spp::get(status), in_vs);
            EXPECT_EQ(S::spie::get(status), open);
            EXPECT_FALSE(S::sie::get(status));
            EXPECT_EQ(csr::vsepc::read(), World::code + 0x40);
            EXPECT_EQ(csr::vscause::read_raw(), 5U);
            EXPECT_EQ(csr::vstval::read(), 0x1234U);
            EXPECT_EQ(vcpu_.pc, World::code + 0x100);
            EXPECT_TRUE(isa::Sstatus::spp::get(vcpu_.sstatus));  // the handler runs in VS-mode
        }
}

TEST_F(Reflect, AGuestWithoutHSeesNoCauseOfH) {
    RecordProperty("rules", "norm:hedeleg_acc");
    static_cast<void>(reflect(vcpu_, Exception::virtual_instruction, 0x1050'0073));
    EXPECT_EQ(csr::vscause::read_raw(), static_cast<u64>(Exception::illegal_instruction));
    static_cast<void>(reflect(vcpu_, Exception::store_guest_page_fault, 0));
    EXPECT_EQ(csr::vscause::read_raw(), static_cast<u64>(Exception::store_access));
}

TEST_F(Reflect, AHandlerThatCannotBeFetchedIsACrashAndSaysSo) {
    vcpu_.pc = World::code + 0x100;
    EXPECT_EQ(reflect(vcpu_, Exception::fetch_access, vcpu_.pc), Next::stop);
    EXPECT_TRUE(vcpu_.vm.is_ending());
    EXPECT_EQ(world_.run(), nullptr);
    EXPECT_TRUE(vcpu_.vm.has_crashed());
    ASSERT_FALSE(fake::outside().announced.empty());
    EXPECT_NE(fake::outside().announced[0].find("cannot fetch its own trap handler"), std::string::npos);
}

// As QEMU 10.0.13 returns from firmware that has trapped itself.
TEST_F(Reflect, AGuestThatWasLetIntoTheHypervisorsModeDoesNotGoOn) {
    vcpu_.hstatus = isa::Hstatus::spv::set(vcpu_.hstatus, false);
    EXPECT_EQ(reflect(vcpu_, Exception::store_page_fault, 0), Next::stop);
    EXPECT_TRUE(vcpu_.vm.is_ending());
    ASSERT_FALSE(fake::outside().announced.empty());
    EXPECT_NE(fake::outside().announced[0].find("into the hypervisor's mode"), std::string::npos);
}

TEST_F(Reflect, OtherFaultsInTheHandlerAreTheGuestsOwn) {
    vcpu_.pc = World::code + 0x100;
    EXPECT_EQ(reflect(vcpu_, Exception::load_access, 0), Next::to_guest_trap);
    vcpu_.pc = World::code + 0x104;
    EXPECT_EQ(reflect(vcpu_, Exception::fetch_access, vcpu_.pc), Next::to_guest_trap);
    EXPECT_FALSE(vcpu_.vm.is_ending());
}

TEST_F(Reflect, WhatWasNotDelegatedIsReflectedAsItIs) {
    EXPECT_EQ(world_.take(vcpu_, {.cause = Exception::hardware_error, .stval = 0x77}), &vcpu_);
    EXPECT_EQ(csr::vscause::read_raw(), 19U);
    EXPECT_EQ(csr::vstval::read(), 0x77U);
    EXPECT_EQ(vcpu_.pc, World::code + 0x100);
}

TEST_F(Reflect, ATrapThatNoGuestCanCauseEndsItsVmOnly) {
    EXPECT_EQ(world_.take(vcpu_, {.cause = Exception::ecall_from_m}), nullptr);
    EXPECT_TRUE(vcpu_.vm.has_crashed());
    EXPECT_EQ(fake::outside().machines_gone, 1U);
}

TEST_F(Reflect, AReportOfAnyStateOfTheGuestEnds) {
    // vscause and vsatp are the guest's to fill with anything.
    for (u64 const raw : {u64{0}, u64{63}, ~u64{0}, u64{8} << 60 | 0xfffff, u64{9} << 60, u64{0xf} << 60}) {
        csr::vscause::write_raw(raw);
        csr::vsatp::write_raw(raw);
        csr::vstvec::write(raw & ~u64{3});
        vcpu_.pc = raw & ~u64{3};
        explain(vcpu_, "is asked", Exception::fetch_access, raw);
    }
}

}  // namespace
}  // namespace antler::vm
