// Every register of a vCPU: one row says its name, its number, how wide it is, and how to get and set it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "isa/features.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// The upper part of a number; within a class the index is the manuals' own: x1 is 1, vsatp is its CSR number.
enum class RegisterClass : u8 { core = 2, csr = 3, timer = 4, floating = 6, vector = 9, hart = 0x80 };

struct Register {
    std::string_view name;
    RegisterClass kind;
    u32 index = 0;  // within its class
    bool isa::Features::* needs =
        nullptr;  // what the VM must have been shown, or the row is not there for it
    u64 (*get)(Vcpu const&, u32) = nullptr;  // none: a vector register, whose width is vlenb
    void (*set)(Vcpu&, u32, u64) = nullptr;  // none: read-only

    [[nodiscard]] constexpr u32 number() const { return u32{static_cast<u8>(kind)} << 24 | index; }
};

// In the order in which a restore must set them: what decides what others may hold comes first.
[[nodiscard]] std::span<Register const> registers();
[[nodiscard]] Register const* find_register(std::string_view name);
[[nodiscard]] Register const* find_register(u32 number);

// Whether this VM's harts have it, and how many bytes it is.
[[nodiscard]] bool exists(Register const& row, Vcpu const& vcpu);
[[nodiscard]] u64 width(Register const& row, Vcpu const& vcpu);

// Little-endian bytes, exactly width() of them.  The vCPU is not loaded, and its home hart or nobody runs it.
// What a guest could not have written becomes what the register would have held after such a write.
[[nodiscard]] Result<void> get_register(Register const& row, Vcpu const& vcpu, std::span<u8> out);
[[nodiscard]] Result<void> set_register(Register const& row, Vcpu& vcpu, std::span<u8 const> in);

// The first row that holds the state an extension adds; none: it has no row, so nobody may be offered it.
[[nodiscard]] Register const* state_of_extension(std::string_view name);

}  // namespace antler::vm
