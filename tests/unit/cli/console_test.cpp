// What passes between a person and the serial port: colours for the names of VMs, and nothing else changed.
#include "cli/console.hpp"

#include <gtest/gtest.h>

#include <string>

namespace antler::cli {
namespace {

std::string painted(std::vector<std::string> const& names, std::string_view said, std::size_t piece) {
    NamePainter painter{names};
    std::string out;
    for (std::size_t at = 0; at < said.size(); at += piece) out += painter.paint(said.substr(at, piece));
    return out + painter.held();
}

TEST(NamePainter, colours_the_name_before_a_line_however_its_bytes_come) {
    for (std::size_t const piece : {1u, 2u, 7u, 1000u}) {
        EXPECT_EQ(painted({"a", "ab"}, "[ab] one\r\n[a] two [ab] \n", piece),
                  "\x1b[33m[ab]\x1b[0m one\r\n\x1b[36m[a]\x1b[0m two [ab] \n");
    }
}

TEST(NamePainter, colours_the_name_before_the_rest_of_a_line) {
    EXPECT_EQ(painted({"a", "ab"}, "[ab]+one\n[a]x\n", 1), "\x1b[33m[ab]\x1b[0m+one\n[a]x\n");
}

TEST(NamePainter, leaves_alone_what_is_no_name) {
    for (auto const* const said : {"[    0.000000] Linux\n", "[abc] x\n", "x [a] y\n", "[a", "[a]x\n", ""})
        EXPECT_EQ(painted({"a", "ab"}, said, 1), said);
}

TEST(NamePainter, changes_nothing_where_no_names_are_given) {
    EXPECT_EQ(painted({}, "[a] one\n", 3), "[a] one\n");
}

TEST(NamePainter, paints_again_after_a_carriage_return_at_a_line_s_beginning) {
    EXPECT_EQ(painted({"a"}, "x\n\r[a] y", 1), "x\n\r\x1b[36m[a]\x1b[0m y");
}

}  // namespace
}  // namespace antler::cli
