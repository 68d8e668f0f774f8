// Requests that answer with a list: one item a step, so that a long list holds up nobody.
#include "control/server_emit.hpp"

namespace antler::control {

using wire::Status;
using wire::Type;

void Server::begin_list(Listing const& listing) {
    listing_ = listing;
}

void Server::list_step() {
    auto& listing = *listing_;
    if (list_item(listing)) return;
    end_list(listing);
    listing_.reset();
}

// False: there is none left.
bool Server::list_item(Listing& listing) {
    if (listing.type == Type::host_info && listing.stage == 0) {
        wire::HartInfo info;
        if (operations_.hart(listing.next, info)) {
            ++listing.next;
            item(Type::item_hart, info);
        } else {
            listing.stage = 1;
            listing.next = 0;
        }
        return true;
    }
    if (listing.type == Type::host_info) {
        wire::IommuInfo info;
        if (!operations_.iommu(listing.next, info)) return false;
        ++listing.next;
        item(Type::item_iommu, info);
        return true;
    }
    if (listing.type == Type::list) {
        auto const id = operations_.vm_from(listing.next);
        if (!id) return false;
        listing.next = *id + 1;
        wire::VmInfo info;
        if (operations_.vm(*id, info)) item(Type::item_vm, info);
        return true;
    }
    if (listing.type == Type::vm_info) {
        wire::VcpuInfo info;
        if (!operations_.vcpu(listing.vm, listing.next, info)) return false;
        ++listing.next;
        item(Type::item_vcpu, info);
        return true;
    }
    if (listing.type == Type::vm_statistics && listing.stage == 0) {
        wire::VcpuStatistics statistics;
        if (operations_.vcpu_statistics(listing.vm, listing.next, statistics)) {
            ++listing.next;
            item(Type::item_vcpu_statistics, statistics);
        } else {
            listing.stage = 1;
            listing.next = 0;
        }
        return true;
    }
    if (listing.type == Type::vm_statistics) {
        wire::DeviceCounter counter;
        if (!operations_.counter(listing.vm, listing.next, counter)) return false;
        ++listing.next;
        item(Type::item_device_counter, counter);
        return true;
    }
    // Consoles: the VM may have gone meanwhile, so it is named again at each step.
    auto const info = outward_.with([&](backend::Outward& outward) -> std::optional<wire::ConsoleInfo> {
        auto const* console = outward.hub.from_slot(listing.next);
        while (console != nullptr && console->vm != listing.name.view())
            console = outward.hub.from_slot(console->slot + 1);
        if (console == nullptr) return std::nullopt;
        listing.next = console->slot + 1;
        return wire::ConsoleInfo{.index = console->index,
                                 .kind = console->kind,
                                 .label = console->label,
                                 .ring = static_cast<u32>(console->said.size()),
                                 .kept = static_cast<u32>(console->said.kept()),
                                 .written = console->said.written(),
                                 .accepted = console->accepted,
                                 .ours = console->owner == backend::owner_of(channel_),
                                 .owned = console->owner != backend::ConsoleOwner::nobody};
    });
    if (!info) return false;
    item(Type::item_console, *info);
    return true;
}

void Server::end_list(Listing const& listing) {
    if (listing.type == Type::host_info) {
        auto info = operations_.host();
        info.garbage = static_cast<u32>(finder_.garbage());
        info.panic_dump = static_cast<u32>(operations_.panic_dump().size());
        return reply_with(info);
    }
    if (listing.type == Type::vm_info) {
        wire::VmInfo info;
        if (!operations_.vm(listing.vm, info)) return reply({Status::no_such_vm});
        return reply_with(info);
    }
    if (listing.type == Type::vm_statistics) {
        wire::VmStatistics statistics;
        if (!operations_.statistics(listing.vm, statistics)) return reply({Status::no_such_vm});
        return reply_with(statistics);
    }
    reply({});
}

}  // namespace antler::control
