// A virtual machine: its memory, its devices and its virtual harts, from start to end.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "abi/sbi.hpp"
#include "base/locked.hpp"
#include "base/result.hpp"
#include "device/bus.hpp"
#include "isa/features.hpp"
#include "vm/core.hpp"
#include "vm/description.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// What a guest asked of its whole machine, or did to it.
enum class Ending : u8 { none, poweroff, reboot, crash };

class Vm {
public:
    Vm(Description const& description, isa::Features const& shown, Ram& ram, Timebase timebase);
    Vm(Vm const&) = delete;
    Vm& operator=(Vm const&) = delete;

    [[nodiscard]] std::string_view name() const { return description_.name; }
    [[nodiscard]] Description const& description() const { return description_; }
    [[nodiscard]] Policies const& policies() const { return description_.policies; }
    [[nodiscard]] isa::Features const& features() const { return shown_; }
    [[nodiscard]] Ram& ram() { return ram_; }
    [[nodiscard]] Machine& machine() { return machine_; }
    [[nodiscard]] u64 time_delta() const { return time_delta_; }

    // Built once, before it starts.
    void attach(Vcpu& vcpu) { vcpus_[vcpu.id] = &vcpu; }
    [[nodiscard]] u32 vcpu_count() const { return description_.vcpus; }
    // None beyond the last.
    [[nodiscard]] Vcpu* vcpu(u64 id) { return id < description_.vcpus ? vcpus_[id] : nullptr; }

    // Puts the images and the device tree into guest memory and starts vCPU 0.
    [[nodiscard]] Result<void> power_on();

    // Ends this life of the VM; the last vCPU to stop decides what follows.  From any hart.
    void end(Ending how);
    [[nodiscard]] bool is_ending() const { return ending_.load(std::memory_order_acquire) != Ending::none; }
    // True when it will not run again.
    [[nodiscard]] bool is_over() const { return over_.load(std::memory_order_acquire); }
    [[nodiscard]] bool has_crashed() const { return crashed_; }

    // SBI's hart_start: moves a stopped hart to start_pending and tells its home.   [sbi ext-hsm]
    [[nodiscard]] abi::sbi::Status start_hart(u64 id, Entry entry);

    // Called by the home hart of the vCPU.
    void begin(Vcpu& vcpu);
    void stopped(Vcpu& vcpu);
    void resume_at_entry(Vcpu& vcpu);
    void serve_fences(Vcpu& vcpu, bool is_loaded);
    [[nodiscard]] u64 timer_deadline(Vcpu const& vcpu, Core const& core) const;
    void serve_timer(Vcpu& vcpu, Core const& core, u64 now);
    void set_timer(Vcpu& vcpu, u64 guest_time);
    void enter_space(Vcpu& vcpu, Core& core);
    void load_units(Vcpu& vcpu, Core& core);
    void save_units(Vcpu& vcpu, Core& core);

private:
    void reset_registers(Vcpu& vcpu);
    void conclude();
    [[nodiscard]] Result<void> place_images();

    Description description_;
    isa::Features shown_;
    Ram& ram_;
    Timebase timebase_;
    Machine machine_;
    std::array<Vcpu*, max_vcpus> vcpus_{};
    std::array<std::atomic<Vcpu*>, 64> last_on_hart_{};  // whose VS-stage translations a hart may hold
    u64 time_delta_ = 0;
    std::atomic<Ending> ending_ = Ending::none;
    std::atomic<u32> alive_ = 0;  // vCPUs that have not stopped
    std::atomic<bool> over_ = false;
    bool crashed_ = false;
};

}  // namespace antler::vm
