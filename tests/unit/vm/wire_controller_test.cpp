// A VM whose devices are wired to an APLIC: one that signals to vCPUs, and one that sends messages to their
// files.
#include "vm/wire_controller.hpp"

#include <gtest/gtest.h>

#include "isa/aplic.hpp"
#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using device::Width;
namespace csr = hart::csr;
namespace reg = isa::aplic;

constexpr u64 uart = 0x1000'0000;
constexpr u64 aplic = 0xd00'0000;
constexpr u64 transmitter_empty = 2, nothing = 0;

class Wired : public testing::Test {
protected:
    explicit Wired(Interrupts kind)
        : vm_{world_.add({.vcpus = 2, .interrupts = kind})}, first_{world_.start(vm_)} {}
    u64 get(u64 at) { return vm_.machine().read(Gpa{at}, Width::word).value(); }
    void set(u64 at, u64 value) {
        EXPECT_TRUE(vm_.machine().write(Gpa{at}, Width::word, value)) << std::hex << at;
    }
    // The serial port's line: nobody has anything to send.
    void want(u64 interrupts) { EXPECT_TRUE(vm_.machine().write(Gpa{uart + 1}, Width::byte, interrupts)); }
    void open(u32 target) {
        set(aplic + reg::sourcecfg + 4 * uart_source, static_cast<u64>(reg::SourceMode::level1));
        set(aplic + reg::target + 4 * uart_source, target);
        set(aplic + reg::setienum, uart_source);
        set(aplic + reg::domaincfg, reg::Domaincfg::ie::set(0, true));
    }
    u64 lines() {
        EXPECT_EQ(world_.run(), &first_);
        return csr::hvip::read_raw();
    }
    World world_{};
    Vm& vm_;
    Vcpu& first_;
};

struct WiredToSignal : Wired {
    WiredToSignal() : Wired{Interrupts::aplic} {}
};
struct WiredToSend : Wired {
    WiredToSend() : Wired{Interrupts::aia} {}
    // The identities that came since the last time.
    u32 came() {
        first_.file->collect();
        u32 count = 0;
        while (first_.file->soft().claim() != 0) ++count;
        return count;
    }
    static constexpr u32 identity = 42;
};

TEST_F(WiredToSignal, HasAnAplicInPlaceOfThePlic) {
    EXPECT_TRUE(vm_.machine().has_device(aplic_region.start));
    EXPECT_FALSE(vm_.machine().has_device(plic_region.start));
    EXPECT_FALSE(vm_.machine().has_device(imsic_start));
    EXPECT_EQ(get(aplic + reg::domaincfg), reg::Domaincfg{}.raw);
}

TEST_F(WiredToSignal, RaisesTheLineOfItsVcpuWhileTheDeviceDoes) {
    open(reg::Target::direct(0, 1).raw);
    set(aplic + reg::idcs + reg::idc_idelivery, 1);
    want(transmitter_empty);
    EXPECT_EQ(lines(), vs_external);
    EXPECT_EQ(reg::Topi::source::get(static_cast<u32>(get(aplic + reg::idcs + reg::idc_claimi))),
              uart_source);
    EXPECT_EQ(lines(), vs_external);  // a level is not taken by a claim
    want(nothing);
    EXPECT_EQ(lines(), 0U);
}

TEST_F(WiredToSignal, IsAsNewAfterAReset) {
    open(reg::Target::direct(0, 1).raw);
    vm_.machine().reset(2);
    EXPECT_EQ(get(aplic + reg::domaincfg), reg::Domaincfg{}.raw);
    EXPECT_EQ(get(aplic + reg::sourcecfg + 4 * uart_source), 0U);
}

TEST_F(WiredToSend, SendsALevelOnceUntilTheGuestAsksAgain) {
    EXPECT_EQ(get(aplic + reg::domaincfg),
              (reg::Domaincfg::dm::set(reg::Domaincfg{}.raw, reg::Delivery::messages)));
    using namespace isa::interrupt_file;
    EXPECT_TRUE(first_.file->soft().write(eie0, u64{1} << identity));
    open(reg::Target::message(0, 0, identity).raw);
    EXPECT_EQ(came(), 0U);
    want(transmitter_empty);
    EXPECT_EQ(came(), 1U);
    EXPECT_EQ(get(aplic + reg::setip), 0U);  // no longer pending here
    EXPECT_EQ(came(), 0U);
    set(aplic + reg::setipnum, uart_source);  // still high
    EXPECT_EQ(came(), 1U);
    want(nothing);
    set(aplic + reg::setipnum, uart_source);
    EXPECT_EQ(came(), 0U);
    want(transmitter_empty);
    EXPECT_EQ(came(), 1U);
}

TEST_F(WiredToSend, IgnoresTargetsThatAreNoVcpu) {
    open(reg::Target::message(2, 0, identity).raw);
    want(transmitter_empty);
    set(aplic + reg::genmsi, reg::Genmsi::hart::set(0, 77));
    EXPECT_EQ(came(), 0U);
}

}  // namespace
}  // namespace antler::vm
