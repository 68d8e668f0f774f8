// An interrupt file against the sentences of the manual, told with sets of identities.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "isa/interrupt_file.hpp"

namespace antler::isa {
namespace {

// Nothing in it knows of words and bits.
struct Sentences {
    u32 identities;
    bool delivery = false;
    u64 threshold = 0;
    std::set<u32> pending{};
    std::set<u32> enabled{};

    [[nodiscard]] bool implements(u64 identity) const { return identity >= 1 && identity <= identities; }
    [[nodiscard]] u32 top() const {
        for (auto const i : pending)
            if (enabled.contains(i)) return threshold == 0 || i < threshold ? i : 0;
        return 0;
    }
    [[nodiscard]] static bool is_array(u16 select) { return select >= 0x80; }
    [[nodiscard]] std::set<u32>& array(u16 select) { return select < 0xc0 ? pending : enabled; }
    [[nodiscard]] static u32 first_of(u16 select) { return (select - 0x80u) % 0x40 * 32; }

    [[nodiscard]] std::optional<u64> read(u16 select) {
        if (select < 0x70 || select > 0xff || (is_array(select) && select % 2 != 0)) return std::nullopt;
        if (select == 0x70) return delivery ? 1 : 0;
        if (select == 0x72) return threshold;
        u64 value = 0;
        if (is_array(select))
            for (u32 bit = 0; bit < 64; ++bit)
                if (array(select).contains(first_of(select) + bit)) value |= u64{1} << bit;
        return value;
    }
    void write(u16 select, u64 value) {
        if (!read(select)) return;
        if (select == 0x70) delivery = (value & 1) != 0;
        if (select == 0x72) threshold = value;
        if (!is_array(select)) return;
        for (u32 bit = 0; bit < 64; ++bit) {
            auto const identity = first_of(select) + bit;
            array(select).erase(identity);
            if ((value >> bit & 1) != 0 && implements(identity)) array(select).insert(identity);
        }
    }
};

enum class Step : u8 { arrive, write, claim, merge };

RC_GTEST_PROP(InterruptFileModel, AgreesWithTheManual, ()) {
    auto const identities = *rc::gen::element(63u, 127u, 191u, 255u, 2047u);
    InterruptFile file{identities};
    Sentences model{identities};
    auto const steps = *rc::gen::inRange(1, 200);
    for (int n = 0; n < steps; ++n) {
        switch (*rc::gen::element(Step::arrive, Step::arrive, Step::write, Step::claim, Step::merge)) {
            case Step::arrive: {
                auto const identity = *rc::gen::inRange<u32>(0, identities + 70);
                file.set_pending(identity);
                if (model.implements(identity)) model.pending.insert(identity);
                break;
            }
            case Step::write: {
                auto const select =
                    *rc::gen::oneOf(rc::gen::inRange<u16>(0x60, 0x110),
                                    rc::gen::element<u16>(0x70, 0x72, 0x80, 0x82, 0xc0, 0xc2, 0xc6, 0xfe));
                auto value = *rc::gen::arbitrary<u64>();
                // Beyond the last identity a threshold is whatever the file makes of it.
                if (select == 0x72) value = *rc::gen::inRange<u64>(0, identities + 1);
                RC_ASSERT(file.write(select, value) == model.read(select).has_value());
                model.write(select, value);
                break;
            }
            case Step::claim: {
                auto const expected = model.top();
                RC_ASSERT(file.claim() == expected);
                model.pending.erase(expected);
                break;
            }
            case Step::merge: {
                auto const index = *rc::gen::inRange<u32>(0, 34);
                auto const arrived = *rc::gen::arbitrary<u64>();
                file.merge_pending(index, arrived);
                for (u32 bit = 0; bit < 64; ++bit)
                    if ((arrived >> bit & 1) != 0 && model.implements(index * 64 + bit))
                        model.pending.insert(index * 64 + bit);
                break;
            }
        }
        RC_ASSERT(file.top() == model.top());
        RC_ASSERT(file.signals() == (model.delivery && model.top() != 0));
    }
    for (u16 select = 0x60; select < 0x110; ++select) RC_ASSERT(file.read(select) == model.read(select));
}

}  // namespace
}  // namespace antler::isa
