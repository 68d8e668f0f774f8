// What a console printed, as lines.
#include "cli/test_transcript.hpp"

#include <algorithm>

namespace antler::cli {
namespace {

// The regex engine of the C++ library recurses for every character.
constexpr usize longest_line = 1000;

usize line_start(std::string const& text, usize at) {
    auto const newline = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    return newline == std::string::npos ? 0 : newline + 1;
}

bool moves_cursor(char final) {
    return final == 'H' || final == 'f' || final == 'J';
}

}  // namespace

std::string_view Transcript::last_line() const {
    return std::string_view{text_}.substr(text_.size() - line_length_);
}

void Transcript::keep_line() {
    auto const line = last_line();
    auto const name = line.starts_with('[') ? line.find("] ") : std::string_view::npos;
    if (name != std::string_view::npos) last_said_[std::string{line.substr(0, name + 1)}] = line;
}

void Transcript::put(char c) {
    if (c == '+')
        if (auto const before = last_said_.find(last_line()); before != last_said_.end()) {
            text_ += std::string_view{before->second}.substr(line_length_);
            line_length_ = before->second.size();
            return;
        }
    if (c == '\n') keep_line();
    if (line_length_ >= longest_line && c != '\n') text_ += '\n', line_length_ = 0;
    text_ += c;
    line_length_ = c == '\n' ? 0 : line_length_ + 1;
}

void Transcript::append(std::string_view raw) {
    for (char const c : raw) {
        switch (state_) {
            case State::text:
                if (c == '\x1b')
                    state_ = State::escape;
                else if (c == '\n' || c == '\t' || static_cast<u8>(c) >= ' ')
                    put(c);
                break;
            case State::escape:
                state_ = c == '[' ? State::control : c == ']' ? State::title : State::text;
                break;
            case State::control:
                if (c >= '@' && c <= '~') {
                    state_ = State::text;
                    if (moves_cursor(c) && line_length_ != 0) put('\n');
                }
                break;
            case State::title:
                if (c == '\a' || c == '\\') state_ = State::text;
                break;
        }
    }
}

std::optional<usize> Transcript::find(Pattern const& pattern, usize from) const {
    if (pattern.literal) {
        auto const at = text_.find(*pattern.literal, from);
        if (at == std::string::npos) return std::nullopt;
        return at + pattern.literal->size();
    }
    while (from <= text_.size()) {
        auto const end = std::min(text_.find('\n', from), text_.size());
        auto const begin = text_.begin() + static_cast<std::ptrdiff_t>(from);
        auto const line_end = text_.begin() + static_cast<std::ptrdiff_t>(end);
        auto flags = std::regex_constants::match_default;
        if (from != line_start(text_, from)) flags |= std::regex_constants::match_not_bol;
        // What does not end in a newline is not all there yet: `$` has to wait, but for a prompt.
        std::smatch match;
        if (std::regex_search(begin, line_end, match, pattern.compiled, flags))
            return from + static_cast<usize>(match.position(0) + match.length(0));
        from = end + 1;
    }
    return std::nullopt;
}

bool has_grown(std::string const& before, std::string const& now, i64 at_most) {
    static std::regex const numbered{R"((.*?)(\d{1,18})(\D*))"};
    std::smatch was, is;
    if (!std::regex_match(before, was, numbered) || !std::regex_match(now, is, numbered))
        return before == now;
    auto const growth = std::stoll(is[2]) - std::stoll(was[2]);
    return was[1] == is[1] && was[3] == is[3] && growth >= 0 && growth <= at_most;
}

std::string Transcript::line_at(usize at) const {
    auto const begin = line_start(text_, at);
    return text_.substr(begin, text_.find('\n', begin) - begin);
}

void Sequence::look_at(Transcript const& transcript) {
    while (!done()) {
        auto const found = transcript.find(patterns_[next_], from_);
        if (!found) {
            // Whole lines need no second look.
            auto const last_line = line_start(transcript.text(), transcript.text().size());
            from_ = std::max(from_, last_line);
            return;
        }
        from_ = *found;
        ++next_;
    }
}

}  // namespace antler::cli
