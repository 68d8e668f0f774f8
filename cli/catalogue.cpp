// Guests that have a name: which files of Debian's packages each one is.
#include "cli/catalogue.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/types.hpp"

namespace antler::cli {

namespace {

// Takes a run of digits, or of anything else, from the front.
std::string_view take_run(std::string_view& text) {
    auto const is_digit = [](char c) { return c >= '0' && c <= '9'; };
    auto const digits = is_digit(text.front());
    auto const end = std::ranges::find_if(text, [&](char c) { return is_digit(c) != digits; });
    auto const run = text.substr(0, static_cast<usize>(end - text.begin()));
    text.remove_prefix(run.size());
    return run;
}

std::optional<u64> as_number(std::string_view run) {
    u64 number = 0;
    auto const [end, error] = std::from_chars(run.data(), run.data() + run.size(), number);
    if (error != std::errc{} || end != run.data() + run.size()) return std::nullopt;
    return number;
}

}  // namespace

bool version_before(std::string_view a, std::string_view b) {
    while (!a.empty() && !b.empty()) {
        auto const left = take_run(a), right = take_run(b);
        auto const left_number = as_number(left), right_number = as_number(right);
        if (left_number && right_number) {
            if (*left_number != *right_number) return *left_number < *right_number;
        } else if (left != right) {
            return left < right;
        }
    }
    return a.empty() && !b.empty();
}

CatalogueEntry const* Catalogue::find(std::string_view name) {
    auto const found = std::ranges::find(catalogue_entries, name, &CatalogueEntry::name);
    return found == catalogue_entries.end() ? nullptr : &*found;
}

CatalogueDisk const* Catalogue::find_disk(std::string_view name) {
    auto const found = std::ranges::find(catalogue_disks, name, &CatalogueDisk::name);
    return found == catalogue_disks.end() ? nullptr : &*found;
}

std::optional<Path> Catalogue::resolve(std::string_view pattern) const {
    std::error_code error;
    Path whole = packages_ / pattern;
    auto const name = whole.filename().string();
    auto const star = name.find('*');
    if (star == std::string::npos) {
        if (std::filesystem::is_regular_file(whole, error)) return whole;
        return std::nullopt;
    }
    std::optional<Path> best;
    for (auto const& file : std::filesystem::directory_iterator{whole.parent_path(), error}) {
        auto const candidate = file.path().filename().string();
        if (candidate.starts_with(name.substr(0, star)) && candidate.ends_with(name.substr(star + 1)) &&
            file.is_regular_file(error) && (!best || version_before(best->filename().string(), candidate)))
            best = file.path();
    }
    return best;
}

}  // namespace antler::cli
