// Tests that descriptions are understood, and that everything wrong with one gets exactly one sentence.
#include "cli/description.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/units.hpp"
#include "tests/unit/cli/images.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

class ADescription : public testing::Test {
protected:
    ADescription() {
        folder_.file("Image", test::linux_image());
        folder_.file("root.cpio", Bytes(512, 1));
        folder_.file("packages/boot/vmlinux-6.12.1-riscv64", test::linux_image());
        folder_.file("packages/usr/bin/busybox", test::busybox());
        folder_.file(std::string{"packages/"} + std::string{Catalogue::find("debian:netboot")->kernel},
                     test::linux_image());
        folder_.file(std::string{"packages/"} + std::string{Catalogue::find("debian:netboot")->initrd},
                     Bytes(64, 1));
    }

    Description parse(std::string_view text) const {
        return parse_description(text, folder_.path() / "m.toml", Catalogue{folder_.path() / "packages"});
    }
    // What is said about it, without the folder.
    std::string complaint(std::string_view text) const {
        try {
            refuse_none(parse(text));
        } catch (Failure const& failure) {
            EXPECT_EQ(failure.code(), ExitCode::bad_input);
            std::string what = failure.what();
            for (auto const prefix = folder_.path().string() + "/"; what.find(prefix) != std::string::npos;)
                what.erase(what.find(prefix), prefix.size());
            return what;
        }
        return "nothing is wrong";
    }

    test::TemporaryFolder folder_;
};

constexpr std::string_view smallest = "[vm.a]\npayload.kernel = \"Image\"\n";

TEST_F(ADescription, NeedsOnlyAKernel) {
    auto const description = parse(smallest);
    EXPECT_EQ(description.machine.harts, 2u);
    EXPECT_EQ(description.machine.memory, 2_GiB);
    EXPECT_EQ(description.machine.cpu, "rva23s64");
    EXPECT_EQ(description.machine.aia, "none");
    EXPECT_FALSE(description.machine.icount);
    EXPECT_TRUE(description.machine.qemu_args.empty());
    EXPECT_EQ(description.hypervisor.on_panic, "reset");
    EXPECT_TRUE(description.hypervisor.ignore.empty());
    EXPECT_EQ(description.hypervisor.log, "normal");
    ASSERT_EQ(description.vms.size(), 1u);
    auto const& vm = description.vms[0];
    EXPECT_EQ(vm.name, "a");
    EXPECT_EQ(vm.vcpus, 1u);
    EXPECT_EQ(vm.memory, 512_MiB);
    EXPECT_TRUE(vm.prefault);
    EXPECT_EQ(vm.kernel_path, folder_.path() / "Image");
    EXPECT_EQ(vm.initramfs_path, std::nullopt);
    EXPECT_FALSE(vm.busybox);
    EXPECT_EQ(vm.cmdline, "");
    EXPECT_TRUE(vm.trap.empty());
    EXPECT_TRUE(vm.hide.empty());
    EXPECT_EQ(vm.on_poweroff, "destroy");
    EXPECT_EQ(vm.on_reboot, "restart");
    EXPECT_EQ(vm.on_crash, "destroy");
}

TEST_F(ADescription, CanSayEverything) {
    auto const description = parse(R"(
[machine]
harts = 8
memory = "4G"
cpu = "max"
aia = "aplic-imsic"
icount = true
qemu_args = ["-s", "-S"]
[hypervisor]
on_panic = "halt"
ignore = ["htinst", "htval"]
log = "debug"
[vm.web-1]
cpus = { boot_vcpus = 4 }
memory = { size = "1G", prefault = false }
payload = { kernel = "Image", initramfs = "root.cpio", cmdline = "quiet a=\"b c\"" }
policies = { trap = ["vm", "wfi", "sret"], hide = ["v", "sstc"] }
on_poweroff = "preserve"
on_reboot = "destroy"
on_crash = "restart"
)");
    EXPECT_EQ(description.machine.harts, 8u);
    EXPECT_EQ(description.machine.memory, 4_GiB);
    EXPECT_EQ(description.machine.cpu, "max");
    EXPECT_EQ(description.machine.aia, "aplic-imsic");
    EXPECT_TRUE(description.machine.icount);
    EXPECT_EQ(description.machine.qemu_args, (std::vector<std::string>{"-s", "-S"}));
    EXPECT_EQ(description.hypervisor.on_panic, "halt");
    EXPECT_EQ(description.hypervisor.ignore, (std::vector<std::string>{"htinst", "htval"}));
    EXPECT_EQ(description.hypervisor.log, "debug");
    auto const& vm = description.vms.at(0);
    EXPECT_EQ(vm.name, "web-1");
    EXPECT_EQ(vm.vcpus, 4u);
    EXPECT_EQ(vm.memory, 1_GiB);
    EXPECT_FALSE(vm.prefault);
    EXPECT_EQ(vm.initramfs_path, folder_.path() / "root.cpio");
    EXPECT_EQ(vm.cmdline, "quiet a=\"b c\"");
    EXPECT_EQ(vm.trap, (std::vector<std::string>{"vm", "wfi", "sret"}));
    EXPECT_EQ(vm.hide, (std::vector<std::string>{"v", "sstc"}));
    EXPECT_EQ(vm.on_poweroff, "preserve");
    EXPECT_EQ(vm.on_reboot, "destroy");
    EXPECT_EQ(vm.on_crash, "restart");
}

