// The emulated APLIC: source modes, pending bits, targets, and both ways of delivery.
#include "device/aplic.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace antler::device {
namespace {

namespace reg = isa::aplic;
using reg::Delivery;
using Mode = reg::SourceMode;

using MessageList = std::vector<std::pair<u32, u32>>;  // hart, identity
struct Heard {
    u64 levels = 0;
    MessageList messages{};
};
struct Outputs {
    Heard* heard;
    void signal(u32 hart, bool level) const {
        heard->levels = level ? heard->levels | u64{1} << hart : heard->levels & ~(u64{1} << hart);
    }
    void send(u32 hart, u32 identity) const { heard->messages.emplace_back(hart, identity); }
};

class AplicTest : public testing::TestWithParam<Delivery> {
protected:
    u32 in(u32 offset) { return static_cast<u32>(aplic.read(offset, Width::word).value()); }
    void out(u32 offset, u32 value) { aplic.write(offset, Width::word, value).value(); }
    void configure(u32 source, Mode mode) { out(reg::sourcecfg + 4 * source, reg::Sourcecfg::of(mode).raw); }
    void target(u32 source, u32 hart, u32 number) {
        auto const value =
            sends() ? reg::Target::message(hart, 0, number) : reg::Target::direct(hart, number);
        out(reg::target + 4 * source, value.raw);
    }
    void open(u32 source, Mode mode, u32 hart = 0, u32 number = 1) {
        configure(source, mode);
        target(source, hart, number);
        out(reg::setienum, source);
    }
    u32 idc(u32 hart, u32 which) { return reg::idcs + hart * reg::idc_bytes + which; }
    u32 claim(u32 hart) { return reg::Topi::source::get(in(idc(hart, reg::idc_claimi))); }
    bool bit(u32 base, u32 source) { return (in(base + source / 32 * 4) >> source % 32 & 1) != 0; }
    bool pending(u32 source) { return bit(reg::setip, source); }
    bool sends() const { return GetParam() == Delivery::messages; }
    MessageList messages() { return std::exchange(heard.messages, {}); }

    void SetUp() override {
        out(reg::domaincfg, reg::Domaincfg::of(GetParam()).raw);
        for (u32 hart = 0; hart < 4; ++hart) out(idc(hart, reg::idc_idelivery), 1);
    }

