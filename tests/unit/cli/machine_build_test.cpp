// Tests that a description becomes the two files of a board, or nothing.
#include "cli/machine_build.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/units.hpp"
#include "cli/build_command.hpp"
#include "cli/check_command.hpp"
#include "tests/unit/cli/images.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

using namespace std::string_view_literals;

class AMachine : public testing::Test {
protected:
    AMachine() {
        folder_.file("Image", test::linux_image());
        folder_.file("root.cpio", Bytes(512, 1));
        folder_.file("empty", ""sv);
        folder_.file("cache/guests/root/usr/bin/busybox", test::busybox());
        folder_.file("build/target/hypervisor.img", "the hypervisor"sv);
        ::setenv("ANTLER_CACHE", (folder_.path() / "cache").c_str(), 1);
        ::setenv("ANTLER_BUILD", (folder_.path() / "build").c_str(), 1);
    }
    ~AMachine() override {
        ::unsetenv("ANTLER_CACHE");
        ::unsetenv("ANTLER_BUILD");
    }

    [[nodiscard]] Path write(std::string_view text) const { return folder_.file("m.toml", text); }
    [[nodiscard]] std::string complaint(std::string_view text) const {
        try {
            build_command(write(text), folder_.path() / "out");
        } catch (Failure const& failure) {
            EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out")) << "nothing is half done";
            std::string what = failure.what();
            auto const prefix = folder_.path().string() + "/";
            while (what.find(prefix) != std::string::npos) what.erase(what.find(prefix), prefix.size());
            return what;
        }
        return "nothing is wrong";
    }

    test::TemporaryFolder folder_;
};

constexpr auto good =
    "[vm.a]\nmemory.size = \"64M\"\npayload = { kernel = \"Image\", initramfs = \"root.cpio\" }\n"sv;

TEST_F(AMachine, HasCopiesOfTheDisksThatAreMadeForIt) {
    auto const out = folder_.path() / "out";
    folder_.file("here.img", Bytes(4096, 7));
    EXPECT_EQ(
        build_command(write("[vm.a]\nmemory.size = \"64M\"\npayload.kernel = \"Image\"\n"
                            "disks = [{ path = \"new.img\", size = \"64K\" }, { path = \"here.img\" }]"),
                      out),
        0);
    std::vector<std::uintmax_t> sizes;
    for (auto const& entry : std::filesystem::directory_iterator{out})
        if (entry.path().extension() == ".img" && entry.path().filename() != "antler.img")
            sizes.push_back(entry.file_size());
    EXPECT_EQ(sizes, std::vector<std::uintmax_t>{64_KiB});
}

TEST_F(AMachine, IsWrittenAsAnImageAndAPack) {
    auto const out = folder_.path() / "new" / "out";
    auto const built = build_machine(read_description(write(good)), out);
    EXPECT_EQ(built.image, out / "antler.img");
    EXPECT_EQ(as_text(read_file(built.image)), "the hypervisor");
    EXPECT_EQ(built.pack, out / "machine.pack");
    EXPECT_EQ(read_file(built.pack), prepare_machine(read_description(write(good))).pack.bytes());
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator{out}, {}), 2);
}

TEST_F(AMachine, ReadsAFileOnceForAllItsVms) {
    auto const machine = prepare_machine(
        read_description(write("[vm.a]\npayload = { kernel = \"Image\", initramfs = \"busybox\" }\n"
                               "[vm.b]\npayload = { kernel = \"./Image\", initramfs = \"busybox\" }\n"
                               "[vm.c]\npayload = { kernel = \"Image\", initramfs = \"root.cpio\" }\n")));
    EXPECT_EQ(machine.vms[0].kernel, machine.vms[2].kernel);
    EXPECT_EQ(machine.vms[0].initramfs, machine.vms[1].initramfs);
    EXPECT_EQ(machine.pack.payloads.size(), 3u);
}

TEST_F(AMachine, SaysWhatItWouldBe) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(check_command(write(good)), 0);
    auto const text = testing::internal::GetCapturedStdout();
    EXPECT_NE(text.find("VM a: 1 vCPU, 64M of memory\n"), std::string::npos) << text;
    EXPECT_NE(text.find("0x080200000 to 0x080203000  kernel (12 KiB): Image, a RISC-V Linux Image\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("starts at 0x80200000\n"), std::string::npos) << text;

    testing::internal::CaptureStdout();
    EXPECT_EQ(check_command(write(good), true), 0);
    EXPECT_NE(testing::internal::GetCapturedStdout().find("\"entry\": 2149580800"), std::string::npos);
}

TEST_F(AMachine, EveryBadPayloadGetsItsSentence) {
    folder_.file("notes.deb", "!<arch>\n..."sv);
    EXPECT_EQ(complaint("[vm.a]\npayload.kernel = \"notes.deb\"\n"),
              "m.toml:2:18: the kernel \"notes.deb\" is an archive (a .deb or .a file), not a kernel.");
    EXPECT_EQ(complaint("[vm.a]\npayload = { kernel = \"Image\", initramfs = \"empty\" }\n"),
              "m.toml:2:43: the initramfs \"empty\" is empty.");
    folder_.file("large", test::linux_image(4096, 0x20'0000, 80_MiB));
    EXPECT_EQ(complaint("[vm.a]\nmemory.size = \"64M\"\npayload.kernel = \"large\"\n"),
              "m.toml:2:15: the kernel lies at 0x80200000 to 0x85200000, and 64M of memory with room for a "
              "device tree "
              "end at 0x83fc0000.");
    folder_.file("root.cpio", Bytes(62_MiB, 1));
    EXPECT_EQ(
        complaint(
            "[vm.a]\nmemory.size = \"64M\"\npayload = { kernel = \"Image\", initramfs = \"root.cpio\" }\n"),
        "m.toml:2:15: the initramfs of 62 MiB does not fit between the kernel, which ends at 0x80203000, and "
        "the "
        "device tree at 0x83fc0000.");
    EXPECT_EQ(
        complaint(
            "[machine]\nmemory = \"160M\"\n[vm.a]\nmemory.size = \"128M\"\npayload = { kernel = \"Image\", "
            "initramfs = \"root.cpio\" }\n"),
        "m.toml:2:10: the VMs, their payloads of 66 MiB and 32M for Antler need 226M, and the machine has "
        "160M.");
}

TEST_F(AMachine, NeedsAHypervisor) {
    std::filesystem::remove(folder_.path() / "build/target/hypervisor.img");
    EXPECT_EQ(complaint(good),
              "build/target/hypervisor.img: the hypervisor is not built yet; ./antler builds it.");
}

TEST_F(AMachine, DoesNotWriteIntoAFile) {
    auto const file = folder_.file("taken", "x"sv);
    EXPECT_THROW(build_machine(read_description(write(good)), file), Failure);
    EXPECT_EQ(as_text(read_file(file)), "x");
}

}  // namespace
}  // namespace antler::cli
