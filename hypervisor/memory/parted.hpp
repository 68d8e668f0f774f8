// Two trees of one space, changed together: what harts walk, and what devices walk where an IOMMU sets
// neither A nor D, or where harts are to find memory later than devices.
//
// The devices' tree keeps the frames, and has A and D set in every leaf.  Whatever harts have is part of it:
// each of their leaves lies within one of the devices' and shows the same frames with the same permissions;
// its D may be clear, and it may be missing.  So a page that goes leaves both trees before its debt can be
// paid.
#pragma once

#include "memory/space.hpp"

namespace antler::memory::parted {

// The leaves of neither are larger: so many of harts' leaves go with one of devices' at once, by their table.
inline constexpr unsigned highest_leaf = 1;

// Fails whole or not at all; true when harts' tree got tables.
[[nodiscard]] Result<bool> map(Stage2& harts, Stage2& devices, Gpa at, HpaRange memory,
                               Attributes const& how);
// What devices have around an address, where harts have nothing: at most a granule within `within`.  No
// memory is taken but for tables.
[[nodiscard]] Result<bool> show(Stage2& harts, Stage2 const& devices, Gpa at, GpaRange within);
[[nodiscard]] Result<FlushDebt> unmap_step(Stage2& harts, Stage2& devices, Stretch& rest);
// Devices get the permissions too, and keep D.
[[nodiscard]] Result<FlushDebt> protect_step(Stage2& harts, Stage2& devices, Stretch& rest,
                                             isa::Permissions may, bool dirty);
[[nodiscard]] FlushDebt merge(Stage2& harts, Stage2& devices, Gpa at);

}  // namespace antler::memory::parted