    Heard heard;
    Aplic<Outputs> aplic{4, GetParam(), Outputs{&heard}};
};

class Direct : public AplicTest {};
class Messages : public AplicTest {};
INSTANTIATE_TEST_SUITE_P(Aplic, AplicTest, testing::Values(Delivery::direct, Delivery::messages));
INSTANTIATE_TEST_SUITE_P(Aplic, Direct, testing::Values(Delivery::direct));
INSTANTIATE_TEST_SUITE_P(Aplic, Messages, testing::Values(Delivery::messages));

TEST_P(AplicTest, TellsHowItDelivers) {
    EXPECT_EQ(in(reg::domaincfg), reg::Domaincfg::of(GetParam()).raw);
    out(reg::domaincfg, 0);
    EXPECT_EQ(in(reg::domaincfg), 0x8000'0000u | (sends() ? 4u : 0u));
    out(reg::domaincfg, ~0u);
    EXPECT_EQ(in(reg::domaincfg), 0x8000'0100u | (sends() ? 4u : 0u));  // little-endian for ever
}

TEST_P(AplicTest, HasNothingOfASourceThatIsInactive) {
    out(reg::setienum, 5);
    out(reg::setipnum, 5);
    target(5, 1, 7);
    EXPECT_FALSE(bit(reg::setie, 5) || pending(5));
    EXPECT_EQ(in(reg::target + 4 * 5), 0u);
    open(5, Mode::detached, 1, 7);
    EXPECT_NE(in(reg::target + 4 * 5), 0u);
    configure(5, Mode::inactive);
    EXPECT_FALSE(bit(reg::setie, 5) || pending(5));
    EXPECT_EQ(in(reg::target + 4 * 5), 0u);
}

TEST_P(AplicTest, MakesASourceInactiveThatALeafCannotDelegateOrDoesNotKnow) {
    for (u32 const wrong : {0x400u, 0x406u, 2u, 3u}) {
        configure(9, Mode::level1);
        out(reg::sourcecfg + 4 * 9, wrong);
        EXPECT_EQ(in(reg::sourcecfg + 4 * 9), 0u);
    }
    out(reg::sourcecfg + 4 * 97, 6);
    EXPECT_EQ(in(reg::sourcecfg + 4 * 97), 0u);
    out(reg::sourcecfg + 4 * 96, 6);
    EXPECT_EQ(in(reg::sourcecfg + 4 * 96), 6u);
}

TEST_P(AplicTest, ShowsInputsAsTheModeReadsThem) {
    aplic.set_source(1, true);
    std::initializer_list<std::pair<Mode, bool>> const rows{{Mode::inactive, false}, {Mode::detached, false},
                                                            {Mode::edge1, true},     {Mode::edge0, false},
                                                            {Mode::level1, true},    {Mode::level0, false}};
    for (auto const& [mode, seen] : rows) {
        configure(1, mode);
        EXPECT_EQ(bit(reg::in_clrip, 1), seen);
    }
    aplic.set_source(1, false);
    EXPECT_TRUE(bit(reg::in_clrip, 1));
}

TEST_P(AplicTest, LatchesAnEdgeUntilItWasTaken) {
    configure(3, Mode::edge1);
    aplic.set_source(3, true);
    aplic.set_source(3, false);
    EXPECT_TRUE(pending(3));
    out(reg::clripnum, 3);
    EXPECT_FALSE(pending(3));
    aplic.set_source(3, true);
    configure(4, Mode::edge0);
    aplic.set_source(4, true);
    EXPECT_FALSE(pending(4));
    aplic.set_source(4, false);
    EXPECT_TRUE(pending(4));
    out(reg::in_clrip, 1u << 3 | 1u << 4);
    EXPECT_FALSE(pending(3) || pending(4));
}

TEST_P(AplicTest, NeverHasALevelPendingWhileItIsLow) {
    configure(3, Mode::level1);
    out(reg::setipnum, 3);
    EXPECT_FALSE(pending(3));
    aplic.set_source(3, true);
    EXPECT_TRUE(pending(3));
    aplic.set_source(3, false);
    EXPECT_FALSE(pending(3));
    configure(4, Mode::level0);  // low is its high
    EXPECT_TRUE(pending(4));
}

TEST_P(AplicTest, ClearsALevelByHandOnlyWhereMessagesAreSent) {
    configure(3, Mode::level1);
    aplic.set_source(3, true);
    out(reg::clripnum, 3);
    EXPECT_EQ(pending(3), !sends());
    out(reg::setip, 1u << 3);
    EXPECT_TRUE(pending(3));
}

TEST_P(AplicTest, AnswersAlignedWordsOnly) {
    for (auto const width : {Width::byte, Width::half, Width::doubleword}) {
        EXPECT_FALSE(aplic.read(0, width));
        EXPECT_FALSE(aplic.write(0, width, 0));
    }
    EXPECT_FALSE(aplic.read(2, Width::word));
    EXPECT_FALSE(aplic.read(0x8000, Width::word));
    EXPECT_EQ(in(reg::mmsiaddrcfgh), 0u);
    EXPECT_EQ(in(reg::setipnum), 0u);
    EXPECT_EQ(in(reg::clrie), 0u);
}

TEST_P(Direct, SignalsTheMostUrgentSourceOfAHart) {
    open(10, Mode::level1, 2, 5);
    open(11, Mode::level1, 2, 3);
    open(12, Mode::level1, 2, 3);
    for (u32 const source : {10u, 12u, 11u}) aplic.set_source(source, true);
    EXPECT_EQ(heard.levels, 0b0100u);
    EXPECT_EQ(in(idc(2, reg::idc_topi)), reg::Topi::of(11, 3).raw);
    EXPECT_EQ(claim(2), 11u);
    EXPECT_EQ(claim(2), 11u) << "a level is not taken by a claim";
    aplic.set_source(11, false);
    EXPECT_EQ(claim(2), 12u);
    out(reg::clrienum, 12);
    EXPECT_EQ(claim(2), 10u);
    aplic.set_source(10, false);
    EXPECT_EQ(claim(2), 0u);
    EXPECT_EQ(heard.levels, 0u);
}

TEST_P(Direct, TakesAnEdgeByAClaim) {
    open(10, Mode::edge1, 1);
    aplic.set_source(10, true);
    EXPECT_EQ(heard.levels, 0b0010u);
    EXPECT_EQ(claim(1), 10u);
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(claim(1), 0u);
}

TEST_P(Direct, KeepsBackWhatIsNotBelowTheThreshold) {
    open(10, Mode::level1, 0, 4);
    aplic.set_source(10, true);
    out(idc(0, reg::idc_ithreshold), 4);
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(claim(0), 0u);
    out(idc(0, reg::idc_ithreshold), 5);
    EXPECT_EQ(heard.levels, 1u);
    out(idc(0, reg::idc_ithreshold), 0);
    EXPECT_EQ(heard.levels, 1u);
}

TEST_P(Direct, ReportsButDoesNotSignalWhileDeliveryIsOff) {
    open(10, Mode::level1);
    aplic.set_source(10, true);
    out(idc(0, reg::idc_idelivery), 0);
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(in(idc(0, reg::idc_topi)), reg::Topi::of(10, 1).raw);
    out(idc(0, reg::idc_idelivery), 1);
    out(reg::domaincfg, 0);
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(claim(0), 10u);
    out(reg::domaincfg, reg::Domaincfg::of(Delivery::direct).raw);
    EXPECT_EQ(heard.levels, 1u);
}

TEST_P(Direct, ForcesASpuriousInterruptUntilItIsClaimed) {
    out(idc(3, reg::idc_iforce), 1);
    EXPECT_EQ(heard.levels, 0b1000u);
    EXPECT_EQ(claim(3), 0u);
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(in(idc(3, reg::idc_iforce)), 0u);
}

TEST_P(Direct, MovesASourceToAnotherHart) {
    open(10, Mode::level1, 0);
    aplic.set_source(10, true);
    target(10, 3, 1);
    EXPECT_EQ(heard.levels, 0b1000u);
    target(10, 1000, 1);  // nobody
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(claim(3), 0u);
}

TEST_P(Direct, HasNoPriorityZeroAndNoHartsBeyondItsOwn) {
    open(10, Mode::level1, 0, 0);
    EXPECT_EQ(in(reg::target + 4 * 10), 1u);
    out(idc(4, reg::idc_idelivery), 1);
    EXPECT_EQ(in(idc(4, reg::idc_idelivery)), 0u);
    out(reg::genmsi, 7);
    EXPECT_EQ(in(reg::genmsi), 0u);
    EXPECT_TRUE(heard.messages.empty());
}

TEST_P(Messages, SendsAnEdgeOnce) {
    open(10, Mode::edge1, 3, 77);
    aplic.set_source(10, true);
    EXPECT_EQ(messages(), (MessageList{{3, 77}}));
    EXPECT_FALSE(pending(10));
    aplic.set_source(10, true);
    EXPECT_TRUE(messages().empty());
    aplic.set_source(10, false);
    aplic.set_source(10, true);
    EXPECT_EQ(messages().size(), 1u);
}

TEST_P(Messages, SendsALevelOnceAndAgainWhenAsked) {
    open(10, Mode::level1, 1, 20);
    aplic.set_source(10, true);
    EXPECT_EQ(messages(), (MessageList{{1, 20}}));
    EXPECT_TRUE(bit(reg::in_clrip, 10));
    out(reg::setipnum, 10);  // the handler's last word: something is left
    EXPECT_EQ(messages(), (MessageList{{1, 20}}));
    aplic.set_source(10, false);
    out(reg::setipnum_le, 10);
    EXPECT_TRUE(messages().empty());
    aplic.set_source(10, true);
    EXPECT_EQ(messages().size(), 1u);
}

TEST_P(Messages, HoldsBackWhatIsNotEnabledAndForgetsALevelThatFell) {
    configure(10, Mode::level1);
    target(10, 0, 5);
    aplic.set_source(10, true);
    EXPECT_TRUE(messages().empty());
    out(reg::domaincfg, 0);
    out(reg::setienum, 10);
    EXPECT_TRUE(messages().empty());
    aplic.set_source(10, false);
    out(reg::domaincfg, reg::Domaincfg::of(Delivery::messages).raw);
    EXPECT_TRUE(messages().empty());
    aplic.set_source(10, true);
    EXPECT_EQ(messages().size(), 1u);
}

TEST_P(Messages, SendsEverythingThatWaitedWhenItIsOpened) {
    out(reg::domaincfg, 0);
    for (u32 const source : {3u, 40u, 96u}) {
        open(source, Mode::edge1, source % 4, source);
        aplic.set_source(source, true);
    }
    EXPECT_TRUE(messages().empty());
    out(reg::domaincfg, reg::Domaincfg::of(Delivery::messages).raw);
    EXPECT_EQ(messages(), (MessageList{{3, 3}, {0, 40}, {0, 96}}));
}

TEST_P(Messages, SendsADetachedSourceWhenItIsWritten) {
    open(10, Mode::detached, 2, 9);
    aplic.set_source(10, true);
    EXPECT_TRUE(messages().empty());
    out(reg::setipnum, 10);
    EXPECT_EQ(messages(), (MessageList{{2, 9}}));
}

TEST_P(Messages, GeneratesAMessageEvenWhileItIsClosed) {
    out(reg::domaincfg, 0);
    auto const wanted = 3u << 18 | 1u << 12 | 0x123u;
    out(reg::genmsi, wanted);
    EXPECT_EQ(messages(), (MessageList{{3, 0x123}}));
    EXPECT_EQ(in(reg::genmsi), wanted & ~(1u << 12)) << "it is never busy";
}

TEST_P(Messages, HasNoGuestIndexAndNoPartsOfHarts) {
    configure(10, Mode::level1);
    out(reg::target + 4 * 10, ~0u);
    EXPECT_EQ(in(reg::target + 4 * 10), 0xfffc'07ffu);
    EXPECT_EQ(in(idc(0, reg::idc_idelivery)), 0u);
}

// Whatever a snapshot holds.
struct Scrambler {
    u64 next = 0x9e37'79b9'7f4a'7c15;
    u64 draw() { return next = next * 6'364'136'223'846'793'005 + 1; }
    template <class T>
    void operator()(std::string_view, T& field) {
        if constexpr (std::is_same_v<T, bool>)
            field = (draw() >> 40 & 1) != 0;
        else
            field = static_cast<T>(draw() >> 13);
    }
    void operator()(std::string_view, std::span<u8> bytes) {
        for (auto& byte : bytes) byte = static_cast<u8>(draw() >> 33);
    }
};

TEST_P(AplicTest, IsConsistentAfterAnyRestoredState) {
    Scrambler scrambler;
    for (u32 round = 0; round < 100; ++round) {
        aplic.visit(scrambler);
        aplic.restored();
        for (u32 source = 1; source <= 96; ++source) {
            auto const mode = static_cast<Mode>(in(reg::sourcecfg + 4 * source));
            if (mode == Mode::inactive) {
                EXPECT_FALSE(pending(source) || bit(reg::setie, source));
                EXPECT_EQ(in(reg::target + 4 * source), 0u);
            }
            if (reg::is_level(mode) && !bit(reg::in_clrip, source)) {
                EXPECT_FALSE(pending(source));
            }
        }
        for (u32 hart = 0; hart < 4 && !sends(); ++hart)
            if (in(idc(hart, reg::idc_idelivery)) != 0 && (in(reg::domaincfg) & 0x100) != 0) {
                bool const wanted = in(idc(hart, reg::idc_topi)) != 0 || in(idc(hart, reg::idc_iforce)) != 0;
                EXPECT_EQ((heard.levels >> hart & 1) != 0, wanted);
            }
    }
}

// A board whose wires are high as long as a test says.
struct BoardWires final : OutsideWires {
    bool high = false;
    u32 looks = 0;
    bool look(u32) override {
        ++looks;
        return high;
    }
};

TEST_P(Direct, AsksTheBoardAboutAWireThatWasClaimedBefore) {
    BoardWires board;
    aplic.come_from(50, board);
    open(50, Mode::level1);
    board.high = true;
    aplic.set_source(50, true);
    EXPECT_EQ(claim(0), 50u);
    EXPECT_EQ(board.looks, 0u) << "nobody can have served it";
    EXPECT_EQ(claim(0), 50u) << "it is high still";
    EXPECT_EQ(board.looks, 1u);
    board.high = false;
    EXPECT_EQ(heard.levels, 1u);
    EXPECT_EQ(in(idc(0, reg::idc_topi)), 0u);
    EXPECT_EQ(heard.levels, 0u);
    EXPECT_EQ(board.looks, 2u);
    EXPECT_EQ(claim(0), 0u);
    EXPECT_EQ(board.looks, 2u) << "it is low until the board tells";
    aplic.set_source(50, true);
    EXPECT_EQ(claim(0), 50u);
}

TEST_P(Messages, AsksTheBoardWhenTheGuestAsksForALevelAgain) {
    BoardWires board;
    aplic.come_from(50, board);
    open(50, Mode::level1, 1, 7);
    board.high = true;
    aplic.set_source(50, true);
    EXPECT_EQ(messages(), (MessageList{{1, 7}}));
    out(reg::setipnum, 50);
    EXPECT_EQ(messages(), (MessageList{{1, 7}})) << "it is high still";
    board.high = false;
    out(reg::setipnum, 50);
    EXPECT_TRUE(messages().empty());
    aplic.set_source(50, true);
    EXPECT_EQ(messages(), (MessageList{{1, 7}}));
    EXPECT_FALSE(bit(reg::in_clrip, 50)) << "who looks at the input looks at the board";
    EXPECT_EQ(board.looks, 3u);
}

}  // namespace
}  // namespace antler::device
