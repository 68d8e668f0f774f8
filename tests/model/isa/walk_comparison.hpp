// One walk of the walker and of the literal transcription, and whether they say the same.
#pragma once

#include <optional>
#include <string>

#include "isa/walk.hpp"
#include "tests/model/isa/literal_translation.hpp"

namespace antler::isa {

inline std::optional<Scheme> first_scheme(int mode) {
    switch (mode) {
        case 32: return sv32;
        case 39: return sv39;
        case 48: return sv48;
        case 57: return sv57;
        default: return std::nullopt;
    }
}
inline std::optional<Scheme> g_scheme(int mode) {
    switch (mode) {
        case 32: return sv32x4;
        case 39: return sv39x4;
        case 48: return sv48x4;
        case 57: return sv57x4;
        default: return std::nullopt;
    }
}

struct Round {
    literal::Machine machine;
    literal::Attempt attempt;
    u64 address = 0;
};

inline Request request_of(literal::Attempt const& a) {
    return {.access = static_cast<Access>(a.type),
            .user = a.privilege_is_user,
            .sum = a.vsstatus_sum,
            .mxr = a.vsstatus_mxr,
            .mxr_of_hs = a.sstatus_mxr,
            .execute_to_read = a.hlvx};
}

template <class M>
Walk walk(M& memory, Round const& r) {
    auto const& m = r.machine;
    Stage const first{first_scheme(m.first_mode),
                      m.first_ppn << 12,
                      {m.svnapot, m.first_svpbmt, m.svrsw60t59b},
                      !m.first_svade};
    if (!m.two_stages) return walk_one_stage(memory, first, Gva{r.address}, request_of(r.attempt));
    Stage const g{g_scheme(m.g_mode), m.g_ppn << 12, {m.svnapot, m.g_svpbmt, m.svrsw60t59b}, !m.g_svade};
    return walk_two_stages(memory, first, g, Gva{r.address}, request_of(r.attempt));
}

inline Permissions permissions_of(u64 pte) {
    if (pte == 0) return Permissions::all();
    return {(pte & 2) != 0, (pte & 4) != 0, (pte & 8) != 0};
}

// Nothing when they agree.
inline std::string difference(Walk const& got, literal::Answer const& want, Round const& r) {
    if (auto const* const leaf = std::get_if<Leaf>(&got)) {
        if (want.what != literal::What::success) return "the walker reaches a leaf";
        if (leaf->physical.raw() != want.physical) return "another physical address";
        if (leaf->guest.raw() != want.guest_physical) return "another guest physical address";
        if (leaf->vs_may != permissions_of(want.first_pte)) return "other first-stage permissions";
        if (leaf->g_may != permissions_of(want.g_pte)) return "other G-stage permissions";
        if (leaf->may != (permissions_of(want.first_pte) & permissions_of(want.g_pte)))
            return "not the ceiling";
        u64 const type = want.first_pte >> 61 & 3 ? want.first_pte >> 61 & 3 : want.g_pte >> 61 & 3;
        if (static_cast<u64>(leaf->type) != type) return "another memory type";
        if (leaf->vs_level != want.first_i || leaf->g_level != want.g_i) return "another level";
        bool const dirty =
            (want.first_pte == 0 || (want.first_pte & 0x80)) && (want.g_pte == 0 || (want.g_pte & 0x80));
        // A walk that cannot mark does not see a D that it owes to an entry it meets again.
        if (leaf->dirty != dirty && !leaf->owes_updates) return "another D";
        return "";
    }
    auto const& fault = *std::get_if<WalkFault>(&got);
    if (fault.access != static_cast<Access>(r.attempt.type)) return "reported for another access";
    switch (want.what) {
        case literal::What::success: return "the walker faults";
        case literal::What::page_fault:
            return fault.kind == WalkFault::Kind::page_fault ? "" : "not a page fault";
        case literal::What::access_fault:
            return fault.kind == WalkFault::Kind::access_fault ? "" : "not an access fault";
        case literal::What::guest_page_fault: break;
    }
    auto const kind =
        want.implicit ? WalkFault::Kind::guest_page_fault_on_tables : WalkFault::Kind::guest_page_fault;
    if (fault.kind != kind) return "another kind of guest-page fault";
    if (fault.where.raw() != want.faulting_gpa) return "another faulting guest physical address";
    if (fault.writing_tables != want.implicit_is_write) return "read and write of a table confused";
    if (want.implicit && fault.entry_bytes != (r.machine.first_mode == 32 ? 4 : 8))
        return "another width of entry";
    return "";
}

}  // namespace antler::isa
