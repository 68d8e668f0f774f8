// The legacy extensions that a few small guests still call: timer, console and shutdown.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::legacy {

// The others (IPIs and fences) are not offered: they take their hart masks from guest-virtual memory.
[[nodiscard]] Next set_timer(vm::Vcpu& vcpu, Call const& call);
[[nodiscard]] Next console_putchar(vm::Vcpu& vcpu, Call const& call);
[[nodiscard]] Next console_getchar(vm::Vcpu& vcpu, Call const& call);
[[nodiscard]] Next shutdown(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::legacy
