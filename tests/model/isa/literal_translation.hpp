// The manual's translation algorithm, written down step by step a second time, with nothing shared with
// isa/walk.hpp.
//
// supervisor.adoc "Virtual Address Translation Process" with the words of its Sv39, Sv48, Sv57, Svnapot,
// Svpbmt and Svadu sections, and hypervisor.adoc "Two-Stage Address Translation" with the four exceptions it
// makes for G-stage.  Slow and plain on purpose.
#pragma once

#include <cstdint>

namespace literal {

using std::uint64_t;

enum class AccessType { instruction, load, store };
enum class What { success, page_fault, guest_page_fault, access_fault };

// The registers and facts that the text refers to.
struct Machine {
    // vsatp (or satp), and its extensions as seen by this stage
    int first_mode = 0;  // 0 Bare, 32, 39, 48, 57
    uint64_t first_ppn = 0;
    bool first_svade = true;  // false: hardware updates A and D
    bool first_svpbmt = false;
    // hgatp
    int g_mode = 0;
    uint64_t g_ppn = 0;
    bool g_svade = true;
    bool g_svpbmt = false;
    bool svnapot = false;
    bool svrsw60t59b = false;
    bool two_stages = true;
};

struct Attempt {
    AccessType type = AccessType::load;
    bool privilege_is_user = false;
    bool vsstatus_sum = false;
    bool vsstatus_mxr = false;
    bool sstatus_mxr = false;
    bool hlvx = false;
};

struct Answer {
    What what = What::success;
    uint64_t physical = 0;
    uint64_t guest_physical = 0;
    uint64_t first_pte = 0, g_pte = 0;  // the leaves as used; zero where the stage is Bare
    int first_i = 0, g_i = 0;
    // for guest-page faults
    uint64_t faulting_gpa = 0;
    bool implicit = false;
    bool implicit_is_write = false;
};

inline uint64_t bits_of(uint64_t value, int high, int low) {
    uint64_t result = 0;
    for (int bit = high; bit >= low; --bit) result = result * 2 + ((value >> bit) & 1);
    return result;
}

inline int LEVELS_of(int mode) {
    switch (mode) {
        case 32: return 2;
        case 39: return 3;
        case 48: return 4;
        default: return 5;
    }
}
inline int PTESIZE_of(int mode) {
    return mode == 32 ? 4 : 8;
}

// va.vpn[i]; at the root of an x4 scheme two bits wider.
inline uint64_t vpn(uint64_t va, int mode, int i, bool x4) {
    int const per_level = mode == 32 ? 10 : 9;
    int const low = 12 + i * per_level;
    int high = low + per_level - 1;
    if (x4 && i == LEVELS_of(mode) - 1) high += 2;
    return bits_of(va, high, low);
}
// pte.ppn[i..j] and the same for addresses: the highest part takes what is left.
inline uint64_t ppn_part(uint64_t ppn, int mode, int i) {
    int const per_level = mode == 32 ? 10 : 9;
    int const low = i * per_level;
    if (i == LEVELS_of(mode) - 1) return bits_of(ppn, mode == 32 ? 21 : 43, low);
    return bits_of(ppn, low + per_level - 1, low);
}

// Memory must have: bool exists(address), uint64_t read(address, size, stage, level), void write(address,
// size, value).
template <class Memory>
class Translation {
public:
    Translation(Memory& memory, Machine const& machine, Attempt const& attempt)
        : memory_{memory}, machine_{machine}, attempt_{attempt} {}

    Answer translate(uint64_t va) {
        Answer answer;
        uint64_t gpa = va;
        if (machine_.first_mode != 0) {
            Part const first = algorithm(va, false, attempt_.type, true);
            if (first.what != What::success) return fault(first);
            gpa = first.pa;
            answer.first_pte = first.pte;
            answer.first_i = first.i;
        }
        answer.guest_physical = gpa;
        answer.physical = gpa;
        if (machine_.two_stages && machine_.g_mode != 0) {
            Part const second = algorithm(gpa, true, attempt_.type, true);
            if (second.what == What::guest_page_fault) {
                answer.what = What::guest_page_fault;
                answer.faulting_gpa = gpa;
                return answer;
            }
            if (second.what != What::success) return fault(second);
            answer.physical = second.pa;
            answer.g_pte = second.pte;
            answer.g_i = second.i;
        }
        return answer;
    }

private:
    struct Part {
        What what = What::success;
        uint64_t pa = 0;
        uint64_t pte = 0;
        int i = 0;
        uint64_t gpa = 0;
        bool implicit = false, write = false;
    };

