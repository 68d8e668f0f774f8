// The page-table walker: one stage, G-stage or both, with memory as an argument and every fault told apart.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <variant>

#include "base/address.hpp"
#include "isa/cause.hpp"
#include "isa/csr.hpp"
#include "isa/exit.hpp"
#include "isa/features.hpp"
#include "isa/pte.hpp"

namespace antler::isa {

// Entries are read whole.  Nothing: there is no memory at that address, or it may not be read.
template <class M>
concept PhysicalReader = requires(M& memory, Hpa at) {
    { memory.read32(at) } -> std::same_as<std::optional<u32>>;
    { memory.read64(at) } -> std::same_as<std::optional<u64>>;
};

// A memory that can also do what hardware does to A and D.  False: the entry is no longer `from`.
template <class M>
concept PhysicalUpdater = PhysicalReader<M> && requires(M& memory, Hpa at, u32 word, u64 entry) {
    { memory.compare_exchange32(at, word, word) } -> std::same_as<std::optional<bool>>;
    { memory.compare_exchange64(at, entry, entry) } -> std::same_as<std::optional<bool>>;
};

// One stage: which tables, and what their entries mean.
struct Stage {
    std::optional<Scheme> scheme{};  // nothing: Bare, addresses pass unchanged   [norm:hgatp_mode_bare_trans]
    u64 root{};                      // physical; of VS-stage guest physical
    PteExtensions extensions{};
    bool updates{};  // hardware sets A and D (Svadu); otherwise they fault (Svade)
                     // [norm:svade_access_ad_bit_clear]
};

// `updates` of HS-level and G-stage is menvcfg.ADUE, which S-mode cannot see: the caller says.
template <Xlen X>
[[nodiscard]] constexpr Stage one_stage(SatpOf<X> satp, Features const& f, bool updates) {
    return {scheme_of(get<typename SatpOf<X>::mode>(satp)),
            satp.root().raw(),
            {f.svnapot, f.svpbmt, f.svrsw60t59b},
            updates};
}
template <Xlen X>
[[nodiscard]] constexpr Stage g_stage(HgatpOf<X> hgatp, Features const& f, bool updates) {
    return {scheme_of(get<typename HgatpOf<X>::mode>(hgatp)),
            hgatp.root().raw(),
            {f.svnapot, f.svpbmt, f.svrsw60t59b},
            updates};  // [norm:Svnapot_hyp_gstage] [norm:Svrsw60t59b_h_g_stage_reserved_bits]
}
// [norm:henvcfg_pbmte_op] [norm:henvcfg_adue_op] [norm:Svadu_disabled_hw_update_falls_back_to_svade]
template <Xlen X>
[[nodiscard]] constexpr Stage vs_stage(VsatpOf<X> vsatp, Henvcfg henvcfg, Features const& f) {
    return {scheme_of(get<typename VsatpOf<X>::mode>(vsatp)),
            vsatp.root().raw(),
            {f.svnapot, get<Henvcfg::pbmte>(henvcfg), f.svrsw60t59b},
            get<Henvcfg::adue>(henvcfg)};
}

// An access as the first stage judges it.
struct Request {
    Access access{};
    bool user{};  // from U-mode or VU-mode, or hlv and hsv with SPVP = 0              [norm:hlsv_priv]
    bool sum{};   // supervisor loads and stores may touch user pages                   [norm:sstatus_sum]
    bool mxr{};   // explicit loads may read executable pages, first stage only    [norm:vsstatus_mxr_vm]
    bool mxr_of_hs{};  // ... in both stages                                             [norm:sstatus_mxr_vm]
    bool execute_to_read{};  // hlvx: a load that needs X instead of R [norm:hlsv_u_op]
};

// What a guest does, given its vsstatus and the HS-level sstatus.           [norm:hlsv_trans]
// [norm:hlsv_vsstatus_mxr]
template <Xlen X>
[[nodiscard]] constexpr Request guest_request(Access access, bool user, VsstatusOf<X> vs, SstatusOf<X> hs) {
    return {.access = access,
            .user = user,
            .sum = get<typename VsstatusOf<X>::sum>(vs),
            .mxr = get<typename VsstatusOf<X>::mxr>(vs),
            .mxr_of_hs = get<typename SstatusOf<X>::mxr>(hs)};
}

struct Leaf {
    Hpa physical{};
    Gpa guest{};                    // between the stages; after one stage only, the same number as `physical`
    u64 bytes{};                    // the largest stretch around it that is translated alike, a power of two
    Permissions may{};              // of both stages
    Permissions vs_may{}, g_may{};  // all of them where the stage is Bare
    bool user{};                    // the first stage's U
    bool global{};                  // the first stage's G
    bool dirty{};                   // D is set wherever it matters: a store would change no entry
    MemoryType type{};
    u8 vs_level{}, g_level{};
    bool owes_updates{};  // A or D should have been set, but the memory given cannot be written
    friend constexpr bool operator==(Leaf const&, Leaf const&) = default;
};

struct WalkFault {
    enum class Kind : u8 {
        page_fault,        // the first stage says no
        guest_page_fault,  // G-stage says no to the access itself            [norm:H_guest_page_fault]
        guest_page_fault_on_tables,  // ... to reading or marking an entry of VS-stage [norm:H_vm_gpapriv]
        access_fault,                // an entry lies where there is no memory [norm:H_pmp]
        contended,  // an entry changed each time it was to be marked: run the instruction again
    };
    Kind kind{};
    Access access{};        // the original one, also for faults on tables [norm:H_vm_gpapriv]
    Gpa where{};            // for the two guest-page faults
    bool writing_tables{};  // A or D was to be set [norm:H_trap_xtinst_guestpage_rw]
    u8 entry_bytes{};       // of the table, for faults on tables

