// A guest that does everything it should not: how it does one thing and what may come of it.
#pragma once

#include <string_view>

#include "guests/lib/guest.hpp"
#include "isa/cause.hpp"

namespace antler::guests::csrs {

using isa::Exception;

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
    [[nodiscard]] Outcome run(Mode mode, u32 instruction, Operands operands = {}) const {
        write(mode, instruction);
        return run_code(mode, at_, operands);
    }

private:
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
    u64 at_;
};

// One number for all outcomes, so that two machines can be compared.  FNV-1a over their bytes.
class Digest {
public:
    void add(u64 value) {
        for (int i = 0; i < 8; ++i) state_ = (state_ ^ (value >> 8 * i & 0xff)) * 0x100'0000'01b3;
    }
    [[nodiscard]] u64 value() const { return state_; }

private:
    u64 state_ = 0xcbf2'9ce4'8422'2325;
};

// A set of exception codes and no_trap.
class Allowed {
public:
    template <class... Causes>
    constexpr explicit Allowed(Causes... causes) : bits_{(bit(static_cast<u64>(causes)) | ...)} {}
    [[nodiscard]] constexpr bool has(u64 cause) const { return (bits_ & bit(cause)) != 0; }

private:
    static constexpr u64 bit(u64 cause) { return u64{1} << (cause < 63 ? cause : 63); }
    u64 bits_;
};

// Says what was wrong, at most a few times, and counts all.
class Verdict {
public:
    explicit Verdict(std::string_view what) : what_{what} {}
    ~Verdict() { check_equal(what_, wrong_, 0); }
    Verdict(Verdict const&) = delete;
    Verdict& operator=(Verdict const&) = delete;
    void expect(bool good, std::string_view name, Mode mode, Outcome const& outcome) {
        if (good) return;
        if (wrong_++ < 10)
            say("  {} in {}-mode: cause {} tval {:x} epc {:x}", name, guests::csrs::name(mode), outcome.cause,
                outcome.tval, outcome.epc);
    }

private:
    std::string_view what_;
    u64 wrong_ = 0;
};

void sweep_registers();
void run_instructions();
void access_oddly();
void jump_oddly();
void run_storm();

}  // namespace antler::guests::csrs
