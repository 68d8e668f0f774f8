// A guest that does everything it should not: how it does one thing and what may come of it.
#pragma once

#include <string_view>

#include "guests/lib/guest.hpp"
#include "guests/lib/run_code.hpp"

namespace antler::guests::csrs {

using isa::Exception;

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
            say("  {} in {}-mode: cause {} tval {:x} epc {:x}", name, guests::name(mode), outcome.cause,
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
