// Writes docs/configuration.md from the table of keys.
#include <fmt/format.h>

#include "abi/pack.hpp"
#include "cli/byte_size.hpp"
#include "cli/schema.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {

namespace {

constexpr std::string_view introduction = R"(# The description of a machine

<!-- Made by `antler check --schema-markdown`; change cli/schema_*.cpp, not this file. -->

A description is a [TOML](https://toml.io) file: one table for the machine, one for the hypervisor, and one for
each VM and each switch. The key names are those of Cloud Hypervisor's VmConfig. `antler check FILE` says what a description
makes; the first thing that is wrong gets one sentence with file, line and column, and nothing is started.

```toml
[machine]                      # what `antler run` asks QEMU for; a board ignores it
harts = 2
memory = "2G"

[vm.web]
cpus = { boot_vcpus = 2 }
memory = { size = "512M" }
payload = { kernel = "debian:linux", initramfs = "busybox", cmdline = "console=ttyS0" }
disks = [{ path = "web.img", size = "64M" }]
net = [{ switch = "lan" }]

[switch.lan]
```

A size is a text of digits and one of K, M, G and T, which are powers of 1,024. Relative paths start at the folder
of the description. A key that is not on this page is an error.
)";

constexpr std::string_view conclusion = R"(
## What `destroy`, `restart` and `preserve` mean

`destroy` ends the VM and gives its memory back; `restart` starts it again as it was started first; `preserve` stops
its virtual harts and keeps its memory. When the last VM is gone, the machine is switched off.

## The initramfs `busybox`

It is made from Debian's static busybox and the modules for virtio devices and ext4, and kept in the cache. It ends
at a shell prompt; `poweroff`, `reboot` and `halt` do what they say, and at once with `-f`. On the kernel's command line
`antler.run="COMMAND"` runs a command before the prompt (there, `poweroff` needs its `-f`), and `hostname=NAME` names
the VM.

## Booting by EFI

```toml
[vm.uefi]
memory = { size = "512M" }
payload = { firmware = { code = "debian:edk2", vars_disk = 1 } }
disks = [
    { esp = { kernel = "debian:linux", initramfs = "busybox", cmdline = "console=ttyS0" } },
    { path = "uefi-vars.img", size = "2M" },
]
```

The image with the EFI system partition is made when it is needed, and kept in the cache: a GPT, a FAT partition, and on it
systemd-boot as `/EFI/BOOT/BOOTRISCV64.EFI` with one entry. The kernel gets its device tree from the firmware.

The disk that `vars_disk` names keeps what the firmware writes into its flash memory, so that boot entries and variables are
there when the machine starts again; the VM does not see it as a disk. It begins as `vars` says and needs twice the size of
that and 64K. Changes are written in groups, in the order in which they were made and each whole or not at all; the VM has not ended before
the last is on the disk.

## Where things lie

A VM's memory starts at 0x80000000. The kernel lies where its header says (a Linux `Image` at 0x80200000), the device
tree at the end of the memory, and the initramfs below it, 2 MiB-aligned. `antler check FILE` prints the addresses.
)";

void add_section(std::string& text, Section section, std::string_view sentence) {
    text += fmt::format("\n## `[{}]`\n\n{}\n\n| key | value | default | |\n|---|---|---|---|\n",
                        heading(section), sentence);
    for (auto const& row : schema()) {
        if (row.section != section) continue;
        auto const fallback = row.required           ? std::string{"required"}
                              : row.fallback.empty() ? std::string{}
                                                     : fmt::format("`{}`", row.fallback);
        text +=
            fmt::format("| `{}` | {} | {} | {} |\n", row.key, describe_shape(row), fallback, row.sentence);
    }
}

}  // namespace

std::string describe_shape(Row const& row) {
    std::vector<std::string> quoted;
    for (auto const word : split_words(row.words, '|')) quoted.push_back(fmt::format("\"{}\"", word));
    std::vector<std::string_view> const words(quoted.begin(), quoted.end());
    switch (row.shape) {
        case Shape::number: return fmt::format("a whole number from {} to {}", row.least, row.most);
        case Shape::flag: return "true or false";
        case Shape::size:
            return fmt::format("a size from \"{}\" to \"{}\", a multiple of \"{}\"", show_size(row.least),
                               show_size(row.most), show_size(row.step));
        case Shape::text: return row.form.empty() ? "a text" : std::string{row.form};
        case Shape::word: return enumerate(words, "or");
        case Shape::words:
            if (!row.form.empty()) return fmt::format("an array of {}", row.form);
            return words.empty() ? "an array of texts"
                                 : fmt::format("an array with any of {}", enumerate(words));
        case Shape::tables: return fmt::format("an array of tables, at most {}", row.most);
    }
    return "";
}

std::string schema_markdown() {
    std::string text{introduction};
    add_section(text, Section::machine,
                "What `antler run` asks QEMU for. A board is what its own device tree says.");
    add_section(text, Section::hypervisor, "How Antler itself behaves.");
    add_section(
        text, Section::vm,
        fmt::format(
            "A VM. Its name has letters, digits, `.`, `_` and `-`, starts with a letter, and is at most "
            "{} characters long. Names with other characters than letters, digits, `_` and `-` need "
            "quotes: `[vm.\"a.b\"]`.",
            abi::pack::longest_name));
    add_section(text, Section::disk, "An entry of `disks`: it has a `path`, a `host` or an `esp`.");
    add_section(text, Section::net, "An entry of `net`.");
    add_section(text, Section::channel, "An entry of `channels`.");
    add_section(text, Section::device, "An entry of `devices`.");
    add_section(text, Section::network,
                "A switch that joins VMs with each other, and with an `uplink` with the network outside.");
    text += "\n## The catalogue\n\n| `payload.kernel` | |\n|---|---|\n";
    for (auto const& entry : catalogue_entries)
        text += fmt::format("| `{}` | {} |\n", entry.name, entry.sentence);
    text += "\n| a disk's `path` | |\n|---|---|\n";
    for (auto const& disk : catalogue_disks)
        text += fmt::format("| `{}` | {}; `{}` makes it |\n", disk.name, disk.sentence, disk.how);
    text += conclusion;
    return text;
}

}  // namespace antler::cli
