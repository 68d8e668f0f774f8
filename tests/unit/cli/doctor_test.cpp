// What the doctor reads.
#include "cli/doctor.hpp"

#include <gtest/gtest.h>

namespace antler::cli {
namespace {

TEST(Doctor, FindsTheFeatureLine) {
    auto const report =
        parse_boot("OpenSBI v1.6\r\nantler: features: sstc=true vmid=14\r\nantler: no pack\r\n");
    EXPECT_EQ(report.firmware, "OpenSBI v1.6");
    EXPECT_EQ(report.features, "sstc=true vmid=14");
    EXPECT_FALSE(report.no_hypervisor_extension);
}

TEST(Doctor, SeesThatThereIsNoH) {
    auto const report =
        parse_boot("antler: no hart here has the hypervisor extension (H); nothing can run\n");
    EXPECT_TRUE(report.no_hypervisor_extension);
    EXPECT_FALSE(report.features);
}

TEST(Doctor, SeesThatNothingWasSaid) {
    auto const report = parse_boot("garbage");
    EXPECT_FALSE(report.features);
    EXPECT_FALSE(report.no_hypervisor_extension);
}

TEST(Doctor, TakesTheFeatureLineApart) {
    Features const expected{{"sstc", "yes"}, {"vmid", "14"}};
    EXPECT_EQ(parse_features("sstc=yes  vmid=14 word =3"), expected);
    EXPECT_TRUE(parse_features("").empty());
}

TEST(Doctor, ReadsQemusVersion) {
    EXPECT_EQ(parse_qemu_version("QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\nCopyright"),
              "10.0.13");
    EXPECT_EQ(parse_qemu_version("something else"), "");
}

TEST(Doctor, FindsHInAnIsaString) {
    EXPECT_TRUE(names_hypervisor_extension("rv64imafdch_zicsr"));
    EXPECT_TRUE(names_hypervisor_extension("rv64imafdc_h"));
    EXPECT_TRUE(names_hypervisor_extension("rv64ima_h_zba"));
    EXPECT_FALSE(names_hypervisor_extension("rv64imafdc_zicsr_zihpm_sha"));
    EXPECT_FALSE(names_hypervisor_extension("rv64imafdcv_zvfh_zfh"));
    EXPECT_FALSE(names_hypervisor_extension("rv64imac_zicboz_zihintpause"));
    EXPECT_FALSE(names_hypervisor_extension(""));
}

}  // namespace
}  // namespace antler::cli
