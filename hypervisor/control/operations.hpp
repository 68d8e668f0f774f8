// What the server asks of the machine: boot/ answers on the machine, a fake in the tests.  Every call is
// short.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "abi/control.hpp"
#include "backend/event_queue.hpp"
#include "base/units.hpp"
#include "control/streams.hpp"

namespace antler::control {

namespace wire = abi::control;

// How a request went.  The sentence is a constant, or lives as long as the machine.
struct Outcome {
    wire::Status status = wire::Status::ok;
    std::string_view sentence{};
    bool again = false;  // it is not done: the same call once more, a little later
};

class Operations {
public:
    [[nodiscard]] virtual wire::Welcome welcome() = 0;
    [[nodiscard]] virtual wire::HostInfo host() = 0;
    // False beyond the last.
    [[nodiscard]] virtual bool hart(u32 index, wire::HartInfo& into) = 0;
    [[nodiscard]] virtual bool iommu(u32 index, wire::IommuInfo& into) = 0;

    // VMs by a number that stays theirs while they exist.
    [[nodiscard]] virtual std::optional<u32> find_vm(std::string_view name) = 0;
    [[nodiscard]] virtual std::optional<u32> vm_from(u32 id) = 0;  // the first from `id` on
    [[nodiscard]] virtual bool vm(u32 id, wire::VmInfo& into) = 0;
    [[nodiscard]] virtual bool vcpu(u32 id, u32 index, wire::VcpuInfo& into) = 0;
    [[nodiscard]] virtual bool statistics(u32 id, wire::VmStatistics& into) = 0;
    [[nodiscard]] virtual bool vcpu_statistics(u32 id, u32 index, wire::VcpuStatistics& into) = 0;
    [[nodiscard]] virtual bool counter(u32 id, u32 index, wire::DeviceCounter& into) = 0;

    // start, shutdown, destroy, reboot, suspend, resume, undefine, power_button.
    [[nodiscard]] virtual Outcome act(wire::Type what, u32 id) = 0;
    [[nodiscard]] virtual Outcome pin(u32 id, u32 vcpu, u64 harts) = 0;
    [[nodiscard]] virtual Outcome share(u32 id, u32 weight, u32 cap) = 0;
    [[nodiscard]] virtual Outcome set_memory(u32 id, u64 bytes) = 0;
    [[nodiscard]] virtual Outcome set_link(u32 id, u32 card, bool up) = 0;

    // A new VM; there is one transfer at a time.
    [[nodiscard]] virtual Outcome create_begin(u64 bytes) = 0;
    [[nodiscard]] virtual Outcome create_data(u64 offset, std::span<u8 const> bytes) = 0;
    [[nodiscard]] virtual Outcome create_commit(bool start, u32& id) = 0;
    virtual void create_abort() = 0;

    // Something happened that every channel may want to know.
    virtual void tell(backend::Event const& event) = 0;

    // Something was typed at the console with this handle.
    virtual void input_waits(u32 handle) = 0;
    [[nodiscard]] virtual Outcome resize_console(u32 handle, u32 bytes) = 0;
    // The terminal where it is shown has another size, which the hub knows.
    virtual void window_changed(u32 handle) = 0;

    // Streams to guests.  A guest whose VM is gone is one that has closed them.
    [[nodiscard]] virtual Outcome call_guest(u32 id, u32 port, StreamPlace& into) = 0;
    // One that calls at one of these ports and is nobody's yet; it is the caller's now.
    [[nodiscard]] virtual std::optional<Caller> take_call(PortSet const& ports) = 0;
    [[nodiscard]] virtual device::virtio::StreamState stream_state(StreamPlace at) = 0;
    virtual void accept_stream(StreamPlace at) = 0;
    [[nodiscard]] virtual u32 read_stream(StreamPlace at, std::span<u8> into) = 0;
    [[nodiscard]] virtual u32 write_stream(StreamPlace at, std::span<u8 const> bytes) = 0;
    virtual void finish_stream(StreamPlace at) = 0;
    virtual void close_stream(StreamPlace at, bool at_once) = 0;

    // Text that a hypervisor before this one left; empty: none.
    [[nodiscard]] virtual std::string_view panic_dump() = 0;
    virtual void erase_panic_dump() = 0;
    virtual void panic() = 0;
    // A hart that takes no interrupts for so long.
    [[nodiscard]] virtual Outcome stall(u32 hart, Nanos duration) = 0;

protected:
    ~Operations() = default;  // never deleted through this type
};

}  // namespace antler::control
