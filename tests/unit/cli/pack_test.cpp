// Tests that a pack says what its description said, read with the hypervisor's own reader and with libfdt.
#include "cli/pack.hpp"

#include <gtest/gtest.h>
#include <libfdt.h>

#include "abi/fdt_reader.hpp"
#include "abi/pack.hpp"
#include "base/units.hpp"
#include "control/pack_reader.hpp"
#include "tests/fake/described.hpp"
#include "tests/unit/cli/images.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

namespace names = abi::pack;

VmDescription vm_named(std::string name) {
    VmDescription vm;
    vm.name = std::move(name);
    vm.vcpus = 2;
    vm.memory = 64_MiB;
    vm.prefault = true;
    vm.on_poweroff = "destroy";
    vm.on_reboot = "restart";
    vm.on_crash = "preserve";
    return vm;
}

HypervisorDescription quiet() {
    HypervisorDescription hypervisor;
    hypervisor.on_panic = "halt";
    hypervisor.log = "quiet";
    hypervisor.ignore = {"htinst", "htval"};
    return hypervisor;
}

PackedVm packed(VmDescription const& vm, KernelImage const& kernel, Bytes const* initramfs) {
    return {&vm, &kernel, initramfs,
            *lay_out(vm.memory, kernel,
                     initramfs == nullptr ? std::nullopt : std::optional<u64>{initramfs->size()})};
}

u64 number(abi::FdtNode const& node, std::string_view name) {
    return node.property(name)->number().value();
}