    // What scause says.  `contended` has no exception of its own and repeats as a page fault.
    [[nodiscard]] constexpr Exception exception() const {
        switch (kind) {
            case Kind::page_fault:
            case Kind::contended: return page_fault(access);
            case Kind::guest_page_fault:
            case Kind::guest_page_fault_on_tables: return guest_page_fault(access);
            case Kind::access_fault: return access_fault(access);
        }
        return access_fault(access);
    }
    // What htval and htinst say; of an ordinary fault htinst depends on the instruction.
    [[nodiscard]] constexpr u64 htval() const { return where.raw() >> 2; }  // [norm:htval_trapval]
    [[nodiscard]] constexpr u32 htinst() const {                            // [norm:H_trap_xtinst_guestpage]
        if (kind != Kind::guest_page_fault_on_tables) return 0;
        if (entry_bytes == 4) return writing_tables ? write32_for_walk : read32_for_walk;
        return writing_tables ? write64_for_walk : read64_for_walk;
    }
    friend constexpr bool operator==(WalkFault const&, WalkFault const&) = default;
};

using Walk = std::variant<Leaf, WalkFault>;

namespace detail {

// A request as one stage judges it.
struct Judge {
    Access access;
    bool user;
    bool sum;
    bool readable_if_executable;
    bool execute_to_read;

