// Finds the word that somebody probably meant, and puts lists of words into sentences.
#include "cli/spelling.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace antler::cli {

usize spelling_distance(std::string_view a, std::string_view b) {
    // Three rows of the usual table: swaps look two rows back.
    std::vector<usize> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (usize j = 0; j <= b.size(); ++j) last[j] = j;
    for (usize i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (usize j = 1; j <= b.size(); ++j) {
            usize const change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string_view nearest_word(std::string_view wrong, std::span<std::string_view const> words) {
    std::string_view best;
    usize distance = std::max<usize>(1, wrong.size() / 3) + 1;
    for (auto const word : words) {
        auto const d = spelling_distance(wrong, word);
        if (d < distance) {
            distance = d;
            best = word;
        }
    }
    return best;
}

std::string suggestion(std::string_view wrong, std::span<std::string_view const> words,
                       std::string_view otherwise) {
    if (auto const near = nearest_word(wrong, words); !near.empty())
        return fmt::format("; did you mean `{}`?", near);
    return fmt::format("; {} {}.", otherwise, enumerate(words));
}

std::string enumerate(std::span<std::string_view const> words, std::string_view last) {
    std::string text;
    for (usize i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? fmt::format(" {} ", last) : ", ";
        text += words[i];
    }
    return text;
}

std::vector<std::string_view> split_words(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        auto const word = text.substr(0, text.find(separator));
        if (!word.empty()) words.push_back(word);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return words;
}

}  // namespace antler::cli
