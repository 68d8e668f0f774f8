// A VM's memory as the rest of vm/ sees it: one checked way to what a guest points at.
#pragma once

#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "vm/description.hpp"

namespace antler::vm {

class Vcpu;
struct Core;

class Ram {
public:
    [[nodiscard]] Result<void> read(Gpa at, std::span<u8> out);
    [[nodiscard]] Result<void> write(Gpa at, std::span<u8 const> in);
    [[nodiscard]] bool contains(Gpa at, u64 bytes = 1) const { return range_.contains(at, bytes); }
    [[nodiscard]] bool is_mapped(Gpa at) const;
    [[nodiscard]] Result<void> populate(Gpa at);
    [[nodiscard]] Result<void> place(Segment const& segment);
    void enter(Vcpu& vcpu, Core& core);

private:
    GpaRange range_{};
};

}  // namespace antler::vm
