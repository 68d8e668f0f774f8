// Any accesses to the watchdog while time passes: it bites only a machine that asked for it and did not feed
// it.
#include "device/watchdog.hpp"

#include <cstdlib>

using namespace antler;
using namespace antler::device;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

struct Yard {
    u64 time = 1'000;
    u64 fed = 0;  // when it was last fed, or set
    std::optional<Nanos> wake{};
};
struct Host {
    Yard* yard;
    Nanos now() { return {yard->time}; }
    void wake_at(std::optional<Nanos> when) {
        require(!when || when->n > yard->time || yard->wake);
        yard->wake = when;
    }
    void bite() { require(yard->time - yard->fed >= 500'000'000); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    Yard yard;
    Watchdog watchdog{Host{&yard}};
    for (usize i = 0; i + 3 <= size; i += 3) {
        auto const value = u32{data[i + 1]} | u32{data[i + 2]} << 8;
        auto const offset = Offset{data[i] % 8u * 4u};
        switch (data[i] >> 5) {
            case 0:
            case 1: {
                auto const before = watchdog.read(0x18, Width::word).value();
                require(watchdog.write(offset, Width::word, value).ok());
                if (watchdog.read(0x18, Width::word).value() != before) yard.fed = yard.time;
                break;
            }
            case 2:
                require(watchdog.write(0x10, Width::word, Watchdog<Host>::feed).ok());
                yard.fed = yard.time;
                break;
            case 3: require(watchdog.read(offset, Width::word).value() <= 0xff); break;
            case 4:
                require(!watchdog.read(offset, Width::half) && !watchdog.write(offset + 1, Width::word, 0));
                break;
            default: yard.time += u64{value} * value; break;
        }
        if (yard.wake && yard.wake->n <= yard.time) watchdog.expire();
        // It wakes whenever it runs.
        require(((watchdog.read(0x18, Width::word).value() & 1) != 0) == yard.wake.has_value());
    }
    return 0;
}
