// A virtual machine: its memory, its devices and its virtual harts, from start to end.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "abi/control.hpp"
#include "abi/sbi.hpp"
#include "backend/console.hpp"
#include "base/locked.hpp"
#include "base/result.hpp"
#include "device/bus.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "isa/features.hpp"
#include "vm/core.hpp"
#include "vm/description.hpp"
#include "vm/guest_file.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// What a guest asked of its whole machine, or did to it; the last two are an operator's.
enum class Ending : u8 { none, poweroff, reboot, crash, unplugged, reset };

// The hart's instruction set, as the board's device tree names it.
struct HostIsa {
    std::span<u8 const> extensions{};
    std::string_view isa{};
};

// What the board's harts say of themselves, so that guests apply the right errata.   [sbi ext-base]
struct MachineIds {
    u64 vendor = 0;
    u64 architecture = 0;
    u64 implementation = 0;
};

// What a VM is made of; everything outlives it.
struct Parts {
    Description const& description;
    isa::Features shown;
    Interrupts interrupts = Interrupts::plic;  // which there are, whatever the description says
    HostIsa host_isa;
    MachineIds ids;
    Timebase timebase;
    Ram& ram;
    u32 identities = usual_identities;  // of an interrupt file, where its vCPUs have them
};

class Vm {
public:
    explicit Vm(Parts const& parts);
    Vm(Vm const&) = delete;
    Vm& operator=(Vm const&) = delete;

    [[nodiscard]] std::string_view name() const { return description_.name; }
    [[nodiscard]] Description const& description() const { return description_; }
    [[nodiscard]] Policies const& policies() const { return description_.policies; }
    [[nodiscard]] isa::Features const& features() const { return shown_; }
    [[nodiscard]] Interrupts interrupts() const { return interrupts_; }
    [[nodiscard]] Ram& ram() { return ram_; }
    [[nodiscard]] Machine& machine() { return machine_; }
    [[nodiscard]] Machine const& machine() const { return machine_; }
    [[nodiscard]] Timebase timebase() const { return timebase_; }
    [[nodiscard]] HostIsa const& host_isa() const { return host_isa_; }
    [[nodiscard]] MachineIds const& machine_ids() const { return ids_; }
    [[nodiscard]] u64 time_delta() const { return time_delta_; }
    // For a VM that is restored: its clock goes on where it was.
    void set_time_delta(u64 delta) { time_delta_ = delta; }

    // Its vCPUs have interrupt files, of so many identities.
    [[nodiscard]] bool has_files() const { return interrupts_ == Interrupts::aia; }
    [[nodiscard]] u32 identities() const { return identities_; }
    // From any hart: a store of a word to one of the pages of its IMSICs, by whatever sends messages.  What
    // names no vCPU or register is ignored.
    void deliver_message(Gpa at, u32 data);
    // The observer hears of every move of a vCPU's file from now on; where files live now it asks them.
    // Before the VM starts.
    void observe_files(FileObserver& observer);
    // On the vCPU's home hart.
    void file_leaves(Vcpu& vcpu, Hpa page);
    void file_lives_at(Vcpu& vcpu, Hpa page);

    // What it says and hears; none beyond the last.
    void give_consoles(std::span<backend::Console> consoles) { consoles_ = consoles; }
    [[nodiscard]] backend::Console* console(u32 index) const {
        return index < consoles_.size() ? &consoles_[index] : nullptr;
    }
    [[nodiscard]] std::span<backend::Console> consoles() const { return consoles_; }

    // Built once, before it starts.
    void attach(Vcpu& vcpu) {
        vcpus_[vcpu.id] = &vcpu;
        vcpu.space = &ram_.space();
    }
    [[nodiscard]] u32 vcpu_count() const { return description_.vcpus; }
    // None beyond the last.
    [[nodiscard]] Vcpu* vcpu(u64 id) { return id < description_.vcpus ? vcpus_[id] : nullptr; }

    // Puts the images and the device tree into guest memory and starts vCPU 0.
    [[nodiscard]] Result<void> power_on();
    // The same in short steps by this hart, while other guests run.
    void start_later();
    // One of these steps; true when vCPU 0 was started.
    [[nodiscard]] Result<bool> power_on_step();
    void could_not_start(Error why);
    // Unplugged before it ran.
    void never_mind();
    // It has ended, and what a disk keeps for it is on its way there: a step of that, until it is true.
    [[nodiscard]] bool is_settling() const { return is_settling_; }
    [[nodiscard]] bool settle_step();
    Vm* next_to_start = nullptr;  // list of the hart that starts it
    u64 start_at = 0;             // not before this host time

    // Ends this life of the VM; the last vCPU to stop decides what follows.  From any hart.
    void end(Ending how);
    [[nodiscard]] bool is_ending() const { return ending_.load(std::memory_order_acquire) != Ending::none; }
    // True when it will not run again.
    [[nodiscard]] bool is_over() const { return over_.load(std::memory_order_acquire); }
    [[nodiscard]] bool has_crashed() const { return crashed_; }

    // --- what an operator does, from any hart

    // Pulls the plug, whatever the VM does: it is over soon.
    void unplug();
    [[nodiscard]] bool is_unplugged() const { return unplugged_.load(std::memory_order_seq_cst); }
    // As the button on the front: it begins anew, whatever it does and whatever its policies say.
    void reset();
    // Every vCPU stands still soon, and the guest's time with them; then resume() may let them go on.
    void suspend();
    [[nodiscard]] bool is_suspended() const { return suspended_.load(std::memory_order_acquire); }
    [[nodiscard]] bool stands_still();
    void resume();
    // The VM is over and will be taken apart: harts forget it (Core::ask_farewell).
    void leave() { leaving_.store(true, std::memory_order_seq_cst); }
    [[nodiscard]] bool is_leaving() const { return leaving_.load(std::memory_order_seq_cst); }