TEST_F(ADescription, KeepsTheOrderOfItsVms) {
    auto const description = parse(
        "[vm.zebra]\npayload.kernel = \"Image\"\n[vm.ant]\npayload.kernel = \"Image\"\n[vm.\"m.n\"]\n"
        "payload.kernel = \"Image\"\n[machine]\nharts = 1\n");
    ASSERT_EQ(description.vms.size(), 3u);
    EXPECT_EQ(description.vms[0].name, "zebra");
    EXPECT_EQ(description.vms[1].name, "ant");
    EXPECT_EQ(description.vms[2].name, "m.n");
}

TEST_F(ADescription, GivesAnAiaTheCpuForIt) {
    EXPECT_EQ(parse(std::string{smallest} + "[machine]\naia = \"aplic\"\n").machine.cpu,
              "rva23s64,smaia=on,ssaia=on");
    EXPECT_EQ(parse(std::string{smallest} + "[machine]\naia = \"aplic\"\ncpu = \"max\"\n").machine.cpu,
              "max");
}

TEST_F(ADescription, KnowsTheCatalogueAndBusybox) {
    auto const linux_vm =
        parse("[vm.a]\npayload = { kernel = \"debian:linux\", initramfs = \"busybox\" }\n").vms.at(0);
    EXPECT_EQ(linux_vm.kernel_path, folder_.path() / "packages/boot/vmlinux-6.12.1-riscv64");
    EXPECT_TRUE(linux_vm.busybox);
    EXPECT_EQ(linux_vm.initramfs_path, std::nullopt);

    auto const netboot = parse("[vm.a]\npayload.kernel = \"debian:netboot\"\n").vms.at(0);
    EXPECT_EQ(netboot.initramfs_path->filename(), "initrd.gz");
    auto const changed =
        parse("[vm.a]\npayload = { kernel = \"debian:netboot\", initramfs = \"root.cpio\" }\n").vms.at(0);
    EXPECT_EQ(changed.initramfs_path, folder_.path() / "root.cpio");
}

TEST_F(ADescription, TakesAbsolutePathsAsTheyAre) {
    auto const path = (folder_.path() / "Image").string();
    EXPECT_EQ(parse("[vm.a]\npayload.kernel = \"" + path + "\"\n").vms.at(0).kernel_path, path);
}

struct Wrong {
    std::string_view text;
    std::string_view sentence;
};

