// The three seams between layers, as concepts; boot/ instantiates them, so the calls are direct.
#pragma once

#include <concepts>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"

namespace antler {

// What a guest points at: read and written through one checked accessor, a copy at a time.
template <class M>
concept GuestMemory = requires(M& memory, Gpa at, std::span<u8> out, std::span<u8 const> in) {
    { memory.read(at, out) } -> std::same_as<Result<void>>;
    { memory.write(at, in) } -> std::same_as<Result<void>>;
};

// The wire from a device to an interrupt controller.  Level: it stays as it was set.
template <class L>
concept IrqLine = requires(L& line, bool level) {
    { line.set(level) } -> std::same_as<void>;
};

// What becomes of the guest after an exit was handled.
enum class Next : u8 {
    retry,          // run the same instruction again
    advance,        // step over it
    to_guest_trap,  // the exception was placed; pc is at the guest's handler
    block,          // nothing to run here until something wakes it
    stop,           // it will not run again
};

// What vm/ calls of the layers above it: SBI, and the hypervisor extension for guests.
template <class S, class Vcpu>
concept ExitServices = requires(S& services, Vcpu& vcpu) {
    { services.sbi_call(vcpu) } -> std::same_as<Next>;
};

}  // namespace antler
