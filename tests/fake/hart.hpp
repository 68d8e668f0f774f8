// A hart for the tests: a register file behind hart/'s names, a clock, and a record of its fences.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "hart/float_vector.hpp"
#include "hart/hart.hpp"
#include "isa/interrupt_file.hpp"

namespace antler::fake {

struct Fence {
    enum class Kind : u8 { guest_physical, guest_virtual, own, instructions, io };
    Kind kind{};
    std::optional<u64> address{};     // none: every address
    std::optional<u64> identifier{};  // VMID or ASID; none: every one
    friend bool operator==(Fence const&, Fence const&) = default;
};

struct Hart {
    static constexpr u64 vector_bytes = 16;
    std::map<u16, u64> csrs{};
    std::vector<Fence> fences{};
    u64 now = 0;                       // the time CSR
    u64 waits = 0;                     // how often it executed wfi
    std::function<void()> on_wait{};   // what happens while it waits
    hart::Hart* current = nullptr;     // what this_hart() answers; none: a block of its own
    std::function<void()> on_pause{};  // what others do while it spins
    std::function<void()> on_step{};   // before each access to a CSR
    std::function<void(Fence const&)> on_fence{};
    std::map<u64, u8> guest_bytes{};       // what hlv, hlvx and hsv reach, by guest-virtual address
    u64 float_saves = 0, float_loads = 0;  // of the units
    u64 vector_saves = 0, vector_loads = 0;
    isa::InterruptFile file{255};                   // of the supervisor
    std::vector<isa::InterruptFile> guest_files{};  // from 1 on, the first one at 0
    antler::hart::FloatRegisters floats{};          // what the units hold
    std::array<u8, 32 * vector_bytes> vectors{};
    std::array<u64, 5> vector_state{};
};

// The hart this thread is on.
[[nodiscard]] Hart& hart();
// Whoever has the interrupt files of all harts: gets a store to the page of one.
[[nodiscard]] std::function<void(Hpa page, u32 identity)>& message_sink();
// hgeip is what its files say.
void update_hgeip(Hart& hart);

// As after reset; tests begin with it.
void reset_hart();

}  // namespace antler::fake
