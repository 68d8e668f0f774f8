// Tests that kernels of every kind are recognised, placed, and refused with a sentence.
#include "cli/image.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "cli/unpack.hpp"
#include "tests/unit/cli/images.hpp"

namespace antler::cli {
namespace {

using test::elf;
using test::ElfSegment;
using test::linux_image;
using test::put;

std::string refusal(Bytes file) {
    auto const image = parse_kernel(std::move(file));
    return image ? "it was taken" : image.error();
}

TEST(Image, ALinuxImageLiesAtItsTextOffset) {
    auto const file = linux_image();
    auto const image = parse_kernel(file);
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(image->kind, ImageKind::linux_image);
    EXPECT_EQ(image->entry, Gpa{0x8020'0000});
    ASSERT_EQ(image->segments.size(), 1u);
    EXPECT_EQ(image->segments[0].at, image->entry);
    EXPECT_EQ(image->segments[0].bytes, file);
    EXPECT_EQ(image->segments[0].memory_bytes, 0x3000u);
}

TEST(Image, ALinuxImageNeedsAtLeastItsOwnBytes) {
    EXPECT_EQ(parse_kernel(linux_image(4096, 0, 0))->segments[0].memory_bytes, 4096u);
    EXPECT_EQ(parse_kernel(linux_image(4096, 0, 64))->segments[0].memory_bytes, 4096u);
    EXPECT_EQ(parse_kernel(linux_image(4096, 0, 64))->entry, Gpa{0x8000'0000});
}

TEST(Image, CompressedFilesAreUnpacked) {
    auto const file = linux_image();
    for (int const filter : {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD}) {
        auto const packed = test::gzip(file, filter);
        ASSERT_TRUE(is_compressed(packed)) << filter;
        auto const image = parse_kernel(packed);
        ASSERT_TRUE(image.has_value()) << image.error();
        EXPECT_EQ(image->segments[0].bytes, file);
    }
}

TEST(Image, AnEfiKernelThatUnpacksItselfIsUnpackedHere) {
    auto const packed = test::gzip(linux_image());
    Bytes file(64);
    put(file, 0, std::string_view{"MZ\0\0zimg", 8});
    put(file, 8, 64, 4);
    put(file, 12, packed.size(), 4);
    file.insert(file.end(), packed.begin(), packed.end());
    EXPECT_EQ(parse_kernel(file)->kind, ImageKind::linux_image);
    put(file, 12, packed.size() + 1, 4);
    EXPECT_EQ(refusal(file), "is a compressed EFI kernel whose payload lies outside the file");
}

TEST(Image, RawCodeStartsWhereBootLoadersAreLinked) {
    auto const image = parse_kernel(Bytes(100, 0x13));
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(image->kind, ImageKind::raw);
    EXPECT_EQ(image->entry, Gpa{0x8020'0000});
    EXPECT_EQ(image->segments[0].memory_bytes, 100u);
}

TEST(Image, AnElfProgramGoesWhereItsPhysicalAddressesSay) {
    constexpr u64 high = 0xffff'ffff'8000'0000;
    std::vector<ElfSegment> const segments{
        {0x8060'0000, Bytes(16, 2), 0x2000, high + 0x60'0000},
        {0x8020'0000, Bytes(32, 1), 32, high + 0x20'0000},
        {0x1000, Bytes(8, 9), 8, 0x1000, 4 /* PT_NOTE */},
    };
    auto const image = parse_kernel(elf(segments, high + 0x20'0010));
    ASSERT_TRUE(image.has_value()) << image.error();
    EXPECT_EQ(image->kind, ImageKind::elf);
    EXPECT_EQ(image->entry, Gpa{0x8020'0010});
    ASSERT_EQ(image->segments.size(), 2u);
    EXPECT_EQ(image->segments[0].at, Gpa{0x8020'0000});
    EXPECT_EQ(image->segments[0].bytes, Bytes(32, 1));
    EXPECT_EQ(image->segments[1].memory_bytes, 0x2000u);
}

TEST(Image, NeighbouringSegmentsOfAnElfProgramBecomeOne) {
    auto const image = parse_kernel(
        elf({{0x8020'0000, Bytes(16, 1), 32}, {0x8020'1000, Bytes(16, 2), 0x4000}, {0x8060'0000, {}, 64}},
            0x8020'1000));
    ASSERT_TRUE(image.has_value()) << image.error();
    ASSERT_EQ(image->segments.size(), 2u);
    auto const& segment = image->segments[0];
    EXPECT_EQ(segment.bytes.size(), 0x1010u);
    EXPECT_EQ(segment.bytes[15], 1);
    EXPECT_EQ(segment.bytes[16], 0);
    EXPECT_EQ(segment.bytes[0x1000], 2);
    EXPECT_EQ(segment.memory_bytes, 0x5000u);
    EXPECT_TRUE(image->segments[1].bytes.empty());
}

TEST(Image, EveryBrokenElfFileGetsItsSentence) {
    std::vector<ElfSegment> const good{{0x8020'0000, Bytes(16, 1), 32}};
    auto const base = elf(good, 0x8020'0000);
    auto const changed = [&](usize at, u64 value, usize count) {
        auto file = base;
        put(file, at, value, count);
        return file;
    };
    EXPECT_EQ(refusal(Bytes(base.begin(), base.begin() + 40)),
              "is an ELF file that is cut off in its header");
    EXPECT_EQ(refusal(changed(4, 1, 1)), "is a 32-bit ELF file, and VMs are 64-bit");
    EXPECT_EQ(refusal(changed(5, 2, 1)), "is an ELF file for another kind of machine than RISC-V");
    EXPECT_EQ(refusal(changed(18, 62, 2)), "is an ELF file for another kind of machine than RISC-V");
    EXPECT_EQ(refusal(changed(16, 1, 2)),
              "is an ELF file, but not a program (an object file or a core dump)");
    for (auto const& broken :
         {changed(32, ~u64{0}, 8), changed(54, 32, 2), changed(56, 300, 2), changed(56, 9, 2)})
        EXPECT_EQ(refusal(broken), "is an ELF file with a damaged table of segments");
    EXPECT_EQ(refusal(changed(56, 0, 2)), "is an ELF file without anything to load");
    EXPECT_EQ(refusal(changed(64 + 8, base.size() + 1, 8)),
              "is an ELF file that is cut off: segment 0 reaches beyond its end");
    EXPECT_EQ(refusal(changed(64 + 32, 17, 8)),
              "is an ELF file that is cut off: segment 0 reaches beyond its end");
    EXPECT_EQ(refusal(changed(64 + 40, 15, 8)), "is an ELF file whose segment 0 is larger than its place");
    EXPECT_EQ(refusal(changed(64 + 24, 0x1000, 8)),
              "is an ELF file that wants 32 bytes at 0x1000, and memory starts at 0x80000000 (of Linux, use "
              "the Image)");
    EXPECT_NE(refusal(changed(64 + 24, ~u64{0} - 4, 8)).find("that wants 32 bytes at 0xfffffffffffffffb"),
              std::string::npos);
    EXPECT_NE(refusal(changed(64 + 40, 2_GiB, 8)).find("that wants 2 GiB at 0x80200000"), std::string::npos);
    EXPECT_EQ(refusal(changed(24, 0x8030'0000, 8)),
              "is an ELF file whose entry 0x80300000 is in none of its segments");
    EXPECT_EQ(refusal(elf({{0x8020'0000, Bytes(16, 1), 32}, {0x8020'0010, Bytes(16, 1), 32}}, 0x8020'0000)),
              "is an ELF file with two segments at 0x80200010");
    std::vector<ElfSegment> many;
    for (u64 i = 0; i < 17; ++i) many.push_back({0x8020'0000 + i * 4_MiB, Bytes(1, 1), 1});
    EXPECT_EQ(refusal(elf(many, 0x8020'0000)),
              "is an ELF file with 17 pieces far apart, and 16 are the most");
}

TEST(Image, EveryBrokenLinuxImageGetsItsSentence) {
    EXPECT_EQ(refusal(linux_image(4096, 0x20'0000, 0x3000, 1)),
              "is a big-endian Linux Image, which no supported hart can run");
    EXPECT_EQ(refusal(linux_image(4096, 0x20'0001)),
              "is a Linux Image with a text offset of 0x200001, which no kernel has");
    EXPECT_EQ(refusal(linux_image(4096, 1_GiB + 4_KiB)),
              "is a Linux Image with a text offset of 0x40001000, which no kernel has");
    EXPECT_EQ(refusal(linux_image(4096, 0x20'0000, 2_GiB)),
              "is a Linux Image that wants 2 GiB of memory for itself");
}

TEST(Image, WhatCannotBeAKernelIsNamed) {
    EXPECT_EQ(refusal({}), "is empty");
    auto arm = Bytes(4096);
    put(arm, 56, std::string_view{"ARM\x64", 4});
    EXPECT_EQ(refusal(arm), "is a Linux Image for arm64, not for RISC-V");
    auto pc = Bytes(4096);
    put(pc, 0x202, "HdrS");
    EXPECT_EQ(refusal(pc), "is a Linux kernel for x86, not for RISC-V");
    auto tree = Bytes(64);
    put(tree, 0, std::string_view{"\xd0\x0d\xfe\xed", 4});
    EXPECT_EQ(refusal(tree), "is a device tree, not a kernel");
    auto cpio = Bytes(200);
    put(cpio, 0, "070701");
    EXPECT_EQ(refusal(cpio), "is a cpio archive, which belongs into payload.initramfs");
    auto uimage = Bytes(200);
    put(uimage, 0, std::string_view{"\x27\x05\x19\x56", 4});
    EXPECT_EQ(refusal(uimage), "is a U-Boot uImage: hand over the Image that was put into it");
    auto package = Bytes(200);
    put(package, 0, "!<arch>\n");
    EXPECT_EQ(refusal(package), "is an archive (a .deb or .a file), not a kernel");
    auto tar = Bytes(1024);
    put(tar, 257, "ustar");
    EXPECT_EQ(refusal(tar), "is a tar archive, not a kernel");
}

TEST(Image, ADamagedCompressedFileIsNotTakenForCode) {
    auto packed = test::gzip(linux_image(100'000));
    packed.resize(packed.size() / 2);
    EXPECT_TRUE(refusal(packed).starts_with("is compressed, and damaged: ")) << refusal(packed);
    EXPECT_EQ(refusal(test::gzip({})), "is compressed, and nothing is inside");
}

TEST(Unpack, StopsAtItsLimit) {
    auto const packed = test::gzip(Bytes(100'000));
    EXPECT_EQ(unpack(packed, 100'000)->size(), 100'000u);
    EXPECT_EQ(unpack(packed, 99'999).error(), "unpacks to more than 97.7 KiB");
}

}  // namespace
}  // namespace antler::cli
