// The machine that QEMU is asked for.
#include "cli/qemu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "abi/control.hpp"
#include "base/units.hpp"
#include "cli/failure.hpp"
#include "cli/spare_disks.hpp"

namespace antler::cli {

namespace {

// A comma in the value of an option is written twice.
std::string without_commas(Path const& path) {
    std::string text;
    for (char const c : path.string()) text.append(c == ',' ? 2 : 1, c);
    return text;
}

// The board has eight slots for virtio devices; what comes then goes behind PCI.
class Slots {
public:
    std::string next(std::string const& device) {
        return device + (taken_++ < 8 ? "-device" : "-pci,disable-legacy=on,disable-modern=off");
    }

private:
    unsigned taken_ = 0;
};

// Nobody need be there; who comes and goes does not stop the machine.
void add_control(Arguments& words, QemuMachine const& machine, Slots& slots) {
    auto const add = [&](auto const&... more) { (words.emplace_back(more), ...); };
    if (!machine.control_serial) add("-device", slots.next("virtio-serial"));
    auto const lines = machine.control_serial ? 1 : abi::control::most_lines;
    for (u32 line = 0; line < lines; ++line) {
        auto const ending = line == 0 ? std::string{} : "." + std::to_string(line);
        auto const id = "control" + std::to_string(line);
        add("-chardev",
            "socket,id=" + id + ",server=on,wait=off,path=" + without_commas(machine.control) + ending);
        add("-device", machine.control_serial ? "pci-serial,chardev=" + id
                                              : "virtserialport,chardev=" + id +
                                                    ",name=" + std::string{abi::control::port_name} + ending);
    }
}

// At the end of the bus, so that no other device has another place because of them.
void add_spare_disks(Arguments& words, QemuMachine const& machine) {
    auto const add = [&](auto const&... more) { (words.emplace_back(more), ...); };
    if (!machine.monitor.empty())
        add("-chardev", "socket,id=qemu,server=on,wait=off,path=" + without_commas(machine.monitor), "-mon",
            "chardev=qemu,mode=control");
    for (u32 i = 0; i < machine.spare_disks; ++i) {
        auto const node = spare_node(i);
        add("-blockdev", "driver=null-co,read-zeroes=on,node-name=" + node +
                             "-0,size=" + std::to_string(spare_disk_bytes));
        add("-blockdev", "driver=raw,discard=unmap,node-name=" + node + ",file=" + node + "-0");
        add("-device",
            "virtio-blk-pci,disable-legacy=on,disable-modern=off,addr=" + fmt::format("{:#x}", 31 - i) +
                ",drive=" + node + ",serial=" + spare_serial(i) + ",werror=report,rerror=report");
    }
}

void add_devices(Arguments& words, QemuMachine const& machine) {
    auto const add = [&](auto const&... more) { (words.emplace_back(more), ...); };
    if (machine.control.empty() && machine.drives.empty() && machine.uplinks.empty() &&
        machine.spare_disks == 0)
        return;
    Slots slots;
    add("-global", "virtio-mmio.force-legacy=false");
    if (!machine.control.empty()) add_control(words, machine, slots);
    for (usize i = 0; i < machine.drives.size(); ++i) {
        auto const& drive = machine.drives[i];
        auto const id = "drive" + std::to_string(i);
        // Several machines may read one file, and somebody may have it open; QEMU's lock keeps writers apart.
        add("-drive", "if=none,id=" + id + ",format=raw,discard=unmap" +
                          (drive.readonly ? ",readonly=on" : "") + ",file=" + without_commas(drive.file));
        // Else a full file would stop the whole machine until somebody makes room.
        add("-device", slots.next("virtio-blk") + ",drive=" + id + ",serial=" + drive.serial +
                           ",werror=report,rerror=report");
    }
    for (usize i = 0; i < machine.uplinks.size(); ++i) {
        auto const id = "uplink" + std::to_string(i);
        std::string options = "user,id=" + id;
        for (auto const& forward : machine.uplinks[i].forward) {
            auto const middle = forward.find(':', forward.find(':') + 1);
            options += ",hostfwd=tcp:" + forward.substr(0, middle) + "-" + forward.substr(middle + 1);
        }
        add("-netdev", options);
        add("-device", slots.next("virtio-net") + ",netdev=" + id);
    }
    add_spare_disks(words, machine);
}

}  // namespace

Arguments qemu_arguments(Path const& program, QemuMachine const& machine, int console_fd) {
    Arguments words{program.string()};
    auto const add = [&](auto const&... more) { (words.emplace_back(more), ...); };

    std::string virt = "virt";
    if (!machine.aia.empty()) virt += ",aia=" + machine.aia;
    if (machine.aia == "aplic-imsic") virt += ",aia-guests=3";  // as many VMs may own a file of a hart
    add("-M", virt);
    add("-cpu", machine.cpu.empty() ? std::string{default_cpu} : machine.cpu);
    add("-smp", std::to_string(machine.harts));
    add("-m", std::to_string(machine.memory / 1_MiB) + "M");
    if (machine.icount) {
        // Time, entropy and date are the same in every run, so that the figures are.
        add("-icount", "shift=0,sleep=off", "-seed", std::to_string(machine.seed), "-rtc",
            "base=2026-01-01,clock=vm");
    }
    add("-display", "none", "-parallel", "none", "-monitor", "none");
    auto port = machine.console_file.empty() ? "socket,id=console,fd=" + std::to_string(console_fd)
                                             : "file,id=console,path=" + machine.console_file.string();
    if (!machine.console_socket.empty())
        port = "socket,id=console,server=on,wait=" + std::string{machine.wait_for_console ? "on" : "off"} +
               ",path=" + without_commas(machine.console_socket);
    add("-chardev", port, "-serial", "chardev:console");
    add_devices(words, machine);
    // A guest that ends in failure ends QEMU with 1 instead of 0.
    add("-action", "panic=exit-failure");
    add("-kernel", machine.kernel.string());
    if (!machine.initrd.empty()) add("-initrd", machine.initrd.string());
    if (!machine.cmdline.empty()) add("-append", machine.cmdline);
    words.insert(words.end(), machine.extra.begin(), machine.extra.end());
    return words;
}

std::string quoted(Arguments const& arguments) {
    auto const plain = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view{"-_=+,.:/@%"}.contains(c);
    };
    std::string line;
    for (auto const& word : arguments) {
        if (!line.empty()) line += ' ';
        if (!word.empty() && std::ranges::all_of(word, plain)) {
            line += word;
            continue;
        }
        line += '\'';
        for (char const c : word) {
            if (c == '\'')
                line += "'\\''";
            else
                line += c;
        }
        line += '\'';
    }
    return line;
}

Path required_qemu() {
    auto const program = qemu_program();
    if (program.empty())
        throw Failure{
            ExitCode::internal,
            "There is no qemu-system-riscv64: start this program through ./antler, which fetches it, or set "
            "ANTLER_QEMU to its path."};
    return program;
}

}  // namespace antler::cli
