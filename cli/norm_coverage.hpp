// Which rules of the manual's hypervisor chapter tests prove, and why the others are not: from what tests
// declare and docs/norm-coverage.toml.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/places.hpp"

namespace antler::cli {

inline constexpr std::string_view proven_chapter = "hypervisor";

// Rules of a chapter, as docs/norm-rules.txt lists them.
[[nodiscard]] std::set<std::string> rules_of_chapter(Path const& root, std::string_view chapter);

// Which tests say of themselves that they prove a rule: its name, and theirs.
using Proofs = std::map<std::string, std::vector<std::string>>;
[[nodiscard]] Proofs declared_proofs(Path const& root);

// docs/norm-coverage.md.  A rule of the chapter without a test and without a reason, or with both, is a
// failure with a sentence; so are fewer than four fifths proved.
[[nodiscard]] std::string norm_coverage_markdown(Path const& root);

// `antler check --norms-markdown`
int norm_coverage_command();

}  // namespace antler::cli
