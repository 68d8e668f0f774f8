// Tests that the initramfs has what a VM needs, is the same every time, and is made once.
#include "cli/initramfs.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <map>

#include "cli/applets.hpp"
#include "cli/failure.hpp"
#include "tests/unit/cli/images.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

using namespace std::string_view_literals;

struct Entry {
    unsigned type;
    unsigned permissions;
    std::string contents;  // or the target of a link
};

std::map<std::string, Entry> list(Bytes const& bytes) {
    std::map<std::string, Entry> entries;
    auto* const reader = archive_read_new();
    archive_read_support_format_cpio(reader);
    EXPECT_EQ(archive_read_open_memory(reader, bytes.data(), bytes.size()), ARCHIVE_OK);
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
        std::string contents(static_cast<usize>(archive_entry_size(entry)), '\0');
        archive_read_data(reader, contents.data(), contents.size());
        if (archive_entry_filetype(entry) == AE_IFLNK) contents = archive_entry_symlink(entry);
        EXPECT_EQ(archive_entry_mtime(entry), 0);
        EXPECT_EQ(archive_entry_uid(entry), 0);
        auto const [_, is_new] = entries.emplace(
            archive_entry_pathname(entry),
            Entry{archive_entry_filetype(entry), static_cast<unsigned>(archive_entry_perm(entry)), contents});
        EXPECT_TRUE(is_new) << archive_entry_pathname(entry);
    }
    EXPECT_EQ(archive_errno(reader), 0);
    archive_read_free(reader);
    return entries;
}

class TheInitramfs : public testing::Test {
protected:
    TheInitramfs() {
        folder_.file("usr/bin/busybox", test::busybox());
        add_module("virtio/virtio_mmio", "depends=\0alias=of:N*T*Cvirtio,mmio\0"sv);
        add_module("block/virtio_blk", "depends=\0alias=virtio:d00000002v*\0"sv);
        add_module("fs/ext4", "depends=jbd2\0"sv);
        add_module("fs/jbd2", "depends=\0"sv);
    }
    void add_module(std::string const& name, std::string_view info) const {
        folder_.file("usr/lib/modules/6.12.1-riscv64/kernel/" + name + ".ko.xz",
                     test::gzip(test::kernel_module(info), ARCHIVE_FILTER_XZ));
    }
    [[nodiscard]] InitramfsParts parts() const { return {.packages = folder_.path(), .programs = {}}; }

    test::TemporaryFolder folder_;
};

TEST_F(TheInitramfs, HasAShellWithAllItsCommands) {
    auto const entries = list(make_initramfs(parts()));
    EXPECT_EQ(entries.at("bin/busybox").contents, as_text(test::busybox()));
    EXPECT_EQ(entries.at("bin/busybox").permissions, 0755u);
    for (auto const* const name : {"bin/sh", "bin/[", "bin/mount", "bin/init"}) {
        EXPECT_EQ(entries.at(name).type, AE_IFLNK) << name;
        EXPECT_EQ(entries.at(name).contents, "busybox") << name;
    }
    EXPECT_EQ(entries.at("sbin").contents, "bin");
    EXPECT_EQ(entries.at("dev/console").type, AE_IFCHR);
    EXPECT_EQ(entries.at("init").permissions, 0755u);
    EXPECT_TRUE(entries.at("init").contents.starts_with("#!/bin/sh\n"));
    EXPECT_FALSE(entries.contains("bin/marker"));
}

TEST_F(TheInitramfs, HasTheModulesUnpacked) {
    auto const entries = list(make_initramfs(parts()));
    std::string const place = "lib/modules/6.12.1-riscv64/";
    EXPECT_EQ(entries.at(place + "virtio_blk.ko").contents,
              as_text(test::kernel_module("depends=\0alias=virtio:d00000002v*\0"sv)));
    EXPECT_NE(entries.at(place + "modules.dep").contents.find("ext4.ko: jbd2.ko\n"), std::string::npos);
    EXPECT_NE(entries.at(place + "modules.alias").contents.find("alias virtio:d00000002v* virtio_blk\n"),
              std::string::npos);
}

TEST_F(TheInitramfs, FoldersComeBeforeWhatIsInThem) {
    auto const bytes = make_initramfs(parts());
    auto const text = as_text(bytes);
    EXPECT_LT(text.find(std::string_view{"\0bin\0", 5}), text.find("bin/busybox"));
    EXPECT_LT(text.find("lib/modules"), text.find("lib/modules/6.12.1-riscv64/"));
}

TEST_F(TheInitramfs, IsTheSameEveryTime) {
    EXPECT_EQ(make_initramfs(parts()), make_initramfs(parts()));
}

TEST_F(TheInitramfs, WorksWithoutModules) {
    std::filesystem::remove_all(folder_.path() / "usr/lib");
    auto const entries = list(make_initramfs(parts()));
    EXPECT_TRUE(entries.contains("init"));
    EXPECT_FALSE(entries.contains("lib/modules"));
}

TEST_F(TheInitramfs, TakesAMarkerAlong) {
    auto with = parts();
    with.programs = {folder_.file("linux-marker", "program"sv)};
    EXPECT_EQ(list(make_initramfs(with)).at("bin/marker").contents, "program");
}

TEST_F(TheInitramfs, IsMadeOnceForTheSameParts) {
    auto const cache = folder_.path() / "made";
    auto const file = cached_initramfs(parts(), cache);
    EXPECT_EQ(read_file(file), make_initramfs(parts()));
    write_file(file, as_bytes("as it was"));
    EXPECT_EQ(cached_initramfs(parts(), cache), file);
    EXPECT_EQ(as_text(read_file(file)), "as it was");

    auto other = test::busybox();
    other.push_back(1);
    folder_.file("usr/bin/busybox", other);
    auto const second = cached_initramfs(parts(), cache);
    EXPECT_NE(second, file);
    EXPECT_EQ(read_file(second), make_initramfs(parts()));
}

TEST_F(TheInitramfs, NeedsABusybox) {
    folder_.file("usr/bin/busybox", "#!/bin/sh\n"sv);
    EXPECT_THROW(std::ignore = make_initramfs(parts()), Failure);
    std::filesystem::remove(folder_.path() / "usr/bin/busybox");
    EXPECT_THROW(std::ignore = make_initramfs(parts()), Failure);
}

TEST(Applets, AreReadFromTheProgramsOwnTable) {
    auto const program = test::busybox();
    EXPECT_EQ(find_applets(program), (std::vector<std::string_view>{"[", "[[", "ash", "busybox", "init", "ls",
                                                                    "mount", "sh", "zcat"}));
    EXPECT_TRUE(find_applets(as_bytes("[\0[[\0zcat\0ash\0sh\0"sv)).empty());  // not sorted: another table
    EXPECT_TRUE(find_applets({}).empty());
    EXPECT_EQ(find_applets(as_bytes("[\0[[\0sh"sv)).size(), 3u);
}

}  // namespace
}  // namespace antler::cli
