// Reads what the host program packed: options of the hypervisor, and descriptions of virtual machines.
#pragma once

#include <optional>
#include <span>

#include "abi/fdt_reader.hpp"
#include "base/result.hpp"
#include "vm/description.hpp"

namespace antler::control {

struct Options {
    bool halt_on_panic = false;
    bool ignore_htinst = false;
    bool ignore_htval = false;
    enum class Log : u8 { quiet, normal, debug } log = Log::normal;
};

// A switch that joins VMs, and where it says so the network card of the board.
struct SwitchDescription {
    std::string_view name{};
    bool uplink = false;
};

class Pack {
public:
    // `bytes` is the whole pack, at the bus address `where`.
    [[nodiscard]] static Result<Pack> open(std::span<u8 const> bytes, Hpa where);

    [[nodiscard]] Options options() const;
    [[nodiscard]] u32 vm_count() const;
    [[nodiscard]] u32 switch_count() const;
    // The switch whose antler,index is `index`.
    [[nodiscard]] Result<SwitchDescription> describe_switch(u32 index) const;
    // The VM whose antler,index is `index`; on failure nothing is said of what is there.
    [[nodiscard]] Result<void> describe(u32 index, vm::Description& into) const;

private:
    explicit Pack(abi::FdtReader tree) : tree_{tree} {}
    [[nodiscard]] Result<HpaRange> payload(u64 offset, u64 bytes) const;
    [[nodiscard]] Result<void> describe_vm(abi::FdtNode const& node, vm::Description& vm) const;
    [[nodiscard]] Result<void> describe_images(abi::FdtNode const& node, vm::Description& vm) const;
    [[nodiscard]] std::optional<u32> find_switch(std::string_view name) const;
    [[nodiscard]] Result<void> describe_devices(abi::FdtNode const& node, vm::Description& vm) const;
    [[nodiscard]] Result<vm::DiskDescription> describe_disk(abi::FdtNode const& node) const;
    [[nodiscard]] Result<vm::NetDescription> describe_net(abi::FdtNode const& node) const;

    abi::FdtReader tree_;
    HpaRange range_{};
};

}  // namespace antler::control
