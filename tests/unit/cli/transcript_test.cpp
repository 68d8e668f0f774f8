// What a console printed, searched while it still comes.
#include "cli/test_transcript.hpp"

#include <gtest/gtest.h>

namespace antler::cli {
namespace {

TEST(Transcript, TakesOutWhatATerminalObeys) {
    Transcript transcript;
    transcript.append("\x1b[1;31mred\x1b[0m\r\n\x1b]0;title\aplain\a\n");
    EXPECT_EQ(transcript.text(), "red\nplain\n");
}

TEST(Transcript, TakesOutASequenceThatComesInPieces) {
    Transcript transcript;
    for (char const c : std::string{"a\x1b[6nb\x1b[12;40Hc"}) transcript.append({&c, 1});
    EXPECT_EQ(transcript.text(), "ab\nc") << "another place of the cursor is another line";
}

TEST(Transcript, BreaksLinesThatWouldBeTooLongForTheRegexEngine) {
    Transcript transcript;
    transcript.append(std::string(5'000, 'x') + "\nend");
    EXPECT_FALSE(transcript.find(Pattern{"x*y"}, 0));
    EXPECT_TRUE(transcript.find(Pattern{"^end$"}, 0));
}

TEST(Transcript, PutsALineTogetherThatAnotherSpeakersCut) {
    Transcript transcript;
    transcript.append(
        "[deaf] type a\r\n[polite] t\r\n[deaf]+ line\r\n[polite]+ype\r\n[deaf] x\r\n[polite]+ a line\r\n");
    EXPECT_TRUE(transcript.find(Pattern{R"(^\[deaf\] type a line$)"}, 0));
    EXPECT_TRUE(transcript.find(Pattern{R"(^\[polite\] type a line$)"}, 0));
    transcript.append("[new]+1\r\n[deaf] 1[polite]+2");
    EXPECT_EQ(transcript.line_at(transcript.text().size() - 1), "[deaf] 1[polite]+2")
        << "not at a line's start";
    EXPECT_TRUE(transcript.find(Pattern{R"(^\[new\]\+1$)"}, 0)) << "nobody of that name spoke";
}

TEST(Transcript, FindsOnlyWithinALine) {
    Transcript transcript;
    transcript.append("one two\nthree\n");
    EXPECT_FALSE(transcript.find(Pattern{"two.three"}, 0));
    EXPECT_EQ(transcript.find(Pattern{"^three"}, 0), 13u);
    EXPECT_EQ(transcript.line_at(9), "three");
    EXPECT_EQ(transcript.line_at(3), "one two");
}

TEST(Transcript, DoesNotTakeTheMiddleOfALineForItsBeginning) {
    Transcript transcript;
    transcript.append("ababab\nab");
    EXPECT_EQ(transcript.find(Pattern{"^ab"}, 0), 2u);
    EXPECT_EQ(transcript.find(Pattern{"^ab"}, 2), 9u);
}

TEST(Transcript, FindsAPlainTextAsItFindsARegex) {
    EXPECT_EQ(Pattern{R"(\[victim\] FAIL)"}.literal, "[victim] FAIL");
    EXPECT_EQ(Pattern{"BUG:"}.literal, "BUG:");
    for (auto const* regex : {R"(\d)", "a.", "^a", "a$", "a|b", "[ab]", "(a)", "a*", ""})
        EXPECT_FALSE(Pattern{regex}.literal) << regex;
    Transcript transcript;
    transcript.append("one\n[victim] FAIL two\n");
    EXPECT_EQ(transcript.find(Pattern{R"(\[victim\] FAIL)"}, 0), 17u);
    EXPECT_EQ(transcript.find(Pattern{R"(\[victim\] FAIL)"}, 5), std::nullopt);
}

TEST(Sequence, WantsItsPatternsInTurn) {
    std::vector<Pattern> const patterns{Pattern{"^a$"}, Pattern{"b"}, Pattern{"^a$"}};
    Sequence sequence{patterns};
    Transcript transcript;
    transcript.append("b\na\n");
    sequence.look_at(transcript);
    EXPECT_FALSE(sequence.done());
    EXPECT_EQ(sequence.missing().text, "b");
    transcript.append("b\n");
    sequence.look_at(transcript);
    transcript.append("a\n");
    sequence.look_at(transcript);
    EXPECT_TRUE(sequence.done());
}

TEST(Sequence, SeesAPromptThatGrows) {
    std::vector<Pattern> const patterns{Pattern{"login: "}};
    Sequence sequence{patterns};
    Transcript transcript;
    for (auto const* piece : {"some\nlo", "gin", ": "}) {
        EXPECT_FALSE(sequence.done());
        transcript.append(piece);
        sequence.look_at(transcript);
    }
    EXPECT_TRUE(sequence.done());
}

TEST(Transcript, CountersMayGrowALittle) {
    EXPECT_TRUE(has_grown("\"mmio\": 7,", "\"mmio\": 7,", 0));
    EXPECT_TRUE(has_grown("vcpu.0.mmio 7", "vcpu.0.mmio 10", 3));
    EXPECT_FALSE(has_grown("vcpu.0.mmio 7", "vcpu.0.mmio 11", 3)) << "too much";
    EXPECT_FALSE(has_grown("vcpu.0.mmio 7", "vcpu.0.mmio 6", 3)) << "it shrank";
    EXPECT_FALSE(has_grown("vcpu.0.mmio 7", "vcpu.1.mmio 7", 3)) << "another line";
    EXPECT_TRUE(has_grown("State running", "State running", 3));
    EXPECT_FALSE(has_grown("State running", "State off", 3));
}

}  // namespace
}  // namespace antler::cli
