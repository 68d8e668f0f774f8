// Identities of a hart's interrupt file.
#include "platform/host_imsic.hpp"

namespace antler::platform {

Result<u16> HostImsic::give_identity(u32 line) {
    if (next_identity_ > used_identities) return Err{Error::full};
    auto const identity = next_identity_++;
    lines_[identity] = static_cast<u16>(line);
    enabled_ |= u64{1} << identity;
    return identity;
}

auto HostImsic::enable_message(u16 line) -> Result<Message> {
    auto const identity = TRY(give_identity(line));
    return Message{file_ + isa::seteipnum_le, identity};
}

Result<void> HostImsic::enable(BoardWire wire) {
    auto* const aplic = wires_->find(wire.controller);
    if (aplic == nullptr) return Err{Error::not_found};
    for (auto const line : lines_)
        if (line == wire.line()) return {};
    auto const identity = TRY(give_identity(wire.line()));
    if (isa::aplic::is_level(wire.mode)) levels_ |= u64{1} << identity;
    aplic->connect(wire, isa::aplic::Target::message(hart_index_, 0, identity));
    return {};
}

void HostImsic::open() const {
    using namespace isa::interrupt_file;
    auto const register_of = [](u16 array, u32 identity) { return of<isa::Xlen::rv64>(array, identity); };
    hart::write_own_file(eithreshold, 0);
    hart::write_own_file(register_of(eie0, 0), enabled_);
    for (u32 first = used_identities + 1; first <= identities_; first += 64)
        hart::write_own_file(register_of(eie0, first), 0);
    hart::write_own_file(eidelivery, static_cast<u64>(isa::FileDelivery::on));
}

}  // namespace antler::platform
