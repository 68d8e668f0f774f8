// Features meet as sets do, and ISA strings are read as boards write them.
#include "isa/features.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "isa/extensions.hpp"

namespace antler::isa {
namespace {

std::vector<std::string> names(std::string_view isa) {
    std::vector<std::string> all;
    for_each_extension(isa, [&](std::string_view name) { all.emplace_back(name); });
    return all;
}

TEST(Features, OfTwoHartsAreWhatBothHave) {
    Features a{}, b = Features::all();
    a.sstc = a.sv39x4 = true;
    a.vmid_bits = 7;
    a.cboz_block = 64;
    a.counters = 7;
    auto both = a.masked_by(b);
    EXPECT_EQ(both, a);
    b.sstc = false;
    b.vmid_bits = 3;
    b.cboz_block = 0;
    both = a.masked_by(b);
    EXPECT_FALSE(both.sstc);
    EXPECT_TRUE(both.sv39x4);
    EXPECT_EQ(both.vmid_bits, 3);
    EXPECT_EQ(both.cboz_block, 0);
}

TEST(Features, KnowWhichModesTheyReach) {
    RecordProperty("rules", "norm:hgatp_mode_sv norm:hgatp_mode_bare");
    Features f{};
    EXPECT_TRUE(f.supports(GStageMode::bare));
    EXPECT_EQ(f.gstage_for(41), GStageMode::bare);
    f.sv39x4 = f.sv57x4 = true;
    EXPECT_EQ(f.gstage_for(41), GStageMode::sv39x4);
    EXPECT_EQ(f.gstage_for(42), GStageMode::sv57x4);
    EXPECT_EQ(f.gstage_for(60), GStageMode::bare);
    for (unsigned code = 0; code < 16; ++code) {
        bool const defined = code == 0 || code == 1 || (code >= 8 && code <= 10);
        EXPECT_EQ(Features::all().supports(static_cast<GStageMode>(code)), defined);
        EXPECT_EQ(Features::all().supports(static_cast<StageMode>(code)), defined);
    }
}

TEST(IsaString, IsTakenApart) {
    EXPECT_EQ(names("rv64imafdcvh_zicbom_sstc"),
              (std::vector<std::string>{"i", "m", "a", "f", "d", "c", "v", "h", "zicbom", "sstc"}));
    EXPECT_EQ(names("rv64gc"), (std::vector<std::string>{"i", "m", "a", "f", "d", "zicsr", "zifencei", "c"}));
    EXPECT_EQ(names("rv32imaczicsr_svadu"), (std::vector<std::string>{"i", "m", "a", "c", "zicsr", "svadu"}));
    EXPECT_EQ(names("rv64i__zba_"), (std::vector<std::string>{"i", "zba"}));
    EXPECT_TRUE(names("x86_64").empty());
    EXPECT_TRUE(names("").empty());
    EXPECT_FALSE(for_each_extension("rv128i", [](std::string_view) {}));
}

TEST(Extensions, OfTheHypervisorBundleAreAllNoted) {
    Features f{};
    note_extension(f, "sha");
    EXPECT_TRUE(f.h && f.hstateen && f.shcounterenw && f.shvstvala && f.shtvala && f.shvstvecd &&
                f.shvsatpa && f.shgatpa);
    note_extension(f, "a-name-nobody-knows");
}

TEST(Extensions, WithStateWeDoNotKeepAreNotOffered) {
    for (auto const name :
         {"h", "zicfiss", "zicfilp", "zcmt", "smctr", "ssnpm", "ssdbltrp", "smstateen", "new"})
        EXPECT_FALSE(is_offered(name, Features::all())) << name;
    for (auto const name : {"zba", "sstc", "svpbmt", "v", "zvbb", "zfh", "zicboz"})
        EXPECT_TRUE(is_offered(name, Features::all())) << name;
    EXPECT_FALSE(is_offered("svpbmt", Features{}));
}

TEST(Extensions, TakeWithThemWhatRestsOnThem) {
    auto f = Features::all();
    EXPECT_TRUE(hide_extension(f, "f"));
    EXPECT_FALSE(f.f || f.d || f.q || f.v);
    EXPECT_EQ(f.vector_bytes, 0u);
    EXPECT_FALSE(is_offered("zvkned", f));
    f = Features::all();
    EXPECT_TRUE(hide_extension(f, "zicboz"));
    EXPECT_EQ(f.cboz_block, 0);
    EXPECT_EQ(f.cbom_block, 64);
    EXPECT_TRUE(hide_extension(f, "zba"));  // nothing to switch off; the caller leaves the name out
    EXPECT_FALSE(hide_extension(f, "zzz"));
}

}  // namespace
}  // namespace antler::isa
