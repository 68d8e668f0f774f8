// Every key of a description in one table: it drives the reader, the defaults and docs/configuration.md.
#include "cli/schema.hpp"

#include <array>
#include <limits>

#include "abi/pack.hpp"
#include "base/units.hpp"

namespace antler::cli {

namespace {

constexpr u64 most_memory = 1024_GiB;
constexpr u64 most_path = 4095;
constexpr std::string_view endings = "destroy|restart|preserve";

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
    Row{.section = Section::hypervisor,
        .key = "log",
        .shape = Shape::word,
        .fallback = R"("normal")",
        .sentence = "How much Antler itself says on the board's console.",
        .store = [](Target to, Value const& v) { to.hypervisor->log = v.text; },
        .words = "quiet|normal|debug"},

    Row{.section = Section::vm,
        .key = "cpus.boot_vcpus",
        .shape = Shape::number,
        .fallback = "1",
        .sentence = "How many virtual harts the VM has. More than the machine has harts take turns.",
        .store = [](Target to, Value const& v) { to.vm->vcpus = static_cast<u32>(v.number); },
        .least = 1,
        .most = abi::pack::most_vcpus},
    Row{.section = Section::vm,
        .key = "memory.size",
        .shape = Shape::size,
        .fallback = R"("512M")",
        .sentence = "How much memory the VM has.",
        .store = [](Target to, Value const& v) { to.vm->memory = v.number; },
        .least = 4_MiB,
        .most = most_memory},
    Row{.section = Section::vm,
        .key = "memory.prefault",
        .shape = Shape::flag,
        .fallback = "true",
        .sentence = "Map all memory before the VM starts; otherwise each part when it is first touched.",
        .store = [](Target to, Value const& v) { to.vm->prefault = v.flag; }},
    Row{.section = Section::vm,
        .key = "payload.kernel",
        .shape = Shape::text,
        .fallback = "",
        .sentence =
            "What the VM boots: a RISC-V Linux `Image` (also gzip, xz or zstd), an ELF program, raw code "
            "for 0x80200000, or a name of the catalogue below.",
        .store = [](Target to, Value const& v) { to.vm->kernel = v.text; },
        .required = true,
        .least = 1,
        .most = most_path},
    Row{.section = Section::vm,
        .key = "payload.initramfs",
        .shape = Shape::text,
        .fallback = "",
        .sentence =
            "The initial file system: a file that is handed over as it is, or `busybox` for one that Antler "
            "makes, with a shell and the modules a VM needs.",
        .store = [](Target to, Value const& v) { to.vm->initramfs = v.text; },
        .least = 1,
        .most = most_path},
    Row{.section = Section::vm,
        .key = "payload.cmdline",
        .shape = Shape::text,
        .fallback = R"("")",
        .sentence = "The kernel's command line.",
        .store = [](Target to, Value const& v) { to.vm->cmdline = v.text; },
        .most = abi::pack::longest_cmdline},
    Row{.section = Section::vm,
        .key = "policies.trap",
        .shape = Shape::words,
        .fallback = "[]",
        .sentence =
            "What the VM's kernel may do only through Antler: `vm` its own paging (VTVM), `wfi` waiting "
            "(VTW), `sret` returning from traps (VTSR).",
        .store = [](Target to, Value const& v) { to.vm->trap = v.list; },
        .words = "vm|wfi|sret"},
    Row{.section = Section::vm,
        .key = "policies.hide",
        .shape = Shape::words,
        .fallback = "[]",
        .sentence = "ISA extensions that the VM is not told of, and where the harts can, does not have: `v`, "
                    "`sstc`, …",
        .store = [](Target to, Value const& v) { to.vm->hide = v.list; }},
    Row{.section = Section::vm,
        .key = "on_poweroff",
        .shape = Shape::word,
        .fallback = R"("destroy")",
        .sentence = "What becomes of the VM when it powers off.",
        .store = [](Target to, Value const& v) { to.vm->on_poweroff = v.text; },
        .words = endings},
    Row{.section = Section::vm,
        .key = "on_reboot",
        .shape = Shape::word,
        .fallback = R"("restart")",
        .sentence = "What becomes of the VM when it reboots.",
        .store = [](Target to, Value const& v) { to.vm->on_reboot = v.text; },
        .words = endings},
    Row{.section = Section::vm,
        .key = "on_crash",
        .shape = Shape::word,
        .fallback = R"("destroy")",
        .sentence = "What becomes of the VM when it crashes.",
        .store = [](Target to, Value const& v) { to.vm->on_crash = v.text; },
        .words = endings},
};

}  // namespace

std::span<Row const> schema() {
    return rows;
}

Row const* find_row(Section section, std::string_view key) {
    for (auto const& row : rows)
        if (row.section == section && row.key == key) return &row;
    return nullptr;
}

}  // namespace antler::cli