TEST_F(ADescription, EveryMistakeGetsItsSentence) {
    static constexpr Wrong cases[]{
        // Not TOML, or not a description.
        {"", "m.toml: no VM is described; add a table such as [vm.web] with a payload.kernel."},
        {"[machine]\nharts = 1\n",
         "m.toml: no VM is described; add a table such as [vm.web] with a payload.kernel."},
        {"[vm]\n", "m.toml: no VM is described; add a table such as [vm.web] with a payload.kernel."},
        {"[machin]\nharts = 1\n",
         "m.toml:1:2: `machin` is not a table of a description; did you mean `machine`?"},
        {"[disks]\n",
         "m.toml:1:2: `disks` is not a table of a description; the tables are machine, hypervisor, vm.NAME "
         "and switch.NAME."},
        {"machine = 3\n", "m.toml:1:1: `machine` must be a table, and this is a whole number."},
        {"hypervisor = []\n", "m.toml:1:1: `hypervisor` must be a table, and this is an array."},
        {"vm = 1.5\n",
         "m.toml:1:1: `vm` must be a table of VMs such as [vm.web], and this is a number with a fraction."},
        {"[[vm]]\n", "m.toml:1:3: `vm` must be a table of VMs such as [vm.web], and this is an array."},
        // Names of VMs.
        {"[vm]\npayload = \"x\"\n",
         "m.toml:2:1: `vm.payload` must be a table that describes a VM, and this is a text; a "
         "VM is written as [vm.NAME]."},
        {"[vm.1st]\n",
         "m.toml:1:5: `1st` cannot be the name of a VM: a name starts with a letter, goes on with "
         "letters, digits, `.`, `_` and `-`, and has at most 31 characters."},
        {"[vm.\"\"]\n",
         "m.toml:1:5: `` cannot be the name of a VM: a name starts with a letter, goes on with "
         "letters, digits, `.`, `_` and `-`, and has at most 31 characters."},
        {"[vm.\"a b\"]\n",
         "m.toml:1:5: `a b` cannot be the name of a VM: a name starts with a letter, goes on with "
         "letters, digits, `.`, `_` and `-`, and has at most 31 characters."},
        {"[vm.abcdefghijabcdefghijabcdefghijab]\n",
         "m.toml:1:5: `abcdefghijabcdefghijabcdefghijab` cannot be the name of a VM: a name starts with a "
         "letter, goes "
         "on with letters, digits, `.`, `_` and `-`, and has at most 31 characters."},
        // Keys.
        {"[machine]\nhart = 2\n", "m.toml:2:1: `hart` is not a key of [machine]; did you mean `harts`?"},
        {"[machine]\ndisks = 2\n",
         "m.toml:2:1: `disks` is not a key of [machine]; it belongs into [vm.NAME]."},
        {"[vm.a]\ncpu = 2\n", "m.toml:2:1: `cpu` is not a key of [vm.a]; did you mean `cpus`?"},
        {"[vm.a]\nkernel = \"Image\"\n",
         "m.toml:2:1: `kernel` is not a key of [vm.a]; did you mean `payload.kernel`?"},
        {"[vm.a]\nharts = 2\n", "m.toml:2:1: `harts` is not a key of [vm.a]; it belongs into [machine]."},
        {"[machine]\nquiet = 2\n",
         "m.toml:2:1: `quiet` is not a key of [machine]; the keys are harts, memory, cpu, "
         "aia, icount, control, spare_disks and qemu_args."},
        // Disks, cards, channels.
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"no.img\" }]\n",
         "m.toml:3:19: the disk \"no.img\" does not exist."},
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ readonly = true }]\n",
         "m.toml:3:10: a disk has a `path`, a `host` or an `esp`, and one of them alone."},
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"x.img\", contents = \".\" }]\n",
         "m.toml:3:39: `contents` need a `path` and a `size`: they are for a file that is made."},
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"x.img\", size = \"1M\", contents = \"no\" "
         "}]\n",
         "m.toml:3:52: the folder \"no\" does not exist."},
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ esp = { cmdline = \"quiet\" } }]\n",
         "m.toml:3:18: an `esp` needs a `kernel`."},
        {"[vm.a]\npayload.kernel = \"Image\"\npayload.firmware.vars_disk = 0\n",
         "m.toml:3:30: `payload.firmware.vars_disk` needs `payload.firmware.code`."},
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"root.cpio\" }]\n[vm.b]\n"
         "payload.kernel = \"Image\"\ndisks = [{ path = \"root.cpio\" }]\n",
         "m.toml:6:19: the disk \"root.cpio\" belongs to another VM too; give both `readonly` or an "
         "`overlay`."},
        {"[vm.a]\npayload.kernel = \"Image\"\nnet = [{ switch = \"lan\" }]\n",
         "m.toml:3:19: there is no switch `lan`; add a table [switch.lan]."},
        {"[switch.lan]\n[vm.a]\npayload.kernel = \"Image\"\nnet = [{ switch = \"lna\" }]\n",
         "m.toml:4:19: there is no switch `lna`; did you mean `lan`?"},
        {"[vm.a]\npayload.kernel = \"Image\"\nnet = [{ mac = \"01:00:00:00:00:00\" }]\n",
         "m.toml:3:16: `mac` must be an address of one card such as \"52:54:00:12:34:56\", and "
         "\"01:00:00:00:00:00\" is not."},
        {"[vm.a]\nnet = [{ vlan = 1 }]\n", "m.toml:2:8: [vm.a.net] needs `switch`."},
        {"[vm.a]\nnet = [3]\n",
         "m.toml:2:8: an entry of `net` must be a table with `switch`, `mac`, `vlan`, `isolated`, "
         "`anti_spoof`, `bus` and "
         "`offload`, "
         "and this is a whole number."},
        {"[vm.a]\npayload.kernel = \"Image\"\nchannels = [{ with = \"a\" }]\n",
         "m.toml:3:22: a channel joins a VM with another, not with itself."},
        {"[vm.a]\ncpus.affinity = [\"3-1\"]\n",
         "m.toml:2:18: `cpus.affinity` must be an array of a list of harts such as \"0-1,3\", and \"3-1\" is "
         "not."},
        {"[switch.lan]\nforward = [\"0.0.0.0:22:10.0.2.15:22\"]\n",
         "m.toml:2:12: `forward` must be an array of \"127.0.0.1:PORT:ADDRESS:PORT\", and "
         "\"0.0.0.0:22:10.0.2.15:22\" is not."},
        {"[vm.a]\npayload.kernel = \"Image\"\ncount = 2\n[vm.a-2]\npayload.kernel = \"Image\"\n",
         "m.toml:4:5: there are two VMs with the name `a-2`."},
        {"[vm.a]\npayload.kernel = \"Image\"\nvsock.cid = 3\n[vm.b]\npayload.kernel = \"Image\"\n"
         "vsock.cid = 3\n",
         "m.toml:6:13: `a` has the `vsock.cid` 3 already."},
        {"[vm.a]\npayload = { kernel = \"Image\", initrd = \"x\" }\n",
         "m.toml:2:31: `payload.initrd` is not a key of [vm.a]; did you mean `payload.initramfs`?"},
        {"[vm.a.cpus]\nmax_vcpus = 2\n",
         "m.toml:2:1: `cpus.max_vcpus` is not a key of [vm.a]; did you mean "
         "`cpus.boot_vcpus`?"},
        {"[vm.a]\nmemory = \"512M\"\n",
         "m.toml:2:10: `memory` must be a table with `size`, `prefault` and `colours`, and this is a text."},
        {"[vm.a]\n", "m.toml:1:5: [vm.a] needs `payload.kernel`."},
        {"[vm.a]\npayload.cmdline = \"x\"\n", "m.toml:1:5: [vm.a] needs `payload.kernel`."},
        // Types and ranges.
        {"[machine]\nharts = \"2\"\n",
         "m.toml:2:9: `harts` must be a whole number from 1 to 64, and this is a text."},
        {"[machine]\nharts = 2.5\n",
         "m.toml:2:9: `harts` must be a whole number from 1 to 64, and this is a number with a fraction."},
        {"[machine]\nharts = 1979-05-27\n",
         "m.toml:2:9: `harts` must be a whole number from 1 to 64, and this is a date."},
        {"[machine]\nharts = 0\n", "m.toml:2:9: `harts` must be a whole number from 1 to 64, and 0 is not."},
        {"[machine]\nharts = -1\n",
         "m.toml:2:9: `harts` must be a whole number from 1 to 64, and -1 is not."},
        {"[machine]\nharts = 65\n",
         "m.toml:2:9: `harts` must be a whole number from 1 to 64, and 65 is not."},
        {"[machine]\nicount = 1\n",
         "m.toml:2:10: `icount` must be true or false, and this is a whole number."},
        {"[machine]\naia = \"imsic\"\n",
         "m.toml:2:7: `aia` cannot be \"imsic\"; it is one of none, aplic and aplic-imsic."},
        {"[machine]\naia = \"aplic-imsics\"\n",
         "m.toml:2:7: `aia` cannot be \"aplic-imsics\"; did you mean `aplic-imsic`?"},
        {"[machine]\naia = false\n",
         "m.toml:2:7: `aia` must be \"none\", \"aplic\" or \"aplic-imsic\", and this is true or false."},
        {"[machine]\ncpu = \"\"\n", "m.toml:2:7: `cpu` must not be empty."},
        {"[machine]\ncpu = \"a\\nb\"\n", "m.toml:2:7: `cpu` must be one line without control characters."},
        {"[machine]\nqemu_args = \"-s\"\n",
         "m.toml:2:13: `qemu_args` must be an array of texts, and this is a text."},
        {"[machine]\nqemu_args = [\"-s\", 1]\n",
         "m.toml:2:20: `qemu_args` must be an array of texts, and this is a whole number."},
        {"[hypervisor]\nignore = [\"hvip\"]\n",
         "m.toml:2:11: `ignore` cannot be \"hvip\"; it is one of htinst and htval."},
        {"[hypervisor]\nignore = [\"htvla\"]\n",
         "m.toml:2:11: `ignore` cannot be \"htvla\"; did you mean `htval`?"},
        {"[hypervisor]\non_panic = \"reboot\"\n",
         "m.toml:2:12: `on_panic` cannot be \"reboot\"; it is one of reset and halt."},
        {"[vm.a]\ncpus.boot_vcpus = 65\n",
         "m.toml:2:19: `cpus.boot_vcpus` must be a whole number from 1 to 64, and 65 is not."},
        {"[vm.a]\non_crash = \"ignore\"\n",
         "m.toml:2:12: `on_crash` cannot be \"ignore\"; it is one of destroy, restart and preserve."},
        {"[vm.a]\npolicies.trap = [\"VM\"]\n",
         "m.toml:2:18: `policies.trap` cannot be \"VM\"; it is one of vm, wfi and sret."},
        // Sizes.
        {"[machine]\nmemory = 2048\n",
         "m.toml:2:10: `memory` must be a size from \"64M\" to \"1T\", a multiple of "
         "\"2M\", and this is a whole number."},
        {"[machine]\nmemory = \"2GB\"\n",
         "m.toml:2:10: `memory` must be a size such as \"512M\" or \"2G\", and \"2GB\" is not one."},
        {"[machine]\nmemory = \"\"\n",
         "m.toml:2:10: `memory` must be a size such as \"512M\" or \"2G\", and \"\" is not one."},
        {"[machine]\nmemory = \"65M\"\n",
         "m.toml:2:10: `memory` must be a size from \"64M\" to \"1T\", a multiple of \"2M\", and \"65M\" is "
         "not."},
        {"[machine]\nmemory = \"2T\"\n",
         "m.toml:2:10: `memory` must be a size from \"64M\" to \"1T\", a multiple of \"2M\", and \"2T\" is "
         "not."},
        {"[vm.a]\nmemory.size = \"2M\"\n",
         "m.toml:2:15: `memory.size` must be a size from \"4M\" to \"1T\", a multiple of \"2M\", and \"2M\" "
         "is not."},
        // Files.
        {"[vm.a]\npayload.kernel = \"Imag\"\n", "m.toml:2:18: the kernel \"Imag\" does not exist."},
        {"[vm.a]\npayload.kernel = \"packages\"\n", "m.toml:2:18: the kernel \"packages\" is not a file."},
        {"[vm.a]\npayload.kernel = \"\"\n", "m.toml:2:18: `payload.kernel` must not be empty."},
        {"[vm.a]\npayload = { kernel = \"Image\", initramfs = \"no\" }\n",
         "m.toml:2:43: the initramfs \"no\" does not exist."},
        {"[vm.a]\npayload.kernel = \"debian:linx\"\n",
         "m.toml:2:18: `debian:linx` is not in the catalogue; did you mean `debian:linux`?"},
        {"[vm.a]\npayload.kernel = \"debian:u-boot\"\n",
         "m.toml:2:18: debian:u-boot is not in packages yet; the launcher ./antler fetches it."},
        // Disks of the catalogue.
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"debian:userlan\", overlay = \"1M\" }]\n",
         "m.toml:3:19: `debian:userlan` is not a disk of the catalogue; did you mean `debian:userland`?"},
        {"[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"debian:userland\" }]\n",
         "m.toml:3:19: the disk `debian:userland` is everybody's: give it an `overlay`, or `readonly`."},
        // Seeds.
        {"[vm.a]\npayload.kernel = \"Image\"\ncloud_init.meta_data = \"root.cpio\"\n",
         "m.toml:3:24: `cloud_init.meta_data` needs `cloud_init.user_data`."},
        {"[vm.a]\npayload.kernel = \"Image\"\ncloud_init.user_data = \"no.yaml\"\n",
         "m.toml:3:24: the user-data \"no.yaml\" does not exist."},
        // Extensions.
        {"[vm.a]\npayload.kernel = \"Image\"\npolicies.hide = [\"sstcc\"]\n",
         "m.toml:3:17: `policies.hide` names `sstcc`, which is not an ISA extension that Antler knows; did "
         "you mean "
         "`sstc`?"},
        {"[vm.a]\npayload.kernel = \"Image\"\npolicies.hide = [\"V-EXTENSION\"]\n",
         "m.toml:3:17: `policies.hide` names `V-EXTENSION`, which is not an ISA extension that Antler knows; "
         "names are "
         "in lower case."},
        {"[vm.a]\npayload.kernel = \"Image\"\npolicies.hide = [\"h\"]\n",
         "m.toml:3:17: `policies.hide` names `h`, which no VM is ever told of."},
        // Memory.
        {"[machine]\nmemory = \"512M\"\n[vm.a]\npayload.kernel = \"Image\"\n",
         "m.toml:3:5: the VM's memory of 512M and 32M for Antler do not fit into the machine's 512M."},
        {"[vm.a]\nmemory.size = \"1G\"\npayload.kernel = \"Image\"\n[vm.b]\nmemory.size = \"1G\"\n"
         "payload.kernel = \"Image\"\n",
         "m.toml:5:15: with the memory of `b` the VMs have 2G, which with 32M for Antler do not fit into the "
         "machine's "
         "2G."},
    };
    for (auto const& wrong : cases) {
        auto const what = complaint(wrong.text);
        EXPECT_EQ(what, wrong.sentence) << wrong.text;
        EXPECT_EQ(what.find('\n'), std::string::npos) << "one line";
    }
}

