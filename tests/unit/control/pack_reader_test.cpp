// Packs as libfdt writes them are read as they were meant; a broken property breaks its VM and nothing else.
#include "control/pack_reader.hpp"

#include <gtest/gtest.h>

#include "tests/fake/described.hpp"
#include "tests/unit/control/packs.hpp"

namespace antler::control {
namespace {

using vm::Afterwards;

TEST(PackReader, ReadsWhatTheHostProgramMeant) {
    PackedVm vm;
    vm.flags = {"on-demand", "trap-vm", "trap-sret"};
    vm.hide = {"v", "sstc"};
    vm.on_reboot = "destroy";
    vm.on_crash = "preserve";
    vm.segments = {0x8020'0000, 2 * megabytes, 0x1234, 0x3000, 0x8040'0000, 4 * megabytes, 0, 0x1000};
    auto const bytes = pack({vm});
    auto const opened = Pack::open(bytes, where);
    ASSERT_TRUE(opened);
    auto const& read = opened.value();
    EXPECT_EQ(read.vm_count(), 1U);
    auto const described = fake::described(read, 0);
    ASSERT_TRUE(described);
    auto const& d = described.value();
    EXPECT_EQ(d.name, "one");
    EXPECT_EQ(d.vcpus, 2U);
    EXPECT_EQ(d.memory_bytes, 64 * megabytes);
    EXPECT_EQ(d.entry, Gpa{0x8020'0000});
    EXPECT_EQ(d.device_tree, Gpa{0x8200'0000});
    EXPECT_TRUE(d.on_demand);
    EXPECT_FALSE(d.takes_all_memory());
    auto owner = d;
    owner.devices[0] = "/soc/rtc@101000";
    owner.device_count = 1;
    EXPECT_FALSE(owner.takes_all_memory()) << "it reaches no memory";
    owner.devices[1] = "0000:00:02.0";
    owner.device_count = 2;
    EXPECT_TRUE(owner.takes_all_memory()) << "a function of PCI does not wait for it";
    ASSERT_EQ(d.segment_count, 2U);
    EXPECT_EQ(d.segments[0].at, Gpa{0x8020'0000});
    EXPECT_EQ(d.segments[0].file, (HpaRange{where + 2 * megabytes, 0x1234}));
    EXPECT_EQ(d.segments[0].memory_bytes, 0x3000U);
    EXPECT_EQ(d.segments[1].file.size, 0U);
    EXPECT_EQ(d.initrd.at, Gpa{0x8100'0000});
    EXPECT_EQ(d.initrd.file, (HpaRange{where + 4 * megabytes, 0x777}));
    EXPECT_EQ(d.initrd.memory_bytes, 0x777U);
    EXPECT_EQ(d.command_line, "console=ttyS0");
    EXPECT_TRUE(d.policies.trap_memory);
    EXPECT_FALSE(d.policies.trap_wait);
    EXPECT_TRUE(d.policies.trap_return);
    EXPECT_EQ(d.policies.on_poweroff, Afterwards::destroy);
    EXPECT_EQ(d.policies.on_reboot, Afterwards::destroy);
    EXPECT_EQ(d.policies.on_crash, Afterwards::preserve);
    EXPECT_EQ(d.hidden, (std::string_view{"v\0sstc\0", 7}));
}

TEST(PackReader, WhatMayBeAbsentHasItsDefault) {
    PackedVm vm;
    vm.initrd.clear();
    vm.command_line.clear();
    auto const bytes = pack({vm});
    auto const described = fake::described(Pack::open(bytes, where).value(), 0);
    ASSERT_TRUE(described);
    EXPECT_EQ(described.value().initrd.memory_bytes, 0U);
    EXPECT_EQ(described.value().command_line, "");
    EXPECT_FALSE(described.value().on_demand);
    EXPECT_EQ(described.value().hidden, "");
}

TEST(PackReader, VmsAreFoundByTheirIndexInAnyOrder) {
    PackedVm one, two;
    one.index = 1;
    two.name = "two";
    auto const bytes = pack({one, two});
    auto const read = Pack::open(bytes, where).value();
    EXPECT_EQ(read.vm_count(), 2U);
    EXPECT_EQ(fake::described(read, 0).value().name, "two");
    EXPECT_EQ(fake::described(read, 1).value().name, "one");
    EXPECT_EQ(fake::described(read, 2).error(), Error::not_found);
}

TEST(PackReader, OptionsAreRead) {
    auto const bytes = pack({}, {.on_panic = "halt", .log = "debug", .ignore = {"htinst", "htval"}});
    auto const options = Pack::open(bytes, where).value().options();
    EXPECT_TRUE(options.halt_on_panic);
    EXPECT_TRUE(options.ignore_htinst);
    EXPECT_TRUE(options.ignore_htval);
    EXPECT_EQ(options.log, Options::Log::debug);
    auto const others = pack({}, {.log = "quiet", .ignore = {"htval"}});
    auto const read = Pack::open(others, where).value().options();
    EXPECT_FALSE(read.halt_on_panic);
    EXPECT_FALSE(read.ignore_htinst);
    EXPECT_TRUE(read.ignore_htval);
    EXPECT_EQ(read.log, Options::Log::quiet);
}

TEST(PackReader, RefusesWhatIsNoPack) {
    EXPECT_EQ(Pack::open({}, where).error(), Error::out_of_range);
    auto const other = pack({}, {}, names::version, pack_bytes, "linux,dummy-virt");
    EXPECT_EQ(Pack::open(other, where).error(), Error::bad_format);
    auto const newer = pack({}, {}, names::version + 1);
    EXPECT_EQ(Pack::open(newer, where).error(), Error::not_supported);
    auto const cut = pack({}, {}, names::version, pack_bytes + 1);
    EXPECT_EQ(Pack::open(cut, where).error(), Error::out_of_range);
}

struct Broken {
    char const* name;
    void (*breaks)(PackedVm&);
};

class BrokenVm : public testing::TestWithParam<Broken> {};

TEST_P(BrokenVm, IsRefusedAndItsNeighbourIsNot) {
    PackedVm broken, whole;
    GetParam().breaks(broken);
    whole.name = "whole";
    whole.index = 1;
    auto const bytes = pack({broken, whole});
    auto const read = Pack::open(bytes, where);
    ASSERT_TRUE(read);
    EXPECT_FALSE(fake::described(read.value(), 0));
    EXPECT_TRUE(fake::described(read.value(), 1));
}

constexpr u64 most = ~u64{0};
INSTANTIATE_TEST_SUITE_P(
    OfEveryProperty, BrokenVm,
    testing::Values(
        Broken{"NoVcpu", [](PackedVm& v) { v.vcpus = 0; }},
        Broken{"TooManyVcpus", [](PackedVm& v) { v.vcpus = names::most_vcpus + 1; }},
        Broken{"NoMemory", [](PackedVm& v) { v.memory = 0; }},
        Broken{"MemoryOfHalfAGranule", [](PackedVm& v) { v.memory += megabytes; }},
        Broken{"MemoryThatWraps", [](PackedVm& v) { v.memory = most - 2 * megabytes + 1; }},
        Broken{"TreeBelowRam", [](PackedVm& v) { v.dtb = 0x7fff'ffff; }},
        Broken{"TreeAtTheEndOfRam", [](PackedVm& v) { v.dtb = 0x8400'0000 - names::dtb_room + 1; }},
        Broken{"TreeThatWraps", [](PackedVm& v) { v.dtb = most; }},
        Broken{"SegmentOutsideRam", [](PackedVm& v) { v.segments[0] = 0x1000; }},
        Broken{"SegmentBeyondRam", [](PackedVm& v) { v.segments[3] = 65 * megabytes; }},
        Broken{"SegmentThatWraps", [](PackedVm& v) { v.segments[3] = most; }},
        Broken{"SegmentLargerThanItsMemory", [](PackedVm& v) { v.segments[2] = v.segments[3] + 1; }},
        Broken{"SegmentOutsideThePack", [](PackedVm& v) { v.segments[1] = pack_bytes; }},
        Broken{"SegmentAcrossTheEndOfThePack", [](PackedVm& v) { v.segments[1] = pack_bytes - 0x1000; }},
        Broken{"SegmentWhoseOffsetWraps", [](PackedVm& v) { v.segments[1] = most - 0xfff; }},
        Broken{"TooManySegments",
               [](PackedVm& v) {
                   auto const one = v.segments;
                   for (usize i = 0; i < names::most_segments; ++i)
                       v.segments.insert(v.segments.end(), one.begin(), one.end());
               }},
        Broken{"InitrdOutsideRam", [](PackedVm& v) { v.initrd[0] = 0x8400'0000; }},
        Broken{"InitrdOutsideThePack", [](PackedVm& v) { v.initrd[2] = pack_bytes; }},
        Broken{"InitrdOfTooFewCells", [](PackedVm& v) { v.initrd.pop_back(); }},
        Broken{"LongName", [](PackedVm& v) { v.name.assign(names::longest_name + 1, 'n'); }},
        Broken{"LongCommandLine",
               [](PackedVm& v) { v.command_line.assign(names::longest_cmdline + 1, 'c'); }}),
    [](auto const& of) { return std::string{of.param.name}; });

// Whatever one byte of the tree is changed to, what is believed lies where it may.
TEST(PackReader, BelievesNothingThatPointsOutside) {
    auto bytes = pack({PackedVm{}});
    auto const tree = fdt_totalsize(bytes.data());
    for (u32 at = 0; at < tree; ++at)
        for (u8 const value : {u8{0}, u8{0x7f}, u8{0xff}}) {
            auto const before = std::exchange(bytes[at], value);
            if (auto const read = Pack::open(bytes, where)) {
                static_cast<void>(read.value().options());
                if (auto const d = fake::described(read.value(), 0)) {
                    HpaRange const whole{where, pack_bytes};
                    GpaRange const ram{names::ram_base, d.value().memory_bytes};
                    for (usize i = 0; i < d.value().segment_count; ++i) {
                        auto const& segment = d.value().segments[i];
                        ASSERT_TRUE(whole.contains(segment.file.start, segment.file.size)) << at;
                        ASSERT_TRUE(ram.contains(segment.at, segment.memory_bytes)) << at;
                    }
                    ASSERT_TRUE(ram.contains(d.value().device_tree, names::dtb_room)) << at;
                }
            }
            bytes[at] = before;
        }
}

}  // namespace
}  // namespace antler::control
