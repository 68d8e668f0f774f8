// A folder for one test, with files in it, gone when the test is over.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace antler::cli::test {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "antler-test-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    TemporaryFolder(TemporaryFolder const&) = delete;
    TemporaryFolder& operator=(TemporaryFolder const&) = delete;

    [[nodiscard]] std::filesystem::path const& path() const { return path_; }

    // Makes the folders on the way.
    template <class Contents>
    std::filesystem::path file(std::string_view name, Contents const& contents) const {
        auto const path = path_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path, std::ios::binary}.write(reinterpret_cast<char const*>(contents.data()),
                                                    static_cast<std::streamsize>(contents.size()));
        return path;
    }

private:
    std::filesystem::path path_;
};

}  // namespace antler::cli::test
