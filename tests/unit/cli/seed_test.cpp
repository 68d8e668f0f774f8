// Tests that cloud-init finds its seed: the label, and the files by their names.
#include "cli/seed.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

namespace antler::cli {
namespace {

// Of the volume descriptor in sector 16: 32 bytes behind the first 40.
std::string label_of(Bytes const& image) {
    return std::string{as_text(image).substr(16 * 2048 + 40, 32)};
}

std::map<std::string, std::string> files_of(Bytes const& image) {
    std::unique_ptr<archive, int (*)(archive*)> const reader{archive_read_new(), archive_read_free};
    archive_read_support_format_iso9660(reader.get());
    EXPECT_EQ(archive_read_open_memory(reader.get(), image.data(), image.size()), ARCHIVE_OK);
    std::map<std::string, std::string> files;
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) != AE_IFREG) continue;
        std::string text(static_cast<usize>(archive_entry_size(entry)), ' ');
        EXPECT_EQ(archive_read_data(reader.get(), text.data(), text.size()),
                  static_cast<la_ssize_t>(text.size()));
        files[archive_entry_pathname(entry)] = text;
    }
    return files;
}

TEST(Seed, HasTheLabelAndTheFilesOfNoCloud) {
    auto const image = make_seed({.user_data = "#cloud-config\n", .meta_data = "instance-id: one\n"});
    EXPECT_EQ(label_of(image), "CIDATA" + std::string(26, ' '));
    EXPECT_EQ(image.size() % 512, 0u);
    auto const files = files_of(image);
    EXPECT_EQ(files.size(), 2u);
    EXPECT_EQ(files.at("user-data"), "#cloud-config\n");
    EXPECT_EQ(files.at("meta-data"), "instance-id: one\n");
}

TEST(Seed, MayHaveAnEmptyFileAndALongOne) {
    std::string const much(100'000, 'x');
    auto const files = files_of(make_seed({.user_data = much, .meta_data = ""}));
    EXPECT_EQ(files.at("user-data"), much);
    EXPECT_EQ(files.at("meta-data"), "");
}

TEST(Seed, IsNamedAfterItsVm) {
    EXPECT_EQ(default_meta_data("web"), "instance-id: web\nlocal-hostname: web\n");
}

}  // namespace
}  // namespace antler::cli
