// Which commands a busybox program has, read from the program itself, as it cannot run here.
#include "cli/applets.hpp"

#include <algorithm>

namespace antler::cli {

namespace {

bool is_applet_name(std::string_view name) {
    auto const plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    };
    return name == "[" || name == "[[" || (name.size() < 32 && std::ranges::all_of(name, plain));
}

}  // namespace

std::vector<std::string_view> find_applets(ByteView busybox) {
    // busybox keeps the names sorted, one NUL behind each and one more at the end, and `[` and `[[` are
    // first.
    static constexpr std::string_view start{"[\0[[\0", 5};
    auto const text = as_text(busybox);
    for (auto at = text.find(start); at != std::string_view::npos; at = text.find(start, at + 1)) {
        std::vector<std::string_view> names;
        for (auto rest = text.substr(at); !rest.empty();) {
            auto const name = rest.substr(0, rest.find('\0'));
            if (name.empty() || !is_applet_name(name) || (!names.empty() && !(names.back() < name))) break;
            names.push_back(name);
            rest.remove_prefix(std::min(rest.size(), name.size() + 1));
        }
        if (std::ranges::find(names, "sh") != names.end()) return names;
    }
    return {};
}

}  // namespace antler::cli
