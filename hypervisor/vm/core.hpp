// A physical hart as the virtual machines see it: which vCPU it runs, who waits for it, and what others sent
// it.
#pragma once

#include <array>
#include <atomic>

#include "base/units.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "hart/guest_csrs.hpp"
#include "hart/hart.hpp"
#include "isa/features.hpp"
#include "memory/hart_view.hpp"
#include "sched/deadlines.hpp"
#include "sched/run_queue.hpp"
#include "vm/hart_files.hpp"
#include "vm/heartbeat.hpp"
#include "vm/team.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// Translations that another hart wants gone: of a space, or of the hypervisor's own (no space).
struct FlushMessage {
    memory::Space* space = nullptr;
    memory::FlushRequest request{};
    std::atomic<u32>* left = nullptr;
};

struct Core : hart::Hart {
    isa::Features features{};
    hart::CsrSet has{};
    u64 stack_top = 0;

    Vcpu* current = nullptr;    // whose CSRs are in this hart
    Vm* starting = nullptr;     // VMs that are being powered on here
    Vm* delayed = nullptr;      // VMs that will be, when their time comes
    Vcpu* residents = nullptr;  // every vCPU whose home this is
    sched::RunQueue queue{};
    sched::Deadlines deadlines{};
    Team* team = nullptr;                   // none: nobody moves
    std::atomic<Vcpu*> arrivals = nullptr;  // vCPUs that move here, pushed by their former homes
    Vcpu* throttled = nullptr;              // residents that have had their share of this period
    u64 charged_at = 0;                     // until then whoever runs has paid
    u64 balance_at = 0;                     // when this hart looks again whether another has less to do
    std::atomic<Vcpu*> inbox = nullptr;     // pushed by any hart, taken whole by this one
    bool must_choose = false;               // someone else should run
    u64 turn_began = 0;                     // of whoever runs, in host time
    u64 slice_end = never;                  // host time
    u64 poll_period = 0;                    // of a console that cannot interrupt; only one hart polls
    u64 poll_at = never;
    u64 background_at = never;                 // when this hart looks after the machine again
    std::atomic<bool> background = false;      // it should at once
    std::atomic<bool> farewell = false;        // a VM leaves
    std::atomic<u64> heartbeat = 0;            // when it last served an interrupt, in host time
    std::atomic<u64> idle_ticks = 0;           // it had nobody to serve; this hart's, glanced at by others
    std::atomic<u64> idle_since = 0;           // it has had nobody since then; 0: it has
    u64 watch_at = never;                      // when it looks after other harts
    std::array<HeartbeatWatch, 64> watches{};  // of those it looks after, by their index
    u64 timer_set = never;                     // what the host timer was last told
    u64 quiet_until = never;       // what it is told but for turns and deadlines, as of the last set_timer()
    memory::HartView view{};       // what this hart sees
    Vcpu* floats_owner = nullptr;  // whose floating-point registers are in this hart
    Vcpu* vector_owner = nullptr;  // whose vector registers are
    Units tainted{Units::floats | Units::vector};  // those that may not be zero
    u64 vector_bytes = 0;                          // of one vector register; zero: no V
    HartFiles files{};

    // It serves one vCPU only.
    [[nodiscard]] bool is_dedicated() const {
        return team != nullptr && (team->dedicated.load(std::memory_order_relaxed) & Team::bit(index)) != 0;
    }
    // Somebody waits for it, from any hart: a glance.
    [[nodiscard]] bool is_asked() const {
        return inbox.load(std::memory_order_relaxed) != nullptr ||
               arrivals.load(std::memory_order_relaxed) != nullptr ||
               flushes_wait.load(std::memory_order_relaxed) || background.load(std::memory_order_relaxed) ||
               farewell.load(std::memory_order_relaxed);
    }

    // How long interrupts had to wait, in ticks, where the log asks for it.
    bool measures_closed = false;
    u64 closed_at = 0;  // since then none was looked for
    u64 longest_closed = 0;

    static constexpr u64 never = ~u64{0};
    static constexpr u64 slice = 50'000;            // ticks
    static constexpr u64 cap_period = 1'000'000;    // ticks
    static constexpr u64 balance_period = 500'000;  // ticks
    static constexpr u64 most_credit = slice * 16;  // of what it did not use, while a vCPU sleeps
    static constexpr u64 start_slice = 1'000;       // while a VM starts beside the one that runs
    static constexpr u64 least_turn = 100;          // ticks, unless it gives the hart away itself

    // After an exit was handled: serves the inbox, chooses, switches worlds; returns whose registers to load.
    [[nodiscard]] Vcpu& settle() {
        bool const stays = inbox.load(std::memory_order_relaxed) == nullptr && !must_choose &&
                           current != nullptr && current->place == Vcpu::Place::running;
        return stays ? *current : choose();
    }

    // Asks this hart, from any, to look after the machine (serve_background) before its guests go on.
    void ask_background();

