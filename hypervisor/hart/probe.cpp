// Write, read back, restore: the only questions a hart answers about itself.
#include "hart/probe.hpp"

#include <bit>

#include "hart/csr.hpp"
#include "hart/float_vector.hpp"
#include "hart/guarded_csr.hpp"

namespace antler::hart {
namespace {

using isa::Features;
using isa::GStageMode;
using isa::StageMode;
using seed = Csr<u64, 0x015>;
using vstopi = Csr<u64, 0xeb0>;

bool keeps_mode(GStageMode mode) {
    auto const kept = try_bits<csr::hgatp>(isa::Hgatp::of(mode, 0, Hpa{}).raw);
    return kept && isa::Hgatp::mode::get(*kept) == mode;
}

// vsatp keeps any value in HS-mode only if its mode is legal.   [norm:vsatp_mode_unsupported_v0]
bool keeps_mode(StageMode mode) {
    auto const kept = try_bits<csr::vsatp>(isa::Vsatp::of(mode, 0, Gpa{}).raw);
    return kept && isa::Vsatp::mode::get(*kept) == mode;
}

void ask_translation(Features& found) {
    found.sv39x4 = keeps_mode(GStageMode::sv39x4);
    found.sv48x4 = keeps_mode(GStageMode::sv48x4);
    found.sv57x4 = keeps_mode(GStageMode::sv57x4);
    found.sv39 = keeps_mode(StageMode::sv39);
    found.sv48 = keeps_mode(StageMode::sv48);
    found.sv57 = keeps_mode(StageMode::sv57);
    auto const vmid = try_bits<csr::hgatp>(isa::Hgatp::vmid::mask).value_or(0);
    found.vmid_bits = static_cast<u8>(std::popcount(isa::Hgatp::vmid::get(vmid)));
    auto const asid = try_bits<csr::vsatp>(isa::Vsatp::of(StageMode::sv39, 0xffff, Gpa{}).raw).value_or(0);
    found.asid_bits = static_cast<u8>(std::popcount(isa::Vsatp::asid::get(asid)));
}

void ask_environment(Features& found) {
    using E = isa::Henvcfg;
    auto const kept = try_bits<csr::henvcfg>(~u64{0});
    found.henvcfg = kept.has_value();
    auto const bits = kept.value_or(0);
    found.sstc = E::stce::get(bits) && try_read<csr::stimecmp>().has_value();
    found.svpbmt = E::pbmte::get(bits);
    found.svadu = E::adue::get(bits);
    found.zicboz = found.zicboz && E::cbze::get(bits);
    found.zicbom = found.zicbom && E::cbcfe::get(bits);
    found.hstateen = try_read<csr::hstateen0>().has_value();
}

void ask_units(Features& found) {
    using S = isa::Sstatus;
    auto const kept =
        try_bits<csr::sstatus>(csr::sstatus::read_raw() | S::fs::mask | S::vs::mask).value_or(0);
    found.f = S::fs::get(kept) != isa::ContextStatus::off;
    found.d = found.d && found.f;
    found.v = found.v && S::vs::get(kept) != isa::ContextStatus::off;
    found.vector_bytes = 0;
    if (!found.v) return;
    csr::sstatus::set_bits(S::vs::mask);
    found.vector_bytes = static_cast<u32>(vector_register_bytes());
}

}  // namespace

Features probe(Features told) {
    auto found = told;
    found.h = try_read<csr::hgatp>().has_value();
    if (!found.h) return found;
    ask_translation(found);
    ask_environment(found);
    ask_units(found);
    auto const files = try_bits<csr::hgeie>(~u64{0}).value_or(0);
    found.geilen = static_cast<u8>(std::popcount(files));
    found.aia = found.aia && try_read<vstopi>().has_value() && try_read<csr::vsiselect>().has_value();
    found.counters = static_cast<u32>(try_bits<csr::hcounteren>(0xffff'ffff).value_or(0));
    return found;
}

u32 read_seed(u16* into, u32 count) {
    using status = Field<31, 30, u8>;
    constexpr u8 es16 = 2;  // sixteen bits of entropy are there   [norm:seed_entropy_unique]
    constexpr u32 most_tries = 1000;
    u32 got = 0;
    for (u32 tries = 0; got < count && tries < most_tries; ++tries) {
        auto const value = try_swap<seed>(0);
        if (!value) return 0;
        if (status::get(*value) == es16) into[got++] = static_cast<u16>(*value);
    }
    return got;
}

}  // namespace antler::hart
