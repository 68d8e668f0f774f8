// Any writes to flash: a bit is set again by nothing but a whole sector's erasure, and what changed is told.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "device/cfi_flash.hpp"

using namespace antler;
using namespace antler::device;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

struct Fuzzed {
    u8 byte;
    void operator()(std::string_view, auto& field) {
        field = static_cast<std::remove_cvref_t<decltype(field)>>(byte * 7);
    }
    void operator()(std::string_view, std::span<u8>) {}
};

template <class Body>
void for_each_page(FlashArray::Pages const& pages, Body&& body) {
    for (u32 n = 0; n < 64 * pages.size(); ++n)
        if ((pages[n / 64] >> n % 64 & 1) != 0) body(n * FlashArray::page);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    constexpr u32 kept = 2 * CfiFlash::sector_bytes;
    static std::vector<u8> bytes(kept);
    static std::vector<u8> before(kept);
    std::ranges::fill(bytes, u8{0xff});
    std::ranges::fill(before, u8{0xff});
    static std::vector<u8> copy(kept);
    static std::vector<u8> at_once(kept);
    FlashArray::Pages pages{};
    bool done = true;
    CfiFlash flash{FlashArray::kept(bytes)};
    for (usize i = 0; i + 5 <= size; i += 5) {
        auto const wild = (data[i] & 8) != 0;
        auto const at = (u32{data[i + 1]} << 8 | data[i + 2]) * (wild ? 0x3fdu : 4u);
        auto const value = u32{data[i + 3]} | u32{data[i + 4]} << 16;
        auto const width = static_cast<Width>(1u << (data[i] & 3));
        switch (data[i] >> 4) {
            case 0: {
                auto const read = flash.read(at, width);
                require(!read || width == Width::doubleword ||
                        read.value() >> 8 * static_cast<u32>(width) == 0);
                break;
            }
            case 1: {
                Fuzzed state{data[i + 3]};
                flash.visit(state);
                flash.restored();
                break;
            }
            default: (void)flash.write(at, (data[i] & 4) != 0 ? Width::word : width, value); break;
        }
        // Only what it says has changed is another, the copy is of one moment, and no bit was set but with
        // all of its page.
        if ((data[i + 2] & 3) == 0 && done) {
            at_once = bytes;
            pages = flash.cells().begin_copy(copy);
        }
        done = flash.cells().copy_some(data[i + 2] & 3);
        if (!done) continue;
        for_each_page(pages, [&](u32 first) {
            require(std::memcmp(copy.data() + first, at_once.data() + first, FlashArray::page) == 0);
            for (u32 cell = first; cell < first + FlashArray::page; ++cell) {
                require((copy[cell] & ~before[cell]) == 0 || copy[cell] == 0xff);
                before[cell] = copy[cell];
            }
        });
        pages = {};
    }
    while (!flash.cells().copy_some(1)) {
    }
    pages = flash.cells().begin_copy(copy);
    while (!flash.cells().copy_some(1)) {
    }
    for_each_page(pages, [&](u32 first) {
        require(std::memcmp(copy.data() + first, bytes.data() + first, FlashArray::page) == 0);
    });
    return 0;
}
