// While one lives, machines that this process and its children start are found by name among themselves only.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "cli/work_directory.hpp"

namespace antler::cli {

class PrivateInstances {
public:
    PrivateInstances() {
        if (char const* const before = std::getenv(variable)) before_ = before;
        ::setenv(variable, directory_.path().c_str(), 1);
    }
    ~PrivateInstances() {
        if (before_)
            ::setenv(variable, before_->c_str(), 1);
        else
            ::unsetenv(variable);
    }
    PrivateInstances(PrivateInstances const&) = delete;
    PrivateInstances& operator=(PrivateInstances const&) = delete;

private:
    static constexpr char const* variable = "XDG_RUNTIME_DIR";

    WorkDirectory directory_;
    std::optional<std::string> before_;
};

}  // namespace antler::cli
