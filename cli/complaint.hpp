// Where a person wrote something, and the one sentence that says what is wrong with it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/types.hpp"
#include "cli/failure.hpp"

namespace antler::cli {

struct Place {
    std::string file{};
    u32 line = 0;  // 0: the file as a whole
    u32 column = 0;
};

[[noreturn]] inline void complain(Place const& place, std::string_view sentence) {
    if (place.line == 0) throw Failure{ExitCode::bad_input, fmt::format("{}: {}", place.file, sentence)};
    throw Failure{ExitCode::bad_input,
                  fmt::format("{}:{}:{}: {}", place.file, place.line, place.column, sentence)};
}

}  // namespace antler::cli
