// What a hart can do, or what a guest may believe it can, found out once and passed as a value.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "isa/csr_translation.hpp"

namespace antler::isa {

struct Features {
    // Address translation.
    bool sv32{}, sv39{}, sv48{}, sv57{};          // one-stage and VS-stage              [norm:satp_mode]
    bool sv32x4{}, sv39x4{}, sv48x4{}, sv57x4{};  // G-stage                        [norm:hgatp_mode_sv]
    bool svnapot{}, svpbmt{}, svinval{};
    bool svade{}, svadu{};  // faults for A and D; hardware can write them
    bool svvptc{}, svrsw60t59b{};
    // Interrupts, time, counters.
    bool sstc{}, aia{}, sscofpmf{}, shlcofideleg{};
    // The hypervisor extension and what it promises beyond the base.
    bool h{}, henvcfg{}, hstateen{};
    bool shtvala{}, shvstvala{}, shvstvecd{}, shvsatpa{}, shgatpa{}, shcounterenw{};
    // State of its own that somebody has to keep.
    bool f{}, d{}, q{}, v{}, zkr{};
    // Cache blocks and waiting.
    bool zicbom{}, zicboz{}, zicbop{}, zawrs{};
    // Extensions whose state Antler does not keep, known so that they can be kept shut.
    bool zicfilp{}, zicfiss{}, ssnpm{}, ssdbltrp{}, smctr{}, zcmt{}, ssqosid{};

    u8 vmid_bits{};  // implemented bits of hgatp.VMID, may be zero          [norm:hgatp_vmid]
    u8 asid_bits{};  // implemented bits of satp.ASID, may be zero               [norm:asidlen]
    u8 geilen{};     // guest interrupt files of this hart                        [norm:geilen]
    u16 cbom_block{}, cboz_block{},
        cbop_block{};    // bytes, zero without the extension [norm:cache_block_size]
    u32 vector_bytes{};  // vlenb
    u32 counters{};      // which of hpmcounter31 to cycle hcounteren can open [norm:hcounteren_warl]

    [[nodiscard]] constexpr bool supports(StageMode m) const {
        switch (m) {
            case StageMode::bare: return true;
            case StageMode::sv32: return sv32;
            case StageMode::sv39: return sv39;
            case StageMode::sv48: return sv48;
            case StageMode::sv57: return sv57;
        }
        return false;  // a reserved encoding
    }
    [[nodiscard]] constexpr bool supports(GStageMode m) const {
        switch (m) {
            case GStageMode::bare: return true;
            case GStageMode::sv32x4: return sv32x4;
            case GStageMode::sv39x4: return sv39x4;
            case GStageMode::sv48x4: return sv48x4;
            case GStageMode::sv57x4: return sv57x4;
        }
        return false;
    }
    // The smallest paged scheme that reaches `bits` of guest physical address; bare when none does.
    [[nodiscard]] constexpr GStageMode gstage_for(unsigned address_bits) const {
        if (address_bits <= 34 && sv32x4) return GStageMode::sv32x4;
        if (address_bits <= 41 && sv39x4) return GStageMode::sv39x4;
        if (address_bits <= 50 && sv48x4) return GStageMode::sv48x4;
        if (address_bits <= 59 && sv57x4) return GStageMode::sv57x4;
        return GStageMode::bare;
    }

    // What both have: a hart's features under a VM's wishes, or the features common to two harts.
    [[nodiscard]] constexpr Features masked_by(Features const& other) const;

    // Everything, with room to spare: for tests and as a mask that hides nothing.
    [[nodiscard]] static constexpr Features all();

    friend constexpr bool operator==(Features const&, Features const&) = default;
};

// Every yes-or-no member, so that nothing that walks over the features can forget one.
inline constexpr std::array feature_flags{
    &Features::sv32,
    &Features::sv39,
    &Features::sv48,
    &Features::sv57,
    &Features::sv32x4,
    &Features::sv39x4,
    &Features::sv48x4,
    &Features::sv57x4,
    &Features::svnapot,
    &Features::svpbmt,
    &Features::svinval,
    &Features::svade,
    &Features::svadu,
    &Features::svvptc,
    &Features::svrsw60t59b,
    &Features::sstc,
    &Features::aia,
    &Features::sscofpmf,
    &Features::shlcofideleg,
    &Features::h,
    &Features::henvcfg,
    &Features::hstateen,
    &Features::shtvala,
    &Features::shvstvala,
    &Features::shvstvecd,
    &Features::shvsatpa,
    &Features::shgatpa,
    &Features::shcounterenw,
    &Features::f,
    &Features::d,
    &Features::q,
    &Features::v,
    &Features::zkr,
    &Features::zicbom,
    &Features::zicboz,
    &Features::zicbop,
    &Features::zawrs,
    &Features::zicfilp,
    &Features::zicfiss,
    &Features::ssnpm,
    &Features::ssdbltrp,
    &Features::smctr,
    &Features::zcmt,
    &Features::ssqosid,
};
static_assert(offsetof(Features, vmid_bits) == feature_flags.size());  // one bool, one row

constexpr Features Features::masked_by(Features const& other) const {
    Features both = *this;
    for (auto const flag : feature_flags) both.*flag = this->*flag && other.*flag;
    both.vmid_bits = std::min(vmid_bits, other.vmid_bits);
    both.asid_bits = std::min(asid_bits, other.asid_bits);
    both.geilen = std::min(geilen, other.geilen);
    // A block size or vector length that differs cannot be told to a guest at all, so the mask's only hides.
    if (other.cbom_block == 0) both.cbom_block = 0;
    if (other.cboz_block == 0) both.cboz_block = 0;
    if (other.cbop_block == 0) both.cbop_block = 0;
    if (other.vector_bytes == 0) both.vector_bytes = 0;
    both.counters = counters & other.counters;
    return both;
}

constexpr Features Features::all() {
    Features everything{};
    for (auto const flag : feature_flags) everything.*flag = true;
    everything.vmid_bits = 14;
    everything.asid_bits = 16;
    everything.geilen = 63;
    everything.cbom_block = everything.cboz_block = everything.cbop_block = 64;
    everything.vector_bytes = 32;
    everything.counters = ~u32{0};
    return everything;
}

static_assert(Features::all().supports(GStageMode::sv57x4) && !Features{}.supports(GStageMode::sv39x4));
static_assert(!Features::all().supports(GStageMode{2}) && Features{}.supports(StageMode::bare));
static_assert(Features::all().masked_by(Features{}) == Features{});
static_assert(Features::all().masked_by(Features::all()) == Features::all());

}  // namespace antler::isa