    [[nodiscard]] abi::control::VmState state() const;
    // Why it ended last; empty: it has not.
    [[nodiscard]] std::string_view last_words() const { return last_words_; }
    [[nodiscard]] u32 starts() const { return starts_; }
    [[nodiscard]] u64 started_at() const { return started_at_; }  // host time
    // What follows its end keeps its memory for whoever wants to look at it.
    [[nodiscard]] bool is_preserved() const { return preserved_; }

    // Its part of the harts: a weight against others', and at most so many percent of a hart for each vCPU
    // (0: no limit).
    void set_share(u32 weight, u32 cap);
    [[nodiscard]] u32 weight() const { return weight_.load(std::memory_order_relaxed); }
    [[nodiscard]] u32 cap() const { return cap_.load(std::memory_order_relaxed); }
    void pin(Vcpu& vcpu, u64 harts);
    // Its harts serve nobody else.
    [[nodiscard]] bool is_dedicated() const { return description_.share.dedicated; }

    // SBI's hart_start: moves a stopped hart to start_pending and tells its home.   [sbi ext-hsm]
    [[nodiscard]] abi::sbi::Status start_hart(u64 id, Entry entry);

    // Called by the home hart of the vCPU.
    void begin(Vcpu& vcpu);
    void stopped(Vcpu& vcpu);
    void resume_at_entry(Vcpu& vcpu);
    void serve_pause(Vcpu& vcpu);
    void serve_fences(Vcpu& vcpu, bool is_loaded);
    void give_share(Vcpu& vcpu);
    // The vCPU moves to another hart: what this one may have cached of it is old when it comes back.
    void left(Vcpu const&, Core const& core) {
        last_on_hart_[core.index].store(nullptr, std::memory_order_relaxed);
    }
    // What the hypervisor keeps for it: the SBI timer and, for vCPU 0, the alarm.  serve_timer() clears what
    // is due.
    [[nodiscard]] u64 kept_deadline(Vcpu const& vcpu) const;
    // That, and its own vstimecmp, which matters while it sleeps.
    [[nodiscard]] u64 timer_deadline(Vcpu const& vcpu, Core const& core) const;
    void serve_timer(Vcpu& vcpu, Core const& core, u64 now);
    void set_timer(Vcpu& vcpu, u64 guest_time);
    // Makes the vCPU's hart run in, and see, its memory.
    void enter_space(Vcpu& vcpu, Core& core) {
        ram_.enter(core);
        forget_others(vcpu, core);
    }
    // ASIDs are private to a hart, so what another vCPU of this VM, or this one before it left, has cached
    // here must go.   [norm:asid_hart_private]
    [[gnu::always_inline]] void forget_others(Vcpu& vcpu, Core const& core) {
        auto& last = last_on_hart_[core.index];
        if (last.load(std::memory_order_relaxed) == &vcpu) [[likely]]
            return;
        last.store(&vcpu, std::memory_order_relaxed);
        // The other's tables may be walked also while no guest runs, so they are not there any more.
        // [norm:vs_stage_speculative_a_bit]
        hart::csr::vsatp::write({});
        hart::hfence_vvma_all(FenceSite::tables_of_other_vcpu);
        hart::fence_i(FenceSite::code_of_other_vcpu);
    }

private:
    void reset_registers(Vcpu& vcpu);
    void begin_file(Vcpu& vcpu);
    void one_less();
    void conclude();
    void start_again(Ending how);
    [[nodiscard]] Afterwards what_follows(Ending how) const;
    void take_leave(std::string_view words);
    void is_gone();

    // How far the images are: segments first, then the initrd.
    struct Placing {
        usize image = 0;
        u64 done = 0;
    };

    std::array<std::atomic<Vcpu*>, 64> last_on_hart_{};  // whose VS-stage translations a hart may hold
    Description description_;
    isa::Features shown_;
    Interrupts interrupts_;
    Ram& ram_;
    Timebase timebase_;
    HostIsa host_isa_;
    MachineIds ids_;
    std::span<backend::Console> consoles_{};
    Machine machine_;
    std::array<Vcpu*, max_vcpus> vcpus_{};
    u64 time_delta_ = 0;
    std::atomic<Ending> ending_ = Ending::none;
    std::atomic<u32> alive_ = 0;  // vCPUs that have not stopped, and whoever is just ending it
    Placing placing_{};
    std::atomic<u32> weight_;
    std::atomic<u32> cap_;  // percent
    std::atomic<bool> over_ = false;
    bool crashed_ = false;
    bool preserved_ = false;
    bool is_settling_ = false;  // on the hart that starts and ends it
    std::string_view farewell_{};
    std::atomic<bool> is_starting_ = false;
    std::atomic<bool> unplugged_ = false;
    std::atomic<bool> suspended_ = false;
    std::atomic<bool> leaving_ = false;
    u32 identities_;
    FileObserver* file_observers_ = nullptr;
    u64 still_since_ = 0;  // host time; 0: it does not stand still
    u64 started_at_ = 0;
    u32 starts_ = 0;
    u32 failures_ = 0;  // crashes one after the other
    std::string_view last_words_{};
};

}  // namespace antler::vm
