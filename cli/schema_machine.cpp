// Keys of a description that are about the machine, Antler itself, and switches.
#include <array>

#include "cli/description_values.hpp"
#include "cli/schema_rows.hpp"

namespace antler::cli {
namespace {

constexpr std::array rows{
    Row{.section = Section::machine,
        .key = "harts",
        .shape = Shape::number,
        .fallback = "2",
        .sentence = "How many harts (hardware threads) the machine has.",
        .store = [](Target to, Value const& v) { to.machine->harts = static_cast<u32>(v.number); },
        .least = 1,
        .most = 64},
    Row{.section = Section::machine,
        .key = "memory",
        .shape = Shape::size,
        .fallback = R"("2G")",
        .sentence = "How much memory the machine has. The VMs and Antler itself (32M) share it.",
        .store = [](Target to, Value const& v) { to.machine->memory = v.number; },
        .least = 64_MiB,
        .most = most_memory},
    Row{.section = Section::machine,
        .key = "cpu",
        .shape = Shape::text,
        .fallback = "",
        .sentence = "QEMU's `-cpu`. Without it `rva23s64`, and with an AIA `rva23s64,smaia=on,ssaia=on`.",
        .store = [](Target to, Value const& v) { to.machine->cpu = v.text; },
        .least = 1,
        .most = 255},
    Row{.section = Section::machine,
        .key = "aia",
        .shape = Shape::word,
        .fallback = R"("none")",
        .sentence = "The interrupt controllers: a PLIC (`none`), an APLIC, or an APLIC with IMSICs.",
        .store = [](Target to, Value const& v) { to.machine->aia = v.text; },
        .words = "none|aplic|aplic-imsic"},
    Row{.section = Section::machine,
        .key = "icount",
        .shape = Shape::flag,
        .fallback = "false",
        .sentence = "One instruction is one nanosecond of virtual time, so that every run is the same.",
        .store = [](Target to, Value const& v) { to.machine->icount = v.flag; }},
    Row{.section = Section::machine,
        .key = "control",
        .shape = Shape::word,
        .fallback = R"("virtio")",
        .sentence = "What operators reach Antler by: ports of a virtio console, a serial port (`uart`) that "
                    "one of them at a time can talk at, or nothing but the console.",
        .store = [](Target to, Value const& v) { to.machine->control = v.text; },
        .words = "virtio|uart|none"},
    Row{.section = Section::machine,
        .key = "spare_disks",
        .shape = Shape::number,
        .fallback = "",
        .sentence = "How many drives wait for image files of VMs that `antler create` makes later. Without "
                    "it 2, and none "
                    "with `icount`, `qemu_args` or no `control`.",
        .store = [](Target to, Value const& v) { to.machine->spare_disks = static_cast<u32>(v.number); },
        .most = most_spare_disks},
    Row{.section = Section::machine,
        .key = "qemu_args",
        .shape = Shape::words,
        .fallback = "[]",
        .sentence = "More arguments for QEMU, put last, so that they win.",
        .store = [](Target to, Value const& v) { to.machine->qemu_args = v.list; }},

    Row{.section = Section::hypervisor,
        .key = "on_panic",
        .shape = Shape::word,
        .fallback = R"("reset")",
        .sentence = "After an error of Antler itself and its report: reset the board, or halt it.",
        .store = [](Target to, Value const& v) { to.hypervisor->on_panic = v.text; },
        .words = "reset|halt"},
    Row{.section = Section::hypervisor,
        .key = "ignore",
        .shape = Shape::words,
        .fallback = "[]",
        .sentence = "Registers to read as zero, as real harts may have them.",
        .store = [](Target to, Value const& v) { to.hypervisor->ignore = v.list; },
        .words = "htinst|htval"},
    Row{.section = Section::network,
        .key = "uplink",
        .shape = Shape::flag,
        .fallback = "false",
        .sentence =
            "It reaches the board's network card; under `antler run` the host, by QEMU's user network.",
        .store = [](Target to, Value const& v) { to.network->uplink = v.flag; }},
    Row{.section = Section::network,
        .key = "forward",
        .shape = Shape::words,
        .fallback = "[]",
        .sentence = "With an uplink: ports of the host's loopback that lead to a VM, as "
                    "`[\"127.0.0.1:2222:10.0.2.15:22\"]`.",
        .store = [](Target to, Value const& v) { to.network->forward = v.list; },
        .good = [](std::string_view text) { return parse_forward(text).has_value(); },
        .form = "\"127.0.0.1:PORT:ADDRESS:PORT\""},
};

}  // namespace

std::span<Row const> machine_rows() {
    return rows;
}

}  // namespace antler::cli
