// The firmware below us: which SBI extensions it has, and the calls we make.
#pragma once

#include <span>

#include "abi/sbi.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::platform {

class Firmware {
public:
    // Asks once, at start.
    [[nodiscard]] static Firmware probe();

    [[nodiscard]] abi::sbi::SpecVersion version() const { return version_; }
    [[nodiscard]] char const* name() const { return abi::sbi::implementation_name(implementation_); }
    [[nodiscard]] bool has_hart_state() const { return hart_state_; }
    [[nodiscard]] bool has_debug_console() const { return debug_console_; }

    [[nodiscard]] Result<void> start_hart(u64 hart_id, u64 entry, u64 opaque) const;
    void send_ipi(u64 hart_id) const;
    void set_timer(u64 when) const;

    // Comes back when that hart was in the firmware and has forgotten which instructions it knew.
    void fence_instructions(u64 hart_id) const;

    // Software events, which reach a hart that takes no interrupts.  Registers one of the calling hart that
    // other harts may raise; false: the firmware has no such thing.
    [[nodiscard]] bool take_events(u64 entry, u64 argument) const;
    // False: it could not be asked for.
    [[nodiscard]] bool raise_event(u64 hart_id) const;

    // How many bytes were taken.
    [[nodiscard]] usize console_write(std::span<char const> text) const;
    [[nodiscard]] usize console_read(std::span<char> into) const;

    // Ends or restarts the machine; waits for ever where the firmware cannot.
    [[noreturn]] void reset(abi::sbi::ResetType type, abi::sbi::ResetReason reason) const;

    // mvendorid, marchid and mimpid, which only the firmware can read.
    [[nodiscard]] u64 machine_id(abi::sbi::BaseFid which) const;

private:
    abi::sbi::SpecVersion version_{};
    u64 implementation_ = 0;
    bool time_ = false;
    bool ipi_ = false;
    bool hart_state_ = false;
    bool system_reset_ = false;
    bool debug_console_ = false;
    bool events_ = false;
};

}  // namespace antler::platform
