// Finds the word that somebody probably meant, and puts lists of words into sentences.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace antler::cli {

// Letters left out, added, changed or swapped with their neighbour.
[[nodiscard]] usize spelling_distance(std::string_view a, std::string_view b);

// The nearest of `words`, unless even that is too far away to be meant; then empty.
[[nodiscard]] std::string_view nearest_word(std::string_view wrong, std::span<std::string_view const> words);

// "; did you mean `x`?", or "; <otherwise> a, b and c.", to end a sentence with.
[[nodiscard]] std::string suggestion(std::string_view wrong, std::span<std::string_view const> words,
                                     std::string_view otherwise);

// "a, b and c".
[[nodiscard]] std::string enumerate(std::span<std::string_view const> words, std::string_view last = "and");

// Takes "a|b|c" apart.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text, char separator);

}  // namespace antler::cli
