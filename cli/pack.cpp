// Builds the pack: a flattened device tree that names the VMs, and their payloads behind it.
#include "cli/pack.hpp"

#include <fmt/format.h>
#include <libfdt.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "abi/pack.hpp"
#include "cli/failure.hpp"

namespace antler::cli {

namespace {

namespace names = abi::pack;

constexpr u64 most_tree_bytes = 2_MiB;

// Gives every different content one place.
class Payloads {
public:
    Payloads(u64 tree_bytes, u64 alignment) : alignment_{alignment}, end_{align_up(tree_bytes)} {}
    u64 place(ByteView bytes) {
        for (auto const& payload : placed_)
            if (payload.bytes.size() == bytes.size() &&
                (payload.bytes.data() == bytes.data() || std::ranges::equal(payload.bytes, bytes)))
                return payload.offset;
        auto const offset = end_;
        placed_.push_back({offset, bytes});
        end_ = align_up(end_ + bytes.size());
        return offset;
    }
    [[nodiscard]] u64 end() const { return end_; }
    [[nodiscard]] std::vector<Pack::Payload> take() { return std::move(placed_); }

private:
    [[nodiscard]] u64 align_up(u64 n) const { return (n + alignment_ - 1) & ~(alignment_ - 1); }

    std::vector<Pack::Payload> placed_{};
    u64 alignment_;
    u64 end_;
};

// libfdt's sequential writer.  A description that passed its checks fits; anything else is our bug.
class TreeWriter {
public:
    TreeWriter() : buffer_(most_tree_bytes) {
        check(fdt_create(buffer_.data(), static_cast<int>(buffer_.size())));
        check(fdt_finish_reservemap(buffer_.data()));
    }
    template <class Body>
    void node(std::string_view name, Body body) {
        check(fdt_begin_node(buffer_.data(), std::string{name}.c_str()));
        body();
        check(fdt_end_node(buffer_.data()));
    }
    void flag(std::string_view name) { property(name, {}); }
    void flag(std::string_view name, bool set) {
        if (set) flag(name);
    }
    void cell(std::string_view name, u32 value) { property(name, big_endian(value, 4)); }
    void wide(std::string_view name, std::initializer_list<u64> values) {
        wide(name, std::vector<u64>{values});
    }
    void wide(std::string_view name, std::vector<u64> const& values) {
        Bytes bytes;
        for (auto const value : values) {
            auto const cells = big_endian(value, 8);
            bytes.insert(bytes.end(), cells.begin(), cells.end());
        }
        property(name, bytes);
    }
    void bytes(std::string_view name, ByteView value) { property(name, value); }
    void text(std::string_view name, std::string_view value) { texts(name, {std::string{value}}); }
    void texts(std::string_view name, std::vector<std::string> const& values) {
        if (values.empty()) return;
        std::string all;
        for (auto const& value : values) all.append(value).push_back('\0');
        property(name, as_bytes(all));
    }
    [[nodiscard]] Bytes finish() && {
        check(fdt_finish(buffer_.data()));
        buffer_.resize(fdt_totalsize(buffer_.data()));
        return std::move(buffer_);
    }

private:
    static Bytes big_endian(u64 value, usize bytes) {
        Bytes out;
        while (bytes-- > 0) out.push_back(static_cast<u8>(value >> (8 * bytes)));
        return out;
    }
    void property(std::string_view name, ByteView value) {
        check(fdt_property(buffer_.data(), std::string{name}.c_str(), value.data(),
                           static_cast<int>(value.size())));
    }
    static void check(int result) {
        if (result != 0)
            throw Failure{ExitCode::internal,
                          fmt::format("The pack cannot be written: {}.", fdt_strerror(result))};
    }
    Bytes buffer_;
};

void write_share(TreeWriter& tree, VmDescription const& said) {
    namespace property = names::property;
    if (said.restart_delay != 0) tree.cell(property::restart_delay, said.restart_delay);
    if (said.weight != 0) tree.cell(property::weight, said.weight);
    if (said.cap != 0) tree.cell(property::cap, said.cap);
    tree.flag(property::dedicated, said.dedicated);
    if (!said.affinity.empty()) tree.wide(property::affinity, said.affinity);
    if (said.colours != 0) tree.wide(property::colours, {said.colours});
    if (!said.interrupts.empty()) tree.text(property::interrupts, said.interrupts);
    if (!said.bus.empty()) tree.text(property::bus, said.bus);
    tree.flag(property::rng, said.rng);
    tree.flag(property::balloon, said.balloon);
    tree.flag(property::free_page_reporting, said.free_page_reporting);
    tree.flag(property::watchdog, said.watchdog);
    if (said.vsock_cid != 0) tree.wide(property::vsock, {said.vsock_cid});
    if (said.consoles != 0) tree.cell(property::console_ports, said.consoles);
}

void write_disk(TreeWriter& tree, Payloads& payloads, DiskDescription const& disk, Bytes const* content) {
    namespace property = names::property;
    if (disk.ramdisk)
        tree.wide(property::ramdisk, {payloads.place(*content), content->size()});
    else
        tree.text(property::host, disk.host);
    if (!disk.extents.empty()) tree.wide(property::extents, disk.extents);
    if (!disk.partition.empty()) tree.text(property::partition, disk.partition);
    tree.flag(property::readonly, disk.readonly);
    if (!disk.serial.empty()) tree.text(property::serial, disk.serial);
    if (disk.overlay) tree.wide(property::overlay, {*disk.overlay});
    if (!disk.bus.empty()) tree.text(property::bus, disk.bus);
}

// Nodes with the names 0, 1 and on.
template <class List, class Body>
void numbered(TreeWriter& tree, std::string_view name, List const& list, Body body) {
    if (list.empty()) return;
    tree.node(name, [&] {
        for (usize i = 0; i < list.size(); ++i) tree.node(std::to_string(i), [&] { body(list[i], i); });
    });
}

void write_devices(TreeWriter& tree, Payloads& payloads, PackedVm const& vm) {
    namespace property = names::property;
    auto const& said = *vm.description;
    if (vm.firmware_code != nullptr) {
        static Bytes const nothing;
        auto const& variables = vm.firmware_variables != nullptr ? *vm.firmware_variables : nothing;
        tree.wide(property::flash, {payloads.place(*vm.firmware_code), vm.firmware_code->size(),
                                    variables.empty() ? 0 : payloads.place(variables), variables.size()});
    }
    if (said.variables_disk) tree.cell(property::vars_disk, *said.variables_disk);
    numbered(tree, names::node::disks, said.disks, [&](DiskDescription const& disk, usize at) {
        write_disk(tree, payloads, disk, at < vm.ramdisks.size() ? vm.ramdisks[at] : nullptr);
    });
    numbered(tree, names::node::nets, said.nets, [&](NetDescription const& net, usize) {
        tree.text(property::network, net.network);
        tree.bytes(property::mac, net.mac);
        if (net.vlan != 0) tree.cell(property::vlan, net.vlan);
        tree.flag(property::isolated, net.isolated);
        tree.flag(property::anti_spoof, net.anti_spoof);
        tree.flag(property::no_offload, !net.offload);
        if (!net.bus.empty()) tree.text(property::bus, net.bus);
    });
    numbered(tree, names::node::channels, said.channels, [&](ChannelDescription const& channel, usize) {
        tree.text(property::with, channel.with);
        tree.wide(property::size, {channel.size});
    });
    numbered(tree, names::node::devices, said.devices,
             [&](DeviceDescription const& device, usize) { tree.text(property::host, device.host); });
}

void write_vm(TreeWriter& tree, Payloads& payloads, PackedVm const& vm, u32 index) {
    namespace property = names::property;
    auto const& said = *vm.description;
    tree.cell(property::index, index);
    tree.cell(property::vcpus, said.vcpus);
    tree.wide(property::memory, {said.memory});
    tree.flag(property::on_demand, !said.prefault);
    tree.wide(property::entry, {vm.layout.entry.raw()});
    tree.wide(property::dtb, {vm.layout.dtb.raw()});

    if (vm.kernel != nullptr) {
        std::vector<u64> segments;
        for (auto const& segment : vm.kernel->segments)
            for (auto const word : {segment.at.raw(), payloads.place(segment.bytes),
                                    u64{segment.bytes.size()}, segment.memory_bytes})
                segments.push_back(word);
        tree.wide(property::segments, segments);
    }
    if (vm.layout.initrd)
        tree.wide(property::initrd,
                  {vm.layout.initrd->raw(), payloads.place(*vm.initramfs), vm.initramfs->size()});
    if (!said.cmdline.empty()) tree.text(property::cmdline, said.cmdline);

    auto const traps = [&](std::string_view what) {
        return std::ranges::find(said.trap, what) != said.trap.end();
    };
    tree.flag(property::trap_vm, traps("vm"));
    tree.flag(property::trap_wfi, traps("wfi"));
    tree.flag(property::trap_sret, traps("sret"));
    tree.texts(property::hide, said.hide);
    tree.text(property::on_poweroff, said.on_poweroff);
    tree.text(property::on_reboot, said.on_reboot);
    tree.text(property::on_crash, said.on_crash);
    write_share(tree, said);
    write_devices(tree, payloads, vm);
}

Bytes write_tree(HypervisorDescription const& hypervisor, std::vector<SwitchDescription> const& switches,
                 std::vector<PackedVm> const& vms, Payloads& payloads, u64 size) {
    namespace property = names::property;
    TreeWriter tree;
    tree.node("", [&] {
        tree.text(property::compatible, names::word::compatible);
        tree.cell(property::version, names::version);
        tree.wide(property::pack_size, {size});
        tree.node(names::node::hypervisor, [&] {
            tree.text(property::on_panic, hypervisor.on_panic);
            tree.texts(property::ignore, hypervisor.ignore);
            tree.text(property::log, hypervisor.log);
        });
        if (!switches.empty())
            tree.node(names::node::switches, [&] {
                for (usize i = 0; i < switches.size(); ++i)
                    tree.node(switches[i].name, [&] {
                        tree.cell(property::index, static_cast<u32>(i));
                        tree.flag(property::uplink, switches[i].uplink);
                    });
            });
        tree.node(names::node::vms, [&] {
            u32 index = 0;
            for (auto const& vm : vms)
                tree.node(vm.description->name, [&] { write_vm(tree, payloads, vm, index++); });
        });
    });
    return std::move(tree).finish();
}

}  // namespace

Pack make_pack(HypervisorDescription const& hypervisor, std::vector<PackedVm> const& vms,
               std::vector<SwitchDescription> const& switches, u64 alignment) {
    // Written three times: its length decides where payloads are, and they decide the size that is in it.
    Payloads guess{0, alignment};
    auto const tree_bytes = write_tree(hypervisor, switches, vms, guess, 0).size();
    Payloads payloads{tree_bytes, alignment};
    std::ignore = write_tree(hypervisor, switches, vms, payloads, 0);
    Pack pack;
    pack.size = payloads.end();
    pack.tree = write_tree(hypervisor, switches, vms, payloads, pack.size);
    pack.payloads = payloads.take();
    return pack;
}

void Pack::write(Path const& file) const {
    AtomicFile out{file};
    out.write(tree);
    for (auto const& payload : payloads) {
        out.skip_to(payload.offset);
        out.write(payload.bytes);
    }
    out.skip_to(size);
    out.commit();
}

Bytes Pack::bytes() const {
    Bytes all(size);
    std::ranges::copy(tree, all.begin());
    for (auto const& payload : payloads)
        std::ranges::copy(payload.bytes, all.begin() + static_cast<std::ptrdiff_t>(payload.offset));
    return all;
}

}  // namespace antler::cli