TEST_F(ADescription, BrokenTomlGetsALineAndAColumn) {
    auto const what = complaint("[machine]\nharts = \n");
    EXPECT_TRUE(what.starts_with("m.toml:2:")) << what;
    EXPECT_NE(what.find(": this is not TOML: "), std::string::npos) << what;
    EXPECT_TRUE(complaint("[vm.a]\n[vm.a]\n").starts_with("m.toml:2:"));
    EXPECT_TRUE(complaint("x = \"\xff\"\n").starts_with("m.toml:1:"));
}

TEST_F(ADescription, TheFirstMistakeInTheFileIsTheOneThatIsNamed) {
    EXPECT_TRUE(complaint("[vm.a]\nzzz = 1\naaa = 2\n").starts_with("m.toml:2:1: `zzz`"));
    EXPECT_TRUE(complaint("[vm.b]\nzzz = 1\n[machine]\nharts = 0\n").starts_with("m.toml:2:1: `zzz`"));
}

TEST_F(ADescription, HasSoManyVmsAtMost) {
    std::string text = "[machine]\nmemory = \"1T\"\n";
    for (int i = 0; i < 256; ++i)
        text += "[vm.v" + std::to_string(i) + "]\nmemory.size = \"4M\"\npayload.kernel = \"Image\"\n";
    EXPECT_EQ(parse(text).vms.size(), 256u);
    EXPECT_EQ(complaint(text + "[vm.last]\n"), "m.toml:771:5: this is one VM too many; 256 are the most.");
}

