// QEMU's own control socket (QMP): for what the hypervisor cannot do, since it is about the board.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/child_process.hpp"
#include "cli/places.hpp"

namespace antler::cli {

class QemuMonitor {
public:
    // A Failure where nobody answers.  One at a time is served.
    explicit QemuMonitor(Path const& socket);

    // What the command returns; a Failure with QEMU's words where it is refused.
    nlohmann::json ask(std::string const& command, nlohmann::json arguments = nlohmann::json::object());

private:
    [[nodiscard]] nlohmann::json next();

    Descriptor socket_;
    std::string heard_{};
};

}  // namespace antler::cli
