// A scenario: a machine, what is typed at it, and what it has to say.  tests/system/README.md has the format.
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/types.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// A regex together with how it was written, for sentences about it.
struct Pattern {
    Pattern() = default;
    explicit Pattern(std::string written);
    std::string text{};
    std::regex compiled{};
    // What it matches where that is one text only, which is found many times as fast.
    std::optional<std::string> literal{};
};

struct DialogueStep {
    std::optional<Pattern> expect{};  // wait for it
    std::string type{};               // otherwise type this
    // Or say this to another `antler`, about this machine, again until it answers with that and ends so.
    std::vector<std::string> ask{};
    std::vector<Pattern> answer{};
    int exit = 0;
    bool may_refuse = false;  // exit code 2 is as good
    int times = 1;            // so often, and
    int median_below = 0;     // the median of all takes fewer milliseconds
    // Its lines that match are those that matched when the same was asked first.
    std::vector<Pattern> same{};
    i64 grown_at_most = 0;  // but for their last numbers, which may have grown by so much
    // Or so many bytes of noise into the control channel, and gone without a word.
    i64 noise = 0;
    // With `ask`: that command has a terminal, where these steps are done in turn.
    std::vector<DialogueStep> terminal{};
    // Or end the program by SIGKILL, as nobody asked it to.
    bool kill = false;
    // Or, at a terminal, give it another size.
    i64 columns = 0;
    i64 rows = 0;
};

struct MonitorQuestion {
    std::string ask{};
    std::vector<Pattern> expect{};
    std::vector<Pattern> forbid{};
};

struct Scenario {
    std::string name{};
    std::string about{};
    std::string description{};  // TOML, to be written to a file; empty: `file`, or neither
    Path file{};
    std::string other{};                 // one more, which is `${other}` in a dialogue
    std::vector<std::string> command{};  // words for `antler`; `${description}` is the description's file
    std::vector<std::string> beside{};   // a program of the host that runs meanwhile
    std::string type{};
    std::vector<DialogueStep> dialogue{};
    std::vector<Pattern> expect{};
    std::vector<Pattern> forbid{};
    std::vector<MonitorQuestion> monitor{};
    bool ends = true;
    bool outlives = false;  // the machine runs on when the program has ended, and the dialogue goes on
    int exit = 0;
    int timeout_seconds = 60;
    bool alone = false;
    std::string needs{};               // a disk of the catalogue, without which it is skipped
    std::vector<std::string> rules{};  // of the manual, which it proves
    // Where the program fails and one of these was said, it was not the machine that failed.
    std::vector<Pattern> bears{};
    std::optional<Pattern> count{};  // the group in the last line like this is how much was done
    i64 amount = 0;                  // or so much, where it passes
    std::string counted{};           // of what
};

// All scenarios of a file, every combination of `expand` one of its own; a complaint about what is wrong is
// thrown.
[[nodiscard]] std::vector<Scenario> read_scenarios(Path const& file, bool long_form,
                                                   std::vector<std::string> const& qemu_args = {});

// One value of each axis for every run: all combinations, or so many that each pair of values meets once.
[[nodiscard]] std::vector<std::vector<std::size_t>> combinations(std::vector<std::size_t> const& sizes);
[[nodiscard]] std::vector<std::vector<std::size_t>> pairwise(std::vector<std::size_t> const& sizes);

}  // namespace antler::cli