TEST_F(ADescription, AVmThatCannotBeLeavesTheOthers) {
    auto const description = parse(
        "[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"gone.img\" }]\n"
        "[vm.b]\npayload.kernel = \"Image\"\n[vm.c]\nmemory.size = \"2G\"\npayload.kernel = \"Image\"\n");
    ASSERT_EQ(description.vms.size(), 1u);
    EXPECT_EQ(description.vms[0].name, "b");
    ASSERT_EQ(description.refused.size(), 2u);
    EXPECT_EQ(description.refused[0].vm, "a");
    EXPECT_EQ(description.refused[1].vm, "c");
}

TEST_F(ADescription, OneTableMakesManyVmsWithAddressesOfTheirOwn) {
    auto const description = parse(
        "[switch.lan]\n[vm.tiny]\ncount = 100\nmemory.size = \"4M\"\npayload.kernel = \"Image\"\n"
        "net = [{ switch = \"lan\" }]\n");
    ASSERT_EQ(description.vms.size(), 100u);
    EXPECT_EQ(description.vms[0].name, "tiny-1");
    EXPECT_EQ(description.vms[99].name, "tiny-100");
    EXPECT_NE(description.vms[0].nets[0].mac, description.vms[1].nets[0].mac);
}

TEST_F(ADescription, ReadersShareADrive) {
    auto const description = parse(
        "[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"root.cpio\", overlay = \"1M\" }, { path = "
        "\"new.img\", size = \"1M\" }]\n[vm.b]\npayload.kernel = \"Image\"\n"
        "disks = [{ path = \"./root.cpio\", readonly = true }]\n");
    EXPECT_EQ(description.vms[0].disks[0].host, "antler-0");
    EXPECT_EQ(description.vms[0].disks[1].host, "antler-1");
    EXPECT_EQ(description.vms[1].disks[0].host, "antler-0");
}