    // Asks this hart, from any, to drop what it has of VMs that leave; `farewells` goes up when it has, at a
    // moment at which no exit is being handled here.
    void ask_farewell();
    std::atomic<u32> farewells = 0;
    std::atomic<u64> stall = 0;  // ticks for which it then serves nothing; an operator wants to see that

    // Asks this hart, from another one, to drop translations; `left` goes down when it has.
    void ask_flush(FlushMessage const& message);

    // Takes every vCPU out of the inbox and does what was asked of it.
    void serve_inbox();
    void deliver(Vcpu& vcpu);  // what was asked of it
    void serve_fences();
    void put_into_inbox(Vcpu& vcpu);  // by any hart that has set vcpu.in_inbox

    void note_closing() {
        if (measures_closed) closed_at = hart::time();
    }
    void note_opening() {
        if (!measures_closed) return;
        auto const now = hart::time();
        if (now - closed_at > longest_closed) longest_closed = now - closed_at;
        closed_at = now;
    }

    // Another hart called this one.
    void answer_call();
    // Serves what is pending at the hypervisor's level; true when something was.
    bool serve_interrupts();
    // Whether that would find something; a look at the interrupts, as that is.
    [[nodiscard]] bool is_interrupted() {
        note_opening();
        return (hart::csr::sip::read_raw() & host_any) != 0 || files.watched != 0;
    }
    // Interrupts of HS level that end a wait.
    static constexpr u64 host_software = isa::Sip::bit(isa::Interrupt::supervisor_software);
    static constexpr u64 host_timer = isa::Sip::bit(isa::Interrupt::supervisor_timer);
    static constexpr u64 host_external = isa::Sip::bit(isa::Interrupt::supervisor_external);
    static constexpr u64 host_any = host_software | host_timer | host_external;

    // The host's timer interrupt: wakes who waited for it, ends a slice, then sets the next one.
    void timer_fired();
    void set_timer();
    // The vCPU's timer or alarm, or whether it waits, is not as it was.
    void note_deadline(Vcpu& vcpu);

    // This hart is the vCPU's home from now on.  Any hart may do it, while nobody else knows the vCPU.
    void house(Vcpu& vcpu);
    // Looks after its deadlines too; only on this hart, or before the harts run.
    void adopt(Vcpu& vcpu);
    void dismiss(Vcpu& vcpu);
    void make_runnable(Vcpu& vcpu);
    // Its weight, cap or affinity has changed.
    void reconsider(Vcpu& vcpu);
    // What one whose home this is has had up to now, this turn or wait included.  From any hart: a glance.
    [[nodiscard]] Times times_of(Vcpu const& vcpu, u64 now) const;
    // This hart looks whether its guest should trap wfi, and whom another hart could run.
    void look_around();
    // Powers the VM on in short steps, between the guests' turns, from vm.start_at on.
    void start_later(Vm& vm);
    void block(Vcpu& vcpu);
    // A suspended VM's vCPU stands still, and goes on.
    void hold(Vcpu& vcpu);
    void go_on(Vcpu& vcpu);
    void retire(Vcpu& vcpu);
    // Takes the vCPU's state out of this hart, and this hart off its mind.
    void forget(Vcpu& vcpu);
    // The same where its state is nobody's any more: its hart was stopped.
    void abandon(Vcpu& vcpu);
    // Lets the hypervisor touch the floating-point and vector registers for a moment.
    void open_units();
    // What it has in memory counts, not what is in this hart.
    void disown_units(Vcpu const& vcpu);
    // The vCPU's interrupt file becomes software; it is not loaded.  Nothing where it is already.
    void take_file(Vcpu& vcpu);
    // It stands still for longer, and nobody else needs its file yet.
    void rest_file(Vcpu& vcpu);
    // Whether VSEIP is raised by us: where it has no file of this hart.
    void set_external(Vcpu& vcpu, bool level);

