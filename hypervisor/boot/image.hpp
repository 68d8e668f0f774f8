// Where the hypervisor's own image lies, by what its pages may do.
#pragma once

#include <span>

#include "base/address.hpp"

namespace antler::boot::image {

extern "C" {
extern char __image_start[];   // NOLINT: the linker's names
extern char __rodata_start[];  // NOLINT
extern char __data_start[];    // NOLINT
extern char __image_end[];     // NOLINT
extern char __dump_start[];    // NOLINT
extern char __dump_end[];      // NOLINT
}

namespace detail {
inline HpaRange between(char const* start, char const* end) {
    return {Hpa{reinterpret_cast<u64>(start)}, static_cast<u64>(end - start)};
}
}  // namespace detail

[[nodiscard]] inline HpaRange code() {
    return detail::between(__image_start, __rodata_start);
}
[[nodiscard]] inline HpaRange constants() {
    return detail::between(__rodata_start, __data_start);
}
[[nodiscard]] inline HpaRange data() {
    return detail::between(__data_start, __image_end);
}
// What a reset keeps.
[[nodiscard]] inline std::span<u8> dump() {
    return {reinterpret_cast<u8*>(__dump_start), reinterpret_cast<u8*>(__dump_end)};
}
[[nodiscard]] inline HpaRange whole() {
    return detail::between(__image_start, __image_end);
}

}  // namespace antler::boot::image
