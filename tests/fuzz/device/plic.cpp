// Any accesses to the interrupt controller, beside a literal model of its specification.
#include "device/plic.hpp"

#include <cstdlib>
#include <vector>

using namespace antler;
using namespace antler::device;

namespace {

constexpr u32 contexts = 3;
constexpr u32 sources = 96;

void require(bool condition) {
    if (!condition) std::abort();
}

// One flag for everything, searched anew at every question.
struct Model {
    bool wire[sources]{};
    bool pending[sources]{};
    bool in_service[sources]{};
    u32 priority[sources]{};
    bool enabled[contexts][sources]{};
    u32 threshold[contexts]{};

    void gateways() {
        for (u32 s = 1; s < sources; ++s)
            if (wire[s] && !in_service[s]) pending[s] = true;
    }
    [[nodiscard]] u32 best(u32 c) const {
        u32 found = 0;
        for (u32 s = sources - 1; s > 0; --s)
            if (pending[s] && enabled[c][s] && priority[s] != 0 &&
                (found == 0 || priority[s] >= priority[found]))
                found = s;
        return found;
    }
    [[nodiscard]] bool line(u32 c) const { return best(c) != 0 && priority[best(c)] > threshold[c]; }
    u32 claim(u32 c) {
        auto const s = best(c);
        if (s == 0) return 0;
        pending[s] = false;
        in_service[s] = true;
        return s;
    }
    void complete(u32 c, u32 s) {
        if (s != 0 && s < sources && enabled[c][s]) in_service[s] = false;
    }
};

struct Lines {
    bool* levels;
    void operator()(u32 context, bool level) {
        require(context < contexts && levels[context] != level);
        levels[context] = level;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    bool levels[contexts]{};
    Plic plic{contexts, Lines{levels}};
    Model model;
    for (usize i = 0; i + 3 <= size; i += 3) {
        auto const c = u32{data[i]} >> 4 & 3u;
        auto const n = data[i + 1];
        auto const value = data[i + 2];
        auto const source = n % sources;
        auto const context = c % contexts;
        switch (data[i] % 8) {
            case 0:
                plic.set_source(source, (value & 1) != 0);
                if (source != 0) model.wire[source] = (value & 1) != 0;
                break;
            case 1:
                require(plic.write(source * 4, Width::word, value).ok());
                if (source != 0) model.priority[source] = value & 7;
                break;
            case 2: {
                auto const at = 0x2080 + context * 0x100 + source / 8 / 4 * 4;
                auto const old = plic.read(at, Width::word).value();
                auto const bits = value | u32{value} << 8 | u32{n} << 16 | u32{value} << 24;
                require(plic.write(at, Width::word, old ^ bits).ok());
                auto const first = source / 32 * 32;
                for (u32 s = first; s < first + 32; ++s)
                    if (s != 0) model.enabled[context][s] ^= (bits >> (s - first) & 1) != 0;
                break;
            }
            case 3:
                require(plic.write(0x20'1000 + context * 0x2000, Width::word, value).ok());
                model.threshold[context] = value & 7;
                break;
            case 4:
                require(plic.read(0x20'1004 + context * 0x2000, Width::word).value() == model.claim(context));
                break;
            case 5:
                require(plic.write(0x20'1004 + context * 0x2000, Width::word, n).ok());
                model.complete(context, n);
                break;
            case 6: {  // anywhere
                auto const at = (u32{n} << 16 | u32{value} << 8 | data[i]) * 4 % 0x70'0000;
                auto const is_claim = at >= 0x20'0000 && at % 0x1000 == 4;
                if (is_claim) break;
                auto const read = plic.read(at, Width::word);
                require(read.ok() == (at < 0x60'0000));
                require(!plic.read(at + 1, Width::word) && !plic.read(at, Width::doubleword) &&
                        !plic.write(at, Width::byte, value));
                if (at >= 0x20'0000 + 2 * contexts * 0x1000)
                    require(plic.write(at, Width::word, n).ok() == read.ok());
                break;
            }
            default:
                for (u32 w = 0; w < 3; ++w) {
                    auto const bits = plic.read(0x1000 + w * 4, Width::word).value();
                    for (u32 s = w * 32; s < w * 32 + 32; ++s)
                        require((bits >> (s - w * 32) & 1) == (s != 0 && model.pending[s]));
                }
                break;
        }
        model.gateways();
        for (u32 each = 0; each < contexts; ++each) require(levels[each] == model.line(each));
    }
    return 0;
}
