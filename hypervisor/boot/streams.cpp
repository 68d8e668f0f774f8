// Finds the VM of a stream, and callers for those that listen.
#include "boot/streams.hpp"

#include "boot/control.hpp"
#include "boot/lives.hpp"
#include "boot/system.hpp"
#include "vm/outside.hpp"

namespace antler::boot {

using abi::control::Status;
using device::virtio::HostStreams;
using device::virtio::Knock;

namespace {

// The first call of a guest that is nobody's and at a port that body(port) wants.
template <class Wanted>
[[nodiscard]] std::optional<Knock> find_call(HostStreams& streams, Wanted&& wanted) {
    for (u32 n = 0;; ++n) {
        auto const knock = streams.knock(n);
        if (!knock || wanted(knock->host_port)) return knock;
    }
}

template <class Body>
void for_each_vm(System& all, Body&& body) {
    for (u32 id = 0; id < all.vms.size(); ++id)
        if (auto* const vm = all.vms[id]; vm != nullptr && vm->machine().has_streams()) body(id, *vm);
}

}  // namespace

control::Outcome call_guest(System& all, u32 id, u32 port, control::StreamPlace& into) {
    auto* const vm = running_vm(all, id);
    if (vm == nullptr || vm->is_over()) return {Status::bad_state, "it is off"};
    if (!vm->machine().has_streams()) return {Status::not_supported, "it has no vsock"};
    auto const stream = vm->machine().with_streams([&](HostStreams& streams) { return streams.call(port); });
    if (!stream)
        return {Status::bad_state, "its guest has no driver for vsock yet, or as many streams as can be"};
    into = {id, *stream};
    return {};
}

std::optional<control::Caller> take_call(System& all, control::PortSet const& ports) {
    std::optional<control::Caller> found;
    for_each_vm(all, [&](u32 id, vm::Vm& vm) {
        if (found) return;
        vm.machine().with_streams([&](HostStreams& streams) {
            auto const call = find_call(streams, [&](u32 port) { return ports.contains(port); });
            if (!call) return;
            streams.take(call->stream);
            found = control::Caller{.at = {id, call->stream},
                                    .vm = vm.name(),
                                    .cid = streams.cid(),
                                    .guest_port = call->guest_port,
                                    .port = call->host_port};
        });
    });
    return found;
}

void tell_streams(System& all) {
    if (!all.streams_have_news.exchange(false, std::memory_order_seq_cst)) return;
    all.calls_wait = true;
    if (all.control_port == nullptr) return;
    auto& port = *all.control_port;
    for (u32 i = 0; i < port.line_count; ++i) port.lines[i]->server.streams_changed();
}

void refuse_calls(System& all) {
    if (!all.calls_wait) return;
    all.calls_wait = false;
    auto const nobody = [&](u32 port) {
        auto* const control = all.control_port;
        for (u32 i = 0; control != nullptr && i < control->line_count; ++i)
            if (control->lines[i]->server.ports().contains(port)) return false;
        return true;
    };
    for_each_vm(all, [&](u32, vm::Vm& vm) {
        vm.machine().with_streams([&](HostStreams& streams) {
            while (auto const call = find_call(streams, nobody)) streams.refuse(call->stream);
            // One that some line will take when it can, unless it goes.
            all.calls_wait = all.calls_wait || streams.knock(0).has_value();
        });
    });
}

}  // namespace antler::boot

namespace antler::vm {

void streams_have_news() {
    auto& all = boot::system();
    all.streams_have_news.store(true, std::memory_order_seq_cst);
    all.cores[0]->ask_background();
}

}  // namespace antler::vm
