// Lines such as `Trace 0: 0x7f12 [00000000/0000000080200140/00002003/ff000000]`, then the registers, `scause
// 000000000000000a` or several in a line as `x17/a7 0000000000000010`; and between them all traps:
// `riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000008, …`.
#include "cli/bench_exits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace antler::cli {
namespace {

constexpr std::string_view trap_mark = "riscv_cpu_do_interrupt: ";
constexpr std::string_view user_call = "async:0, cause:0000000000000008,";  // from user mode

constexpr std::array reasons{
    ExitReason{"sbi", "SBI calls: who the firmware is, and each extension that there may be"},
    ExitReason{"plic_priority", "PLIC: a priority for each wire"},
    ExitReason{"plic_enable", "PLIC: enables, read and written for each wire and each hart"},
    ExitReason{"plic_context", "PLIC: thresholds, claims and completions"},
    ExitReason{"aplic", "APLIC: its wires and harts"},
    ExitReason{"serial", "serial port: is it one and which, its speed, what is written, its interrupts"},
    ExitReason{"clock", "real-time clock"},
    ExitReason{"power", "power and reset"},
    ExitReason{"virtio", "virtio devices"},
    ExitReason{"pci", "PCI: configuration and registers"},
    ExitReason{"device", "other devices"},
    ExitReason{"demand", "memory on demand"},
    ExitReason{"wait", "wfi beside somebody who can run"},
    ExitReason{"interrupt", "interrupts of the hypervisor"},
    ExitReason{"instruction", "other instructions and exceptions"},
};

// QEMU's virt board, which guests see.
struct Place {
    u64 start;
    u64 end;
    std::string_view name;
};
constexpr std::array places{
    Place{0x10'0000, 0x10'1000, "power"},           Place{0x10'1000, 0x10'2000, "clock"},
    Place{0xc00'0000, 0xc00'2000, "plic_priority"}, Place{0xc00'2000, 0xc20'0000, "plic_enable"},
    Place{0xc20'0000, 0xd00'0000, "plic_context"},  Place{0xd00'0000, 0x1000'0000, "aplic"},
    Place{0x1000'0000, 0x1000'1000, "serial"},      Place{0x1000'1000, 0x1100'0000, "virtio"},
    Place{0x3000'0000, 0x8000'0000, "pci"},         Place{0x8000'0000, ~u64{0}, "demand"},
};

constexpr std::array<std::string_view, 3> counted_rows{"linux_exits", "linux_exits_virtio",
                                                       "linux_exits_virtio_pci"};

constexpr u64 interrupt_bit = u64{1} << 63;
constexpr u64 wfi = 0x1050'0073;

std::string_view place_of(u64 address) {
    for (auto const& place : places)
        if (address >= place.start && address < place.end) return place.name;
    return "device";
}

bool is_call_of(u64 program, std::string_view text) {
    constexpr std::string_view mark = "epc:0x";
    constexpr u64 program_bytes = 512;
    auto const at = text.find(mark);
    if (!text.contains(user_call) || at == std::string_view::npos) return false;
    u64 pc = 0;
    auto const number = text.substr(at + mark.size());
    std::from_chars(number.data(), number.data() + number.size(), pc, 16);
    return pc - program < program_bytes;
}

}  // namespace

std::span<ExitReason const> exit_reasons() {
    return reasons;
}

std::string_view ExitCount::reason() const {
    auto const value = [&](std::string_view name) {
        auto const found = registers_.find(name);
        return found == registers_.end() ? 0 : found->second;
    };
    auto const cause = value("scause");
    if ((cause & interrupt_bit) != 0) return "interrupt";
    switch (cause) {
        case 10: return "sbi";  // [norm:H_cause_ecall]
        case 20:                // [norm:H_guest_page_fault]
        case 21:                //
        case 23: return place_of(value("htval") << 2 | (value("stval") & 3));
        case 22: return value("stval") == wfi ? "wait" : "instruction";  // [norm:H_cause_virtual_instruction]
        default: return "instruction";
    }
}

void ExitCount::finish() {
    if (!open_) return;
    open_ = false;
    // The hypervisor's own, an access that may fail, are no exits: a guest's registers are where sscratch
    // points.
    if (!ended_ && registers_["sscratch"] != 0) ++by_reason_[reason()];
}

void ExitCount::line(std::string_view text) {
    if (text.starts_with("Trace ")) {
        finish();
        registers_.clear();
        open_ = true;
        return;
    }
    if (text.starts_with(trap_mark)) {
        finish();
        ended_ = ended_ || is_call_of(program_, text);
        return;
    }
    if (!open_) return;
    // Pairs of a name and a number.
    std::string_view name;
    while (!text.empty()) {
        auto const begin = text.find_first_not_of(' ');
        if (begin == std::string_view::npos) return;
        text.remove_prefix(begin);
        auto const end = std::min(text.find(' '), text.size());
        auto const word = text.substr(0, end);
        text.remove_prefix(end);
        if (name.empty()) {
            name = word;
            continue;
        }
        u64 value = 0;
        std::from_chars(word.data(), word.data() + word.size(), value, 16);
        registers_[std::string{name}] = value;
        name = {};
    }
}

u64 ExitCount::all() const {
    return std::accumulate(by_reason_.begin(), by_reason_.end(), u64{0},
                           [](u64 sum, auto const& one) { return sum + one.second; });
}

std::string row_of_reason(std::string_view row, std::string_view name) {
    return fmt::format("{}:{}", row, name);
}

std::string exits_section(Figures const& figures) {
    std::string rows;
    for (auto const& reason : reasons) {
        std::string cells;
        bool any = false;
        for (auto const row : counted_rows) {
            auto const count = find(figures, row_of_reason(row, reason.name), ours);
            any = any || count;
            cells += count ? fmt::format(" {} |", shown(*count)) : " |";
        }
        if (any) rows += fmt::format("| {} |{}\n", reason.what, cells);
    }
    if (rows.empty()) return {};
    std::string all = "| all |";
    for (auto const row : counted_rows) {
        auto const count = find(figures, row, ours);
        all += count ? fmt::format(" {} |", shown(*count)) : " |";
    }
    return "\n## Exits of a boot\n\n"
           "Exact. Why Debian's kernel leaves its mode on its way from its first instruction to the first "
           "system call\n"
           "of /init: each of them is a register that a driver reads or writes, or a question to the\n"
           "firmware, and the kernel asks whatever is behind it. `linux_exits` is the boot of `linux_boot`. "
           "In\n"
           "`linux_exits_virtio` the console is a virtio console: Debian's kernel has the driver of its "
           "transport in a\n"
           "module, which the initramfs loads, so it ends at the first call of the program behind that. The "
           "last is the\n"
           "same behind a PCI host bridge, whose driver is no module.\n\n"
           "| why | `linux_exits` | `linux_exits_virtio` | `linux_exits_virtio_pci` "
           "|\n|---|---:|---:|---:|\n" +
           rows + all + "\n";
}

}  // namespace antler::cli
