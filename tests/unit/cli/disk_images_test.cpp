// Image files for disks: whole or not there, the same name for the same parts.
#include "cli/disk_images.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

using namespace std::string_view_literals;

std::string_view at(Bytes const& bytes, usize offset, usize size) {
    return as_text(ByteView{bytes}.subspan(offset, size));
}

usize files_in(Path const& folder) {
    return static_cast<usize>(std::distance(std::filesystem::directory_iterator{folder}, {}));
}

struct DiskImages : testing::Test {
    test::TemporaryFolder folder{};
    EspParts parts{.loader = folder.file("loader", "MZ loader"sv),
                   .kernel = folder.file("kernel", "MZ kernel"sv),
                   .initramfs = folder.file("initrd", "initrd"sv),
                   .cmdline = "console=ttyS0"};
};

TEST_F(DiskImages, OfAnEfiSystemPartitionHaveATableAndAFileSystem) {
    auto const file = folder.path() / "esp.img";
    make_esp_image(parts, file);
    auto const bytes = read_file(file);
    EXPECT_EQ(bytes.size(), 42u << 20);
    EXPECT_EQ(at(bytes, 512, 8), "EFI PART");
    EXPECT_EQ(at(bytes, (1 << 20) + 82, 5), "FAT32");
    EXPECT_EQ(at(bytes, bytes.size() - 512, 8), "EFI PART") << "the other copy";
    EXPECT_NE(as_text(bytes).find("options console=ttyS0\n"), std::string_view::npos);
}

TEST_F(DiskImages, HaveAnotherNameForOtherParts) {
    auto const name = esp_image_name(parts, "made");
    EXPECT_EQ(esp_image_name(parts, "made"), name);
    auto other = parts;
    other.cmdline = "console=ttyS1";
    EXPECT_NE(esp_image_name(other, "made"), name);
    other = parts;
    other.initramfs.reset();
    EXPECT_NE(esp_image_name(other, "made"), name);
}

TEST_F(DiskImages, OfAFolderHaveItsFiles) {
    std::filesystem::create_directory(folder.path() / "from");
    folder.file("from/words", "some words that are in the image"sv);
    make_ext4_image(folder.path() / "from", 4 << 20, folder.path() / "made.img");
    auto const bytes = read_file(folder.path() / "made.img");
    EXPECT_EQ(bytes.size(), 4u << 20);
    EXPECT_EQ(at(bytes, 1024 + 56, 2), "\x53\xef");
    EXPECT_NE(as_text(bytes).find("some words that are in the image"), std::string_view::npos);
}

TEST_F(DiskImages, ThatCannotBeMadeLeaveNothing) {
    auto const before = files_in(folder.path());
    EXPECT_THROW(make_ext4_image(folder.path() / "nowhere", 4 << 20, folder.path() / "made.img"), Failure);
    EXPECT_EQ(files_in(folder.path()), before);
}

TEST_F(DiskImages, ThatAreThereStay) {
    auto const file = folder.file("mine.img", "mine"sv);
    std::filesystem::create_directory(folder.path() / "from");
    make_ext4_image(folder.path() / "from", 4 << 20, file);
    EXPECT_EQ(as_text(read_file(file)), "mine");
}

}  // namespace
}  // namespace antler::cli
