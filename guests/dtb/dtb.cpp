// Looks at the device tree it was given, and at whether the machine is as it says.
#include "guests/lib/device_tree.hpp"

namespace antler::guests {
namespace {

void print_tree(abi::FdtReader const& tree) {
    abi::FdtWalk walk{tree};
    while (walk.next()) {
        auto const region = walk.reg();
        if (region) {
            say("  {} at {:x} size {:x}", walk.node().name(), region->address, region->size);
        } else {
            say("  {}", walk.node().name());
        }
    }
}

void check_chosen(abi::FdtReader const& tree) {
    auto const chosen = tree.find("/chosen");
    if (!check("there is /chosen", chosen.has_value())) return;
    auto const seed = chosen->property("rng-seed");
    if (check("there is an rng-seed", seed.has_value())) {
        u8 any = 0;
        u8 all = 0xff;
        for (auto const byte : seed->bytes) any |= byte, all &= byte;
        check("the rng-seed has 32 bytes or more", seed->bytes.size() >= 32);
        check("the rng-seed is not constant", any != 0 && all != 0xff && any != all);
        u64 shown = 0;
        for (usize i = 0; i < 8 && i < seed->bytes.size(); ++i) shown = shown << 8 | seed->bytes[i];
        say("seed {:x}", shown);
    }
    auto const output = chosen->text("stdout-path");
    check("stdout-path names a node", output && tree.find(output->substr(0, output->find(':'))));
    say("bootargs {}", chosen->text("bootargs").value_or("(none)"));
}

void check_harts(abi::FdtReader const& tree) {
    auto const cpus = tree.find("/cpus");
    if (!check("there is /cpus", cpus.has_value())) return;
    auto const hertz = cpus->number("timebase-frequency");
    check("the timebase is told", hertz.value_or(0) != 0);
    u64 harts = 0;
    bool whole = true;
    for (auto const cpu : cpus->children()) {
        if (cpu.base_name() != "cpu") continue;
        ++harts;
        auto const isa = cpu.text("riscv,isa");
        whole = whole && cpu.text("device_type") == "cpu" && cpu.number("reg") && cpu.text("mmu-type") &&
                isa && isa->starts_with("rv64") && cpu.property("riscv,isa-extensions") &&
                cpu.child("interrupt-controller");
        bool const hypervisor =
            cpu.property("riscv,isa-extensions") ? cpu.property("riscv,isa-extensions")->lists("h") : false;
        say("hart {}: {} {}{}", cpu.number("reg").value_or(~u64{0}), cpu.text("mmu-type").value_or("?"),
            isa.value_or("?"), hypervisor ? " with H" : "");
    }
    check("every hart has its properties", whole && harts != 0);
}

// A word of each end and the middle keeps what is written to it.
void check_memory() {
    auto const& whole = guest();
    say("memory {:x} size {:x}", whole.ram.start, whole.ram.size);
    check("the guest lies in its memory",
          whole.ram.contains(Gpa{reinterpret_cast<u64>(&whole)}, sizeof whole));
    bool good = true;
    for (u64 const at :
         {whole.free_start, (whole.free_start + whole.free_end) / 2 & ~u64{7}, whole.free_end - 8}) {
        auto const trapped = expect_trap([at] { store<u64>(at, at ^ 0x5555); });
        good = good && !trapped && load<u64>(at) == (at ^ 0x5555);
    }
    check("memory keeps what is written", good);
    auto const end = whole.ram.end().raw();
    check_equal("the first word behind the memory is not there", trap_cause([end] { (void)load<u64>(end); }),
                5);
}

void check_devices(abi::FdtReader const& tree) {
    bool const has_plic =
        tree.find_if([](abi::FdtNode const& n) { return n.compatible("riscv,plic0"); }).has_value();
    std::string_view const controller = has_plic ? "riscv,plic0" : "riscv,aplic";
    for (std::string_view const name :
         {std::string_view{"ns16550a"}, controller, std::string_view{"google,goldfish-rtc"},
          std::string_view{"sifive,test1"}}) {
        auto const node = tree.find_if([name](abi::FdtNode const& n) { return n.compatible(name); });
        check(name, node && node->reg());
    }
}

}  // namespace

void run() {
    auto const tree = device_tree();
    print_tree(tree);
    check_chosen(tree);
    check_harts(tree);
    check_memory();
    check_devices(tree);
}

}  // namespace antler::guests