    [[nodiscard]] constexpr bool allows(Pte pte) const {
        if (user != Pte::u::get(pte.raw)) {
            // Supervisors never execute user pages, and touch them only with SUM.       [norm:sstatus_sum]
            if (user || access == Access::fetch || !sum) return false;
        }
        auto const may = pte.may();
        switch (access) {
            case Access::fetch: return may.execute;  // [norm:fetch_page_fault_no_x]
            case Access::load:                       // [norm:load_page_fault_no_r] [norm:sstatus_mxr]
                return execute_to_read ? may.execute : may.read || (readable_if_executable && may.execute);
            case Access::store: return may.write;  // [norm:store_page_fault_no_w]
        }
        return false;
    }
};

// Every access to G-stage is user-level.                                               [norm:H_vm_gpatrans]
constexpr Judge g_stage_judge(Request const& r) {
    return {r.access, true, false, r.mxr_of_hs, r.execute_to_read};
}
constexpr Judge implicit_judge(Access a) {
    return {a, true, false, false, false};  // MXR is for explicit loads               [norm:sstatus_mxr_vm]
}
constexpr Judge first_stage_judge(Request const& r) {
    return {r.access, r.user, r.sum, r.mxr || r.mxr_of_hs, r.execute_to_read};
}

struct Refused {};  // a page fault or guest-page fault: whoever asked knows which
struct Reached {
    u64 address;
    u64 bytes;
    Pte pte;  // as it is after the walk
    u8 level;
};
using Stepped = std::variant<Reached, Refused, WalkFault>;

// How many times an entry that others keep changing is tried.
inline constexpr unsigned patience = 16;

// Steps 1 to 10 of the manual's algorithm, for either stage.  `tables` reads and marks entries, through
// physical memory or through G-stage.
template <class Tables>
constexpr Stepped walk_stage(Tables& tables, Stage const& stage, u64 address, Judge const& judge) {
    if (!stage.scheme) {
        constexpr Pte open = Pte::leaf(Hpa{}, {.may = Permissions::all()});
        return Reached{address, u64{1} << 63, open, 0};
    }
    Scheme const scheme = *stage.scheme;
    if (!scheme.reaches(address)) return Refused{};
    u64 table = stage.root;
    unsigned level = scheme.root_level();
    unsigned changed = 0;
    while (true) {
        u64 const at = table + scheme.index(address, level) * scheme.entry_bytes;
        std::variant<u64, WalkFault> const read = tables.read(at, scheme.entry_bytes);
        if (auto const* const fault = std::get_if<WalkFault>(&read)) return *fault;
        Pte pte{*std::get_if<u64>(&read)};
        if (is_malformed(pte, level, stage.extensions)) return Refused{};
        if (!pte.is_leaf()) {
            if (level == 0) return Refused{};
            --level;
            table = pte.target();
            continue;
        }
        if (is_misaligned_leaf(pte, level, scheme) || !judge.allows(pte)) return Refused{};
        Pte const marked{pte.raw | Pte::a::mask | (judge.access == Access::store ? Pte::d::mask : 0)};
        if (marked != pte) {
            if (!stage.updates) return Refused{};  // [norm:svade_access_ad_bit_clear]
            std::variant<bool, WalkFault> const done = tables.update(
                at, scheme.entry_bytes, pte.raw, marked.raw);  // [norm:Svadu_hw_update_a_d_bits]
            if (auto const* const fault = std::get_if<WalkFault>(&done)) return *fault;
            if (!*std::get_if<bool>(&done)) {
                if (++changed == patience)
                    return WalkFault{.kind = WalkFault::Kind::contended, .access = tables.original};
                continue;  // read it again
            }
            pte = marked;
        }
        u64 const bytes = covered_bytes(pte, level, scheme);
        return Reached{pte.target() | (address & (bytes - 1)), bytes, pte, static_cast<u8>(level)};
    }
}

template <PhysicalReader M>
struct PhysicalTables {
    M& memory;
    Access original;
    bool owes_updates = false;

    constexpr WalkFault missing() const {
        return {.kind = WalkFault::Kind::access_fault, .access = original};
    }

    constexpr std::variant<u64, WalkFault> read(u64 at, unsigned bytes) {
        if (bytes == 4) {
            auto const word = memory.read32(Hpa{at});
            if (!word) return missing();
            return u64{*word};
        }
        auto const entry = memory.read64(Hpa{at});
        if (!entry) return missing();
        return *entry;
    }
    constexpr std::variant<bool, WalkFault> update(u64 at, unsigned bytes, u64 from, u64 to) {
        if constexpr (PhysicalUpdater<M>) {
            auto const done =
                bytes == 4 ? memory.compare_exchange32(Hpa{at}, static_cast<u32>(from), static_cast<u32>(to))
                           : memory.compare_exchange64(Hpa{at}, from, to);
            if (!done) return missing();
            return *done;
        } else {
            owes_updates = true;
            return true;
        }
    }
};

// VS-stage tables lie in guest physical memory: each access to one is translated. [norm:H_vm_gstagetrans]
template <PhysicalReader M>
struct GuestTables {
    PhysicalTables<M> memory;
    Stage const& g;
    Access original;

