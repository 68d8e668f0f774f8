// Trees of boards, for the tests.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "base/types.hpp"

namespace antler::platform {

// tests/unit/platform/boards/NAME.dts, compiled.
inline std::vector<u8> compiled(std::string const& name) {
    auto const command =
        "dtc -q -I dts -O dtb " ANTLER_SOURCE_DIR "/tests/unit/platform/boards/" + name + ".dts";
    auto* const pipe = popen(command.c_str(), "r");
    std::vector<u8> bytes;
    for (int c = 0; pipe != nullptr && (c = std::fgetc(pipe)) != EOF;) bytes.push_back(static_cast<u8>(c));
    if (pipe != nullptr) pclose(pipe);
    return bytes;
}

}  // namespace antler::platform
