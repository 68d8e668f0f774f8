// Loads that a hart's own interrupt file refuses, and that firmware tries again where it can: each is an
// access fault of this guest, in its own mode, and nothing else has happened.
#include "guests/lib/encode.hpp"
#include "guests/lib/interrupt_file.hpp"
#include "guests/lib/run_code.hpp"

namespace antler::guests {
namespace {

constexpr u64 not_a_register = 0xc28;  // of the page of a file

struct Load {
    std::string_view name;
    u32 instruction;
};
constexpr std::array loads{
    Load{"vector elements", encode::vector(0, 0, false, 0)},
    Load{"a whole vector register", encode::vector(0, 0, false, 8)},
};

// Eight elements of a byte: with none OpenSBI 1.6 would try for ever.
void set_vectors() {
    constexpr u32 vsetivli = 3U << 30 | 8U << 15 | 7U << 12 | 0x57;  // 8 of 8 bits, vd = x0
    asm volatile(".word %0" ::"i"(vsetivli));
}

}  // namespace

void run() {
    auto const at = first_page() + this_hart().id * 0x1000 + not_a_register;
    csr::sstatus::set(sstatus_bit::fs_initial | sstatus_bit::vs_initial);
    check("there are vectors", !expect_trap([] { set_vectors(); }));
    CodePage code;
    for (auto const mode : modes)
        for (auto const& load : loads) {
            auto const outcome = code.run(mode, load.instruction, {.a0 = at});
            say("{} of {}-mode", load.name, name(mode));
            check_equal("is an access fault", outcome.cause, static_cast<u64>(isa::Exception::load_access));
            check_equal("where the instruction is", outcome.epc, code.at());
        }
}

}  // namespace antler::guests
