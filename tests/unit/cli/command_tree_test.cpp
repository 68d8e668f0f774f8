// The command line: every word is explained, and a wrong one costs one sentence and exit code 2.
#include "cli/command_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "cli/child_process.hpp"
#include "cli/manual.hpp"
#include "cli/places.hpp"
#include "cli/version.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

struct Said {
    int code;
    std::string out;
    std::string error;
};

Said say(std::vector<char const*> words) {
    words.insert(words.begin(), "antler");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int const code = run_command_line(static_cast<int>(words.size()), words.data());
    std::fflush(stdout);
    auto out = testing::internal::GetCapturedStdout();
    return {code, out, testing::internal::GetCapturedStderr()};
}

std::vector<CLI::App const*> all_commands(CLI::App const& app) {
    return app.get_subcommands([](CLI::App const*) { return true; });
}

TEST(CommandLine, ThatIsWrongCostsOneSentenceAndExitCodeTwo) {
    std::vector<std::vector<char const*>> const wrong{
        {},
        {"bogus"},
        {"--bogus"},
        {"run"},
        {"run", "a", "b"},
        {"run", "--timeout"},
        {"run", "--timeout", "x", "f"},
        {"run", "--timeout", "-1", "f"},
        {"check"},
        {"doctor", "--aia", "x"},
        {"bench", "--row", "x"},
        {"completion", "tcsh"},
        {"run", "/nonexistent.toml"},
        {"symbolize", "/dev/null"},
    };
    for (auto const& words : wrong) {
        auto const said = say(words);
        EXPECT_EQ(said.code, 2) << said.error;
        EXPECT_EQ(said.out, "");
        EXPECT_TRUE(said.error.starts_with("antler: ")) << said.error;
        EXPECT_EQ(std::ranges::count(said.error, '\n'), 1) << said.error;
        EXPECT_TRUE(said.error.ends_with(".\n")) << said.error;
    }
}

TEST(CommandLine, GuessesWhichCommandWasMeant) {
    EXPECT_EQ(say({"rum"}).error, "antler: There is no command `rum`; did you mean `run`?\n");
}

TEST(CommandLine, ExplainsEveryCommandAndEveryOption) {
    auto const tree = make_command_tree();
    EXPECT_EQ(say({"--help"}).code, 0);
    EXPECT_EQ(say({"--version"}).out, "antler " + std::string{version} + "\n");
    for (auto const* command : all_commands(*tree.app)) {
        EXPECT_FALSE(command->get_description().empty()) << command->get_name();
        auto const help = say({command->get_name().c_str(), "--help"});
        EXPECT_EQ(help.code, 0);
        EXPECT_TRUE(help.out.starts_with(command->get_description()));
        for (auto const* option : command->get_options())
            EXPECT_FALSE(option->get_description().empty())
                << command->get_name() << ' ' << option->get_name();
    }
}

TEST(Manual, MentionsEveryCommandAndEveryOption) {
    auto const tree = make_command_tree();
    auto page = man_page(*tree.app);
    std::erase(page, '\\');
    for (auto const* command : all_commands(*tree.app)) {
        EXPECT_TRUE(page.contains("\n.SS " + command->get_name() + "\n"));
        for (auto const* option : command->get_options())
            for (auto const& name : option->get_lnames()) EXPECT_TRUE(page.contains("--" + name)) << name;
    }
}

TEST(Completion, CompletesInBash) {
    WorkDirectory const work;
    auto const script = work.path() / "script";
    std::ofstream{script} << completion_script(*make_command_tree().app, "bash")
                          << "COMP_WORDS=(antler sym); COMP_CWORD=1; _antler; echo ${COMPREPLY[@]}\n"
                             "COMP_WORDS=(antler run --pr); COMP_CWORD=2; _antler; echo ${COMPREPLY[@]}\n";
    auto const said = capture({find_program("bash").string(), script.string()}, std::chrono::seconds{20});
    EXPECT_TRUE(said.succeeded());
    EXPECT_EQ(said.output, "symbolize\n--print-qemu\n");
}

}  // namespace
}  // namespace antler::cli
