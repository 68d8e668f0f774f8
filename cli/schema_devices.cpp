// Keys of the disks, the cards and the channels of a VM.
#include <array>

#include "abi/pack.hpp"
#include "abi/pci_place.hpp"
#include "cli/description_values.hpp"
#include "cli/schema_rows.hpp"

namespace antler::cli {
namespace {

[[nodiscard]] bool is_board_device(std::string_view text) {
    return text.starts_with('/') || abi::parse_pci_place(text).has_value();
}

constexpr std::array rows{
    Row{.section = Section::disk,
        .key = "partition",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "The label or UUID of the partition (GPT) that is the VM's disk, in place of the whole.",
        .store = [](Target to, Value const& v) { to.disk->partition = v.text; },
        .least = 1,
        .most = 72},
    Row{.section = Section::disk,
        .key = "extents",
        .shape = Shape::words,
        .fallback = "[]",
        .sentence = "The sectors of 512 bytes that are the VM's disk, in place of the whole, as "
                    "`[\"FIRST+COUNT\", …]`.",
        .store =
            [](Target to, Value const& v) {
                to.disk->extents.clear();
                for (auto const& text : v.list) {
                    auto const [first, count] = *parse_extent(text);
                    to.disk->extents.insert(to.disk->extents.end(), {first, count});
                }
            },
        .good = [](std::string_view text) { return parse_extent(text).has_value(); },
        .form = "sectors such as \"2048+65536\""},
    Row{.section = Section::disk,
        .key = "size",
        .shape = Shape::size,
        .fallback = "",
        .sentence = "A file that is missing is made so large, full of zeros.",
        .store = [](Target to, Value const& v) { to.disk->size = v.number; },
        .least = 4_KiB,
        .most = 64 * most_memory,
        .step = 4_KiB},
    Row{.section = Section::disk,
        .key = "contents",
        .shape = Shape::text,
        .fallback = "",
        .sentence =
            "With a `size`: a file that is missing is made with an ext4 file system that holds what is in "
            "this folder.",
        .store = [](Target to, Value const& v) { to.disk->contents = v.text; },
        .least = 1,
        .most = most_path},
    Row{.section = Section::disk,
        .key = "esp.kernel",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "In place of a path: a disk with an EFI system partition from which EFI firmware boots "
                    "this kernel, a "
                    "file with an EFI stub or a name of the catalogue. It is read-only without an `overlay`.",
        .store = [](Target to, Value const& v) { to.disk->esp_kernel = v.text; },
        .least = 1,
        .most = most_path},
    Row{.section = Section::disk,
        .key = "esp.initramfs",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "The initial file system there, as in `payload`.",
        .store = [](Target to, Value const& v) { to.disk->esp_initramfs = v.text; },
        .least = 1,
        .most = most_path},
    Row{.section = Section::disk,
        .key = "esp.cmdline",
        .shape = Shape::text,
        .fallback = R"("")",
        .sentence = "The command line of that kernel.",
        .store = [](Target to, Value const& v) { to.disk->esp_cmdline = v.text; },
        .most = abi::pack::longest_cmdline},
    Row{.section = Section::disk,
        .key = "readonly",
        .shape = Shape::flag,
        .fallback = "false",
        .sentence = "The VM may not write.",
        .store = [](Target to, Value const& v) { to.disk->readonly = v.flag; }},
    Row{.section = Section::disk,
        .key = "overlay",
        .shape = Shape::size,
        .fallback = "",
        .sentence = "What the VM writes goes into so much memory at most, and the disk stays as it is, so "
                    "that many VMs "
                    "can share it.",
        .store = [](Target to, Value const& v) { to.disk->overlay = v.number; },
        .least = 64_KiB,
        .most = most_memory,
        .step = 64_KiB},
    Row{.section = Section::disk,
        .key = "ramdisk",
        .shape = Shape::flag,
        .fallback = "false",
        .sentence = "The file goes into memory with the VMs, and what is written is forgotten.",
        .store = [](Target to, Value const& v) { to.disk->ramdisk = v.flag; }},
    Row{.section = Section::disk,
        .key = "bus",
        .shape = Shape::word,
        .fallback = "",
        .sentence = "Where the VM finds it; without this, where its other devices are.",
        .store = [](Target to, Value const& v) { to.disk->bus = v.text; },
        .words = "mmio|pci"},
    Row{.section = Section::disk,
        .key = "serial",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "The serial number that the VM reads.",
        .store = [](Target to, Value const& v) { to.disk->serial = v.text; },
        .least = 1,
        .most = abi::pack::longest_serial},

    Row{.section = Section::net,
        .key = "switch",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "The switch that the card is plugged into: there is a table [switch.NAME].",
        .store = [](Target to, Value const& v) { to.net->network = v.text; },
        .required = true,
        .least = 1,
        .most = abi::pack::longest_name},
    Row{.section = Section::net,
        .key = "mac",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "Its address. Without one it is made from the VM's name.",
        .store =
            [](Target to, Value const& v) {
                to.net->mac = *parse_mac(v.text);
                to.net->mac_given = true;
            },
        .least = 1,
        .most = 17,
        .good = [](std::string_view text) { return parse_mac(text).has_value(); },
        .form = "an address of one card such as \"52:54:00:12:34:56\""},
    Row{.section = Section::net,
        .key = "vlan",
        .shape = Shape::number,
        .fallback = "0",
        .sentence = "The VLAN that the card is in; 0 is none.",
        .store = [](Target to, Value const& v) { to.net->vlan = static_cast<u32>(v.number); },
        .most = 4094},
    Row{.section = Section::net,
        .key = "isolated",
        .shape = Shape::flag,
        .fallback = "false",
        .sentence = "It reaches the uplink and cards that are not isolated, and no other that is.",
        .store = [](Target to, Value const& v) { to.net->isolated = v.flag; }},
    Row{.section = Section::net,
        .key = "anti_spoof",
        .shape = Shape::flag,
        .fallback = "false",
        .sentence = "What it sends under an address other than its own is dropped.",
        .store = [](Target to, Value const& v) { to.net->anti_spoof = v.flag; }},
    Row{.section = Section::net,
        .key = "bus",
        .shape = Shape::word,
        .fallback = "",
        .sentence = "Where the VM finds it; without this, where its other devices are.",
        .store = [](Target to, Value const& v) { to.net->bus = v.text; },
        .words = "mmio|pci"},
    Row{.section = Section::net,
        .key = "offload",
        .shape = Shape::flag,
        .fallback = "true",
        .sentence = "Checksums and the cutting of long packets are left to the switch.",
        .store = [](Target to, Value const& v) { to.net->offload = v.flag; }},

    Row{.section = Section::channel,
        .key = "with",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "The VM at the other end; it needs no entry of its own.",
        .store = [](Target to, Value const& v) { to.channel->with = v.text; },
        .required = true,
        .least = 1,
        .most = abi::pack::longest_name},
    Row{.section = Section::channel,
        .key = "size",
        .shape = Shape::size,
        .fallback = R"("64K")",
        .sentence = "How much memory is shared.",
        .store = [](Target to, Value const& v) { to.channel->size = v.number; },
        .least = 4_KiB,
        .most = 16_MiB,
        .step = 4_KiB},

    Row{.section = Section::device,
        .key = "host",
        .shape = Shape::text,
        .fallback = "",
        .sentence =
            "A function of PCI, as in `0000:00:02.0`, for which the board needs an IOMMU; or the path of a "
            "device in "
            "the board's tree, as in `/soc/serial@10002000`, that is known to reach no memory by itself.",
        .store = [](Target to, Value const& v) { to.device->host = v.text; },
        .required = true,
        .least = 1,
        .most = abi::pack::longest_device,
        .good = is_board_device,
        .form = "a function such as \"0000:00:02.0\" or a path such as \"/soc/rtc@101000\""},
};

}  // namespace

std::span<Row const> device_rows() {
    return rows;
}

}  // namespace antler::cli
