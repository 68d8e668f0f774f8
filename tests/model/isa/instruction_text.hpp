// A decoded instruction in binutils' words, with registers by number and without aliases.
#pragma once

#define FMT_HEADER_ONLY  // the tests link no library of it
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "isa/instruction.hpp"

namespace antler::isa::model {

[[nodiscard]] inline std::string_view width_suffix(u8 width) {
    switch (width) {
        case 1: return "b";
        case 2: return "h";
        case 4: return "w";
        case 8: return "d";
        default: return "q";
    }
}

// The one letter between "amo" and the width.
[[nodiscard]] inline std::string_view stem(MemoryOp op) {
    switch (op) {
        case MemoryOp::load: return "l";
        case MemoryOp::store: return "s";
        case MemoryOp::load_acquire: return "l";
        case MemoryOp::store_release: return "s";
        case MemoryOp::load_reserved: return "lr.";
        case MemoryOp::store_conditional: return "sc.";
        case MemoryOp::amo_swap: return "amoswap.";
        case MemoryOp::amo_add: return "amoadd.";
        case MemoryOp::amo_xor: return "amoxor.";
        case MemoryOp::amo_and: return "amoand.";
        case MemoryOp::amo_or: return "amoor.";
        case MemoryOp::amo_min: return "amomin.";
        case MemoryOp::amo_max: return "amomax.";
        case MemoryOp::amo_minu: return "amominu.";
        case MemoryOp::amo_maxu: return "amomaxu.";
        case MemoryOp::amo_cas: return "amocas.";
        case MemoryOp::guest_load: return "hlv.";
        case MemoryOp::guest_fetch: return "hlvx.";
        case MemoryOp::guest_store: return "hsv.";
        case MemoryOp::cache_inval: return "cbo.inval";
        case MemoryOp::cache_clean: return "cbo.clean";
        case MemoryOp::cache_flush: return "cbo.flush";
        case MemoryOp::cache_zero: return "cbo.zero";
    }
    return "?";
}

[[nodiscard]] inline std::string_view order(MemoryInstruction const& m) {
    if (m.acquire && m.release) return ".aqrl";
    return m.acquire ? ".aq" : m.release ? ".rl" : "";
}

[[nodiscard]] inline std::string text(MemoryInstruction const& m) {
    auto const name = stem(m.op);
    auto const suffix = width_suffix(m.width);
    if (m.width == 0) return fmt::format("{} (x{})", name, m.base);
    if (m.is_basic()) {
        bool const floating = m.file == RegisterFile::floating;
        // Loads narrower than a register have unsigned twins; the widest has no need of one.
        bool const is_unsigned = m.op == MemoryOp::load && !floating && !m.sign_extend;
        return fmt::format("{}{}{}{} {}{},{}(x{})", floating ? "f" : "", name, suffix, is_unsigned ? "u" : "",
                           floating ? 'f' : 'x', m.reg, m.offset, m.base);
    }
    if (m.op == MemoryOp::guest_load || m.op == MemoryOp::guest_fetch || m.op == MemoryOp::guest_store) {
        bool const is_unsigned = m.op != MemoryOp::guest_store && !m.sign_extend;
        return fmt::format("{}{}{} x{},(x{})", name, suffix, is_unsigned ? "u" : "", m.reg, m.base);
    }
    bool const one_register =
        m.op == MemoryOp::load_reserved || m.op == MemoryOp::load_acquire || m.op == MemoryOp::store_release;
    if (one_register) return fmt::format("{}{}{} x{},(x{})", name, suffix, order(m), m.reg, m.base);
    return fmt::format("{}{}{} x{},x{},(x{})", name, suffix, order(m), m.reg, m.source, m.base);
}

// The CSR is by number: binutils has names for some, which the caller translates.
[[nodiscard]] inline std::string text(CsrInstruction const& c) {
    std::string_view const names[] = {"", "csrrw", "csrrs", "csrrc"};
    return fmt::format("{}{} x{},{:#x},{}{}", names[static_cast<u8>(c.op)], c.immediate ? "i" : "", c.reg,
                       c.csr, c.immediate ? "" : "x", c.source);
}

[[nodiscard]] inline std::string text(PrivilegedInstruction const& p) {
    auto const fence = [&](std::string_view name) {
        return fmt::format("{} x{},x{}", name, p.address, p.identifier);
    };
    switch (p.op) {
        case PrivilegedOp::wfi: return "wfi";
        case PrivilegedOp::wrs_nto: return "wrs.nto";
        case PrivilegedOp::wrs_sto: return "wrs.sto";
        case PrivilegedOp::sret: return "sret";
        case PrivilegedOp::mret: return "mret";
        case PrivilegedOp::sfence_w_inval: return "sfence.w.inval";
        case PrivilegedOp::sfence_inval_ir: return "sfence.inval.ir";
        case PrivilegedOp::sfence_vma: return fence("sfence.vma");
        case PrivilegedOp::sinval_vma: return fence("sinval.vma");
        case PrivilegedOp::hfence_vvma: return fence("hfence.vvma");
        case PrivilegedOp::hfence_gvma: return fence("hfence.gvma");
        case PrivilegedOp::hinval_vvma: return fence("hinval.vvma");
        case PrivilegedOp::hinval_gvma: return fence("hinval.gvma");
    }
    return "?";
}

}  // namespace antler::isa::model
