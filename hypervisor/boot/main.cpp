// From the first C++ instruction to the first guest.
#include <new>

#include "base/panic.hpp"
#include "boot/audit.hpp"
#include "boot/control.hpp"
#include "boot/disks.hpp"
#include "boot/drivers.hpp"
#include "boot/homes.hpp"
#include "boot/memory.hpp"
#include "boot/report.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "hart/delegation.hpp"
#include "hart/fence.hpp"
#include "hart/guarded_csr.hpp"
#include "hart/probe.hpp"
#include "platform/mmio.hpp"
#include "platform/virtio_rng.hpp"

namespace antler::boot {

extern "C" {
void antler_trap();
void antler_enter_guest(hart::GuestRegisters* registers);  // it does not return, but may be jumped to
[[noreturn]] void antler_run_on_stack(void* argument, u64 stack_top, void (*entry)(void*), hart::Hart* tp);
void antler_secondary_start();
alignas(BootCore) u8 antler_boot_hart_block[sizeof(BootCore)];
}

namespace {

alignas(System) u8 system_storage[sizeof(System)];  // NOLINT: the one System, found through tp only
alignas(16) u8 boot_fault_stack[4096];              // NOLINT: until the boot hart has its own

// What antler_secondary_start reads.
struct SecondaryStart {
    u64 root;
    u64 stack;
    BootCore* core;
};

// Everything a hart needs before it can run guests; its stack, root and trap vector are in place.
void open_hart(BootCore& core) {
    using namespace hart;
    delegate_to_guests();
    csr::hvip::write({});
    csr::hie::write(core.features.geilen != 0 ? isa::Hie::of(isa::Interrupt::supervisor_guest_external)
                                              : isa::Hie{});
    if (core.features.geilen != 0) csr::hgeie::write({});
    if (core.features.aia) {
        csr::hvien::write({});
        csr::hvictl::write({});
        csr::hviprio1::write({});
        csr::hviprio2::write({});
        csr::vsiselect::write({});
    }
    if (core.features.sstc) csr::stimecmp::write_raw(~u64{0});
    core.has = {
        .henvcfg = core.features.henvcfg, .sstc = core.features.sstc, .stateen = core.features.hstateen};
    core.hands_over = core.has.all();
    // Where they exist they stay shut: no state behind them has a row.   [norm:hstateen_bit_63_op]
    if (try_read<csr::hstateen1>()) csr::hstateen1::write({});
    if (try_read<csr::hstateen2>()) csr::hstateen2::write({});
    if (try_read<csr::hstateen3>()) csr::hstateen3::write({});
    core.vector_bytes = core.features.vector_bytes;
    if (core.vector_bytes <= hart::widest_copy_unit) core.copy_unit = static_cast<u32>(core.vector_bytes);
    csr::sstatus::set_bits(isa::Sstatus::sum::mask);
    using I = isa::Interrupt;
    csr::sie::write(isa::Sie::of(I::supervisor_software, I::supervisor_timer, I::supervisor_external));
    core.tells_whereabouts = core.system->firmware.take_events(
        reinterpret_cast<u64>(&antler_tell_whereabouts), reinterpret_cast<u64>(&core.whereabouts));
}

[[noreturn]] void enter(BootCore& core) {
    if (core.system->core_count > 1) core.watch_at = hart::time();
    auto& first = core.settle();
    auto& all = *core.system;
    if (!all.first_guest_entered.exchange(true) && all.options.log == control::Options::Log::debug)
        say("antler: start {} ticks, {} of them to zero memory\n",
            hart::time() - all.started_at - all.audit_ticks, all.cores[0]->zeroing_ticks);
    core.measures_closed = all.options.log == control::Options::Log::debug;
    core.trusts_traps = !all.decode_options.ignore_htinst && !all.decode_options.ignore_htval;
    antler_enter_guest(&first);
    __builtin_unreachable();
}

void find_console(System& all) {
    all.console.with([&](Console& console) {
        console.use(all.firmware);
        if (!all.board.uart) return;
        auto const& uart = *all.board.uart;
        platform::Serial8250 serial{uart.registers.start, uart.register_shift, uart.register_width};
        serial.start();
        console.use(serial);
        all.serial = serial;
    });
}

// The first entropy device that answers.
usize ask_virtio_rng(System& all, std::span<u8> into) {
    memory::Order const order{1};
    static_assert(platform::virtio_rng_workspace == page_bytes * 2);
    auto page = all.frames.take_zeroed(order, memory::house_owner);
    if (!page) return 0;
    std::span const workspace{static_cast<u8*>(memory::house_view(page.value().start())), order.bytes()};
    auto const patience = all.board.timebase.ticks(Nanos{10'000'000});
    usize given = 0;
    for (auto const& slot : all.board.virtio_mmio) {
        given = platform::read_virtio_rng(slot.registers.start, workspace, into, patience);
        if (given != 0) break;
    }
    all.virtio.for_each(abi::virtio::DeviceId::entropy, [&](platform::VirtioTransport& transport) {
        if (given == 0) given = platform::read_virtio_rng(transport, workspace, into, patience);
    });
    all.frames.give_back(std::move(page).value());
    return given;
}

// Seeds are wiped where they were found: nobody may use one twice.
void gather_entropy(System& all) {
    std::array<u8, 64> drawn{};
    auto const count = ask_virtio_rng(all, drawn);
    all.entropy.with([&](Entropy& pool) {
        auto const seed = all.board.chosen.rng_seed;
        pool.mix(seed, true);
        for (u8 const& byte : seed) const_cast<u8 volatile&>(byte) = 0;
        std::array<u16, 16> words{};
        auto const read = all.features.zkr ? hart::read_seed(words.data(), words.size()) : 0;
        pool.mix({reinterpret_cast<u8 const*>(words.data()), read * sizeof(u16)}, read == words.size());
        pool.mix(std::span{drawn}.first(count), count >= 32);
        drawn.fill(0);
        auto const now = hart::time();
        pool.mix({reinterpret_cast<u8 const*>(&now), sizeof now}, false);
        if (!pool.is_seeded()) say("antler: no entropy on this board: guests get no rng-seed\n");
    });
}

void read_clock(System& all) {
    if (!all.board.goldfish_rtc) return;
    auto const base = all.board.goldfish_rtc->start;
    auto const low = platform::mmio_read<u32>(base);
    auto const high = platform::mmio_read<u32>(base + 4);
    all.wall_clock_at_zero = Nanos{u64{high} << 32 | low} - all.board.timebase.nanos({hart::time()});
}

// One line that answers "what does this board have?".
void print_features(System const& all) {
    auto const& f = all.features;
    say("antler: features: sv39x4={} sv48x4={} sv57x4={} vmid={} sstc={} svnapot={} svpbmt={} svinval={} "
        "svadu={} "
        "aia={} geilen={} zicbom={} zicboz={} v={} smstateen={} henvcfg={} zkr={} iommu={}\n",
        f.sv39x4, f.sv48x4, f.sv57x4, f.vmid_bits, f.sstc, f.svnapot, f.svpbmt, f.svinval, f.svadu, f.aia,
        f.geilen, f.zicbom, f.zicboz, f.vector_bytes * 8, f.hstateen, f.henvcfg, f.zkr,
        !all.board.iommus.empty());
}

// Harts that can run guests get a core; the others are named and left out.
void gather_harts(System& all, u64 boot_hart) {
    for (auto const& hart : all.board.harts) {
        if (!hart.enabled) continue;
        if (!hart.has("h")) {
            say("antler: hart {} has no hypervisor extension and is left out\n", hart.id);
            continue;
        }
        if (hart.id == boot_hart || all.core_count == max_harts) continue;
        if (!new_core(all, hart.id)) say("antler: no memory for hart {}, which is left out\n", hart.id);
    }
    if (all.core_count == 1) return;
    for (u32 i = 0; i < all.core_count; ++i) {
        all.team_cores[i] = all.cores[i];
        all.cores[i]->team = &all.team;
    }
    all.team.cores = std::span{all.team_cores}.first(all.core_count);
}

void start_harts(System& all) {
    all.harts_run = true;
    all.harts_coming = all.core_count - 1;
    for (u32 i = 1; i < all.core_count; ++i) {
        auto& core = *all.cores[i];
        SecondaryStart const start{core.root, core.stack_top, &core};
        auto* const place = reinterpret_cast<SecondaryStart*>(core.stack_top - sizeof(SecondaryStart));
        *place = start;
        place->stack = core.stack_top - 64;
        auto const started = all.firmware.start_hart(core.id, reinterpret_cast<u64>(&antler_secondary_start),
                                                     reinterpret_cast<u64>(place));
        if (!started) panic("the firmware does not start a hart", core.id);
    }
    // The last one to come sends an IPI; nothing else is asked of this hart meanwhile.
    while (all.harts_coming.load(std::memory_order_acquire) != 0) hart::wait_for_interrupt();
}

// One that is refused stays behind, and the others start.
Result<void> create_vm(System& all, control::Pack const& pack, u32 index) {
    auto const id = TRY(free_lot(all));
    TRY(define_vm(all, id, pack, index, {}));
    auto& vm = *TRY(build_vm(all, id));
    if (!vm.description().takes_all_memory()) return {};
    auto const filled = vm.ram().fill();
    if (!filled) scrap_vm(all, id);
    return filled;
}

void create_vms(System& all, control::Pack const& pack) {
    for (u32 index = 0; index < pack.vm_count(); ++index) {
        auto const created = create_vm(all, pack, index);
        if (created) {
            ++all.vms_alive;
            continue;
        }
        auto const description = description_in(all, pack, index);
        auto const why = refusal(created.error()).sentence;
        if (description) {
            say("antler: {}: cannot be created: {}\n", description.value()->name, why);
        } else {
            say("antler: VM {} of the pack cannot be understood: {}\n", index, why);
        }
        all.any_crashed = true;
    }
}

// On the boot hart's own stack, with the house's own page tables.
[[noreturn]] void main_with_memory(void* argument) {
    auto& all = *static_cast<System*>(argument);
    auto& core = *all.cores[0];
    open_log(all);
    gather_harts(all, core.id);
    open_hart(core);
    auto const pack_range = all.board.chosen.initrd;
    auto const pack =
        pack_range.size == 0
            ? Result<control::Pack>{Err{Error::not_found}}
            : control::Pack::open({reinterpret_cast<u8 const*>(pack_range.start.raw()), pack_range.size},
                                  pack_range.start);
    if (pack) all.wanted = wanted_devices(all, pack.value());
    // Until they are, so that no device of the board interrupts their guests.
    if (pack) all.team.dedicated = harts_to_dedicate(all, pack.value());
    open_drivers(all);
    open_disks(all);
    read_clock(all);
    gather_entropy(all);
    open_control(all);

    if (pack) all.options = pack.value().options();
    all.decode_options = {.ignore_htinst = all.options.ignore_htinst,
                          .ignore_htval = all.options.ignore_htval};
    say("antler: {} harts, {} MiB, firmware {} (SBI {}.{})\n", all.core_count, memory_bytes(all) >> 20,
        all.firmware.name(), all.firmware.version().major, all.firmware.version().minor);
    print_features(all);
    print_interrupts(all);
    print_iommus(all);
    find_panic_dump(all);
    if (!pack) {
        say("antler: no pack: {}; nothing to run\n", describe(pack.error()));
        end_machine(all, false);
    }
    open_uplinks(all, pack.value());
    all.team.dedicated = 0;
    create_vms(all, pack.value());
    if (all.vms_alive == 0) end_machine(all, all.any_crashed);
    start_harts(all);
    audit_memory(all);
    read_port();
    for (auto* const vm : all.vms) {
        if (vm == nullptr) continue;
        if (vm->machine().has_kept_flash()) {
            vm->start_later();  // its disk answers by interrupts
            continue;
        }
        auto const on = vm->power_on();
        if (!on) vm->could_not_start(on.error());
    }
    enter(core);
}

}  // namespace

extern "C" [[noreturn]] void antler_boot(u64 hart_id, u64 device_tree, u64 started_at) {
    auto& core = *new (antler_boot_hart_block) BootCore;
    auto& all = *new (system_storage) System;
    core.system = &all;
    core.id = hart_id;
    core.fault_stack = reinterpret_cast<u64>(boot_fault_stack) + sizeof boot_fault_stack;
    all.cores[0] = &core;
    all.core_count = 1;
    all.started_at = started_at;
    hart::csr::stvec::write(reinterpret_cast<u64>(&antler_trap));
    all.firmware = platform::Firmware::probe();
    all.console.with([&](Console& console) { console.use(all.firmware); });

    std::span const start{reinterpret_cast<u8 const*>(device_tree), 8};
    auto const size = abi::FdtReader::announced_size(start);
    auto const tree =
        size ? abi::FdtReader::open({start.data(), size.value()}) : Result<abi::FdtReader>{Err{size.error()}};
    if (!tree || !platform::read_board(tree.value(), all.board)) {
        say("antler: the firmware's device tree cannot be understood\n");
        end_machine(all, true);
    }
    all.board_tree = tree.value();
    find_console(all);
    auto const* const described = all.board.hart(hart_id);
    all.features = hart::probe(described != nullptr ? described->features() : isa::Features{});
    core.features = all.features;
    core.hypervisor = all.features.h;
    if (!all.features.h) {
        say("antler: this hart has no hypervisor extension (H), so no guest can run here; look for an `h` in "
            "the "
            "riscv,isa of the device tree\n");
        end_machine(all, true);
    }
    auto const memory = open_memory(all, HpaRange{Hpa{device_tree}, size.value()});
    if (!memory) {
        say("antler: not enough memory to start: {}\n", describe(memory.error()));
        end_machine(all, true);
    }
    antler_run_on_stack(&all, core.stack_top, main_with_memory, &core);
}

extern "C" [[noreturn]] void antler_secondary(BootCore* core) {
    open_hart(*core);
    core->interrupts.open();
    auto& all = *core->system;
    if (all.harts_coming.fetch_sub(1, std::memory_order_acq_rel) == 1)
        all.firmware.send_ipi(all.cores[0]->id);
    enter(*core);
}

}  // namespace antler::boot
