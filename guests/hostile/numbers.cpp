// Addresses and numbers that programmers forget.
#include "guests/hostile/hostile.hpp"

namespace antler::guests::hostile {
namespace {

struct Window {
    u64 start;
    u64 bytes;
};

// The map of QEMU's virt board, with what is not there.
constexpr std::array windows{
    Window{0, 0x1000},                // nothing
    Window{0x10'0000, 0x1000},        // power off and reset
    Window{0x10'1000, 0x1000},        // RTC
    Window{0x10'2000, 0x1000},        // watchdog
    Window{0x200'0000, 0x1'0000},     // a CLINT is not a guest's
    Window{0x300'0000, 0x1'0000},     // PCI's ports
    Window{0xc00'0000, 0x60'0000},    // PLIC
    Window{0xc20'0000, 0x8000},       // its contexts
    Window{0xd00'0000, 0x8000},       // APLIC
    Window{0x1000'0000, 0x100},       // UART
    Window{0x1000'1000, 0x8000},      // virtio
    Window{0x1000'9000, 0x7000},      // more of it
    Window{0x1002'0000, 0x1000},      // the channel's bell
    Window{0x2000'0000, 0x400'0000},  // flash
    Window{0x2800'0000, 0x8000},      // IMSIC
    Window{0x3000'0000, 0x10'0000},   // PCI's configuration
    Window{0x4000'0000, 0x2'0000},    // PCI's windows
    Window{0x6000'1000, 0x3000},      // the channel, but for its first page
    Window{0x4'0000'0000, 0x2'0000},  // high windows
};

}  // namespace

u64 Stage::device() {
    auto const& window = random.one_of(windows);
    auto const offset = random.below(window.bytes);
    switch (random.below(8)) {
        case 0: return window.start + offset;                                            // of any alignment
        case 1: return window.start + (offset & ~u64{0xfff}) + 0xff9 + random.below(7);  // across pages
        case 2: return window.start + window.bytes - 1 - random.below(8);                // the end
        case 3: return window.start + (offset & ~u64{7});
        case 4: return window.start + (offset & 0xfc);  // where registers are
        default: return window.start + (offset & ~u64{3});
    }
}

// What lies below the arena is the guest itself, which has to live until its end.
u64 Stage::evil() {
    auto const at = any_address();
    constexpr u64 reach = 64;  // of one access
    return at + reach > own_start && at < arena ? harmless() : at;
}

u64 Stage::elsewhere() {
    auto const at = any_address();
    return guest().ram.contains(Gpa{at}) ? at + guest().ram.size : at;
}

u64 Stage::any_address() {
    switch (random.below(16)) {
        case 0: return 0;
        case 1: return random.below(8);
        case 2: return ram_end - random.below(9);
        case 3: return ram_end + random.below(0x3000);
        case 4: return ~u64{0} - random.below(16);
        case 5: return ~u64{0} << random.below(64);
        case 6: return u64{1} << random.below(64);
        case 7: return (u64{1} << random.below(64)) - 1;
        case 8: return 0xffff'ffff'8000'0000 + random.below(0x1000'0000);
        case 9: return 0x8800'0000 + random.below(0x1800'0000);  // memory of the board, not the guest's
        case 10: return harmless() | 0xfff;                      // the last byte of a page
        case 11: return harmless() & ~u64{0xfff};
        case 12: return device();
        case 13: return harmless();
        case 14: return random.next() >> random.below(64);
        default: return device();
    }
}

u64 Stage::number() {
    switch (random.below(6)) {
        case 0: return 0;
        case 1: return ~u64{0};
        case 2: return u64{1} << random.below(64);
        case 3: return random.below(64);
        case 4: return evil();
        default: return random.next();
    }
}

}  // namespace antler::guests::hostile
