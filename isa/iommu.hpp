// The registers of an IOMMU.  They fill a page, and all are little-endian.
#pragma once

#include "base/address.hpp"
#include "base/field.hpp"
#include "base/types.hpp"
#include "isa/csr_translation.hpp"

namespace antler::isa::iommu {

// Offsets; those of eight bytes are read and written whole or as two words.         [iommu Register layout]
inline constexpr u32 capabilities = 0x000;  // 64 bits
inline constexpr u32 fctl = 0x008;
inline constexpr u32 ddtp = 0x010;  // 64 bits
inline constexpr u32 cqb = 0x018;   // 64 bits
inline constexpr u32 cqh = 0x020, cqt = 0x024;
inline constexpr u32 fqb = 0x028;  // 64 bits
inline constexpr u32 fqh = 0x030, fqt = 0x034;
inline constexpr u32 cqcsr = 0x048, fqcsr = 0x04c, pqcsr = 0x050;
inline constexpr u32 ipsr = 0x054;
inline constexpr u32 icvec = 0x2f8;        // 64 bits
inline constexpr u32 msi_cfg_tbl = 0x300;  // + 16 * vector: an address, a word of data, a word with the mask
inline constexpr u32 register_bytes = 0x1000;

struct Capabilities {                 // [iommu capabilities]
    using version = Field<7, 0, u8>;  // 0x10 is 1.0
    using svpbmt = Field<15>;
    using sv32x4 = Field<16>;
    using sv39x4 = Field<17>;
    using sv48x4 = Field<18>;
    using sv57x4 = Field<19>;
    using amo_mrif = Field<21>;
    using msi_flat = Field<22>;
    using msi_mrif = Field<23>;
    using amo_hwad = Field<24>;
    using ats = Field<25>;
    using end = Field<27>;
    using igs = Field<29, 28, u8>;
    using pas = Field<37, 32, u8>;
    static constexpr u8 igs_messages = 0;
    static constexpr u8 igs_wires = 1;
    static constexpr u8 igs_both = 2;
    u64 raw{};

    [[nodiscard]] constexpr u8 major() const { return static_cast<u8>(version::get(raw) >> 4); }
    [[nodiscard]] constexpr u8 minor() const { return version::get(raw) & 0xf; }
    // The special treatment of MSIs makes entries of the directory twice as large.           [iommu DDT]
    [[nodiscard]] constexpr bool extended() const { return msi_flat::get(raw); }
    [[nodiscard]] constexpr bool supports(GStageMode mode) const {
        switch (mode) {
            case GStageMode::bare: return true;
            case GStageMode::sv32x4: return sv32x4::get(raw);
            case GStageMode::sv39x4: return sv39x4::get(raw);
            case GStageMode::sv48x4: return sv48x4::get(raw);
            case GStageMode::sv57x4: return sv57x4::get(raw);
        }
        return false;
    }
    friend constexpr bool operator==(Capabilities, Capabilities) = default;
};

struct Fctl {  // [iommu fctl]
    using be = Field32<0>;
    using wsi = Field32<1>;  // interrupts by wires
    using gxl = Field32<2>;  // trees of harts whose XLEN is 32
    u32 raw{};
};

enum class DirectoryMode : u8 {  // [iommu ddtp]
    off = 0,                     // no device reaches memory
    bare = 1,                    // every device reaches all of it
    one_level = 2,
    two_levels = 3,
    three_levels = 4,
};

struct Ddtp {
    using mode = Field<3, 0, DirectoryMode>;
    using busy = Field<4>;
    using ppn = Field<53, 10>;
    u64 raw{};
    static constexpr Ddtp of(DirectoryMode m, Hpa root) {
        return {mode::set(ppn::set(0, root.raw() >> 12), m)};
    }
    [[nodiscard]] constexpr Hpa root() const { return Hpa{ppn::get(raw) << 12}; }
    friend constexpr bool operator==(Ddtp, Ddtp) = default;
};

// cqb and fqb: where a queue lies, of how many entries.                                     [iommu cqb, fqb]
struct QueueBase {
    using log2_entries_less_one = Field<4, 0, u32>;
    using ppn = Field<53, 10>;
    u64 raw{};
    static constexpr QueueBase of(Hpa at, u32 log2_entries) {
        return {log2_entries_less_one::set(ppn::set(0, at.raw() >> 12), log2_entries - 1)};
    }
    [[nodiscard]] constexpr u32 entries() const { return 2u << log2_entries_less_one::get(raw); }
    [[nodiscard]] constexpr Hpa start() const { return Hpa{ppn::get(raw) << 12}; }
};

struct Cqcsr {  // [iommu cqcsr]
    using cqen = Field32<0>;
    using cie = Field32<1>;
    using cqmf = Field32<8>;      // memory that the queue needs cannot be reached
    using cmd_to = Field32<9>;    // a device did not answer
    using cmd_ill = Field32<10>;  // an illegal command
    using fence_w_ip = Field32<11>;
    using cqon = Field32<16>;
    using busy = Field32<17>;
    // Writing a one clears them, and commands are fetched again.
    static constexpr u32 errors = cqmf::mask | cmd_to::mask | cmd_ill::mask;
    u32 raw{};
};

struct Fqcsr {  // [iommu fqcsr]
    using fqen = Field32<0>;
    using fie = Field32<1>;
    using fqmf = Field32<8>;
    using fqof = Field32<9>;  // records were lost, and are until this is cleared
    using fqon = Field32<16>;
    using busy = Field32<17>;
    static constexpr u32 errors = fqmf::mask | fqof::mask;
    u32 raw{};
};

struct Ipsr {  // a one that is written clears                                                 [iommu ipsr]
    using cip = Field32<0>;
    using fip = Field32<1>;
    using pmip = Field32<2>;
    using pip = Field32<3>;
    u32 raw{};
};

// Which wire or which line of msi_cfg_tbl each kind of interrupt uses.                       [iommu icvec]
struct Icvec {
    using civ = Field<3, 0, u8>;
    using fiv = Field<7, 4, u8>;
    using pmiv = Field<11, 8, u8>;
    using piv = Field<15, 12, u8>;
    u64 raw{};
};

// A line of msi_cfg_tbl.                                                               [iommu msi_cfg_tbl]
inline constexpr u32 message_bytes = 16;
inline constexpr u32 message_address = 0, message_data = 8, message_control = 12;
inline constexpr u32 message_masked = 1;  // of its control

static_assert(Ddtp::of(DirectoryMode::two_levels, Hpa{0x8020'1000}).raw == (u64{0x80201} << 10 | 3));
static_assert(QueueBase::of(Hpa{0x8020'1000}, 8).raw == (u64{0x80201} << 10 | 7));
static_assert(QueueBase{7}.entries() == 256);
static_assert(Capabilities{u64{1} << 22 | 0x10}.extended() && Capabilities{0x10}.major() == 1);

}  // namespace antler::isa::iommu
