// A guest's own page tables, identity-mapped while they are built: Sv39, Sv48 or Sv57.
#pragma once

#include "guests/lib/guest.hpp"

namespace antler::guests {

namespace pte {
inline constexpr u64 v = 1, r = 2, w = 4, x = 8, u = 16, g = 32, a = 64, d = 128;
inline constexpr u64 n = u64{1} << 63;  // Svnapot
inline constexpr u64 rwx = r | w | x | a | d | v;
inline constexpr u64 rw = r | w | a | d | v;
}  // namespace pte

enum class PagingMode : u8 { bare = 0, sv39 = 8, sv48 = 9, sv57 = 10 };

[[nodiscard]] constexpr unsigned levels_of(PagingMode mode) {
    return mode == PagingMode::bare ? 0 : static_cast<unsigned>(mode) - 5;
}

class PageTable {
public:
    explicit PageTable(PagingMode mode) : mode_{mode}, root_{fresh()} {}

    // A leaf for `address` at `level` (0 is 4 KiB, 1 is 2 MiB, 2 is 1 GiB) with these bits, whatever they
    // say.
    void map(u64 address, u64 physical, u64 bits, unsigned level = 0) {
        *slot(address, level) = physical >> 12 << 10 | bits;
    }
    void map_identity(u64 address, u64 bits, unsigned level) { map(address, address, bits, level); }

    // The entry for `address` at `level`; tables above it are made.
    [[nodiscard]] u64 volatile* slot(u64 address, unsigned level) {
        auto table = root_;
        for (auto at = levels_of(mode_) - 1;; --at) {
            auto* const entry = reinterpret_cast<u64 volatile*>(table) + (address >> (12 + 9 * at) & 511);
            if (at == level) return entry;
            if ((*entry & pte::v) == 0) *entry = fresh() >> 12 << 10 | pte::v;
            table = *entry >> 10 << 12;
        }
    }

    [[nodiscard]] u64 satp(u64 asid = 0) const {
        return static_cast<u64>(mode_) << 60 | asid << 44 | root_ >> 12;
    }
    [[nodiscard]] u64 root() const { return root_; }

    // The guest itself and the devices below it, where they are.
    void map_machine() {
        constexpr u64 gib = 1 << 30;
        map_identity(0, pte::rw | pte::g, 2);
        for (u64 at = guest().ram.start.raw() & ~(gib - 1); at < guest().ram.end().raw(); at += gib)
            map_identity(at, pte::rwx | pte::g, 2);
    }

private:
    static u64 fresh() {
        auto const page = take_pages(1);
        for (u64 i = 0; i < page_bytes; i += 8) store<u64>(page + i, 0);
        return page;
    }
    PagingMode mode_;
    u64 root_;
};

// Turns paging on; false if the hart does not have the mode, which then leaves satp as it was.
// [norm:satp_mode_op_unsupported]
[[nodiscard]] inline bool turn_on(u64 satp) {
    csr::satp::write(satp);
    sfence_vma();
    return csr::satp::read() == satp;
}
inline void turn_off_paging() {
    csr::satp::write(0);
    sfence_vma();
}

}  // namespace antler::guests
