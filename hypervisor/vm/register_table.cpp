// The rows.
#include "vm/register_table.hpp"

#include <algorithm>
#include <array>

#include "isa/csr.hpp"
#include "isa/extensions.hpp"
#include "isa/legalize.hpp"
#include "vm/vm.hpp"

namespace antler::vm {
namespace {

using isa::Features;
using Kind = RegisterClass;
namespace number = isa::csr_number;

// Extensions that nobody is offered leave their bits shut, whatever the hart has.
constexpr Features kept(Features features) {
    for (auto const& row : isa::extensions)
        if (row.offer == isa::Offer::never && row.feature != nullptr) features.*(row.feature) = false;
    return features;
}

// A CSR in GuestCsrs, whose type has a legalize().
template <class Csr, u64 hart::GuestCsrs::* place>
constexpr Register csr(std::string_view name, u32 index, bool Features::* needs = nullptr) {
    return {name,
            Kind::csr,
            index,
            needs,
            [](Vcpu const& vcpu, u32) { return vcpu.csrs.*place; },
            [](Vcpu& vcpu, u32, u64 wanted) {
                using Raw = typename Csr::Raw;
                Csr const old{static_cast<Raw>(vcpu.csrs.*place)};
                vcpu.csrs.*place = legalize(old, Csr{static_cast<Raw>(wanted)}, kept(vcpu.vm.features())).raw;
            }};
}

// ... and one of which only these bits can be written.
template <u64 hart::GuestCsrs::* place, u64 mask = ~u64{0}>
constexpr Register plain_csr(std::string_view name, u32 index, bool Features::* needs = nullptr) {
    return {name,
            Kind::csr,
            index,
            needs,
            [](Vcpu const& vcpu, u32) { return vcpu.csrs.*place; },
            [](Vcpu& vcpu, u32, u64 wanted) { vcpu.csrs.*place = wanted & mask; }};
}

// What is in the hart's own registers is not what was set, so the next load must not skip them.
void forget_units(Vcpu& vcpu) {
    vcpu.changed = {Units::floats | Units::vector};
    if (vcpu.home != nullptr) vcpu.home->disown_units(vcpu);
}

constexpr usize fcsr_place = 32;
enum VectorPlace : u32 { vstart_place, vtype_place, vl_place, vcsr_place, vlenb_place };

u64 vlenb(Vcpu const& vcpu) {
    return vcpu.vector.registers != nullptr ? vcpu.vm.features().vector_bytes : 0;
}

// Of reserved settings the hart would make vill.
u64 legal_vtype(u64 wanted) {
    constexpr u64 vill = u64{1} << 63;
    constexpr u64 reserved_length = 4;
    bool const known = (wanted >> 8) == 0 && (wanted & 7) != reserved_length && (wanted >> 3 & 7) <= 3;
    return known ? wanted : vill;
}

void set_vector_control(Vcpu& vcpu, u32 index, u64 wanted) {
    u64 const most = vlenb(vcpu) * 64;  // elements of a byte in eight registers of vlenb bytes, and room
    u64 value = 0;
    switch (index) {
        case number::vstart: value = most == 0 ? 0 : wanted % most; break;
        case number::vtype: value = legal_vtype(wanted); break;
        case number::vl: value = std::min(wanted, most); break;
        default: value = wanted & 7; break;  // vcsr: vxrm and vxsat
    }
    auto const place = index == number::vstart  ? vstart_place
                       : index == number::vtype ? vtype_place
                       : index == number::vl    ? vl_place
                                                : vcsr_place;
    vcpu.vector.state[place] = value;
    forget_units(vcpu);
}

template <VectorPlace place>
u64 get_vector_control(Vcpu const& vcpu, u32) {
    return vcpu.vector.state[place];
}

// hstatus: the privilege that hlv acts with, and the policies of its VM; the rest is how we enter it.
constexpr u64 hstatus_kept =
    isa::Hstatus::spvp::mask | isa::Hstatus::vtvm::mask | isa::Hstatus::vtw::mask | isa::Hstatus::vtsr::mask;

// A name that is a letter and a number, made at build time.
struct Name {
    std::array<char, 4> text{};
    u8 length = 0;
    constexpr Name(char letter, unsigned index) {
        text[length++] = letter;
        if (index >= 10) text[length++] = static_cast<char>('0' + index / 10);
        text[length++] = static_cast<char>('0' + index % 10);
    }
    [[nodiscard]] constexpr std::string_view view() const { return {text.data(), length}; }
};
template <char letter>
constexpr auto names = [] {
    std::array<Name, 32> made = [&]<usize... i>(std::index_sequence<i...>) {
        return std::array<Name, 32>{Name{letter, i}...};
    }(std::make_index_sequence<32>{});
    return made;
}();

constexpr u32 mode_index = 32;

constexpr std::array single_rows{
    Register{"pc", Kind::core, 0, nullptr, [](Vcpu const& v, u32) { return v.pc; },
             [](Vcpu& v, u32, u64 wanted) { v.pc = wanted & ~u64{1}; }},
    // 0: VU-mode, 1: VS-mode.
    Register{"mode", Kind::core, mode_index, nullptr,
             [](Vcpu const& v, u32) { return u64{isa::Sstatus::spp::get(v.sstatus)}; },
             [](Vcpu& v, u32, u64 wanted) { v.sstatus = isa::Sstatus::spp::set(v.sstatus, wanted != 0); }},

    csr<isa::Vsstatus, &hart::GuestCsrs::vsstatus>("vsstatus", number::vsstatus),
    plain_csr<&hart::GuestCsrs::vsie, (isa::vs_level_interrupts<isa::native> >> 1)>("vsie", number::vsie),
    csr<isa::Vstvec, &hart::GuestCsrs::vstvec>("vstvec", number::vstvec),
    plain_csr<&hart::GuestCsrs::vsscratch>("vsscratch", number::vsscratch),
    plain_csr<&hart::GuestCsrs::vsepc, ~u64{1}>("vsepc", number::vsepc),
    plain_csr<&hart::GuestCsrs::vscause>("vscause", number::vscause),
    plain_csr<&hart::GuestCsrs::vstval>("vstval", number::vstval),
    csr<isa::Vsatp, &hart::GuestCsrs::vsatp>("vsatp", number::vsatp),
    csr<isa::Hvip, &hart::GuestCsrs::hvip>("hvip", number::hvip),
    csr<isa::Scounteren, &hart::GuestCsrs::scounteren>("scounteren", number::scounteren),
    csr<isa::Senvcfg, &hart::GuestCsrs::senvcfg>("senvcfg", number::senvcfg, &Features::henvcfg),
    csr<isa::Henvcfg, &hart::GuestCsrs::henvcfg>("henvcfg", number::henvcfg, &Features::henvcfg),
    plain_csr<&hart::GuestCsrs::vsiselect>("vsiselect", number::vsiselect, &Features::aia),
    // hstateen0 opens nothing below it.   [norm:stateen_unimplemented_state_roz]
    plain_csr<&hart::GuestCsrs::sstateen0, 0>("sstateen0", number::sstateen0, &Features::hstateen),
    plain_csr<&hart::GuestCsrs::vstimecmp>("vstimecmp", number::vstimecmp, &Features::sstc),
    Register{"htimedelta", Kind::csr, number::htimedelta, nullptr,
             [](Vcpu const& v, u32) { return v.csrs.htimedelta; },
             [](Vcpu& v, u32, u64 wanted) {
                 v.csrs.htimedelta = wanted;
                 v.vm.set_time_delta(wanted);  // all its harts have one clock
             }},
    Register{
        "hstatus", Kind::csr, number::hstatus, nullptr,
        [](Vcpu const& v, u32) { return v.hstatus & hstatus_kept; },
        [](Vcpu& v, u32, u64 wanted) { v.hstatus = (v.hstatus & ~hstatus_kept) | (wanted & hstatus_kept); }},

    // The timer of SBI, where the guest has none of its own.
    Register{"sbi_timer", Kind::timer, 2, nullptr, [](Vcpu const& v, u32) { return v.timer; },
             [](Vcpu& v, u32, u64 wanted) { v.timer = wanted; }},

    Register{"fcsr", Kind::floating, fcsr_place, &Features::f,
             [](Vcpu const& v, u32) { return v.floats.f[fcsr_place]; },
             [](Vcpu& v, u32, u64 wanted) {
                 v.floats.f[fcsr_place] = wanted & 0xff;  // frm and fflags
                 forget_units(v);
             }},

    Register{"vlenb", Kind::vector, number::vlenb, &Features::v, [](Vcpu const& v, u32) { return vlenb(v); }},
    Register{"vtype", Kind::vector, number::vtype, &Features::v, get_vector_control<vtype_place>,
             set_vector_control},
    Register{"vl", Kind::vector, number::vl, &Features::v, get_vector_control<vl_place>, set_vector_control},
    Register{"vstart", Kind::vector, number::vstart, &Features::v, get_vector_control<vstart_place>,
             set_vector_control},
    Register{"vcsr", Kind::vector, number::vcsr, &Features::v, get_vector_control<vcsr_place>,
             set_vector_control},

    // In the eyes of SBI; whoever restores a vCPU then hands it to its home hart.   [sbi ext-hsm]
    Register{"hart_state", Kind::hart, 0, nullptr,
             [](Vcpu const& v, u32) { return static_cast<u64>(v.hart_state.load()); },
             [](Vcpu& v, u32, u64 wanted) {
                 constexpr auto last = abi::sbi::HartState::resume_pending;
                 if (wanted <= static_cast<u64>(last))
                     v.hart_state.store(static_cast<abi::sbi::HartState>(wanted));
             }},
    Register{"entry_pc", Kind::hart, 1, nullptr, [](Vcpu const& v, u32) { return v.entry.pc; },
             [](Vcpu& v, u32, u64 wanted) { v.entry.pc = wanted; }},
    Register{"entry_opaque", Kind::hart, 2, nullptr, [](Vcpu const& v, u32) { return v.entry.opaque; },
             [](Vcpu& v, u32, u64 wanted) { v.entry.opaque = wanted; }},
    Register{"restarts_on_wake", Kind::hart, 3, nullptr,
             [](Vcpu const& v, u32) { return u64{v.restarts_on_wake}; },
             [](Vcpu& v, u32, u64 wanted) { v.restarts_on_wake = wanted != 0; }},
};

constexpr u32 first_vector_register = 0x1000;  // beyond every CSR number
constexpr usize row_count = single_rows.size() + 31 + 32 + 32;

constexpr std::array<Register, row_count> rows = [] {
    std::array<Register, row_count> all{};
    usize count = 0;
    for (auto const& row : single_rows) all[count++] = row;
    for (u32 i = 1; i < 32; ++i)
        all[count++] = {names<'x'>[i].view(),
                        Kind::core,
                        i,
                        nullptr,
                        [](Vcpu const& v, u32 index) { return v.x[index]; },
                        [](Vcpu& v, u32 index, u64 wanted) { v.x[index] = wanted; }};
    for (u32 i = 0; i < 32; ++i)
        all[count++] = {names<'f'>[i].view(),
                        Kind::floating,
                        i,
                        &Features::f,
                        [](Vcpu const& v, u32 index) { return v.floats.f[index]; },
                        [](Vcpu& v, u32 index, u64 wanted) {
                            v.floats.f[index] = wanted;
                            forget_units(v);
                        }};
    for (u32 i = 0; i < 32; ++i)
        all[count++] = {names<'v'>[i].view(), Kind::vector, first_vector_register + i, &Features::v};
    return all;
}();

consteval bool rows_are_distinct() {
    for (auto a = rows.begin(); a != rows.end(); ++a)
        for (auto b = a + 1; b != rows.end(); ++b)
            if (a->name == b->name || a->number() == b->number()) return false;
    return true;
}
static_assert(rows_are_distinct());

// Where an extension keeps what it adds: the row by which the others can be found.
struct StateOf {
    std::string_view extension;
    std::string_view row;
};
constexpr std::array state_rows{
    StateOf{"f", "f0"},           StateOf{"d", "f0"},
    StateOf{"v", "v0"},           StateOf{"zicntr", "scounteren"},
    StateOf{"zicbom", "senvcfg"}, StateOf{"zicboz", "senvcfg"},
    StateOf{"sstc", "vstimecmp"}, StateOf{"svadu", "henvcfg"},
    StateOf{"svpbmt", "henvcfg"}, StateOf{"ssaia", "vsiselect"},
};

constexpr Register const* row_named(std::string_view name) {
    for (auto const& row : rows)
        if (row.name == name) return &row;
    return nullptr;
}

constexpr Register const* row_of(std::string_view extension) {
    for (auto const& state : state_rows)
        if (state.extension == extension) return row_named(state.row);
    auto const* const known = isa::find_extension(extension);
    if (known == nullptr || known->rests_on == nullptr) return nullptr;
    for (auto const& other : isa::extensions)
        if (other.feature == known->rests_on && other.rests_on == nullptr) return row_of(other.name);
    return nullptr;
}

// So that the ISA string and henvcfg, which follow it, offer nothing that would be lost or leak.
consteval bool offered_state_has_rows() {
    for (auto const& extension : isa::extensions)
        if (extension.offer == isa::Offer::with_state && row_of(extension.name) == nullptr) return false;
    return true;
}
static_assert(offered_state_has_rows());

}  // namespace

std::span<Register const> registers() {
    return rows;
}

Register const* find_register(std::string_view name) {
    return row_named(name);
}

Register const* find_register(u32 wanted) {
    auto const found = std::ranges::find(rows, wanted, &Register::number);
    return found == rows.end() ? nullptr : &*found;
}

Register const* state_of_extension(std::string_view name) {
    return row_of(name);
}

bool exists(Register const& row, Vcpu const& vcpu) {
    if (row.kind == Kind::vector && vcpu.vector.registers == nullptr) return false;
    return row.needs == nullptr || vcpu.vm.features().*(row.needs);
}

u64 width(Register const& row, Vcpu const& vcpu) {
    return row.get == nullptr ? vlenb(vcpu) : sizeof(u64);
}

Result<void> get_register(Register const& row, Vcpu const& vcpu, std::span<u8> out) {
    if (!exists(row, vcpu)) return Err{Error::not_found};
    if (vcpu.loaded.load(std::memory_order_acquire)) return Err{Error::busy};
    if (out.size() != width(row, vcpu)) return Err{Error::bad_format};
    if (row.get == nullptr) {
        auto const first = (row.index - first_vector_register) * vlenb(vcpu);
        __builtin_memcpy(out.data(), vcpu.vector.registers + first, out.size());
        return {};
    }
    auto const value = row.get(vcpu, row.index);
    __builtin_memcpy(out.data(), &value, sizeof value);
    return {};
}

Result<void> set_register(Register const& row, Vcpu& vcpu, std::span<u8 const> in) {
    if (!exists(row, vcpu)) return Err{Error::not_found};
    if (vcpu.loaded.load(std::memory_order_acquire)) return Err{Error::busy};
    if (in.size() != width(row, vcpu)) return Err{Error::bad_format};
    if (row.get == nullptr) {
        auto const first = (row.index - first_vector_register) * vlenb(vcpu);
        __builtin_memcpy(vcpu.vector.registers + first, in.data(), in.size());
        forget_units(vcpu);
        return {};
    }
    if (row.set == nullptr) return Err{Error::denied};
    u64 value = 0;
    __builtin_memcpy(&value, in.data(), sizeof value);
    row.set(vcpu, row.index, value);
    return {};
}

}  // namespace antler::vm