    static Answer fault(Part const& part) {
        Answer answer;
        answer.what = part.what;
        answer.faulting_gpa = part.gpa;
        answer.implicit = part.implicit;
        answer.implicit_is_write = part.write;
        return answer;
    }

    // An implicit access of VS-stage goes through G-stage alone: "subject to G-stage address translation
    // alone ... permissions and the need to set A and/or D bits at the G-stage level are checked as though
    // for an implicit load or store, not for the original access type".
    Part implicit_address(uint64_t address, AccessType type) {
        Part result;
        result.pa = address;
        if (!machine_.two_stages || machine_.g_mode == 0) return result;
        result = algorithm(address, true, type, false);
        if (result.what == What::guest_page_fault) {
            result.gpa = address;
            result.implicit = true;
            result.write = type == AccessType::store;
        }
        return result;
    }

    Part algorithm(uint64_t va, bool is_g_stage, AccessType type, bool is_explicit) {
        int const mode = is_g_stage ? machine_.g_mode : machine_.first_mode;
        int const LEVELS = LEVELS_of(mode);
        int const PTESIZE = PTESIZE_of(mode);
        Part const stop_with_page_fault{is_g_stage ? What::guest_page_fault : What::page_fault};
        Part const stop_with_access_fault{What::access_fault};

        // "must have bits 63-39 all equal to bit 38, or else a page-fault exception will occur";
        // "Address bits 63:41 must all be zeros, or else a guest-page-fault exception occurs."
        if (mode != 32) {
            if (is_g_stage) {
                if (bits_of(va, 63, mode + 2) != 0) return stop_with_page_fault;
            } else {
                for (int bit = mode; bit <= 63; ++bit)
                    if (bits_of(va, bit, bit) != bits_of(va, mode - 1, mode - 1)) return stop_with_page_fault;
            }
        }

        // 1.
        uint64_t a = (is_g_stage ? machine_.g_ppn : machine_.first_ppn) * 4096;
        int i = LEVELS - 1;

    step2:
        uint64_t const pte_address = a + vpn(va, mode, i, is_g_stage) * static_cast<uint64_t>(PTESIZE);
        uint64_t where = pte_address;
        if (!is_g_stage) {
            Part const placed = implicit_address(pte_address, AccessType::load);
            if (placed.what != What::success) return placed;
            where = placed.pa;
        }
        if (!memory_.exists(where)) return stop_with_access_fault;
        uint64_t const stored = memory_.read(where, PTESIZE, is_g_stage, i);
        uint64_t pte = stored;

        bool const pte_v = bits_of(pte, 0, 0), pte_r = bits_of(pte, 1, 1), pte_w = bits_of(pte, 2, 2);
        bool const pte_x = bits_of(pte, 3, 3), pte_u = bits_of(pte, 4, 4), pte_a = bits_of(pte, 6, 6);
        bool const pte_d = bits_of(pte, 7, 7);

        // 3.
        if (!pte_v) return stop_with_page_fault;
        if (!pte_r && pte_w) return stop_with_page_fault;
        bool const is_pointer = !pte_r && !pte_x;
        if (mode != 32) {
            bool const svpbmt = is_g_stage ? machine_.g_svpbmt : machine_.first_svpbmt;
            uint64_t const N = bits_of(pte, 63, 63), PBMT = bits_of(pte, 62, 61);
            // "Bits 60-54 are reserved for future standard use"
            if (bits_of(pte, 58, 54) != 0) return stop_with_page_fault;
            if (bits_of(pte, 60, 59) != 0 && !machine_.svrsw60t59b) return stop_with_page_fault;
            // "If Svnapot is not implemented, bit 63 remains reserved"
            if (N == 1 && !machine_.svnapot) return stop_with_page_fault;
            // "If Svpbmt is not implemented, bits 62-61 remain reserved"
            if (PBMT != 0 && !svpbmt) return stop_with_page_fault;
            // "For non-leaf PTEs, bits 62-61 are reserved"; "For leaf PTEs, setting bits 62-61 to the value 3
            // is reserved"
            if (is_pointer && PBMT != 0) return stop_with_page_fault;
            if (!is_pointer && PBMT == 3) return stop_with_page_fault;
            if (N == 1) {
                // The table: only i = 0 with ppn[0] = x xxxx 1000 is not reserved.
                if (is_pointer || i >= 1 || bits_of(pte, 13, 10) != 8) return stop_with_page_fault;
                // "implicit reads of a NAPOT PTE return a copy of pte in which pte.ppn[i][pte.napot_bits-1:0]
                // is replaced by vpn[i][pte.napot_bits-1:0]"
                pte = (pte & ~(uint64_t{0xf} << 10)) | (bits_of(vpn(va, mode, 0, is_g_stage), 3, 0) << 10);
            }
        }
        // "For non-leaf PTEs, the D, A, and U bits are reserved for future standard use."
        if (is_pointer && (pte_d || pte_a || pte_u)) return stop_with_page_fault;

        uint64_t const ppn = mode == 32 ? bits_of(pte, 31, 10) : bits_of(pte, 53, 10);

        // 4.
        if (is_pointer) {
            i = i - 1;
            if (i < 0) return stop_with_page_fault;
            a = ppn * 4096;
            goto step2;
        }

        // 5.
        for (int j = i - 1; j >= 0; --j)
            if (ppn_part(ppn, mode, j) != 0) return stop_with_page_fault;

        // 6.  "when checking the U bit, the current privilege mode is always taken to be U-mode" at G-stage
        bool const user = is_g_stage || attempt_.privilege_is_user;
        if (user && !pte_u) return stop_with_page_fault;
        if (!user && pte_u) {
            if (type == AccessType::instruction) return stop_with_page_fault;
            if (!attempt_.vsstatus_sum) return stop_with_page_fault;
        }

        // 7. concerns shadow stacks, which do not exist here.

        // 8.
        bool allowed = false;
        if (type == AccessType::instruction) allowed = pte_x;
        if (type == AccessType::store) allowed = pte_w;
        if (type == AccessType::load) {
            // MXR at VS-level "only overrides VS-stage page protection"; at HS-level it "overrides both".
            // Only explicit loads.
            bool const mxr = is_explicit && (attempt_.sstatus_mxr || (!is_g_stage && attempt_.vsstatus_mxr));
            allowed = pte_r || (mxr && pte_x);
            // "execute permission takes the place of read permission during address translation"
            if (is_explicit && attempt_.hlvx) allowed = pte_x;
        }
        if (!allowed) return stop_with_page_fault;

        // 9.
        if (!pte_a || (type == AccessType::store && !pte_d)) {
            bool const svade = is_g_stage ? machine_.g_svade : machine_.first_svade;
            if (svade) return stop_with_page_fault;
            uint64_t update = pte_address;
            if (!is_g_stage) {
                Part const placed = implicit_address(pte_address, AccessType::store);
                if (placed.what != What::success) return placed;
                update = placed.pa;
            }
            if (!memory_.exists(update)) return stop_with_access_fault;
            if (memory_.read(update, PTESIZE, is_g_stage, i) != stored) goto step2;
            uint64_t value = stored | (uint64_t{1} << 6);
            if (type == AccessType::store) value |= uint64_t{1} << 7;
            memory_.write(update, PTESIZE, value);
            pte |= value & 0xc0;
        }

        // 10.
        uint64_t pa_ppn = 0;
        int const per_level = mode == 32 ? 10 : 9;
        for (int j = 0; j < LEVELS; ++j) {
            uint64_t const part = j < i ? vpn(va, mode, j, is_g_stage) : ppn_part(ppn, mode, j);
            pa_ppn |= part << (j * per_level);
        }
        return Part{What::success, pa_ppn * 4096 + bits_of(va, 11, 0), pte, i, 0, false, false};
    }

    Memory& memory_;
    Machine const& machine_;
    Attempt const& attempt_;
};

}  // namespace literal
