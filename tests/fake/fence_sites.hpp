// The fences of one place do nothing while one of these lives.
#pragma once

#include <string_view>

#include "base/fence_site.hpp"

namespace antler::fake {

class LeftOut {
public:
    explicit LeftOut(FenceSite site);
    ~LeftOut();
    LeftOut(LeftOut const&) = delete;
    LeftOut& operator=(LeftOut const&) = delete;
    // How often it was.
    [[nodiscard]] static unsigned long times();
};

[[nodiscard]] std::string_view name_of(FenceSite site);

}  // namespace antler::fake