TEST_F(ADescription, LongTextsAreCounted) {
    EXPECT_EQ(complaint("[vm.a]\npayload.cmdline = \"" + std::string(2048, 'x') + "\"\n"),
              "m.toml:2:19: `payload.cmdline` has 2048 bytes, and 2047 are the most.");
}

TEST_F(ADescription, AFileThatIsNotThereIsNamed) {
    auto const said = [](Path const& file) {
        try {
            std::ignore = read_description(file, Catalogue{"/"});
        } catch (Failure const& failure) {
            EXPECT_EQ(failure.code(), ExitCode::bad_input);
            return std::string{failure.what()};
        }
        return std::string{};
    };
    EXPECT_EQ(said("/no/such.toml"), "/no/such.toml: there is no such file.");
    EXPECT_EQ(said(folder_.path()), folder_.path().string() + ": this is not a file with a description.");
    folder_.file("good.toml", smallest);
    EXPECT_EQ(said(folder_.path() / "good.toml"), "");
}

TEST_F(ADescription, EveryExampleIsOne) {
    // One has an initramfs that is made when the description is read.
    ASSERT_EQ(::setenv("ANTLER_CACHE", folder_.path().c_str(), 1), 0);
    for (auto const name : {edk2_code, edk2_variables, efi_loader})
        folder_.file(std::string{"packages/"} + std::string{name}, Bytes(64, 0x13));
    auto kernel = test::linux_image();
    test::put(kernel, 0, "MZ");
    folder_.file("packages/boot/vmlinux-6.12.1-riscv64", kernel);
    folder_.file(std::string{"packages/"} + std::string{Catalogue::find("debian:u-boot")->kernel},
                 Bytes(64, 0x13));
    usize count = 0;
    for (auto const& file : std::filesystem::directory_iterator{Path{ANTLER_SOURCE_DIR} / "examples"}) {
        if (file.path().extension() != ".toml") continue;
        EXPECT_NO_THROW(std::ignore = read_description(file.path(), Catalogue{folder_.path() / "packages"}))
            << file.path();
        ++count;
    }
    EXPECT_GE(count, 4u);
    ::unsetenv("ANTLER_CACHE");
}

