// Packs as libfdt writes them, for the tests of their reader.
#pragma once

#include <libfdt.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "abi/pack.hpp"
#include "control/pack_reader.hpp"

namespace antler::control {

namespace names = abi::pack;

inline constexpr u64 megabytes = u64{1} << 20;
inline constexpr Hpa where{0x9000'0000};
inline constexpr u64 pack_bytes = 8 * megabytes;

class Builder {
public:
    Builder() : bytes_(pack_bytes) {
        fdt_create(tree(), 64 << 10);
        fdt_finish_reservemap(tree());
    }
    void* tree() { return bytes_.data(); }
    void begin(std::string_view name) { fdt_begin_node(tree(), std::string{name}.c_str()); }
    void end() { fdt_end_node(tree()); }
    void raw(std::string_view name, std::string const& value) {
        fdt_property(tree(), std::string{name}.c_str(), value.data(), static_cast<int>(value.size()));
    }
    void cell(std::string_view name, u32 value) {
        fdt_property_u32(tree(), std::string{name}.c_str(), value);
    }
    void wides(std::string_view name, std::vector<u64> const& values) {
        std::string value;
        for (auto const wide : values)
            for (int shift = 56; shift >= 0; shift -= 8) value.push_back(static_cast<char>(wide >> shift));
        raw(name, value);
    }
    void text(std::string_view name, std::string const& value) { raw(name, value + '\0'); }
    std::vector<u8> finish() {
        fdt_finish(tree());
        return std::move(bytes_);
    }

private:
    std::vector<u8> bytes_;
};

// What the host program writes for one VM; a test changes what it wants to.
struct PackedVm {
    std::string name = "one";
    u32 index = 0;
    u32 vcpus = 2;
    u64 memory = 64 * megabytes;
    u64 entry = 0x8020'0000;
    u64 dtb = 0x8200'0000;
    std::vector<u64> segments{0x8020'0000, 2 * megabytes, 0x1234, 0x3000};
    std::vector<u64> initrd{0x8100'0000, 4 * megabytes, 0x777};
    std::string command_line = "console=ttyS0";
    std::vector<std::string> flags{};
    std::vector<std::string> hide{};
    std::function<void(Builder&)> more{};  // writes into its node
    std::string on_poweroff = "destroy", on_reboot = "restart", on_crash = "destroy";
};

inline void write(Builder& out, PackedVm const& vm) {
    namespace property = names::property;
    out.begin(vm.name);
    out.cell(property::index, vm.index);
    out.cell(property::vcpus, vm.vcpus);
    out.wides(property::memory, {vm.memory});
    out.wides(property::entry, {vm.entry});
    out.wides(property::dtb, {vm.dtb});
    out.wides(property::segments, vm.segments);
    if (!vm.initrd.empty()) out.wides(property::initrd, vm.initrd);
    if (!vm.command_line.empty()) out.text(property::cmdline, vm.command_line);
    for (auto const& flag : vm.flags) out.raw(flag, "");
    std::string hidden;
    for (auto const& extension : vm.hide) hidden += extension + '\0';
    if (!hidden.empty()) out.raw(property::hide, hidden);
    out.text(property::on_poweroff, vm.on_poweroff);
    out.text(property::on_reboot, vm.on_reboot);
    out.text(property::on_crash, vm.on_crash);
    if (vm.more) vm.more(out);
    out.end();
}

struct PackedHypervisor {
    std::string on_panic = "reset", log{};
    std::vector<std::string> ignore{};
    std::vector<std::string> switches{};  // the last is an uplink
};

inline std::vector<u8> pack(std::vector<PackedVm> const& vms, PackedHypervisor const& hypervisor = {},
                            u32 version = names::version, u64 size = pack_bytes,
                            std::string const& compatible = std::string{names::word::compatible}) {
    namespace property = names::property;
    Builder out;
    out.begin("");
    out.text(property::compatible, compatible);
    out.cell(property::version, version);
    out.wides(property::pack_size, {size});
    out.begin(names::node::hypervisor);
    out.text(property::on_panic, hypervisor.on_panic);
    if (!hypervisor.log.empty()) out.text(property::log, hypervisor.log);
    std::string ignored;
    for (auto const& word : hypervisor.ignore) ignored += word + '\0';
    if (!ignored.empty()) out.raw(property::ignore, ignored);
    out.end();
    out.begin(names::node::switches);
    for (u32 i = 0; i < hypervisor.switches.size(); ++i) {
        out.begin(hypervisor.switches[i]);
        out.cell(property::index, i);
        if (i + 1 == hypervisor.switches.size()) out.raw(property::uplink, "");
        out.end();
    }
    out.end();
    out.begin(names::node::vms);
    for (auto const& vm : vms) write(out, vm);
    out.end();
    out.end();
    return out.finish();
}

}  // namespace antler::control
