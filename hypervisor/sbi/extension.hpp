// The services a guest may call, a row each; a new service is a file of its own and a row here.
#pragma once

#include <span>
#include <string_view>

#include "sbi/call.hpp"

namespace antler::sbi {

struct Extension {
    Eid id{};
    std::string_view name{};
    Next (*handle)(vm::Vcpu&, Call const&) = nullptr;
};

[[nodiscard]] std::span<Extension const> extensions();

// What sbi_probe_extension asks.   [sbi ext-base]
[[nodiscard]] Extension const* find_extension(u64 id);

// What vm/ calls of this layer (the seam ExitServices).  It has no state: that is in the VM and its vCPUs.
struct Services {
    [[nodiscard]] Next sbi_call(vm::Vcpu& vcpu);
};
static_assert(ExitServices<Services, vm::Vcpu>);

}  // namespace antler::sbi
