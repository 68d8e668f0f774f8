// What code can run: along calls, jumps, addresses, and tables of pointers.
#include "cli/reachable.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

// A function at each hundred: `start` is the image's first, and calls everything.
constexpr std::string_view symbols =
    "0000000000000000 0000000000000100 T start\n"
    "0000000000000100 0000000000000010 T entry\n"
    "0000000000000200 0000000000000020 T called\n"
    "0000000000000300 0000000000000040 t jumped_to\n"
    "0000000000000400 0000000000000080 W by_pointer\n"
    "0000000000000500 0000000000000100 T alone\n"
    "0000000000001000 0000000000000010 D table\n"
    "0000000000002000 B without_size\n";
constexpr std::string_view relocations =
    "Relocation section '.rela.dyn' at offset 0x645b0 contains 1 entries:\n"
    "0000000000001008  0000000000000003 R_RISCV_RELATIVE                  400\n";

u64 reachable_from(std::string_view function, std::string_view listing) {
    return CallGraph{listing, symbols, relocations}.reachable_bytes(function);
}

TEST(Reachable, IsTheFunctionItself) {
    EXPECT_EQ(reachable_from("entry", "     100:      \tret\n"), 0x10U);
}

TEST(Reachable, IsWhatIsCalledAndJumpedTo) {
    EXPECT_EQ(reachable_from("entry",
                             "     100:      \tauipc\tra, 0x0\n"
                             "     104:      \tjalr\t0x100(ra) <called>\n"
                             "     200:      \tj\t0x300 <jumped_to>\n"),
              0x10U + 0x20 + 0x40);
}

TEST(Reachable, IsWhatAddressesNameInTables) {
    EXPECT_EQ(reachable_from("entry",
                             "     100:      \tauipc\ta0, 0x1\n"
                             "     104:      \taddi\ta0, a0, -0x100\n"),
              0x10U + 0x80);
}

TEST(Reachable, IsWhatAnyTableNamesWhereAPointerIsCalled) {
    EXPECT_EQ(reachable_from("entry", "     100:      \tjalr\ta5\n"), 0x10U + 0x80);
    EXPECT_EQ(reachable_from("entry", "     100:      \tret\n     500:      \tjalr\ta5\n"), 0x10U)
        << "where nobody who is reached calls one, none is";
}

TEST(Reachable, DoesNotTakeARegisterThatWasWrittenForAnAddress) {
    EXPECT_EQ(reachable_from("entry",
                             "     100:      \tauipc\ta0, 0x0\n"
                             "     104:      \tld\ta0, 0x2000(a0)\n"
                             "     108:      \tld\ta1, 0x100(a0)\n"),
              0x10U);
}

TEST(Reachable, IsNotTheStartBecauseTheImageBeginsThere) {
    constexpr std::string_view asks_where_it_is =
        "     100:      \tauipc\ta0, 0x0\n"
        "     104:      \taddi\ta0, a0, -0x100\n";
    EXPECT_EQ(reachable_from("entry", asks_where_it_is), 0x10U);
    EXPECT_EQ(reachable_from("start", asks_where_it_is), 0x100U);
}

TEST(Reachable, KnowsItsFunctionsByName) {
    EXPECT_THROW((void)reachable_from("nobody", ""), Failure);
    EXPECT_EQ((CallGraph{"", symbols, relocations}.code_bytes()), 0x100U + 0x10 + 0x20 + 0x40 + 0x80 + 0x100);
    EXPECT_EQ((CallGraph{"nonsense\n:\n", "x\ny z\n", "a b c d\n"}.code_bytes()), 0U);
}

}  // namespace
}  // namespace antler::cli
