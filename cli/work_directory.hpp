// A folder for one run, removed with everything in it when the run ends.
#pragma once

#include "cli/child_process.hpp"
#include "cli/places.hpp"

namespace antler::cli {

class WorkDirectory {
public:
    WorkDirectory();
    ~WorkDirectory();
    WorkDirectory(WorkDirectory const&) = delete;
    WorkDirectory& operator=(WorkDirectory const&) = delete;

    [[nodiscard]] Path const& path() const { return path_; }

private:
    Path path_;
    Descriptor lock_;  // says that this run still lives
};

}  // namespace antler::cli
