// The places in the hypervisor that drop translations or instructions from a hart's caches, by name: the
// tests leave one out at a time, and each that is left out makes one fail.
#pragma once

#include "base/types.hpp"

namespace antler {

enum class FenceSite : u8 {
    // What a hart sees of the house, and through its windows.
    house_entered,
    house_flushed,
    house_grows,
    house_changes,
    windows_shown,
    windows_handed_over,
    granule_opened,
    granule_closed,
    page_opened,
    page_closed,
    pages_opened,
    pages_closed,
    // What guests reach: stage 2.
    space_entered,
    space_changed,
    page_changed,
    table_touched,
    page_touched,
    // Their own tables and code.
    tables_of_former_space,
    tables_of_other_vcpu,
    code_of_other_vcpu,
    asked_for_all,
    asked_for_space,
    asked_for_range,
    asked_for_long_range,
    asked_for_range_of_space,
    asked_for_long_range_of_space,
    asked_for_code,
    asked_too_often_tables,
    asked_too_often_code,
    emulated_all,
    emulated_page,
    emulated_space,
    emulated_page_of_space,
    lane_page,
    lane_page_of_space,
    lane_code,
    // What devices of a guest reach: commands to IOMMUs.
    devices_lose_pages,
    devices_lose_many,
    devices_are_done,
    named_by_caller,  // memory/ has the names; boot/ does what it asks
};
inline constexpr u8 fence_sites = static_cast<u8>(FenceSite::named_by_caller);

#if defined(__riscv)
// Nothing of it is in the machine's code.
[[nodiscard]] constexpr bool fence_stands(FenceSite) {
    return true;
}
#else
[[nodiscard]] bool fence_stands(FenceSite site);  // defined by the tests
#endif

}  // namespace antler
