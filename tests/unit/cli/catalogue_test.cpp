// Tests that names of guests find the files that the packages brought.
#include "cli/catalogue.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

TEST(Catalogue, TakesTheNewestKernel) {
    test::TemporaryFolder const folder;
    folder.file("boot/vmlinux-6.9.12-riscv64", std::string_view{"old"});
    auto const newest = folder.file("boot/vmlinux-6.12.107-riscv64", std::string_view{"new"});
    folder.file("boot/config-7.0", std::string_view{"no kernel"});
    EXPECT_EQ(Catalogue{folder.path()}.resolve(Catalogue::find("debian:linux")->kernel), newest);
}

TEST(Catalogue, KnowsWhatIsNotThere) {
    test::TemporaryFolder const folder;
    EXPECT_EQ(Catalogue::find("debian:hurd"), nullptr);
    for (auto const& entry : catalogue_entries)
        EXPECT_EQ(Catalogue{folder.path()}.resolve(entry.kernel), std::nullopt);
    std::filesystem::create_directories(folder.path() / "boot" / "vmlinux-1");  // a folder is not a kernel
    EXPECT_EQ(Catalogue{folder.path()}.resolve("boot/vmlinux-*"), std::nullopt);
}

TEST(Catalogue, FindsFilesWithoutAVersion) {
    test::TemporaryFolder const folder;
    auto const& pattern = Catalogue::find("debian:u-boot")->kernel;
    auto const file = folder.file(pattern, std::string_view{"boot"});
    EXPECT_EQ(Catalogue{folder.path()}.resolve(pattern), file);
}

TEST(Catalogue, NamesStartWithItsPrefix) {
    for (auto const& entry : catalogue_entries)
        EXPECT_TRUE(entry.name.starts_with(catalogue_prefix)) << entry.name;
}

TEST(Catalogue, ComparesVersionsByNumber) {
    EXPECT_TRUE(version_before("6.9.1", "6.12.0"));
    EXPECT_FALSE(version_before("6.12.0", "6.9.1"));
    EXPECT_TRUE(version_before("6.12", "6.12.1"));
    EXPECT_FALSE(version_before("6.12.1", "6.12"));
    EXPECT_FALSE(version_before("6.12", "6.12"));
    EXPECT_TRUE(version_before("6.12-a", "6.12-b"));
    EXPECT_TRUE(version_before("6.12+deb13", "6.12.107"));
}

}  // namespace
}  // namespace antler::cli
