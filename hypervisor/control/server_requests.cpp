// Which request is whose business.
#include "control/server_emit.hpp"

namespace antler::control {

using wire::Status;
using wire::Type;

void Server::answer() {
    auto const& header = request_->header;
    if (header.kind != wire::Kind::request) return request_.reset();  // an echo of our own words
    auto const type = static_cast<Type>(header.type);
    if (type == Type::hello) return with<wire::Hello>([&](auto const& m) { hello(m); });
    if (!greeted_) return reply({Status::bad_state, "say hello first"});
    switch (type) {
        case Type::host_info:
        case Type::list: return begin_list({.type = type});
        case Type::vm_info:
        case Type::vm_statistics:
        case Type::console_list:
            return with<wire::VmName>([&](auto const& m) {
                Listing listing{.type = type};
                listing.name.write(m.vm);
                if (type == Type::console_list && m.vm.empty()) return begin_list(listing);
                with_vm(m.vm, [&](u32 id) {
                    listing.vm = id;
                    begin_list(listing);
                });
            });
        case Type::subscribe:
            return with<wire::Subscribe>([&](auto const& m) {
                outward_.with(
                    [&](backend::Outward& outward) { outward.events[channel_].subscribe(m.topics); });
                reply({});
            });
        case Type::read_panic_dump: return with<wire::ReadPanicDump>([&](auto const& m) { read_dump(m); });
        case Type::erase_panic_dump: operations_.erase_panic_dump(); return reply({});
        case Type::panic: operations_.panic(); return reply({Status::failed});
        case Type::stall:
            return with<wire::Stall>([&](auto const& m) {
                reply(operations_.stall(m.hart, Nanos{m.milliseconds * u64{1'000'000}}));
            });
        case Type::start:
        case Type::shutdown:
        case Type::destroy:
        case Type::reboot:
        case Type::suspend:
        case Type::resume:
        case Type::undefine:
        case Type::power_button:
            return with<wire::VmName>(
                [&](auto const& m) { with_vm(m.vm, [&](u32 id) { reply(operations_.act(type, id)); }); });
        case Type::pin_vcpu:
            return with<wire::PinVcpu>([&](auto const& m) {
                with_vm(m.vm, [&](u32 id) { reply(operations_.pin(id, m.vcpu, m.harts)); });
            });
        case Type::set_share:
            return with<wire::SetShare>([&](auto const& m) {
                with_vm(m.vm, [&](u32 id) { reply(operations_.share(id, m.weight, m.cap)); });
            });
        case Type::set_memory:
            return with<wire::SetMemory>([&](auto const& m) {
                with_vm(m.vm, [&](u32 id) { reply(operations_.set_memory(id, m.bytes)); });
            });
        case Type::set_link:
            return with<wire::SetLink>([&](auto const& m) {
                with_vm(m.vm, [&](u32 id) { reply(operations_.set_link(id, m.card, m.up)); });
            });
        case Type::create_begin:
        case Type::create_data:
        case Type::create_commit:
        case Type::create_abort: return create(type);
        case Type::console_open:
        case Type::console_close:
        case Type::console_input:
        case Type::console_own:
        case Type::console_resize:
        case Type::console_window: return console(type);
        case Type::vsock_listen:
        case Type::vsock_connect:
        case Type::vsock_accept:
        case Type::vsock_data:
        case Type::vsock_credit:
        case Type::vsock_close:
        case Type::vsock_finish: return stream(type);
        case Type::hello:
        case Type::item_vm:
        case Type::item_vcpu:
        case Type::item_vcpu_statistics:
        case Type::item_device_counter:
        case Type::item_hart:
        case Type::item_console:
        case Type::item_iommu:
        case Type::event_console_output:
        case Type::event_vm_state:
        case Type::event_create_progress:
        case Type::event_hart_stuck:
        case Type::event_log:
        case Type::event_lost:
        case Type::event_console_owner:
        case Type::event_vsock_incoming:
        case Type::event_vsock_data:
        case Type::event_vsock_credit:
        case Type::event_vsock_closed:
        case Type::event_vsock_finished: break;
    }
    reply({Status::unknown_request});
}

void Server::hello(wire::Hello const& message) {
    if (message.oldest > wire::protocol_version || message.newest < wire::protocol_version)
        return reply({Status::not_supported, "this hypervisor speaks version 1"});
    // What an earlier client left is nobody's.
    if (transfer_ != 0) operations_.create_abort();
    transfer_ = 0;
    forget_streams();
    outward_.with([&](backend::Outward& outward) {
        outward.hub.unwatch_all(channel_);
        outward.events[channel_].subscribe(0);
    });
    greeted_ = true;
    auto welcome = operations_.welcome();
    welcome.protocol = wire::protocol_version;
    welcome.largest_payload = static_cast<u16>(wire::most_payload);
    reply_with(welcome);
}

void Server::read_dump(wire::ReadPanicDump const& message) {
    auto const text = operations_.panic_dump();
    if (text.empty()) return reply({Status::not_found, "no panic has left a dump"});
    auto const rest = text.substr(std::min<usize>(message.offset, text.size()));
    auto const piece = rest.substr(0, panic_piece);
    reply_with(wire::PanicDump{static_cast<u32>(text.size()),
                               {reinterpret_cast<u8 const*>(piece.data()), piece.size()}});
}

// To the other channels, at every sixteenth of the whole.
void Server::tell_progress(u64 before) {
    constexpr u64 steps = 16;
    auto const step = [&](u64 bytes) { return bytes * steps / transfer_total_; };
    if (step(before) == step(transfer_received_)) return;
    operations_.tell({.type = Type::event_create_progress,
                      .id = transfer_,
                      .at = transfer_received_,
                      .number = transfer_total_});
}

void Server::create(Type type) {
    if (type == Type::create_begin)
        return with<wire::CreateBegin>([&](auto const& m) {
            if (transfer_ != 0) return reply({Status::busy, "another VM is being created"});
            auto const outcome = operations_.create_begin(m.bytes);
            if (outcome.again || outcome.status != Status::ok) return reply(outcome);
            transfer_ = ++transfers_;
            transfer_total_ = m.bytes;
            transfer_received_ = 0;
            reply_with(wire::CreateReady{transfer_, wire::most_payload - 64, create_window});
        });
    if (type == Type::create_data)
        return with<wire::CreateData>([&](auto const& m) {
            if (m.transfer != transfer_ || transfer_ == 0) return reply({Status::not_found});
            if (m.offset != transfer_received_ || m.bytes.size() > transfer_total_ - transfer_received_)
                return reply({Status::invalid, "not the next piece"});
            auto const outcome = operations_.create_data(m.offset, m.bytes);
            if (outcome.again || outcome.status != Status::ok) return reply(outcome);
            auto const before = transfer_received_;
            transfer_received_ += m.bytes.size();
            tell_progress(before);
            reply_with(wire::CreateProgress{transfer_, transfer_received_, transfer_total_});
        });
    if (type == Type::create_commit)
        return with<wire::CreateCommit>([&](auto const& m) {
            if (m.transfer != transfer_ || transfer_ == 0) return reply({Status::not_found});
            if (transfer_received_ != transfer_total_) return reply({Status::invalid, "bytes are missing"});
            u32 id = 0;
            auto const outcome = operations_.create_commit(m.start, id);
            if (outcome.again) return;
            transfer_ = 0;
            wire::VmInfo info;
            if (outcome.status != Status::ok) return reply(outcome);
            if (!operations_.vm(id, info)) return reply({Status::no_such_vm});
            reply_with(info);
        });
    with<wire::Transfer>([&](auto const& m) {
        if (m.transfer != transfer_ || transfer_ == 0) return reply({Status::not_found});
        operations_.create_abort();
        transfer_ = 0;
        reply({});
    });
}

}  // namespace antler::control
