// Any accesses to the APLIC, beside a literal model of its chapter.
#include "device/aplic.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

using namespace antler;
using namespace antler::device;

namespace {

constexpr u32 harts = 3;
constexpr u32 last = 96;
namespace reg = isa::aplic;

void require(bool condition) {
    if (!condition) std::abort();
}

using Messages = std::vector<std::pair<u32, u32>>;

// One flag for everything, as the manual's tables name it.
struct Model {
    bool sends;
    bool ie = false;
    u32 mode[last + 1]{};
    bool wire[last + 1]{};
    bool pending[last + 1]{};
    bool enabled[last + 1]{};
    u32 hart[last + 1]{};
    u32 number[last + 1]{};  // priority, or identity
    bool delivery[harts]{};
    bool force[harts]{};
    u32 threshold[harts]{};
    Messages sent{};

    [[nodiscard]] bool active(u32 s) const { return mode[s] != 0; }
    [[nodiscard]] bool edge(u32 s) const { return mode[s] == 4 || mode[s] == 5; }
    [[nodiscard]] bool level(u32 s) const { return mode[s] == 6 || mode[s] == 7; }
    [[nodiscard]] bool input(u32 s) const {
        if (!edge(s) && !level(s)) return false;
        return wire[s] != (mode[s] == 5 || mode[s] == 7);
    }
    void set_wire(u32 s, bool to) {
        bool const before = input(s);
        wire[s] = to;
        if (!before && input(s)) pending[s] = true;
        if (level(s) && !input(s)) pending[s] = false;
    }
    void set_pending(u32 s) {
        if (!active(s)) return;
        if (level(s) && (!sends || !input(s))) return;
        pending[s] = true;
    }
    void clear_pending(u32 s) {
        if (level(s) && !sends) return;
        pending[s] = false;
    }
    void configure(u32 s, u32 value) {
        bool const was = active(s);
        u32 const m = value & 7;
        mode[s] = (value & 0x400) != 0 || m == 2 || m == 3 ? 0 : m;
        if (!active(s)) {
            pending[s] = enabled[s] = false;
            hart[s] = number[s] = 0;
        } else if (!was) {
            hart[s] = 0;
            number[s] = sends ? 0 : 1;
        }
        if (level(s)) pending[s] = input(s);
    }
    void retarget(u32 s, u32 value) {
        if (!active(s)) return;
        hart[s] = value >> 18;
        number[s] = sends ? value & 0x7ff : value & 0xff;
        if (!sends && number[s] == 0) number[s] = 1;
    }
    [[nodiscard]] u32 target(u32 s) const { return hart[s] << 18 | number[s]; }
    [[nodiscard]] u32 top(u32 h) const {
        u32 best = 0;
        for (u32 s = 1; s <= last; ++s)
            if (pending[s] && enabled[s] && hart[s] == h && (threshold[h] == 0 || number[s] < threshold[h]) &&
                (best == 0 || number[s] < number[best]))
                best = s;
        return best;
    }
    [[nodiscard]] u32 topi(u32 h) const {
        auto const s = top(h);
        return s == 0 ? 0 : s << 16 | number[s];
    }
    [[nodiscard]] bool line(u32 h) const { return !sends && ie && delivery[h] && (force[h] || top(h) != 0); }
    u32 claim(u32 h) {
        auto const value = topi(h);
        auto const s = top(h);
        if (s == 0)
            force[h] = false;
        else if (!level(s))
            pending[s] = false;
        return value;
    }
    void forward() {
        for (u32 s = 1; sends && ie && s <= last; ++s)
            if (pending[s] && enabled[s]) {
                pending[s] = false;
                sent.emplace_back(hart[s], number[s]);
            }
    }
};

struct Outputs {
    bool* levels;
    Messages* sent;
    void signal(u32 hart, bool level) const {
        require(hart < harts && levels[hart] != level);
        levels[hart] = level;
    }
    void send(u32 hart, u32 identity) const { sent->emplace_back(hart, identity); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    if (size == 0) return 0;
    bool levels[harts]{};
    Messages sent;
    bool const sends = (data[0] & 1) != 0;
    Aplic aplic{harts, sends ? reg::Delivery::messages : reg::Delivery::direct, Outputs{levels, &sent}};
    Model model{.sends = sends};
    auto const write = [&](u32 at, u32 value) { require(aplic.write(at, Width::word, value).ok()); };
    auto const read = [&](u32 at) { return static_cast<u32>(aplic.read(at, Width::word).value()); };
    for (usize i = 1; i + 4 <= size; i += 4) {
        u32 const s = data[i + 1] % (last + 3);  // also some that are not there
        bool const there = s >= 1 && s <= last;
        u32 const value = data[i + 2] | u32{data[i + 3]} << 8;
        u32 const h = data[i + 1] % (harts + 1);
        u32 const idc = reg::idcs + h * reg::idc_bytes;
        u32 const bits = value * 0x0001'0101u;
        u32 const word = s / 32;
        auto const each = [&](auto&& what) {
            for (u32 b = 0; b < 32; ++b)
                if ((bits >> b & 1) != 0 && word * 32 + b >= 1 && word * 32 + b <= last) what(word * 32 + b);
        };
        switch (data[i] % 16) {
            case 0:
                aplic.set_source(s, (value & 1) != 0);
                if (there) model.set_wire(s, (value & 1) != 0);
                break;
            case 1:
                if (s == 0) break;
                write(reg::sourcecfg + 4 * s, value);
                if (there) model.configure(s, value);
                break;
            case 2:
                if (s == 0) break;
                write(reg::target + 4 * s, (value & 3) << 18 | value);
                if (there) model.retarget(s, (value & 3) << 18 | value);
                break;
            case 3:
                write(reg::domaincfg, value);
                model.ie = (value & 0x100) != 0;
                break;
            case 4:
                write((value & 1) != 0 ? reg::setipnum : reg::setipnum_le, s);
                if (there) model.set_pending(s);
                break;
            case 5:
                write(reg::clripnum, s);
                if (there) model.clear_pending(s);
                break;
            case 6:
                write(reg::setienum, s);
                if (there) model.enabled[s] = model.active(s);
                break;
            case 7:
                write(reg::clrienum, s);
                if (there) model.enabled[s] = false;
                break;
            case 8:
                write(reg::setip + 4 * word, bits);
                each([&](u32 one) { model.set_pending(one); });
                break;
            case 9:
                write(reg::in_clrip + 4 * word, bits);
                each([&](u32 one) { model.clear_pending(one); });
                break;
            case 10:
                write(reg::setie + 4 * word, bits);
                each([&](u32 one) { model.enabled[one] = model.active(one); });
                break;
            case 11:
                write(reg::clrie + 4 * word, bits);
                each([&](u32 one) { model.enabled[one] = false; });
                break;
            case 12: {
                constexpr u32 which[]{reg::idc_idelivery, reg::idc_iforce, reg::idc_ithreshold,
                                      reg::idc_topi};
                write(idc + which[value & 3], value >> 2);
                if (h == harts || sends) break;
                if ((value & 3) == 0) model.delivery[h] = (value >> 2 & 1) != 0;
                if ((value & 3) == 1) model.force[h] = (value >> 2 & 1) != 0;
                if ((value & 3) == 2) model.threshold[h] = value >> 2 & 0xff;
                break;
            }
            case 13:
                require(read(idc + reg::idc_claimi) == (h == harts || sends ? 0 : model.claim(h)));
                break;
            case 14:
                write(reg::genmsi, (value & 3) << 18 | (value & 0x17ff));
                if (sends) model.sent.emplace_back(value & 3, value & 0x7ff);
                break;
            default: {  // anywhere
                u32 const at = (bits ^ s << 5) % 0x9000;
                if (at >= reg::idcs && at % reg::idc_bytes == reg::idc_claimi) break;
                require(aplic.read(at, Width::word).ok() == (at % 4 == 0 && at < 0x8000));
                require(!aplic.read(at, Width::byte) && !aplic.write(at, Width::doubleword, bits));
                break;
            }
        }
        model.forward();
        // Of one write that sends several the order is nobody's.
        std::ranges::sort(sent);
        std::ranges::sort(model.sent);
        require(sent == model.sent);
        sent.clear();
        model.sent.clear();
        for (u32 each_hart = 0; each_hart < harts; ++each_hart) {
            require(levels[each_hart] == model.line(each_hart));
            if (!sends)
                require(read(reg::idcs + each_hart * reg::idc_bytes + reg::idc_topi) ==
                        model.topi(each_hart));
        }
        if (!there) continue;
        require(read(reg::target + 4 * s) == model.target(s));
        require(read(reg::sourcecfg + 4 * s) == model.mode[s]);
        auto const bit = [&](u32 base) { return (read(base + 4 * word) >> s % 32 & 1) != 0; };
        require(bit(reg::setip) == model.pending[s] && bit(reg::setie) == model.enabled[s]);
        require(bit(reg::in_clrip) == model.input(s));
    }
    return 0;
}
