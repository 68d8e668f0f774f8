// Any accesses to the clock while time passes: its alarm fires when it is due, and never without being asked.
#include "device/goldfish_rtc.hpp"

#include <cstdlib>

using namespace antler;
using namespace antler::device;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

struct Wire {
    bool* level;
    void set(bool to) { *level = to; }
};
struct Clock {
    u64* time;
    std::optional<Nanos>* wake;
    Nanos now() { return {*time}; }
    void wake_at(std::optional<Nanos> when) {
        require(!when || when->n >= *time);
        *wake = when;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    bool level = false;
    u64 time = 1'700'000'000'000'000'000;
    std::optional<Nanos> wake;
    GoldfishRtc rtc{Wire{&level}, Clock{&time, &wake}};
    for (usize i = 0; i + 3 <= size; i += 3) {
        auto const value = u64{data[i + 1]} << 24 | data[i + 2];
        auto const offset = Offset{data[i] % 16u * 4u};
        switch (data[i] >> 4) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4:
            case 5: require(rtc.write(offset, Width::word, value).ok()); break;
            case 6:
            case 7:
            case 8:
            case 9: {
                auto const read = rtc.read(offset, Width::word);
                require(read.ok() && read.value() <= 0xffff'ffff);
                break;
            }
            case 10: require(!rtc.read(offset + 2, Width::word) && !rtc.write(offset, Width::byte, 1)); break;
            case 11:
                require(rtc.write(0x08, Width::word, rtc.read(0x00, Width::word).value() + value).ok());
                break;
            case 12: rtc.expire(); break;  // early or late
            default: time += value * value; break;
        }
        if (wake && wake->n <= time) {
            rtc.expire();
            require(!wake || wake->n > time);
        }
        require(rtc.read(0x10, Width::word).value() == 1 || !level);
        require(rtc.read(0x18, Width::word).value() == 1 || !wake);
    }
    // The two halves belong together.
    auto const low = rtc.read(0x00, Width::word).value();
    auto const high = rtc.read(0x04, Width::word).value();
    time += 5;
    auto const later = rtc.read(0x00, Width::word).value() | rtc.read(0x04, Width::word).value() << 32;
    require(later - (high << 32 | low) == 5);
    return 0;
}
