// Scenarios as they are written, and how they are multiplied.
#include "cli/test_scenario.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <set>

#include "cli/failure.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

std::vector<Scenario> scenarios(std::string const& text, bool long_form = false) {
    test::TemporaryFolder const folder;
    return read_scenarios(folder.file("some.toml", text), long_form);
}

std::string complaint(std::string const& text) {
    try {
        (void)scenarios(text);
    } catch (Failure const& failure) {
        auto const sentence = std::string{failure.what()};
        return sentence.substr(sentence.find("some.toml"));
    }
    return "none";
}

TEST(Scenarios, AreADescriptionWithExpectations) {
    auto const all = scenarios(R"(
        [scenario.hello]
        about = "it says hello"
        machine = { harts = 2 }
        vm.test = { memory = { size = "64M" }, payload = { kernel = "guest:hello" } }
        expect = ['^hello$']
        exit = 3
        timeout = 7
    )");
    ASSERT_EQ(all.size(), 1u);
    auto const& hello = all.front();
    EXPECT_EQ(hello.name, "hello");
    EXPECT_EQ(hello.exit, 3);
    EXPECT_EQ(hello.timeout_seconds, 7);
    EXPECT_TRUE(hello.ends);
    ASSERT_EQ(hello.expect.size(), 1u);
    EXPECT_EQ(hello.command, (std::vector<std::string>{"run", "${description}"}));
    EXPECT_NE(hello.description.find("harts = 2"), std::string::npos) << hello.description;
    EXPECT_NE(hello.description.find("guest-hello.elf"), std::string::npos) << hello.description;
}

TEST(Scenarios, RunOnceForEveryCombination) {
    auto const all = scenarios(R"(
        [scenario.x]
        about = "it counts"
        guest = "hello"
        expand = { vcpus = [1, 2], cpu = ["rv64", "max", "rva23s64"] }
        machine = { cpu = "${cpu}" }
        vm.guest.cpus.boot_vcpus = "${vcpus}"
        expect = ['^${vcpus} on ${cpu}']
    )");
    ASSERT_EQ(all.size(), 6u);
    EXPECT_EQ(all[0].name, "x (cpu=rv64 vcpus=1)");
    EXPECT_EQ(all[0].expect[0].text, "^1 on rv64");
    EXPECT_NE(all[0].description.find("boot_vcpus = 1"), std::string::npos) << all[0].description;
    EXPECT_NE(all[5].description.find("boot_vcpus = 2"), std::string::npos) << all[5].description;
}

TEST(Scenarios, ThatAreLongRunOnlyInTheLongForm) {
    std::string const text = "[scenario.x]\nabout = \"a\"\nlong = true\nguest = \"hello\"\n";
    EXPECT_TRUE(scenarios(text).empty());
    EXPECT_EQ(scenarios(text, true).size(), 1u);
}

TEST(Scenarios, ForbidWhatNoMachineSaysInHealthUnlessItIsAllowed) {
    auto const usual = scenarios("[scenario.x]\nabout = \"a\"\nguest = \"hello\"\n").at(0);
    auto const allowed =
        scenarios("[scenario.x]\nabout = \"a\"\nallow = [\"panic\"]\nguest = \"hello\"\n").at(0);
    EXPECT_EQ(usual.forbid.size(), allowed.forbid.size() + 1);
}

TEST(Scenarios, HaveDialoguesAndQuestionsForTheMonitor) {
    auto const one = scenarios(R"(
        [scenario.x]
        about = "it talks"
        guest = "hello"
        dialogue = [{ expect = 'prompt' }, { type = "word\n" }]
        monitor = [{ ask = "info mem", forbid = ['wx'] }]
    )")
                         .at(0);
    ASSERT_EQ(one.dialogue.size(), 2u);
    EXPECT_TRUE(one.dialogue[0].expect);
    EXPECT_EQ(one.dialogue[1].type, "word\n");
    ASSERT_EQ(one.monitor.size(), 1u);
    EXPECT_EQ(one.monitor[0].forbid.size(), 1u);
    EXPECT_NE(one.description.find("unix:${monitor}"), std::string::npos) << one.description;
}

TEST(Scenarios, WalkTheSameWayInEveryRun) {
    constexpr auto text = R"(
        [scenario.x]
        about = "it wanders"
        guest = "hello"
        dialogue = [{ walk = 50, walk_long = 80, seed = 3, steps = [{ type = "a" }, { ask = "list", may_refuse = true }] }]
    )";
    auto const one = scenarios(text).at(0);
    auto const again = scenarios(text).at(0);
    ASSERT_EQ(one.dialogue.size(), 50u);
    usize typed = 0;
    for (usize i = 0; i < one.dialogue.size(); ++i) {
        EXPECT_EQ(one.dialogue[i].type, again.dialogue[i].type);
        EXPECT_EQ(one.dialogue[i].may_refuse, one.dialogue[i].type.empty());
        typed += one.dialogue[i].type == "a";
    }
    EXPECT_GT(typed, 5u);
    EXPECT_LT(typed, 45u);
    EXPECT_EQ(scenarios(text, true).at(0).dialogue.size(), 80u);
}

TEST(Scenarios, ThatAreWrongAreToldApartByLineAndColumn) {
    EXPECT_EQ(complaint("[scenario.x]\nabout = \"a\"\nexpekt = []\n").substr(0, 48),
              "some.toml:3:10: A scenario has no key `expekt`; ");
    EXPECT_EQ(complaint("[scenario.x]\nguest = \"hello\"\n"),
              "some.toml:1:1: Scenario `x` does not say what it is `about`.");
    EXPECT_TRUE(
        complaint("[scenario.x]\nabout = \"a\"\nexpect = ['(']\n").starts_with("some.toml:1:1: `(` is"));
    EXPECT_TRUE(complaint("scenario = [\n").starts_with("some.toml:")) << complaint("scenario = [\n");
    EXPECT_TRUE(complaint("[other]\n").starts_with("some.toml: `other` is not"));
}

TEST(Pairwise, MeetsEveryPairOnceOrMore) {
    EXPECT_TRUE(rc::check([] {
        auto const sizes = *rc::gen::container<std::vector<std::size_t>>(*rc::gen::inRange<std::size_t>(0, 5),
                                                                         rc::gen::inRange<std::size_t>(1, 5));
        auto const all = combinations(sizes);
        auto const chosen = pairwise(sizes);
        RC_ASSERT(chosen.size() <= all.size());
        using Pair = std::array<std::size_t, 4>;
        auto const pairs = [](std::vector<std::vector<std::size_t>> const& rows) {
            std::set<Pair> found;
            for (auto const& row : rows)
                for (std::size_t a = 0; a < row.size(); ++a)
                    for (std::size_t b = a + 1; b < row.size(); ++b) found.insert({a, row[a], b, row[b]});
            return found;
        };
        RC_ASSERT(pairs(chosen) == pairs(all));
    }));
}

TEST(Pairwise, ChoosesFewOfMany) {
    EXPECT_EQ(combinations({4, 4, 4}).size(), 64u);
    EXPECT_LE(pairwise({4, 4, 4}).size(), 24u);
    EXPECT_EQ(pairwise({4, 4}).size(), 16u) << "two axes have nothing but pairs";
    EXPECT_EQ(pairwise({}).size(), 1u);
}

}  // namespace
}  // namespace antler::cli
