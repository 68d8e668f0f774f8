// Any tables: the walker says what the manual's algorithm says, step by step, and marks the same entries.
#include <array>
#include <vector>

#include "base/panic.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/model/isa/walk_comparison.hpp"

namespace {

using namespace antler;
using namespace antler::isa;

// A few pages, filled by the input; nothing is behind them.
class Tables {
public:
    static constexpr u64 start = 0x8000'0000, bytes = 16 * 4096;

    explicit Tables(fuzz::Input& input) : words_(bytes / 4) {
        constexpr u64 half = 32;
        for (u32 entries = input.take<u8>(); entries != 0 && !input.empty(); --entries) {
            auto const where = input.take<u16>();
            auto const what = input.take<u16>();
            // A page of these, the bits of an entry, and sometimes anything above.
            u64 raw = (start >> 12 | (what & 15)) << 10 | what >> 6;
            if (where % 8 == 7) raw ^= input.take<u64>();
            auto const at = static_cast<usize>(where >> 3) * 2 % words_.size();
            words_[at] = static_cast<u32>(raw);
            words_[at + 1] = static_cast<u32>(raw >> half);
        }
    }
    friend bool operator==(Tables const&, Tables const&) = default;

    // For the literal walk.
    [[nodiscard]] bool exists(u64 at) const { return at >= start && at - start < bytes; }
    [[nodiscard]] u64 read(u64 at, int size, bool, int) const {
        return size == 4 ? word(at) : word(at) | u64{word(at + 4)} << 32;
    }
    void write(u64 at, int size, u64 value) {
        words_[(at - start) / 4] = static_cast<u32>(value);
        if (size == 8) words_[(at - start) / 4 + 1] = static_cast<u32>(value >> 32);
    }

    // For the walker under test.
    [[nodiscard]] std::optional<u32> read32(Hpa at) const {
        return exists(at.raw()) ? std::optional{word(at.raw())} : std::nullopt;
    }
    [[nodiscard]] std::optional<u64> read64(Hpa at) const {
        return exists(at.raw()) ? std::optional{read(at.raw(), 8, false, 0)} : std::nullopt;
    }
    std::optional<bool> compare_exchange32(Hpa at, u32 from, u32 to) { return exchange(at, 4, from, to); }
    std::optional<bool> compare_exchange64(Hpa at, u64 from, u64 to) { return exchange(at, 8, from, to); }

private:
    [[nodiscard]] u32 word(u64 at) const { return words_[(at - start) / 4]; }
    std::optional<bool> exchange(Hpa at, int size, u64 from, u64 to) {
        if (!exists(at.raw())) return std::nullopt;
        if (read(at.raw(), size, false, 0) != from) return false;
        write(at.raw(), size, to);
        return true;
    }
    std::vector<u32> words_;
};

Round take_round(fuzz::Input& input) {
    constexpr std::array wide{0, 39, 48, 57};
    Round round;
    auto& machine = round.machine;
    auto const shape = input.take<u16>();
    auto const bit = [&](u32 n) { return (shape >> n & 1) != 0; };
    bool const narrow = (shape & 7) == 0;
    machine.two_stages = bit(3);
    machine.first_mode = narrow ? (bit(4) ? 32 : 0) : wide[shape >> 4 & 3];
    machine.g_mode = narrow ? (bit(6) ? 32 : 0) : wide[shape >> 6 & 3];
    machine.first_svade = bit(8);
    machine.g_svade = bit(9);
    machine.first_svpbmt = bit(10);
    machine.g_svpbmt = bit(11);
    machine.svnapot = bit(12);
    machine.svrsw60t59b = bit(13);
    auto const roots = input.take<u8>();
    machine.first_ppn = Tables::start >> 12 | (roots & 15);
    machine.g_ppn = Tables::start >> 12 | (roots >> 4 & 12);
    auto const how = input.take<u8>();
    round.attempt = {.type = static_cast<literal::AccessType>(how % 3),
                     .privilege_is_user = (how & 4) != 0,
                     .vsstatus_sum = (how & 8) != 0,
                     .vsstatus_mxr = (how & 16) != 0,
                     .sstatus_mxr = (how & 32) != 0,
                     .hlvx = (how & 64) != 0 && how % 3 == 1};
    round.address = input.take<u64>();
    if ((how & 128) == 0) round.address = Tables::start | (round.address & 0xffff);
    if (narrow) {
        round.address &= 0xffff'ffff;
    } else if (machine.first_mode == 0) {
        round.address &= 0xff'ffff'ffff'ffff;
    }
    return round;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    fuzz::Input input{data, size};
    auto const round = take_round(input);
    Tables theirs{input};
    auto mine = theirs;
    auto const want =
        literal::Translation<Tables>{theirs, round.machine, round.attempt}.translate(round.address);
    auto const got = walk(mine, round);
    auto const why = difference(got, want, round);
    if (!why.empty()) panic(why);
    VERIFY(mine == theirs);
    return 0;
}
