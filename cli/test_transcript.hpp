// What a console printed, as lines of plain text that can be searched while they still come.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.hpp"
#include "cli/test_scenario.hpp"

namespace antler::cli {

class Transcript {
public:
    // Takes out what a terminal would obey; a new place of the cursor begins a new line.  The rest of a line
    // that another's cut, behind `[name]+`, begins with what was there before, so that the line is whole.
    void append(std::string_view raw);

    [[nodiscard]] std::string const& text() const { return text_; }
    // Where the first match at or after `from` ends.  A match lies in one line; the last may still grow.
    [[nodiscard]] std::optional<usize> find(Pattern const& pattern, usize from) const;
    [[nodiscard]] std::string line_at(usize at) const;

private:
    enum class State : u8 { text, escape, control, title };
    void put(char c);
    [[nodiscard]] std::string_view last_line() const;
    // Ends the last line; the one that it may cut is kept under its speaker.
    void keep_line();

    State state_ = State::text;
    usize line_length_ = 0;
    std::string text_{};
    std::map<std::string, std::string, std::less<>> last_said_{};  // by `[name]`, with that
};

// The same line, but for the last number in it, which may be greater by so much.
[[nodiscard]] bool has_grown(std::string const& before, std::string const& now, i64 at_most);

// Patterns that have to come one after another; looks at each piece of text once.
class Sequence {
public:
    explicit Sequence(std::vector<Pattern> const& patterns) : patterns_{patterns} {}
    void look_at(Transcript const& transcript);
    [[nodiscard]] bool done() const { return next_ == patterns_.size(); }
    [[nodiscard]] Pattern const& missing() const { return patterns_[next_]; }

private:
    std::vector<Pattern> const& patterns_;
    usize next_ = 0;
    usize from_ = 0;
};

}  // namespace antler::cli
