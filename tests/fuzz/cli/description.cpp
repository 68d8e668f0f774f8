// Any text for a description: it is understood, or refused with one line and nothing else.
#include <cstdlib>
#include <string_view>

#include "cli/description.hpp"

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* data, std::size_t size) {
    using namespace antler::cli;
    try {
        std::ignore = parse_description({reinterpret_cast<char const*>(data), size}, "/proc/m.toml",
                                        Catalogue{"/proc"});
    } catch (Failure const& failure) {
        std::string_view const what = failure.what();
        if (failure.code() != ExitCode::bad_input || !what.starts_with("/proc/m.toml:")) std::abort();
        if (what.find('\n') != std::string_view::npos) std::abort();
    }
    return 0;
}
