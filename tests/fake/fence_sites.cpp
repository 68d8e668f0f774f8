// Which fences the hypervisor's code executes in the tests.
#include "tests/fake/fence_sites.hpp"

#include <array>
#include <optional>

namespace antler {
namespace {

thread_local std::optional<FenceSite> left_out;
thread_local unsigned long times_left_out = 0;

constexpr std::array<std::string_view, fence_sites> names{
    "house_entered",
    "house_flushed",
    "house_grows",
    "house_changes",
    "windows_shown",
    "windows_handed_over",
    "granule_opened",
    "granule_closed",
    "page_opened",
    "page_closed",
    "pages_opened",
    "pages_closed",
    "space_entered",
    "space_changed",
    "page_changed",
    "table_touched",
    "page_touched",
    "tables_of_former_space",
    "tables_of_other_vcpu",
    "code_of_other_vcpu",
    "asked_for_all",
    "asked_for_space",
    "asked_for_range",
    "asked_for_long_range",
    "asked_for_range_of_space",
    "asked_for_long_range_of_space",
    "asked_for_code",
    "asked_too_often_tables",
    "asked_too_often_code",
    "emulated_all",
    "emulated_page",
    "emulated_space",
    "emulated_page_of_space",
    "lane_page",
    "lane_page_of_space",
    "lane_code",
    "devices_lose_pages",
    "devices_lose_many",
    "devices_are_done",
};
static_assert(names[static_cast<u8>(FenceSite::lane_code)] == "lane_code");
static_assert(names[static_cast<u8>(FenceSite::devices_are_done)] == "devices_are_done");
static_assert(names[static_cast<u8>(FenceSite::space_entered)] == "space_entered");

}  // namespace

bool fence_stands(FenceSite site) {
    if (left_out != site) return true;
    ++times_left_out;
    return false;
}

namespace fake {

LeftOut::LeftOut(FenceSite site) {
    left_out = site;
    times_left_out = 0;
}
LeftOut::~LeftOut() {
    left_out.reset();
}
unsigned long LeftOut::times() {
    return times_left_out;
}

std::string_view name_of(FenceSite site) {
    return names.at(static_cast<u8>(site));
}

}  // namespace fake
}  // namespace antler
