// What the control channel asks, done on the machine.
#pragma once

#include "base/format.hpp"
#include "control/operations.hpp"

namespace antler::boot {

struct System;

class Operations final : public control::Operations {
public:
    explicit Operations(System& all) : all_{all} {}

    [[nodiscard]] abi::control::Welcome welcome() override;
    [[nodiscard]] abi::control::HostInfo host() override;
    [[nodiscard]] bool hart(u32 index, abi::control::HartInfo& into) override;
    [[nodiscard]] bool iommu(u32 index, abi::control::IommuInfo& into) override;

    [[nodiscard]] std::optional<u32> find_vm(std::string_view name) override;
    [[nodiscard]] std::optional<u32> vm_from(u32 id) override;
    [[nodiscard]] bool vm(u32 id, abi::control::VmInfo& into) override;
    [[nodiscard]] bool vcpu(u32 id, u32 index, abi::control::VcpuInfo& into) override;
    [[nodiscard]] bool statistics(u32 id, abi::control::VmStatistics& into) override;
    [[nodiscard]] bool vcpu_statistics(u32 id, u32 index, abi::control::VcpuStatistics& into) override;
    [[nodiscard]] bool counter(u32 id, u32 index, abi::control::DeviceCounter& into) override;

    [[nodiscard]] control::Outcome act(abi::control::Type what, u32 id) override;
    [[nodiscard]] control::Outcome pin(u32 id, u32 vcpu, u64 harts) override;
    [[nodiscard]] control::Outcome share(u32 id, u32 weight, u32 cap) override;
    [[nodiscard]] control::Outcome set_memory(u32 id, u64 bytes) override;
    [[nodiscard]] control::Outcome set_link(u32 id, u32 card, bool up) override;

    [[nodiscard]] control::Outcome create_begin(u64 bytes) override;
    [[nodiscard]] control::Outcome create_data(u64 offset, std::span<u8 const> bytes) override;
    [[nodiscard]] control::Outcome create_commit(bool start, u32& id) override;
    void create_abort() override;
    void tell(backend::Event const& event) override;

    void input_waits(u32 handle) override;
    [[nodiscard]] control::Outcome resize_console(u32 handle, u32 bytes) override;
    void window_changed(u32 handle) override;

    [[nodiscard]] control::Outcome call_guest(u32 id, u32 port, control::StreamPlace& into) override;
    [[nodiscard]] std::optional<control::Caller> take_call(control::PortSet const& ports) override;
    [[nodiscard]] device::virtio::StreamState stream_state(control::StreamPlace at) override;
    void accept_stream(control::StreamPlace at) override;
    [[nodiscard]] u32 read_stream(control::StreamPlace at, std::span<u8> into) override;
    [[nodiscard]] u32 write_stream(control::StreamPlace at, std::span<u8 const> bytes) override;
    void finish_stream(control::StreamPlace at) override;
    void close_stream(control::StreamPlace at, bool at_once) override;

    [[nodiscard]] std::string_view panic_dump() override;
    void erase_panic_dump() override;
    void panic() override;
    [[nodiscard]] control::Outcome stall(u32 hart, Nanos duration) override;

private:
    System& all_;
    u64 instance_ = 0;                 // drawn when it is asked for first
    TextBuffer<32> counter_device_{};  // the name that was told last
};

}  // namespace antler::boot
