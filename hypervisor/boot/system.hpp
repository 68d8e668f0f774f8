// Everything there is one of: the board, the firmware, memory, the harts and the virtual machines.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "abi/pack.hpp"
#include "backend/outward.hpp"
#include "base/format.hpp"
#include "base/locked.hpp"
#include "boot/channels.hpp"
#include "boot/console.hpp"
#include "boot/consoles.hpp"
#include "boot/disks.hpp"
#include "boot/entropy.hpp"
#include "boot/image.hpp"
#include "boot/iommus.hpp"
#include "boot/lent_wires.hpp"
#include "boot/lives.hpp"
#include "boot/lot.hpp"
#include "boot/networks.hpp"
#include "boot/output.hpp"
#include "boot/panic_dump.hpp"
#include "boot/passthrough.hpp"
#include "control/pack_reader.hpp"
#include "hart/whereabouts.hpp"
#include "isa/exit.hpp"
#include "isa/features.hpp"
#include "memory/frames.hpp"
#include "memory/house.hpp"
#include "memory/tags.hpp"
#include "platform/board.hpp"
#include "platform/firmware.hpp"
#include "platform/hart_interrupts.hpp"
#include "platform/host_aplic.hpp"
#include "platform/interrupt_table.hpp"
#include "platform/virtio_board.hpp"
#include "sbi/extension.hpp"
#include "vm/core.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct System;
struct ControlPort;

// A hart with its way to everything else; tp points to it.
struct BootCore : vm::Core {
    System* system = nullptr;
    u64 stack_bottom = 0;
    u64 root = 0;                           // satp of this hart
    u64 zeroing_ticks = 0;                  // spent on memory that nobody had yet
    platform::HartInterrupts interrupts{};  // its part of the interrupt controller
    std::atomic<u64> polls = 0;             // of devices that do not interrupt
    std::atomic<bool> stopped = false;      // because another hart panics
    hart::Whereabouts whereabouts{};        // when it was asked last
    u64 answers_before = 0;                 // of its whereabouts, when it was asked by the hart before it
    bool tells_whereabouts = false;         // the firmware can ask it
};

inline constexpr u32 max_harts = 64;

// The board's serial port has something for us.
struct PortInterrupt final : platform::InterruptHandler {
    void interrupted() override;
};

struct System {
    platform::Firmware firmware{};
    platform::Board board{};
    abi::FdtReader board_tree{};  // what it was read from
    Locked<Console, Rank::console> console{};
    backend::PortBacklog backlog{};  // the console's, and under its lock
    Locked<Output, Rank::output> output{};
    Locked<Entropy, Rank::entropy> entropy{};
    Locked<PortInput, Rank::input> input{};  // on its way from the board to whoever owns it
    backend::LockedOutward outward{};
    backend::Console log{};  // what the hypervisor says
    std::array<u8, 16_KiB> log_ring{};
    ControlPort* control_port = nullptr;  // where the board has a channel
    std::array<std::atomic<abi::control::VmState>, abi::pack::most_vms> told_states{};
    std::atomic<bool> port_has_takers = false;     // again, for what was typed at the port
    std::atomic<bool> streams_have_news = false;   // of guests, for operators
    bool calls_wait = false;                       // perhaps; the boot hart's
    std::optional<platform::Serial8250> serial{};  // for a panic, which asks no lock
    platform::InterruptTable interrupts{};
    platform::HostAplics aplics{};
    bool files = false;  // harts have interrupt files, which messages are sent to
    std::optional<platform::PciBridge> pci{};
    std::optional<BoardIommus> iommus{};
    LentWires lent_wires{};
    Attachments attachments{};
    Wanted wanted{};  // by VMs of the board's pack
    platform::VirtioBoard virtio{};
    PortInterrupt port_interrupt{};
    control::Options options{};
    isa::Features features{};  // what every hart has
    sbi::Services services{};

    memory::Frames frames{};
    memory::House house{};
    Disks disks{};
    Networks networks{};
    std::optional<memory::Tags> tags{};
    std::atomic<bool> harts_run = false;  // other harts than the boot hart
    std::atomic<u32> harts_coming = 0;    // told to start, and not yet here

    std::array<BootCore*, max_harts> cores{};
    u32 core_count = 0;
    vm::Team team{};
    std::array<vm::Core*, max_harts> team_cores{};
    u32 next_home = 0;  // the hart that gets the next vCPU, modulo their number
    std::array<vm::Vm*, abi::pack::most_vms>
        vms{};                                    // those that live; changed by the boot hart, under `input`
    std::array<Lot, abi::pack::most_vms> lots{};  // those that are defined; the boot hart's
    std::array<u64, abi::pack::most_vms>
        audited{};                // how often each VM's memory had changed when it was looked at last
    vm::Description described{};  // see description_in()
    Transfer transfer{};          // of a pack that comes
    Farewells farewells{};
    Channels channels{};
    u32 vm_count = 0;  // defined
    std::atomic<u32> vms_alive = 0;
    std::atomic<bool> any_crashed = false;
    std::atomic<bool> panicking = false;
    std::atomic<u32> dying = 0;  // which hart does, from 1 on
    u32 deaths = 0;              // of that hart
    PanicDump dump{image::dump()};
    Nanos wall_clock_at_zero{};  // 1970 to time CSR 0
    u64 started_at = 0;          // time CSR at the first instruction
    u64 audit_ticks = 0;         // what the audit took of the start
    std::atomic<bool> first_guest_entered = false;
    isa::DecodeOptions decode_options{};
};

[[nodiscard]] inline BootCore& this_boot_core() {
    return static_cast<BootCore&>(hart::this_hart());
}
[[nodiscard]] inline System& system() {
    return *this_boot_core().system;
}

// Lines of the hypervisor's own.
template <class... Values>
void say(std::string_view format, Values const&... values) {
    TextBuffer<512> line;
    print(line, format, values...);
    say_line(system(), line.view());
}

// Switches the machine off.  `failed` reaches whoever started it, where the board or the firmware can tell.
[[noreturn]] void end_machine(System& all, bool failed);

// For the report of a panic: whoever holds the console's lock will not give it back.
struct Emergency {
    bool on_console = true;  // and not only in the dump
    void write(std::string_view text) const;
};

// False: another hart is dying already, and does the talking.
[[nodiscard]] bool begin_last_words();

// Says so where an earlier hypervisor left a dump.
void find_panic_dump(System& all);

}  // namespace antler::boot
