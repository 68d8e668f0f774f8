// Names of extensions as device trees spell them, and what offering each one to a guest asks of us.
#pragma once

#include <array>
#include <string_view>

#include "isa/features.hpp"

namespace antler::isa {

enum class Offer : u8 {
    freely,      // instructions or promises without state of their own: a guest may have what the hart has
    with_state,  // registers or controls that the hypervisor keeps, switches or opens
    never,       // machine or hypervisor business, or state that Antler does not keep
};

struct Extension {
    std::string_view name;
    Offer offer;
    bool Features::* feature = nullptr;   // the member that this name sets; nothing asks about the others
    bool Features::* rests_on = nullptr;  // what must be offered too, because the state is there
};

// One row a name.  A name that is not here is not offered.
inline constexpr std::array extensions{
    // Single letters.
    Extension{"i", Offer::freely},
    Extension{"m", Offer::freely},
    Extension{"a", Offer::freely},
    Extension{"c", Offer::freely},
    Extension{"b", Offer::freely},
    Extension{"f", Offer::with_state, &Features::f},
    Extension{"d", Offer::with_state, &Features::d},
    Extension{"q", Offer::never, &Features::q},
    Extension{"v", Offer::with_state, &Features::v},
    Extension{"h", Offer::never, &Features::h},
    // Unprivileged, without state.
    Extension{"zaamo", Offer::freely},
    Extension{"zabha", Offer::freely},
    Extension{"zacas", Offer::freely},
    Extension{"zalrsc", Offer::freely},
    Extension{"za64rs", Offer::freely},
    Extension{"za128rs", Offer::freely},
    Extension{"zawrs", Offer::freely, &Features::zawrs},
    Extension{"zama16b", Offer::freely},
    Extension{"zba", Offer::freely},
    Extension{"zbb", Offer::freely},
    Extension{"zbc", Offer::freely},
    Extension{"zbs", Offer::freely},
    Extension{"zbkb", Offer::freely},
    Extension{"zbkc", Offer::freely},
    Extension{"zbkx", Offer::freely},
    Extension{"zca", Offer::freely},
    Extension{"zcb", Offer::freely},
    Extension{"zcd", Offer::freely},
    Extension{"zcf", Offer::freely},
    Extension{"zcmop", Offer::freely},
    Extension{"zic64b", Offer::freely},
    Extension{"ziccamoa", Offer::freely},
    Extension{"ziccif", Offer::freely},
    Extension{"zicclsm", Offer::freely},
    Extension{"ziccrse", Offer::freely},
    Extension{"zicond", Offer::freely},
    Extension{"zicntr", Offer::with_state},  // hcounteren opens it
    Extension{"zicsr", Offer::freely},
    Extension{"zifencei", Offer::freely},
    Extension{"zihintntl", Offer::freely},
    Extension{"zihintpause", Offer::freely},
    Extension{"zimop", Offer::freely},
    Extension{"zknd", Offer::freely},
    Extension{"zkne", Offer::freely},
    Extension{"zknh", Offer::freely},
    Extension{"zksed", Offer::freely},
    Extension{"zksh", Offer::freely},
    Extension{"zkt", Offer::freely},
    Extension{"zmmul", Offer::freely},
    Extension{"ztso", Offer::freely},
    // They live in the floating-point and vector registers, so they come and go with F, D and V.
    Extension{"zfa", Offer::with_state, nullptr, &Features::f},
    Extension{"zfbfmin", Offer::with_state, nullptr, &Features::f},
    Extension{"zfh", Offer::with_state, nullptr, &Features::f},
    Extension{"zfhmin", Offer::with_state, nullptr, &Features::f},
    Extension{"zvbb", Offer::with_state, nullptr, &Features::v},
    Extension{"zvbc", Offer::with_state, nullptr, &Features::v},
    Extension{"zve32f", Offer::with_state, nullptr, &Features::v},
    Extension{"zve32x", Offer::with_state, nullptr, &Features::v},
    Extension{"zve64d", Offer::with_state, nullptr, &Features::v},
    Extension{"zve64f", Offer::with_state, nullptr, &Features::v},
    Extension{"zve64x", Offer::with_state, nullptr, &Features::v},
    Extension{"zvfbfmin", Offer::with_state, nullptr, &Features::v},
    Extension{"zvfbfwma", Offer::with_state, nullptr, &Features::v},
    Extension{"zvfh", Offer::with_state, nullptr, &Features::v},
    Extension{"zvfhmin", Offer::with_state, nullptr, &Features::v},
    Extension{"zvkb", Offer::with_state, nullptr, &Features::v},
    Extension{"zvkg", Offer::with_state, nullptr, &Features::v},
    Extension{"zvkned", Offer::with_state, nullptr, &Features::v},
    Extension{"zvknha", Offer::with_state, nullptr, &Features::v},
    Extension{"zvknhb", Offer::with_state, nullptr, &Features::v},
    Extension{"zvksed", Offer::with_state, nullptr, &Features::v},
    Extension{"zvksh", Offer::with_state, nullptr, &Features::v},
    Extension{"zvkt", Offer::with_state, nullptr, &Features::v},
    // Opened by henvcfg and senvcfg.                    [norm:henvcfg_cbie] [norm:henvcfg_cbcfe]
    // [norm:henvcfg_cbze]
    Extension{"zicbom", Offer::with_state, &Features::zicbom},
    Extension{"zicbop", Offer::freely, &Features::zicbop},
    Extension{"zicboz", Offer::with_state, &Features::zicboz},
    // Supervisor level.
    Extension{"ssaia", Offer::with_state, &Features::aia},  // its interrupt file is not a register
    Extension{"ssccptr", Offer::freely},
    Extension{"sscounterenw", Offer::freely},
    Extension{"ssstrict", Offer::freely},
    Extension{"sstc", Offer::with_state, &Features::sstc},  // [norm:henvcfg_stce]
    Extension{"sstvala", Offer::freely, nullptr, &Features::shvstvala},
    Extension{"sstvecd", Offer::freely, nullptr, &Features::shvstvecd},
    Extension{"ssu64xl", Offer::freely},
    Extension{"svade", Offer::freely, &Features::svade},
    Extension{"svadu", Offer::with_state, &Features::svadu},  // [norm:henvcfg_adue_op]
    Extension{"svbare", Offer::freely},
    Extension{"svinval", Offer::freely, &Features::svinval},
    Extension{"svnapot", Offer::freely, &Features::svnapot},
    Extension{"svpbmt", Offer::with_state, &Features::svpbmt},  // [norm:henvcfg_pbmte_op]
    Extension{"svrsw60t59b", Offer::freely, &Features::svrsw60t59b},
    Extension{"svvptc", Offer::freely, &Features::svvptc},
    // Not given to guests.
    Extension{"smaia", Offer::never, &Features::aia},
    Extension{"smstateen", Offer::never, &Features::hstateen},
    Extension{"ssstateen", Offer::never, &Features::hstateen},
    Extension{"sscofpmf", Offer::never, &Features::sscofpmf},
    Extension{"zihpm", Offer::never},
    Extension{"zkr", Offer::never, &Features::zkr},
    Extension{"shcounterenw", Offer::never, &Features::shcounterenw},
    Extension{"shgatpa", Offer::never, &Features::shgatpa},
    Extension{"shlcofideleg", Offer::never, &Features::shlcofideleg},
    Extension{"shtvala", Offer::never, &Features::shtvala},
    Extension{"shvsatpa", Offer::never, &Features::shvsatpa},
    Extension{"shvstvala", Offer::never, &Features::shvstvala},
    Extension{"shvstvecd", Offer::never, &Features::shvstvecd},
    Extension{"smctr", Offer::never, &Features::smctr},
    Extension{"ssctr", Offer::never, &Features::smctr},
    Extension{"ssdbltrp", Offer::never, &Features::ssdbltrp},
    Extension{"ssnpm", Offer::never, &Features::ssnpm},
    Extension{"ssqosid", Offer::never, &Features::ssqosid},
    Extension{"zcmt", Offer::never, &Features::zcmt},
    Extension{"zicfilp", Offer::never, &Features::zicfilp},
    Extension{"zicfiss", Offer::never, &Features::zicfiss},
};

[[nodiscard]] constexpr Extension const* find_extension(std::string_view name) {
    for (auto const& row : extensions)
        if (row.name == name) return &row;
    return nullptr;
}

// May a guest with these features be told of `name`, given that the hart has it?
[[nodiscard]] constexpr bool is_offered(std::string_view name, Features const& guest) {
    auto const* const row = find_extension(name);
    if (row == nullptr || row->offer == Offer::never) return false;
    return (row->feature == nullptr || guest.*(row->feature)) &&
           (row->rests_on == nullptr || guest.*(row->rests_on));
}

// Notes that the hart (or its device tree) names an extension.  Unknown names change nothing.
constexpr void note_extension(Features& features, std::string_view name) {
    if (name == "sha") {  // the hypervisor bundle of RVA23 says all of these at once
        for (auto const part :
             {"h", "ssstateen", "shcounterenw", "shvstvala", "shtvala", "shvstvecd", "shvsatpa", "shgatpa"})
            note_extension(features, part);
        return;
    }
    if (auto const* const row = find_extension(name); row != nullptr && row->feature != nullptr)
        features.*(row->feature) = true;
}

// The same features without an extension and what rests on it; false when the name means nothing here.
constexpr bool hide_extension(Features& features, std::string_view name) {
    auto const* const row = find_extension(name);
    if (row == nullptr) return false;
    if (row->feature == nullptr) return true;
    features.*(row->feature) = false;
    if (!features.f) features.d = false;
    if (!features.d) features.q = features.v = false;
    if (!features.v) features.vector_bytes = 0;
    if (!features.zicbom) features.cbom_block = 0;
    if (!features.zicboz) features.cboz_block = 0;
    if (!features.zicbop) features.cbop_block = 0;
    return true;
}

// Takes an old riscv,isa string apart: `rv64imafdcvh_zicbom_sstc`.  Calls `each` with lower-case names; an
// extension's version ("zicbom1p0") is not part of the strings that boards carry, and is not understood.
// False: this is not an ISA string.
template <class Each>
constexpr bool for_each_extension(std::string_view isa, Each each) {
    if (!isa.starts_with("rv32") && !isa.starts_with("rv64")) return false;
    isa.remove_prefix(4);
    while (!isa.empty() && isa.front() != '_') {
        // Multi-letter names may follow the letters without a bar.
        if (isa.front() == 'z' || isa.front() == 's' || isa.front() == 'x') break;
        if (isa.front() == 'g') {
            for (auto const name : {"i", "m", "a", "f", "d", "zicsr", "zifencei"})
                each(std::string_view{name});
        } else {
            each(isa.substr(0, 1));
        }
        isa.remove_prefix(1);
    }
    while (!isa.empty()) {
        auto const name = isa.substr(0, isa.find('_'));
        if (!name.empty()) each(name);
        isa.remove_prefix(name.size() == isa.size() ? name.size() : name.size() + 1);
    }
    return true;
}

namespace detail {
consteval bool extension_names_are_distinct() {
    for (auto a = extensions.begin(); a != extensions.end(); ++a)
        for (auto b = a + 1; b != extensions.end(); ++b)
            if (a->name == b->name) return false;
    return true;
}
consteval Features features_of(std::string_view isa) {
    Features f{};
    for_each_extension(isa, [&](std::string_view name) { note_extension(f, name); });
    return f;
}
}  // namespace detail
static_assert(detail::extension_names_are_distinct());
static_assert(!detail::features_of("rv64imac_zfh").f && !is_offered("zvbb", Features{}) &&
              is_offered("zvbb", Features::all()));
static_assert(detail::features_of("rv64imafdcvh_zicbom_sstc").zicbom && detail::features_of("rv64gch").d);
static_assert(detail::features_of("rv64imafdch_sha_svadu").shgatpa && !detail::features_of("rv64imac").f);
static_assert(is_offered("zba", Features{}) && !is_offered("h", Features::all()) &&
              !is_offered("sstc", Features{}));

}  // namespace antler::isa
