// Prints addresses as image+offset, because the image runs wherever it was put.
#include "boot/report.hpp"

#include "base/format.hpp"
#include "boot/image.hpp"
#include "boot/system.hpp"

namespace antler::boot {
namespace {

constexpr u32 most_frames = 32;

u64 image_start() {
    return image::code().start.raw();
}
bool is_code(u64 at) {
    return image::code().contains(Hpa{at});
}

constexpr std::array<char const*, 32> register_names{
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
    "a6",   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

// Is the instruction before `at` a jal or jalr that links ra, of 32 or 16 bits?
bool follows_call(u64 at) {
    if (at % 2 != 0 || !is_code(at) || !is_code(at - 4)) return false;
    auto const* const parcels = reinterpret_cast<u16 const*>(at);
    auto const whole = u32{parcels[-1]} << 16 | parcels[-2];
    bool const jal = (whole & 0xfff) == 0x0ef;
    bool const jalr = (whole & 0x7fff) == 0x00e7 || (whole & 0xfff) == 0x0e7;
    bool const short_jalr = (parcels[-1] & 0xf07f) == 0x9002 && (parcels[-1] & 0xf80) != 0;
    return jal || jalr || short_jalr;
}

void print_code(Emergency& out, u64 at) {
    if (is_code(at)) {
        print(out, "image+{:x}", at - image_start());
    } else {
        print(out, "{:x}", at);
    }
}

}  // namespace

void report_fault(FaultFrame const& frame, isa::Scause cause, u64 value) {
    if (!begin_last_words()) return;
    Emergency out;
    using C = isa::Scause;
    auto const words = C::interrupt::get(cause.raw)
                           ? describe(static_cast<isa::Interrupt>(C::code::get(cause.raw)))
                           : describe(static_cast<isa::Exception>(C::code::get(cause.raw)));
    print(out, "\nantler: {} in the hypervisor on hart {}: value {:x}, pc ", words, hart::this_hart().id,
          value);
    print_code(out, frame.pc);
    print(out, "\n");
    for (usize i = 1; i < frame.x.size(); ++i) {
        print(out, "  {} {:016x}", register_names[i], frame.x[i]);
        if (i % 4 == 0) print(out, "\n");
    }
    print(out, "\n  #0 ");
    print_code(out, frame.pc);
    print(out, "\n  #1 ");
    print_code(out, frame.x[1]);
    print(out, "\n");
    report_backtrace(frame.x[2]);
}

void report_backtrace(u64 stack_pointer) {
    Emergency out;
    auto const& hart = static_cast<BootCore const&>(hart::this_hart());
    if (stack_pointer % 8 != 0 || stack_pointer < hart.stack_bottom || stack_pointer > hart.stack_top) return;
    // Frame pointers would cost every exit; a word that follows a call instruction is a return address, or
    // was one.
    u32 depth = 2;
    for (auto at = stack_pointer; at < hart.stack_top && depth < most_frames; at += 8) {
        auto const word = *reinterpret_cast<u64 const*>(at);
        if (!follows_call(word)) continue;
        print(out, "  #{} ", depth++);
        print_code(out, word);
        print(out, "\n");
    }
}

}  // namespace antler::boot
