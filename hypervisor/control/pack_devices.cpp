// The devices that a VM's node of the pack asks for, each checked before it is believed.
#include "abi/pack.hpp"
#include "base/units.hpp"
#include "control/pack_reader.hpp"

namespace antler::control {
namespace {

namespace pack = abi::pack;
namespace property = abi::pack::property;
using abi::FdtNode;

// Cells of a property that is a whole list of u64; empty where it is absent.
Result<vm::PackedNumbers> numbers(FdtNode const& node, std::string_view name, usize most) {
    auto const found = node.property(name);
    if (!found) return vm::PackedNumbers{};
    if (found->bytes.size() % 8 != 0 || found->bytes.size() / 8 > most) return Err{Error::bad_format};
    return vm::PackedNumbers{found->bytes};
}

// A number that may be absent and has a limit.
Result<u64> number(FdtNode const& node, std::string_view name, u64 otherwise, u64 most) {
    if (!node.has(name)) return otherwise;
    auto const found = node.number(name);
    if (!found) return Err{Error::bad_format};
    if (*found > most) return Err{Error::out_of_range};
    return *found;
}

Result<std::string_view> text(FdtNode const& node, std::string_view name, usize most) {
    auto const found = node.text(name).value_or("");
    if (found.size() > most) return Err{Error::bad_format};
    return found;
}

Result<void> read_share(FdtNode const& node, vm::Description& vm) {
    vm.share.weight =
        static_cast<u32>(TRY(number(node, property::weight, pack::usual_weight, pack::most_weight)));
    if (vm.share.weight == 0) return Err{Error::out_of_range};
    vm.share.cap = static_cast<u32>(TRY(number(node, property::cap, 0, 100 * pack::most_vcpus)));
    vm.share.dedicated = node.has(property::dedicated);
    vm.share.affinity = TRY(numbers(node, property::affinity, pack::most_vcpus));
    auto const masks = vm.share.affinity.size();
    if (masks > 1 && masks != vm.vcpus) return Err{Error::bad_format};
    for (usize i = 0; i < masks; ++i)
        if (vm.share.affinity[i] == 0) return Err{Error::out_of_range};
    return {};
}

// As another has it, where the node does not say.
Result<vm::VirtioBus> bus_of(FdtNode const& node, vm::VirtioBus otherwise) {
    if (!node.has(property::bus)) return otherwise;
    auto const text = node.text(property::bus);
    if (text == pack::word::mmio) return vm::VirtioBus::mmio;
    if (text == pack::word::pci) return vm::VirtioBus::pci;
    return Err{Error::bad_format};
}

// The children in the order of their names, which are numbers from 0; at most `most`.
template <class Body>
Result<usize> each_numbered(FdtNode const& vm, std::string_view list, usize most, Body&& body) {
    auto const nodes = vm.child(list);
    if (!nodes) return usize{0};
    usize count = 0;
    for (auto const node : nodes->children()) {
        if (count == most) return Err{Error::out_of_range};
        if (node.name() != std::string_view{&"01234567"[count], 1}) return Err{Error::bad_format};
        TRY(body(node, count));
        ++count;
    }
    return count;
}

}  // namespace

Result<vm::DiskDescription> Pack::describe_disk(FdtNode const& node) const {
    vm::DiskDescription disk{
        .host = TRY(text(node, property::host, pack::longest_serial)),
        .extents = TRY(numbers(node, property::extents, 2 * pack::most_extents)),
        .partition = TRY(text(node, property::partition, 72)),  // as long as a label in UTF-8
        .readonly = node.has(property::readonly),
        .serial = TRY(text(node, property::serial, pack::longest_serial)),
        .overlay_bytes = TRY(number(node, property::overlay, 0, 1024_GiB))};
    if (disk.extents.size() % 2 != 0) return Err{Error::bad_format};
    if (auto const where = TRY(numbers(node, property::ramdisk, 2)); !where.empty()) {
        if (where.size() != 2 || !disk.host.empty()) return Err{Error::bad_format};
        disk.ramdisk = TRY(payload(where[0], where[1]));
    }
    if (disk.host.empty() == (disk.ramdisk.size == 0)) return Err{Error::bad_format};
    return disk;
}

Result<vm::NetDescription> Pack::describe_net(FdtNode const& node) const {
    vm::NetDescription net{.switch_name = TRY(text(node, property::network, pack::longest_name)),
                           .vlan = static_cast<u16>(TRY(number(node, property::vlan, 0, 4094))),
                           .isolated = node.has(property::isolated),
                           .guarded = node.has(property::anti_spoof),
                           .offload = !node.has(property::no_offload)};
    auto const found = find_switch(net.switch_name);
    if (!found) return Err{Error::not_found};
    net.network = *found;
    auto const mac = node.property(property::mac);
    if (!mac || mac->bytes.size() != net.mac.size()) return Err{Error::bad_format};
    for (usize i = 0; i < net.mac.size(); ++i) net.mac[i] = mac->bytes[i];
    if ((net.mac[0] & 1) != 0) return Err{Error::bad_format};  // an address of a group
    return net;
}

Result<void> Pack::describe_devices(FdtNode const& node, vm::Description& vm) const {
    TRY(read_share(node, vm));
    vm.policies.restart_delay_ms = static_cast<u32>(TRY(number(node, property::restart_delay, 0, 3'600'000)));
    vm.colours = TRY(number(node, property::colours, 0, ~u64{0}));
    vm.extras = {
        .rng = node.has(property::rng),
        .balloon = node.has(property::balloon),
        .free_page_reporting = node.has(property::free_page_reporting),
        .watchdog = node.has(property::watchdog),
        .console_ports = static_cast<u32>(TRY(number(node, property::console_ports, 0, pack::most_consoles))),
        .vsock_cid = TRY(number(node, property::vsock, 0, 0xffff'fffe))};
    if (vm.extras.vsock_cid == 1 || vm.extras.vsock_cid == 2) return Err{Error::out_of_range};

    vm.bus = TRY(bus_of(node, vm::VirtioBus::mmio));
    vm.disk_count = TRY(each_numbered(node, pack::node::disks, vm.disks.size(),
                                      [&](FdtNode const& disk, usize at) -> Result<void> {
                                          vm.disks[at] = TRY(describe_disk(disk));
                                          vm.disks[at].bus = TRY(bus_of(disk, vm.bus));
                                          return {};
                                      }));
    vm.net_count = TRY(each_numbered(node, pack::node::nets, vm.nets.size(),
                                     [&](FdtNode const& net, usize at) -> Result<void> {
                                         vm.nets[at] = TRY(describe_net(net));
                                         vm.nets[at].bus = TRY(bus_of(net, vm.bus));
                                         return {};
                                     }));
    vm.channel_count = TRY(each_numbered(
        node, pack::node::channels, vm.channels.size(),
        [&](FdtNode const& channel, usize at) -> Result<void> {
            vm.channels[at] = {.with = TRY(text(channel, property::with, pack::longest_name)),
                               .bytes = TRY(number(channel, property::size, 0, 16_MiB))};
            auto const bytes = vm.channels[at].bytes;
            return bytes == 0 || bytes % 4_KiB != 0 ? Result<void>{Err{Error::out_of_range}} : Result<void>{};
        }));

    vm.device_count = TRY(each_numbered(
        node, pack::node::devices, vm.devices.size(), [&](FdtNode const& device, usize at) -> Result<void> {
            vm.devices[at] = TRY(text(device, property::host, pack::longest_device));
            return {};
        }));

    if (auto const where = TRY(numbers(node, property::flash, 4)); !where.empty()) {
        if (where.size() != 4) return Err{Error::bad_format};
        if (where[1] > pack::most_flash || where[3] > pack::most_flash) return Err{Error::out_of_range};
        vm.flash.code = TRY(payload(where[0], where[1]));
        vm.flash.variables = TRY(payload(where[2], where[3]));
    }
    if (node.has(property::vars_disk)) {
        auto const disk = TRY(number(node, property::vars_disk, 0, pack::most_disks));
        if (disk >= vm.disk_count) return Err{Error::out_of_range};
        vm.flash.disk = static_cast<u32>(disk);
    }
    return {};
}

}  // namespace antler::control
