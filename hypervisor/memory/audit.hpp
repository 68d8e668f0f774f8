// Checks who owns what: every leaf lies in frames of its owner, and no page is in two places unless it is
// shared.
#pragma once

#include <optional>

#include "memory/space.hpp"

namespace antler::memory {

struct AuditFinding {
    char const* what = "";
    Gpa at{};
    Hpa frame{};
};

// One space against the frame table.  A VM whose pages are all mapped owns exactly what its leaves cover:
// pass `complete` to have that checked too, which finds a page that is mapped twice.
[[nodiscard]] std::optional<AuditFinding> audit(Space& space, bool complete);

}  // namespace antler::memory