TEST_F(ADescription, KnowsADiskOnceItWasMade) {
    ::setenv("ANTLER_CACHE", (folder_.path() / "cache").c_str(), 1);
    constexpr std::string_view text =
        "[vm.a]\npayload.kernel = \"Image\"\ndisks = [{ path = \"debian:userland\", overlay = \"1M\" }]\n";
    EXPECT_EQ(
        complaint(text),
        "m.toml:3:19: the disk `debian:userland` was not made yet; `./antler build-guest debian` does that.");
    auto const made = folder_.file("cache/userland/disk.img", Bytes(512, 1));
    EXPECT_EQ(parse(text).vms[0].disks[0].file, made);
    ::unsetenv("ANTLER_CACHE");
}

TEST_F(ADescription, GivesASeedBehindTheOtherDisks) {
    auto const vms = parse(
                         "[vm.a]\npayload.kernel = \"Image\"\ncloud_init = { user_data = \"root.cpio\" }\n"
                         "disks = [{ path = \"root.cpio\" }]\n")
                         .vms;
    ASSERT_EQ(vms[0].disks.size(), 2u);
    EXPECT_FALSE(vms[0].disks[0].seed);
    auto const& seed = vms[0].disks[1];
    EXPECT_TRUE(seed.seed && seed.ramdisk && seed.readonly);
    EXPECT_TRUE(seed.host.empty());
}

}  // namespace
}  // namespace antler::cli
