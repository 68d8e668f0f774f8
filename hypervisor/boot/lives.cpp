// What an operator asks of a VM's life.
#include "boot/lives.hpp"

#include "boot/system.hpp"

namespace antler::boot {

using abi::control::Status;
using abi::control::VmInfo;
using control::Outcome;

control::Outcome act(System&, abi::control::Type, u32) {
    return {Status::not_supported, "not yet"};
}

control::Outcome set_memory(System&, u32, u64) {
    return {Status::not_supported, "not yet"};
}

control::Outcome create_begin(System&, u64) {
    return {Status::not_supported, "not yet"};
}

control::Outcome create_data(System&, u64, std::span<u8 const>) {
    return {Status::not_supported, "not yet"};
}

control::Outcome create_commit(System&, bool, u32&) {
    return {Status::not_supported, "not yet"};
}

void create_abort(System&) {}

std::optional<u32> next_vm(System const& all, u32 from) {
    for (auto id = from; id < all.vms.size(); ++id)
        if (all.vms[id] != nullptr) return id;
    return std::nullopt;
}

std::optional<u32> find_vm(System const& all, std::string_view name) {
    for (auto id = next_vm(all, 0); id; id = next_vm(all, *id + 1))
        if (all.vms[*id]->name() == name) return id;
    return std::nullopt;
}

vm::Vm* running_vm(System& all, u32 id) {
    return id < all.vms.size() ? all.vms[id] : nullptr;
}

bool fill_vm_info(System& all, u32 id, VmInfo& into) {
    auto const* const vm = running_vm(all, id);
    if (vm == nullptr) return false;
    into.id = id;
    into.name = vm->name();
    into.vcpus = vm->vcpu_count();
    into.memory = vm->description().memory_bytes;
    return true;
}

bool serve_lives(System&) {
    return false;
}

}  // namespace antler::boot
