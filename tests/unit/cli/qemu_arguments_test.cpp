// What QEMU is asked for.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/units.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {
namespace {

bool has_pair(Arguments const& words, std::string const& first, std::string const& second) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == first && words[i + 1] == second) return true;
    return false;
}

QemuMachine small() {
    return {.harts = 2, .memory = 512_MiB, .kernel = "antler.img", .initrd = "machine.pack"};
}

TEST(QemuArguments, DescribeTheMachine) {
    auto const words = qemu_arguments("/q", small(), 7);
    EXPECT_EQ(words.front(), "/q");
    EXPECT_TRUE(has_pair(words, "-M", "virt"));
    EXPECT_TRUE(has_pair(words, "-cpu", "rva23s64"));
    EXPECT_TRUE(has_pair(words, "-smp", "2"));
    EXPECT_TRUE(has_pair(words, "-m", "512M"));
    EXPECT_TRUE(has_pair(words, "-kernel", "antler.img"));
    EXPECT_TRUE(has_pair(words, "-initrd", "machine.pack"));
    EXPECT_TRUE(has_pair(words, "-chardev", "socket,id=console,fd=7"));
    EXPECT_TRUE(has_pair(words, "-serial", "chardev:console"));
    EXPECT_TRUE(has_pair(words, "-action", "panic=exit-failure"));
    EXPECT_FALSE(std::ranges::count(words, "-icount"));
    EXPECT_FALSE(std::ranges::count(words, "-no-reboot"));
}

TEST(QemuArguments, AskForGuestInterruptFilesOnlyWhereThereAreSome) {
    auto machine = small();
    machine.aia = "aplic-imsic";
    EXPECT_TRUE(has_pair(qemu_arguments("/q", machine, 7), "-M", "virt,aia=aplic-imsic,aia-guests=3"));
    machine.aia = "aplic";
    EXPECT_TRUE(has_pair(qemu_arguments("/q", machine, 7), "-M", "virt,aia=aplic"));
}

TEST(QemuArguments, PutTheControlChannelBehindOneSerialPortOnRequest) {
    auto machine = small();
    machine.control = "/w/control";
    auto const lines = qemu_arguments("/q", machine, 7);
    EXPECT_TRUE(has_pair(lines, "-device", "virtserialport,chardev=control0,name=org.antler.control"));
    EXPECT_TRUE(has_pair(lines, "-chardev", "socket,id=control3,server=on,wait=off,path=/w/control.3"));
    machine.control_serial = true;
    auto const port = qemu_arguments("/q", machine, 7);
    EXPECT_TRUE(has_pair(port, "-device", "pci-serial,chardev=control0"));
    EXPECT_TRUE(has_pair(port, "-chardev", "socket,id=control0,server=on,wait=off,path=/w/control"));
    EXPECT_FALSE(std::ranges::count(port, "virtio-serial-device"));
    EXPECT_FALSE(has_pair(port, "-chardev", "socket,id=control1,server=on,wait=off,path=/w/control.1"));
}

TEST(QemuArguments, PutSpareDrivesAtTheEndOfTheBus) {
    auto machine = small();
    EXPECT_FALSE(std::ranges::count(qemu_arguments("/q", machine, 0), "-blockdev"));
    machine.spare_disks = 2;
    machine.monitor = "/run/a,b/qemu";
    auto const words = qemu_arguments("/q", machine, 0);
    EXPECT_EQ(std::ranges::count(words, "-blockdev"), 4);
    EXPECT_TRUE(has_pair(words, "-mon", "chardev=qemu,mode=control"));
    EXPECT_TRUE(has_pair(words, "-chardev", "socket,id=qemu,server=on,wait=off,path=/run/a,,b/qemu"));
    EXPECT_TRUE(has_pair(words, "-device",
                         "virtio-blk-pci,disable-legacy=on,disable-modern=off,addr=0x1e,drive=spare1,"
                         "serial=antler-spare-1,werror=report,rerror=report"));
}

TEST(QemuArguments, FixEverythingThatVariesWhenInstructionsAreCounted) {
    auto machine = small();
    machine.icount = true;
    auto const words = qemu_arguments("/q", machine, 7);
    EXPECT_TRUE(has_pair(words, "-icount", "shift=0,sleep=off"));
    EXPECT_TRUE(has_pair(words, "-seed", "1"));
    EXPECT_TRUE(has_pair(words, "-rtc", "base=2026-01-01,clock=vm"));
}

TEST(QemuArguments, WriteTheConsoleToAFileWhereNobodyTypes) {
    auto machine = small();
    machine.console_file = "/w/console";
    EXPECT_TRUE(has_pair(qemu_arguments("/q", machine, 7), "-chardev", "file,id=console,path=/w/console"));
}

TEST(QemuArguments, LetTheUserHaveTheLastWord) {
    auto machine = small();
    machine.extra = {"-d", "int"};
    auto const words = qemu_arguments("/q", machine, 7);
    EXPECT_EQ(words[words.size() - 2], "-d");
    EXPECT_EQ(words.back(), "int");
}

TEST(QemuArguments, AreQuotedForAShellOnlyWhereItMatters) {
    EXPECT_EQ(quoted({"qemu", "-M", "virt,aia=aplic"}), "qemu -M virt,aia=aplic");
    EXPECT_EQ(quoted({"a b", "", "it's", "$x"}), "'a b' '' 'it'\\''s' '$x'");
}

}  // namespace
}  // namespace antler::cli
