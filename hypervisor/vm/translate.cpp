// The one walker of isa/, over the guest's memory.
#include "vm/translate.hpp"

#include "hart/csr.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

namespace csr = hart::csr;

namespace {

// The walker calls its memory physical; the guest's tables lie in what the guest calls so.
struct TablesInRam {
    Ram& ram;

    template <class T>
    [[nodiscard]] std::optional<T> read(Hpa at) const {
        T value{};
        auto const bytes = std::span{reinterpret_cast<u8*>(&value), sizeof value};
        if (!ram.read(Gpa{at.raw()}, bytes)) return std::nullopt;
        return value;
    }
    [[nodiscard]] std::optional<u32> read32(Hpa at) const { return read<u32>(at); }
    [[nodiscard]] std::optional<u64> read64(Hpa at) const { return read<u64>(at); }
};

}  // namespace

isa::Walk walk_guest_tables(Vcpu& vcpu, Gva at, isa::Access access) {
    auto const stage = isa::vs_stage(csr::vsatp::read(), isa::Henvcfg{vcpu.csrs.henvcfg}, vcpu.vm.features());
    bool const user = !isa::Sstatus::spp::get(vcpu.sstatus);
    auto const request = isa::guest_request(access, user, csr::vsstatus::read(), isa::Sstatus{vcpu.sstatus});
    TablesInRam tables{vcpu.vm.ram()};
    return isa::walk_one_stage(tables, stage, at, request);
}

std::optional<isa::GuestPageFault> find_fault(Vcpu& vcpu, isa::GuestPageFault const& fault) {
    auto const walk = walk_guest_tables(vcpu, fault.address, fault.access);
    auto found = fault;
    if (auto const* const leaf = std::get_if<isa::Leaf>(&walk)) {
        found.where = leaf->guest;
        return found;
    }
    auto const& stopped = std::get<isa::WalkFault>(walk);
    if (stopped.kind != isa::WalkFault::Kind::access_fault) return std::nullopt;
    // A table of the guest lies where there is no memory: nothing answers the walk.
    found.where = Gpa{};
    found.walking_vs_tables = true;
    return found;
}

}  // namespace antler::vm