    // The commonest change of worlds, in few instructions: the guest waits, another one can run, and this
    // hart has nothing else to do.  Does what block() and settle() do, and returns who runs next.  Where more
    // turns out to be to do it returns what `otherwise` does, which is go_on_with().
    enum class Outlook : u8 {
        busy,   // there is more to do
        plain,  // only the CSRs change
        files,  // and interrupt files
        more,   // units do too, or other harts or a guest want to know of it
        all     // that, and interrupt files
    };
    [[nodiscard]] Outlook outlook(Vcpu const& from, sched::Entity const* next) const;
    [[nodiscard]] static u64 unit_words(Vcpu const& vcpu);
    template <Outlook what, class Otherwise>
    [[nodiscard]] Vcpu* hand_over(Vcpu& from, Otherwise const& otherwise);
    [[nodiscard]] bool waits_here(Vcpu const& vcpu) const {
        return vcpu.home == this && vcpu.place == Vcpu::Place::blocked && !vcpu.restarts_on_wake &&
               !vcpu.paused.load(std::memory_order_relaxed) &&
               vcpu.hart_state.load(std::memory_order_relaxed) == abi::sbi::HartState::started;
    }
    // As hand_over() where it goes on, but somebody whom it has called goes first.
    template <Outlook what, class Otherwise>
    [[nodiscard]] Vcpu* give_hart_to_woken(Vcpu& from, Vcpu& woken, u64 interrupts,
                                           Otherwise const& otherwise);
    [[nodiscard]] Vcpu* wake_beside_more(Vcpu& from, Vcpu& woken, u64 interrupts);
    [[nodiscard]] Vcpu& hand_over_more(Vcpu& from);
    [[nodiscard]] Vcpu& hand_over_files(Vcpu& from);
    [[nodiscard]] Vcpu& hand_over_all(Vcpu& from);
    [[nodiscard]] Vcpu& go_on_with(Vcpu& next);
    bool hands_over = false;    // it has every CSR that hand_over() expects
    bool trusts_traps = false;  // what it writes to htinst and htval is believed

    std::atomic<bool> flushes_wait = false;  // set after the push, cleared before the pops
    Locked<Ring<FlushMessage, 64>, Rank::fences> flushes{};

private:
    [[nodiscard]] Vcpu& choose();
    [[nodiscard]] Vcpu& take_next();
    void start_step();
    void look_after_machine();
    void say_farewell();
    void start_what_is_due(u64 now);
    void serve_flushes();
    [[nodiscard]] bool answer_quickly();
    void deliver_quickly(Vcpu& vcpu);
    void deliver_more(Vcpu& vcpu, u32 asked);
    void raise_interrupts(Vcpu& vcpu, u32 asked);
    void wake_if_pending(Vcpu& vcpu);
    void serve_devices(Vcpu& vcpu);
    [[nodiscard]] bool load(Vcpu& vcpu);
    void unload(Vcpu& vcpu);
    void bring_units(Vcpu& vcpu);
    void park_units(Vcpu& vcpu);
    void taint_units(Vcpu const& vcpu);  // what it leaves in the hart is nobody's
    void load_file(Vcpu& vcpu);
    void unload_file(Vcpu& vcpu);
    void find_file(Vcpu& vcpu);
    void serve_messages(Vcpu& vcpu);
    // One that waits is woken by its file.
    void watch_file(Vcpu const& vcpu, bool watch);
    [[nodiscard]] bool file_signals(Vcpu const& vcpu) const;
    [[nodiscard]] bool serve_files();
    void take_files_of_leaving();
    void wait_until_runnable();
    void wait_idle();
    void charge_current(u64 now);
    void put_back(Vcpu& vcpu);
    // One that can run, and has waited since times.since.
    void line_up(Vcpu& vcpu, u64 now) {
        must_choose = true;
        if (queue.empty()) charge_current(now);
        enqueue(vcpu, true);
        if (vcpu.at != sched::no_deadline) note_deadline(vcpu);
    }
    void enqueue(Vcpu& vcpu, bool slept);
    void unqueue(Vcpu& vcpu);
    [[nodiscard]] u64 turn_end(Vcpu& vcpu) const;
    [[nodiscard]] bool has_hardly_begun(u64 now) const;
    [[nodiscard]] bool others_wait() const {
        return team != nullptr && (team->crowded.load(std::memory_order_relaxed) & ~Team::bit(index)) != 0;
    }
    [[nodiscard]] bool pass_on(Vcpu& vcpu);
    void release_throttled(u64 now);
    [[nodiscard]] bool may_run(Vcpu const& vcpu) const;
    [[nodiscard]] Core* better_place(Vcpu const& vcpu, u64 harts) const;
    void give_away(Vcpu& vcpu, Core& to);
    void share_work();
    void send_strangers();
    void tell_crowd();
    void say_idle();
    void serve_arrivals();
    [[nodiscard]] u32 burden() const {
        return waiting_count.load(std::memory_order_relaxed) + (current != nullptr ? 1 : 0);
    }
    std::atomic<u32> waiting_count = 0;  // what others see of the queue
    bool waits_natively = false;         // what the team was told last
    bool has_strangers = false;          // somebody in the queue should run elsewhere
    template <Outlook what = Outlook::busy>
    void set_wait_trap(Vcpu& vcpu);
    [[nodiscard]] u64 charge_until_now(Vcpu& from);
    template <Outlook what, class Otherwise>
    [[nodiscard]] Vcpu* give_hart(Vcpu& from, Vcpu& next, u64 now, Otherwise const& otherwise);
    template <Outlook what>
    [[nodiscard]] Vcpu* begin_turn(Vcpu& vcpu, u64 now);
    void tell_native(bool native);
};

[[nodiscard]] inline Core& this_core() {
    return static_cast<Core&>(hart::this_hart());
}

}  // namespace antler::vm
