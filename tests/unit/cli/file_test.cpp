// Tests that files are read whole, and appear whole or not at all.
#include "cli/file.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

usize count_files(Path const& folder) {
    return static_cast<usize>(std::distance(std::filesystem::directory_iterator{folder}, {}));
}

TEST(File, ReadsBackWhatWasWritten) {
    test::TemporaryFolder const folder;
    auto const file = folder.path() / "name";
    AtomicFile out{file};
    out.write(as_bytes("start"));
    out.skip_to(8);
    out.write(as_bytes("middle"));
    out.skip_to(16);
    EXPECT_FALSE(std::filesystem::exists(file));
    out.commit();
    EXPECT_EQ(as_text(read_file(file)), (std::string_view{"start\0\0\0middle\0\0", 16}));
    EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms{0644});
}

TEST(File, LeavesNothingBehindWhenItIsNotFinished) {
    test::TemporaryFolder const folder;
    auto const file = folder.file("name", std::string_view{"old"});
    {
        AtomicFile out{file};
        out.write(as_bytes("new"));
        EXPECT_EQ(count_files(folder.path()), 2u);
    }
    EXPECT_EQ(count_files(folder.path()), 1u);
    EXPECT_EQ(as_text(read_file(file)), "old");
}

TEST(File, SaysWhichFileFailed) {
    test::TemporaryFolder const folder;
    auto const missing = folder.path() / "no" / "where";
    EXPECT_THROW(std::ignore = read_file(missing), Failure);
    try {
        write_file(missing, {});
        FAIL();
    } catch (Failure const& failure) {
        EXPECT_EQ(failure.code(), ExitCode::internal);
        EXPECT_EQ(failure.what(), missing.string() + ": cannot be written: No such file or directory.");
    }
}

TEST(File, AnEmptyFileIsEmpty) {
    test::TemporaryFolder const folder;
    EXPECT_TRUE(read_file(folder.file("empty", std::string_view{})).empty());
}

}  // namespace
}  // namespace antler::cli