    constexpr std::variant<u64, WalkFault> place(u64 at, unsigned bytes, Access implicit) {
        auto const step = walk_stage(memory, g, at, implicit_judge(implicit));
        if (auto const* const fault = std::get_if<WalkFault>(&step)) return *fault;
        if (auto const* const reached = std::get_if<Reached>(&step)) return reached->address;
        return WalkFault{.kind = WalkFault::Kind::guest_page_fault_on_tables,
                         .access = original,
                         .where = Gpa{at},
                         .writing_tables = implicit == Access::store,
                         .entry_bytes = static_cast<u8>(bytes)};
    }
    constexpr std::variant<u64, WalkFault> read(u64 at, unsigned bytes) {
        auto const where = place(at, bytes, Access::load);
        if (auto const* const address = std::get_if<u64>(&where)) return memory.read(*address, bytes);
        return where;
    }
    constexpr std::variant<bool, WalkFault> update(u64 at, unsigned bytes, u64 from, u64 to) {
        auto const where = place(at, bytes, Access::store);
        if (auto const* const fault = std::get_if<WalkFault>(&where)) return *fault;
        return memory.update(*std::get_if<u64>(&where), bytes, from, to);
    }
};

}  // namespace detail

// One stage from HS-mode or U-mode, or any single tree.
template <class Space, PhysicalReader M>
[[nodiscard]] constexpr Walk walk_one_stage(M& memory, Stage const& stage, Address<Space> at,
                                            Request const& r) {
    detail::PhysicalTables<M> tables{memory, r.access};
    auto const step = detail::walk_stage(tables, stage, at.raw(), detail::first_stage_judge(r));
    if (auto const* const fault = std::get_if<WalkFault>(&step)) return *fault;
    auto const* const reached = std::get_if<detail::Reached>(&step);
    if (reached == nullptr) return WalkFault{.kind = WalkFault::Kind::page_fault, .access = r.access};
    return Leaf{.physical = Hpa{reached->address},
                .guest = Gpa{reached->address},
                .bytes = reached->bytes,
                .may = reached->pte.may(),
                .vs_may = reached->pte.may(),
                .g_may = Permissions::all(),
                .user = Pte::u::get(reached->pte.raw),
                .global = Pte::g::get(reached->pte.raw),
                .dirty = Pte::d::get(reached->pte.raw),
                .type = Pte::pbmt::get(reached->pte.raw),
                .vs_level = reached->level,
                .owes_updates = tables.owes_updates};
}

// A guest virtual address through both stages.                                           [norm:H_vm_twostage]
template <PhysicalReader M>
[[nodiscard]] constexpr Walk walk_two_stages(M& memory, Stage const& vs, Stage const& g, Gva at,
                                             Request const& r) {
    detail::GuestTables<M> tables{{memory, r.access}, g, r.access};
    auto const first = detail::walk_stage(tables, vs, at.raw(), detail::first_stage_judge(r));
    if (auto const* const fault = std::get_if<WalkFault>(&first)) return *fault;
    auto const* const guest = std::get_if<detail::Reached>(&first);
    if (guest == nullptr) return WalkFault{.kind = WalkFault::Kind::page_fault, .access = r.access};

    auto const second = detail::walk_stage(tables.memory, g, guest->address, detail::g_stage_judge(r));
    if (auto const* const fault = std::get_if<WalkFault>(&second)) return *fault;
    auto const* const host = std::get_if<detail::Reached>(&second);
    if (host == nullptr)
        return WalkFault{
            .kind = WalkFault::Kind::guest_page_fault, .access = r.access, .where = Gpa{guest->address}};
    return Leaf{.physical = Hpa{host->address},
                .guest = Gpa{guest->address},
                .bytes = std::min(guest->bytes, host->bytes),
                .may = guest->pte.may() & host->pte.may(),
                .vs_may = guest->pte.may(),
                .g_may = host->pte.may(),
                .user = Pte::u::get(guest->pte.raw),
                .global = Pte::g::get(guest->pte.raw),
                .dirty = Pte::d::get(guest->pte.raw) && Pte::d::get(host->pte.raw),
                .type = combine(Pte::pbmt::get(guest->pte.raw), Pte::pbmt::get(host->pte.raw)),
                .vs_level = guest->level,
                .g_level = host->level,
                .owes_updates = tables.memory.owes_updates};
}

// A guest physical address through G-stage alone, as the guest with VS-stage Bare would use it.
template <PhysicalReader M>
[[nodiscard]] constexpr Walk walk_g_stage(M& memory, Stage const& g, Gpa at, Request const& r) {
    return walk_two_stages(memory, Stage{}, g, Gva{at.raw()}, r);
}

}  // namespace antler::isa
