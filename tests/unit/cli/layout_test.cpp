// Tests that kernel, initramfs and device tree get places that do not overlap, or a sentence.
#include "cli/layout.hpp"

#include <gtest/gtest.h>

#include "abi/pack.hpp"
#include "base/units.hpp"
#include "tests/unit/cli/images.hpp"

namespace antler::cli {
namespace {

KernelImage kernel_of(u64 memory_bytes) {
    return *parse_kernel(test::linux_image(4096, 0x20'0000, memory_bytes));
}

TEST(Layout, TheTreeIsAtTheTopAndTheInitramfsBelowIt) {
    auto const layout = lay_out(512_MiB, kernel_of(32_MiB), 12_MiB);
    ASSERT_TRUE(layout.has_value());
    EXPECT_EQ(layout->entry, Gpa{0x8020'0000});
    EXPECT_EQ(layout->end, Gpa{0xa000'0000});
    EXPECT_EQ(layout->dtb, layout->end - abi::pack::dtb_room);
    EXPECT_EQ(layout->initrd, Gpa{0x9f20'0000});
}

TEST(Layout, WithoutAnInitramfsThereIsNoPlaceForOne) {
    EXPECT_EQ(lay_out(16_MiB, kernel_of(4_MiB), std::nullopt)->initrd, std::nullopt);
}

TEST(Layout, WhateverFitsDoesNotOverlap) {
    for (u64 memory = 4_MiB; memory <= 64_MiB; memory += 2_MiB)
        for (u64 kernel = 4_KiB; kernel <= 64_MiB; kernel *= 3)
            for (u64 initrd = 1; initrd <= 64_MiB; initrd *= 5) {
                auto const image = kernel_of(kernel / 4_KiB * 4_KiB);
                auto const layout = lay_out(memory, image, initrd);
                if (!layout) continue;
                EXPECT_GE(*layout->initrd, image.segments[0].end());
                EXPECT_TRUE(layout->initrd->is_aligned(2_MiB));
                EXPECT_LE(*layout->initrd + initrd, layout->dtb);
                EXPECT_LT(layout->dtb, layout->end);
            }
}

TEST(Layout, AKernelThatIsTooLargeGetsASentence) {
    EXPECT_EQ(
        lay_out(32_MiB, kernel_of(30_MiB), std::nullopt).error(),
        "the kernel lies at 0x80200000 to 0x82000000, and 32M of memory with room for a device tree end at "
        "0x81fc0000.");
}

TEST(Layout, AnInitramfsThatIsTooLargeGetsASentence) {
    EXPECT_EQ(lay_out(32_MiB, kernel_of(20_MiB), 12_MiB).error(),
              "the initramfs of 12 MiB does not fit between the kernel, which ends at 0x81600000, and the "
              "device tree at "
              "0x81fc0000.");
    EXPECT_FALSE(lay_out(32_MiB, kernel_of(20_MiB), ~u64{0}).has_value());
}

}  // namespace
}  // namespace antler::cli
