// Runs one instruction that is made while the guest runs, in either mode, and says how it ended.
#pragma once

#include <string_view>

#include "guests/lib/guest.hpp"
#include "isa/cause.hpp"

namespace antler::guests {

// How one instruction ended.
struct Outcome {
    u64 cause = no_trap;
    u64 tval{};
    u64 epc{};
    u64 result{};  // a1 behind it
};

enum class Mode : u8 { supervisor, user };
inline constexpr std::array modes{Mode::supervisor, Mode::user};
[[nodiscard]] constexpr std::string_view name(Mode mode) {
    return mode == Mode::supervisor ? "S" : "U";
}

// What the instruction finds: a0 is its address or operand, a2 its data.
struct Operands {
    u64 a0{};
    u64 a2{};
};

// Runs the code at `code`, which ends with `ret` for S-mode and with `ecall` for U-mode.
[[nodiscard]] Outcome run_code(Mode mode, u64 code, Operands operands = {});
[[nodiscard]] constexpr u32 last_instruction(Mode mode) {
    return mode == Mode::supervisor ? 0x0000'8067 : 0x0000'0073;
}

// A page that one instruction is written to and run in.
class CodePage {
public:
    CodePage() : at_{take_pages(1)} {}
    [[nodiscard]] u64 at() const { return at_; }
    // The next one goes behind it, or to the start again: what was translated of the others stays.
    void move_on() { at_ = (at_ & ~u64{0xfff}) | ((at_ + 16) & 0xfff); }
    [[nodiscard]] Outcome run(Mode mode, u32 instruction, Operands operands = {}) const {
        write(mode, instruction);
        return run_code(mode, at_, operands);
    }
    void write(Mode mode, u32 instruction) const {
        auto const compressed = (instruction & 3) != 3;
        if (compressed) {
            store<u16>(at_, static_cast<u16>(instruction));
            store<u16>(at_ + 2, 0x0001);  // c.nop
        } else {
            store<u32>(at_, instruction);
        }
        store<u32>(at_ + 4, last_instruction(mode));
        fence_i();
    }

private:
    u64 at_;
};

}  // namespace antler::guests
