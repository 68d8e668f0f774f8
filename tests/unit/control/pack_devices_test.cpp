// Devices of a VM are read from its pack as they were meant, and one that is not understood costs its VM
// only.
#include <gtest/gtest.h>

#include "tests/fake/described.hpp"
#include "tests/unit/control/packs.hpp"

namespace antler::control {
namespace {

namespace property = names::property;
namespace node = names::node;

// A list of nodes with numbers for names.
template <class... Bodies>
void list(Builder& out, std::string_view name, Bodies const&... bodies) {
    out.begin(name);
    u32 number = 0;
    auto const one = [&](auto const& body) {
        out.begin(std::to_string(number++));
        body();
        out.end();
    };
    (one(bodies), ...);
    out.end();
}

std::string const mac{"\x02\x00\x00\x00\x00\x07", 6};

class PackDevices : public testing::Test {
protected:
    // What is read of a VM with these devices, which lies in a pack with two switches.
    Result<vm::Description> read(std::function<void(Builder&)> devices, u32 vcpus = 2) {
        PackedVm vm;
        vm.vcpus = vcpus;
        vm.more = std::move(devices);
        PackedVm other;
        other.name = "other";
        other.index = 1;
        bytes_ = pack({vm, other}, {.switches = {"lan", "wan"}});
        auto const opened = Pack::open(bytes_, where);
        EXPECT_TRUE(opened);
        EXPECT_TRUE(fake::described(opened.value(), 1)) << "its neighbour";
        return fake::described(opened.value(), 0);
    }
    Error refusal(std::function<void(Builder&)> devices, u32 vcpus = 2) {
        auto const found = read(std::move(devices), vcpus);
        EXPECT_FALSE(found);
        return found ? Error::busy : found.error();
    }
    std::vector<u8> bytes_{};  // which descriptions are views into
};

TEST_F(PackDevices, AMachineWithoutAnyHasNone) {
    auto const found = read({});
    ASSERT_TRUE(found);
    auto const& vm = found.value();
    EXPECT_EQ(vm.disk_count + vm.net_count + vm.channel_count + vm.device_count, 0U);
    EXPECT_EQ(vm.flash.code.size, 0U);
    EXPECT_EQ(vm.flash.disk, vm::FlashDescription::none);
    EXPECT_EQ(vm.share.weight, names::usual_weight);
    EXPECT_EQ(vm.share.cap, 0U);
    EXPECT_FALSE(vm.share.dedicated);
    EXPECT_EQ(vm.share.harts_of(1), ~u64{0});
    EXPECT_FALSE(vm.interrupts.has_value());
    EXPECT_EQ(vm.bus, vm::VirtioBus::mmio);
}

TEST_F(PackDevices, ADiskIsOneOfTheBoardOrAPartOfItOrAPieceOfThePack) {
    auto const found = read([](Builder& out) {
        out.text(property::bus, "pci");
        list(
            out, node::disks, [&] { out.text(property::host, "whole"); },
            [&] {
                out.text(property::host, "board");
                out.wides(property::extents, {2048, 100, 9000, 50});
                out.raw(property::readonly, "");
                out.text(property::bus, "mmio");
            },
            [&] {
                out.text(property::host, "board");
                out.text(property::partition, "root");
                out.text(property::serial, "shown");
                out.wides(property::overlay, {16 * megabytes});
            },
            [&] { out.wides(property::ramdisk, {2 * megabytes, 0x5000}); });
    });
    ASSERT_TRUE(found);
    ASSERT_EQ(found.value().disk_count, 4U);
    auto const& disks = found.value().disks;
    EXPECT_EQ(disks[0].host, "whole");
    EXPECT_TRUE(disks[0].extents.empty());
    EXPECT_EQ(disks[0].bus, vm::VirtioBus::pci) << "as the machine has it";
    EXPECT_FALSE(disks[0].readonly);
    ASSERT_EQ(disks[1].extents.size(), 4U);
    EXPECT_EQ(disks[1].extents[2], 9000U);
    EXPECT_EQ(disks[1].bus, vm::VirtioBus::mmio);
    EXPECT_TRUE(disks[1].readonly);
    EXPECT_EQ(disks[2].partition, "root");
    EXPECT_EQ(disks[2].serial, "shown");
    EXPECT_EQ(disks[2].overlay_bytes, 16 * megabytes);
    EXPECT_TRUE(disks[3].host.empty());
    EXPECT_EQ(disks[3].ramdisk, (HpaRange{where + 2 * megabytes, 0x5000}));
}

TEST_F(PackDevices, ADiskThatIsNothingOrTwoThingsIsRefused) {
    auto const refused = [&](auto body) {
        return refusal([&](Builder& out) { list(out, node::disks, [&] { body(out); }); });
    };
    EXPECT_EQ(refused([](Builder&) {}), Error::bad_format);
    EXPECT_EQ(refused([](Builder& out) {
                  out.text(property::host, "board");
                  out.wides(property::ramdisk, {0, 0x1000});
              }),
              Error::bad_format);
    EXPECT_EQ(refused([](Builder& out) { out.wides(property::ramdisk, {0}); }), Error::bad_format);
    EXPECT_EQ(refused([](Builder& out) { out.wides(property::ramdisk, {pack_bytes, 1}); }),
              Error::out_of_range);
    EXPECT_EQ(refused([](Builder& out) { out.wides(property::ramdisk, {~u64{0}, 0x1000}); }),
              Error::out_of_range);
    auto const of_board = [&](auto body) {
        return refused([&](Builder& out) {
            out.text(property::host, "board");
            body(out);
        });
    };
    EXPECT_EQ(of_board([](Builder& out) { out.wides(property::extents, {1, 2, 3}); }), Error::bad_format);
    EXPECT_EQ(of_board([](Builder& out) { out.raw(property::extents, "odd"); }), Error::bad_format);
    EXPECT_EQ(of_board([](Builder& out) {
                  out.wides(property::extents, std::vector<u64>(2 * names::most_extents + 2));
              }),
              Error::bad_format);
    EXPECT_EQ(of_board([](Builder& out) { out.text(property::serial, std::string(21, 's')); }),
              Error::bad_format);
    EXPECT_EQ(of_board([](Builder& out) { out.wides(property::overlay, {~u64{0}}); }), Error::out_of_range);
    EXPECT_EQ(of_board([](Builder& out) { out.raw(property::overlay, "x"); }), Error::bad_format);
    EXPECT_EQ(of_board([](Builder& out) { out.text(property::bus, "isa"); }), Error::bad_format);
}

TEST_F(PackDevices, ACardIsPluggedIntoASwitchOfThePack) {
    auto const found = read([](Builder& out) {
        list(
            out, node::nets,
            [&] {
                out.text(property::network, "wan");
                out.raw(property::mac, mac);
            },
            [&] {
                out.text(property::network, "lan");
                out.raw(property::mac, mac);
                out.cell(property::vlan, 4094);
                out.raw(property::isolated, "");
                out.raw(property::anti_spoof, "");
                out.raw(property::no_offload, "");
            });
    });
    ASSERT_TRUE(found);
    ASSERT_EQ(found.value().net_count, 2U);
    auto const& nets = found.value().nets;
    EXPECT_EQ(nets[0].network, 1U);
    EXPECT_EQ(nets[0].switch_name, "wan");
    EXPECT_EQ(nets[0].mac, (std::array<u8, 6>{2, 0, 0, 0, 0, 7}));
    EXPECT_EQ(nets[0].vlan, 0);
    EXPECT_TRUE(nets[0].offload);
    EXPECT_FALSE(nets[0].isolated || nets[0].guarded);
    EXPECT_EQ(nets[1].network, 0U);
    EXPECT_EQ(nets[1].vlan, 4094);
    EXPECT_FALSE(nets[1].offload);
    EXPECT_TRUE(nets[1].isolated && nets[1].guarded);
}

TEST_F(PackDevices, ACardWithoutASwitchOrAnAddressIsRefused) {
    auto const refused = [&](std::string const& network, std::string const& address, u32 vlan = 0) {
        return refusal([&](Builder& out) {
            list(out, node::nets, [&] {
                out.text(property::network, network);
                out.raw(property::mac, address);
                out.cell(property::vlan, vlan);
            });
        });
    };
    EXPECT_EQ(refused("moon", mac), Error::not_found);
    EXPECT_EQ(refused("lan", ""), Error::bad_format);
    EXPECT_EQ(refused("lan", mac.substr(1)), Error::bad_format);
    EXPECT_EQ(refused("lan", std::string{"\x01\x00\x00\x00\x00\x07", 6}), Error::bad_format) << "of a group";
    EXPECT_EQ(refused("lan", mac, 4095), Error::out_of_range);
}

TEST_F(PackDevices, SwitchesAreFoundByTheirIndex) {
    ASSERT_TRUE(read({}));
    auto const pack = Pack::open(bytes_, where).value();
    EXPECT_EQ(pack.switch_count(), 2U);
    EXPECT_EQ(pack.describe_switch(0).value().name, "lan");
    EXPECT_FALSE(pack.describe_switch(0).value().uplink);
    EXPECT_TRUE(pack.describe_switch(1).value().uplink);
    EXPECT_EQ(pack.describe_switch(2).error(), Error::not_found);
}

TEST_F(PackDevices, ItsPartOfTheHartsIsRead) {
    auto const found = read([](Builder& out) {
        out.cell(property::weight, 1024);
        out.cell(property::cap, 150);
        out.raw(property::dedicated, "");
        out.wides(property::affinity, {1, 6});
        out.wides(property::colours, {0xf0});
        out.cell(property::restart_delay, 250);
    });
    ASSERT_TRUE(found);
    auto const& vm = found.value();
    EXPECT_EQ(vm.share.weight, 1024U);
    EXPECT_EQ(vm.share.cap, 150U);
    EXPECT_TRUE(vm.share.dedicated);
    EXPECT_EQ(vm.share.harts_of(0), 1U);
    EXPECT_EQ(vm.share.harts_of(1), 6U);
    EXPECT_EQ(vm.colours, 0xf0U);
    EXPECT_EQ(vm.policies.restart_delay_ms, 250U);
    auto const same = read([](Builder& out) { out.wides(property::affinity, {4}); });
    ASSERT_TRUE(same);
    EXPECT_EQ(same.value().share.harts_of(1), 4U) << "one mask is for every vCPU";
}

TEST_F(PackDevices, APartThatNobodyCanHaveIsRefused) {
    EXPECT_EQ(refusal([](Builder& out) { out.cell(property::weight, 0); }), Error::out_of_range);
    EXPECT_EQ(refusal([](Builder& out) { out.cell(property::weight, names::most_weight + 1); }),
              Error::out_of_range);
    EXPECT_EQ(refusal([](Builder& out) { out.cell(property::cap, 100 * names::most_vcpus + 1); }),
              Error::out_of_range);
    EXPECT_EQ(refusal([](Builder& out) { out.wides(property::affinity, {1, 0}); }), Error::out_of_range);
    EXPECT_EQ(refusal([](Builder& out) { out.wides(property::affinity, {1, 2, 4}); }), Error::bad_format);
    EXPECT_EQ(refusal([](Builder& out) { out.cell(property::affinity, 1); }), Error::bad_format);
    EXPECT_EQ(refusal([](Builder& out) { out.cell(property::restart_delay, 3'600'001); }),
              Error::out_of_range);
}

TEST_F(PackDevices, InterruptsAreOneOfThreeKindsOrWhatSuits) {
    using vm::Interrupts;
    for (auto const& [word, kind] :
         {std::pair{"plic", Interrupts::plic}, {"aplic", Interrupts::aplic}, {"aia", Interrupts::aia}}) {
        auto const found = read([&](Builder& out) { out.text(property::interrupts, word); });
        ASSERT_TRUE(found);
        EXPECT_EQ(found.value().interrupts, kind);
    }
    EXPECT_EQ(refusal([](Builder& out) { out.text(property::interrupts, "8259"); }), Error::bad_format);
}

TEST_F(PackDevices, SmallDevicesAreThereWhereTheyAreNamed) {
    auto const found = read([](Builder& out) {
        for (auto const flag :
             {property::rng, property::balloon, property::free_page_reporting, property::watchdog})
            out.raw(flag, "");
        out.wides(property::vsock, {3});
        out.cell(property::console_ports, 2);
    });
    ASSERT_TRUE(found);
    auto const& extras = found.value().extras;
    EXPECT_TRUE(extras.rng && extras.balloon && extras.free_page_reporting && extras.watchdog);
    EXPECT_EQ(extras.vsock_cid, 3U);
    EXPECT_EQ(extras.console_ports, 2U);
    for (u64 const cid : {u64{1}, u64{2}, u64{0xffff'ffff}})
        EXPECT_EQ(refusal([&](Builder& out) { out.wides(property::vsock, {cid}); }), Error::out_of_range);
    EXPECT_EQ(refusal([](Builder& out) { out.cell(property::console_ports, names::most_consoles + 1); }),
              Error::out_of_range);
}

TEST_F(PackDevices, ChannelsAreWholePages) {
    auto const channel = [](u64 bytes, std::string const& with = "other") {
        return [=](Builder& out) {
            list(out, node::channels, [&] {
                out.text(property::with, with);
                out.wides(property::size, {bytes});
            });
        };
    };
    auto const found = read(channel(0x3000));
    ASSERT_TRUE(found);
    ASSERT_EQ(found.value().channel_count, 1U);
    EXPECT_EQ(found.value().channels[0].with, "other");
    EXPECT_EQ(found.value().channels[0].bytes, 0x3000U);
    EXPECT_EQ(refusal(channel(0)), Error::out_of_range);
    EXPECT_EQ(refusal(channel(0x1001)), Error::out_of_range);
    EXPECT_EQ(refusal(channel(17 * megabytes)), Error::out_of_range);
    EXPECT_EQ(refusal(channel(0x1000, std::string(32, 'n'))), Error::bad_format);
}

TEST_F(PackDevices, DevicesOfTheBoardAreNamed) {
    auto const found = read([](Builder& out) {
        list(
            out, node::devices, [&] { out.text(property::host, "0000:00:02.0"); },
            [&] { out.text(property::host, "/soc/rtc@101000"); });
    });
    ASSERT_TRUE(found);
    ASSERT_EQ(found.value().device_count, 2U);
    EXPECT_EQ(found.value().devices[1], "/soc/rtc@101000");
    EXPECT_EQ(refusal([](Builder& out) {
                  list(out, node::devices, [&] { out.text(property::host, std::string(128, 'd')); });
              }),
              Error::bad_format);
}

TEST_F(PackDevices, FlashIsTwoPiecesOfThePackAndPerhapsADisk) {
    auto const flash = [](std::vector<u64> const& place, std::optional<u32> disk = {}) {
        return [=](Builder& out) {
            out.wides(property::flash, place);
            if (disk) out.cell(property::vars_disk, *disk);
            list(out, node::disks, [&] { out.text(property::host, "board"); });
        };
    };
    auto const found = read(flash({2 * megabytes, 0x8000, 4 * megabytes, 0x1000}, 0));
    ASSERT_TRUE(found);
    EXPECT_EQ(found.value().flash.code, (HpaRange{where + 2 * megabytes, 0x8000}));
    EXPECT_EQ(found.value().flash.variables, (HpaRange{where + 4 * megabytes, 0x1000}));
    EXPECT_EQ(found.value().flash.disk, 0U);
    EXPECT_EQ(refusal(flash({0, 1, 2})), Error::bad_format);
    EXPECT_EQ(refusal(flash({0, names::most_flash + 1, 0, 1})), Error::out_of_range);
    EXPECT_EQ(refusal(flash({0, 1, 0, names::most_flash + 1})), Error::out_of_range);
    EXPECT_EQ(refusal(flash({pack_bytes, 1, 0, 1})), Error::out_of_range);
    EXPECT_EQ(refusal(flash({0, 1, pack_bytes, 1})), Error::out_of_range);
    EXPECT_EQ(refusal(flash({0, 1, 0, 1}, 1)), Error::out_of_range) << "it has one disk";
    EXPECT_EQ(refusal(flash({0, 1, 0, 1}, names::most_disks + 1)), Error::out_of_range);
}

TEST_F(PackDevices, ListsAreInTheOrderOfTheirNumbersAndNotTooLong) {
    EXPECT_EQ(refusal([](Builder& out) {
                  out.begin(node::devices);
                  out.begin("1");
                  out.text(property::host, "0000:00:01.0");
                  out.end();
                  out.end();
              }),
              Error::bad_format);
    EXPECT_EQ(refusal([](Builder& out) {
                  auto const device = [&] { out.text(property::host, "0000:00:01.0"); };
                  list(out, node::devices, device, device, device, device, device, device, device, device,
                       device);
              }),
              Error::out_of_range);
}

}  // namespace
}  // namespace antler::control
