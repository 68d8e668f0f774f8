// Consoles of several VMs at one port: lines with names, and what is cut can be put together again.
#include "boot/output.hpp"

#include <gtest/gtest.h>

#include <string>

namespace antler::boot {
namespace {

struct Port {
    std::string said{};
    void write(std::string_view text) { said += text; }
};

struct OutputTest : testing::Test {
    OutputTest() {
        one.vm = "one";
        two.vm = "two";
        second_port.vm = "two";
        second_port.index = 1;
        output.name_the_speaker(true);
    }

    Output output{};
    Port port{};
    backend::Console one{};
    backend::Console two{};
    backend::Console second_port{};
};

TEST_F(OutputTest, ANameStandsBeforeEachLine) {
    output.write(one, "a\nb", port);
    output.write(one, "c\n", port);
    output.write(second_port, "d\n", port);
    EXPECT_EQ(port.said, "[one] a\n[one] bc\n[two:1] d\n");
}

TEST_F(OutputTest, ALineThatWasCutSaysThatItGoesOn) {
    output.write(one, "a", port);
    output.write(two, "x\n", port);
    output.write(one, "b\nc\n", port);
    EXPECT_EQ(port.said, "[one] a\r\n[two] x\n[one]+b\n[one] c\n");
}

TEST_F(OutputTest, ALineIsCutAsOftenAsOthersSpeak) {
    for (auto* const who : {&one, &two, &one, &two}) output.write(*who, "x", port);
    output.write(one, "\n", port);
    EXPECT_EQ(port.said, "[one] x\r\n[two] x\r\n[one]+x\r\n[two]+x\r\n[one]+\n");
}

TEST_F(OutputTest, NothingIsAddedWhileThereIsOneVm) {
    output.name_the_speaker(false);
    output.write(one, "a", port);
    output.write(two, "b\n", port);
    EXPECT_EQ(port.said, "ab\n");
}

TEST_F(OutputTest, ALineOfTheHypervisorsOwnCutsWhatIsSaid) {
    output.write(one, "a", port);
    output.say("antler: x\r\n", port);
    output.write(one, "b\n", port);
    output.say("antler: y\r\n", port);
    EXPECT_EQ(port.said, "[one] a\r\nantler: x\r\n[one]+b\nantler: y\r\n");
}

TEST_F(OutputTest, ItBeginsALineBesideOneVmToo) {
    output.name_the_speaker(false);
    for (char const c : std::string_view{"a\n\r"}) output.write(one, {&c, 1}, port);
    output.say("antler: x\r\n", port);
    output.write(one, "login: ", port);
    output.say("antler: y\r\n", port);
    EXPECT_EQ(port.said, "a\n\rantler: x\r\nlogin: \r\nantler: y\r\n");
}

TEST_F(OutputTest, WhoSpokeWithANameIsNotTakenForWhoSpeaksWithout) {
    output.write(one, "a\n", port);
    output.name_the_speaker(false);
    output.write(two, "login: ", port);
    output.say("antler: x\r\n", port);
    output.name_the_speaker(true);
    output.write(one, "b\n", port);
    EXPECT_EQ(port.said, "[one] a\nlogin: \r\nantler: x\r\n[one] b\n");
}

TEST_F(OutputTest, WhoIsForgottenIsNotToldThatItsLineWasCut) {
    output.write(one, "a", port);
    output.forget(one);
    output.write(two, "x\n", port);
    output.write(one, "b\n", port);
    EXPECT_EQ(port.said, "[one] a\r\n[two] x\n[one] b\n");
}

}  // namespace
}  // namespace antler::boot