TEST(Pack, SaysWhatDevicesAVmHas) {
    auto vm = vm_named("web");
    vm.weight = 512;
    vm.cap = 50;
    vm.dedicated = true;
    vm.affinity = {1, 2};
    vm.colours = 0xf;
    vm.rng = vm.watchdog = true;
    vm.vsock_cid = 3;
    vm.consoles = 2;
    vm.restart_delay = 100;
    vm.interrupts = "aplic";
    vm.disks.resize(2);
    vm.disks[0].host = "antler-0";
    vm.disks[0].extents = {2048, 100, 4096, 50};
    vm.disks[0].overlay = 1_MiB;
    vm.disks[0].serial = "root";
    vm.disks[1].ramdisk = true;
    vm.disks[1].readonly = true;
    vm.nets.resize(1);
    vm.nets[0].network = "lan";
    vm.nets[0].mac = {2, 1, 2, 3, 4, 5};
    vm.nets[0].vlan = 7;
    vm.nets[0].isolated = vm.nets[0].anti_spoof = vm.nets[0].offload = true;
    vm.channels.resize(1);
    vm.channels[0].with = "rtos";
    vm.channels[0].size = 64_KiB;
    vm.variables_disk = 1;
    auto const kernel = *parse_kernel(test::linux_image());
    Bytes const ramdisk(1024, 9);
    Bytes const firmware(3000, 4);
    auto packed_vm = packed(vm, kernel, nullptr);
    packed_vm.firmware_code = &firmware;
    packed_vm.ramdisks = {nullptr, &ramdisk};
    SwitchDescription lan, wan;
    lan.name = "lan";
    wan.name = "wan";
    wan.uplink = true;
    auto const bytes = make_pack(quiet(), {packed_vm}, {wan, lan}).bytes();

    auto const pack = control::Pack::open(bytes, Hpa{0x9000'0000});
    ASSERT_TRUE(pack.ok());
    EXPECT_EQ(pack.value().switch_count(), 2u);
    EXPECT_TRUE(pack.value().describe_switch(0).value().uplink);
    EXPECT_EQ(pack.value().describe_switch(1).value().name, "lan");
    auto const read = fake::described(pack.value(), 0);
    ASSERT_TRUE(read.ok());
    auto const& found = read.value();
    EXPECT_EQ(found.share.weight, 512u);
    EXPECT_EQ(found.share.cap, 50u);
    EXPECT_TRUE(found.share.dedicated);
    EXPECT_EQ(found.share.harts_of(0), 1u);
    EXPECT_EQ(found.share.harts_of(1), 2u);
    EXPECT_EQ(found.colours, 0xfu);
    EXPECT_TRUE(found.extras.rng && found.extras.watchdog && !found.extras.balloon);
    EXPECT_EQ(found.extras.vsock_cid, 3u);
    EXPECT_EQ(found.extras.console_ports, 2u);
    EXPECT_EQ(found.policies.restart_delay_ms, 100u);
    EXPECT_EQ(found.interrupts, vm::Interrupts::aplic);
    ASSERT_EQ(found.disk_count, 2u);
    EXPECT_EQ(found.disks[0].host, "antler-0");
    EXPECT_EQ(found.disks[0].extents.size(), 4u);
    EXPECT_EQ(found.disks[0].extents[2], 4096u);
    EXPECT_EQ(found.disks[0].overlay_bytes, 1_MiB);
    EXPECT_EQ(found.disks[0].serial, "root");
    EXPECT_EQ(found.disks[1].ramdisk.size, 1024u);
    EXPECT_TRUE(found.disks[1].readonly);
    ASSERT_EQ(found.net_count, 1u);
    EXPECT_EQ(found.nets[0].network, 1u);
    EXPECT_EQ(found.nets[0].switch_name, "lan");
    EXPECT_EQ(found.nets[0].mac, vm.nets[0].mac);
    EXPECT_EQ(found.nets[0].vlan, 7u);
    EXPECT_TRUE(found.nets[0].isolated && found.nets[0].guarded && found.nets[0].offload);
    ASSERT_EQ(found.channel_count, 1u);
    EXPECT_EQ(found.channels[0].with, "rtos");
    EXPECT_EQ(found.channels[0].bytes, 64_KiB);
    EXPECT_EQ(found.flash.code.size, 3000u);
    EXPECT_EQ(found.flash.disk, 1u);
}

TEST(Pack, SaysWhatTheDescriptionSaid) {
    auto vm = vm_named("web");
    vm.prefault = false;
    vm.cmdline = "console=ttyS0";
    vm.trap = {"vm", "sret"};
    vm.hide = {"v", "sstc"};
    auto const kernel = *parse_kernel(test::linux_image());
    Bytes const initramfs(5000, 7);
    auto const pack = make_pack(quiet(), {packed(vm, kernel, &initramfs)});
    auto const bytes = pack.bytes();
    EXPECT_EQ(fdt_check_full(bytes.data(), bytes.size()), 0);

    auto const tree = abi::FdtReader::open(bytes);
    ASSERT_TRUE(tree.ok());
    auto const root = tree.value().root();
    EXPECT_EQ(root.property(names::property::compatible)->text(), names::word::compatible);
    EXPECT_EQ(root.property(names::property::version)->cell(0), names::version);
    EXPECT_EQ(number(root, names::property::pack_size), bytes.size());

    auto const hypervisor = *root.child(names::node::hypervisor);
    EXPECT_EQ(hypervisor.property(names::property::on_panic)->text(), "halt");
    EXPECT_EQ(hypervisor.property(names::property::log)->text(), "quiet");
    EXPECT_TRUE(hypervisor.property(names::property::ignore)->lists("htval"));

    auto const node = *root.child(names::node::vms)->child("web");
    EXPECT_EQ(node.property(names::property::index)->cell(0), 0u);
    EXPECT_EQ(node.property(names::property::vcpus)->cell(0), 2u);
    EXPECT_EQ(number(node, names::property::memory), 64_MiB);
    EXPECT_EQ(number(node, names::property::entry), 0x8020'0000u);
    EXPECT_EQ(number(node, names::property::dtb), 0x8400'0000 - names::dtb_room);
    EXPECT_EQ(node.property(names::property::cmdline)->text(), "console=ttyS0");
    EXPECT_TRUE(node.property(names::property::on_demand).has_value());
    EXPECT_TRUE(node.property(names::property::trap_vm).has_value());
    EXPECT_FALSE(node.property(names::property::trap_wfi).has_value());
    EXPECT_TRUE(node.property(names::property::trap_sret).has_value());
    EXPECT_TRUE(node.property(names::property::hide)->lists("sstc"));
    EXPECT_EQ(node.property(names::property::on_poweroff)->text(), "destroy");
    EXPECT_EQ(node.property(names::property::on_reboot)->text(), "restart");
    EXPECT_EQ(node.property(names::property::on_crash)->text(), "preserve");

    auto const segments = *node.property(names::property::segments);
    ASSERT_EQ(segments.cells(), names::segment_cells);
    EXPECT_EQ(segments.number_at(0, 2), 0x8020'0000u);
    auto const offset = *segments.number_at(2, 2);
    EXPECT_EQ(segments.number_at(4, 2), 4096u);
    EXPECT_EQ(segments.number_at(6, 2), 0x3000u);
    EXPECT_TRUE(std::equal(kernel.segments[0].bytes.begin(), kernel.segments[0].bytes.end(),
                           bytes.begin() + static_cast<std::ptrdiff_t>(offset)));

    auto const initrd = *node.property(names::property::initrd);
    ASSERT_EQ(initrd.cells(), names::initrd_cells);
    EXPECT_EQ(bytes[*initrd.number_at(2, 2)], 7);
    EXPECT_EQ(initrd.number_at(4, 2), 5000u);
}

TEST(Pack, WhatIsNotSaidIsNotThere) {
    auto vm = vm_named("bare");
    auto hypervisor = quiet();
    hypervisor.ignore.clear();
    auto const kernel = *parse_kernel(test::linux_image());
    auto const bytes = make_pack(hypervisor, {packed(vm, kernel, nullptr)}).bytes();
    auto const tree = abi::FdtReader::open(bytes);
    auto const node = *tree.value().root().child(names::node::vms)->child("bare");
    for (auto const name : {names::property::on_demand, names::property::initrd, names::property::cmdline,
                            names::property::trap_vm, names::property::hide})
        EXPECT_FALSE(node.property(name).has_value()) << name;
    EXPECT_FALSE(
        tree.value().root().child(names::node::hypervisor)->property(names::property::ignore).has_value());
}

TEST(Pack, PayloadsStartAtGranulesAndAreFollowedByZeros) {
    auto const first = vm_named("first"), second = vm_named("second");
    auto const kernel = *parse_kernel(test::linux_image(3'000'001, 0x20'0000, 0));
    Bytes const initramfs(1, 1), other(2_MiB, 2);
    auto const pack = make_pack(quiet(), {packed(first, kernel, &initramfs), packed(second, kernel, &other)});
    ASSERT_EQ(pack.payloads.size(), 3u);  // the kernel is there once
    auto const bytes = pack.bytes();
    EXPECT_EQ(bytes.size() % names::payload_alignment, 0u);
    EXPECT_LE(pack.tree.size(), pack.payloads.front().offset);
    u64 end = pack.tree.size();
    for (auto const& payload : pack.payloads) {
        EXPECT_EQ(payload.offset % names::payload_alignment, 0u);
        ASSERT_GE(payload.offset, end);
        EXPECT_TRUE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(end),
                                bytes.begin() + static_cast<std::ptrdiff_t>(payload.offset),
                                [](u8 byte) { return byte == 0; }));
        end = payload.offset + payload.bytes.size();
    }
    EXPECT_LE(end, bytes.size());
}

TEST(Pack, OneThatIsSentIsNoLongerThanItsPages) {
    auto const vm = vm_named("vm");
    auto const kernel = *parse_kernel(test::linux_image(30'000, 0x20'0000, 0));
    auto const pack = make_pack(quiet(), {packed(vm, kernel, nullptr)}, {}, page_bytes);
    EXPECT_EQ(pack.size, page_bytes + 8 * page_bytes);
    auto const bytes = pack.bytes();
    auto const read = control::Pack::open(bytes, Hpa{0x9000'0000});
    ASSERT_TRUE(read.ok());
    auto const found = fake::described(read.value(), 0);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(pack.payloads.front().offset, page_bytes);
}

TEST(Pack, TheSameContentsAreStoredOnceWhateverTheirFile) {
    auto const first = vm_named("first"), second = vm_named("second");
    auto const kernel = *parse_kernel(test::linux_image()), copy = kernel;
    Bytes const initramfs(100, 3), same = initramfs, other(100, 4);
    EXPECT_EQ(
        make_pack(quiet(), {packed(first, kernel, &initramfs), packed(second, copy, &same)}).payloads.size(),
        2u);
    EXPECT_EQ(
        make_pack(quiet(), {packed(first, kernel, &initramfs), packed(second, copy, &other)}).payloads.size(),
        3u);
}

TEST(Pack, VmsKeepTheirOrder) {
    std::vector<VmDescription> vms;
    for (usize i = 0; i < 64; ++i) vms.push_back(vm_named("vm" + std::to_string(99 - i)));
    for (auto& vm : vms)
        vm.cmdline = std::string(names::longest_cmdline, 'x');  // the largest tree there can be
    auto const kernel = *parse_kernel(test::linux_image());
    std::vector<PackedVm> all;
    for (auto const& vm : vms) all.push_back(packed(vm, kernel, nullptr));
    auto const bytes = make_pack(quiet(), all).bytes();
    auto const tree = abi::FdtReader::open(bytes);
    ASSERT_TRUE(tree.ok());
    EXPECT_EQ(
        tree.value().root().child(names::node::vms)->child("vm99")->property(names::property::index)->cell(0),
        0u);
    EXPECT_EQ(
        tree.value().root().child(names::node::vms)->child("vm36")->property(names::property::index)->cell(0),
        63u);
}

TEST(Pack, TheFileIsTheSameAsTheBytes) {
    test::TemporaryFolder const folder;
    auto const vm = vm_named("web");
    auto const kernel = *parse_kernel(test::linux_image());
    Bytes const initramfs(3000, 5);
    auto const pack = make_pack(quiet(), {packed(vm, kernel, &initramfs)});
    pack.write(folder.path() / "machine.pack");
    EXPECT_EQ(read_file(folder.path() / "machine.pack"), pack.bytes());
}

}  // namespace
}  // namespace antler::cli
