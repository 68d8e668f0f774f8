// Recognises what a VM can boot and says which bytes go where: a RISC-V Linux Image, an ELF file, raw code.
#include "cli/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "abi/pack.hpp"
#include "base/units.hpp"
#include "cli/byte_size.hpp"
#include "cli/little_endian.hpp"
#include "cli/unpack.hpp"

namespace antler::cli {

namespace {

// The header of a RISC-V Image: Linux, Documentation/arch/riscv/boot-image-header.rst.
namespace header {
constexpr usize bytes = 64;
constexpr usize text_offset = 8, image_size = 16, flags = 24, magic2 = 56;
constexpr u64 big_endian = 1;
constexpr std::string_view magic2_text{"RSC\x05", 4};
}  // namespace header

// A compressed kernel that an EFI firmware starts: Linux, drivers/firmware/efi/libstub/zboot-header.S.
namespace zboot {
constexpr usize magic = 4, payload_offset = 8, payload_bytes = 12;
constexpr usize bytes = 24;
}  // namespace zboot

// Files that people hand over by mistake.  Taken for raw code, they would only hang.
struct Mistake {
    usize offset;
    std::string_view magic;
    std::string_view sentence;
};
constexpr std::array mistakes{
    Mistake{56, std::string_view{"ARM\x64", 4}, "is a Linux Image for arm64, not for RISC-V"},
    Mistake{0x202, std::string_view{"HdrS", 4}, "is a Linux kernel for x86, not for RISC-V"},
    Mistake{0, std::string_view{"\xd0\x0d\xfe\xed", 4}, "is a device tree, not a kernel"},
    Mistake{0, std::string_view{"070701", 6}, "is a cpio archive, which belongs into payload.initramfs"},
    Mistake{0, std::string_view{"\x27\x05\x19\x56", 4},
            "is a U-Boot uImage: hand over the Image that was put into it"},
    Mistake{0, std::string_view{"!<arch>\n", 8}, "is an archive (a .deb or .a file), not a kernel"},
    Mistake{257, std::string_view{"ustar", 5}, "is a tar archive, not a kernel"},
};

}  // namespace

bool is_linux_image(ByteView file) {
    return file.size() >= header::bytes &&
           as_text(file.subspan(header::magic2)).starts_with(header::magic2_text);
}

std::expected<KernelImage, std::string> parse_linux_image(Bytes file) {
    auto const text_offset = little_endian<u64>(file, header::text_offset);
    auto const image_size = little_endian<u64>(file, header::image_size);
    if ((little_endian<u64>(file, header::flags) & header::big_endian) != 0)
        return std::unexpected{"is a big-endian Linux Image, which no supported hart can run"};
    if (!Gpa{text_offset}.is_aligned(4_KiB) || text_offset > most_image_bytes)
        return std::unexpected{
            fmt::format("is a Linux Image with a text offset of {:#x}, which no kernel has", text_offset)};
    if (image_size > most_image_bytes)
        return std::unexpected{fmt::format("is a Linux Image that wants {} of memory for itself",
                                           show_rounded_size(image_size))};
    // The size counts what follows the file in memory; a header may leave it out.
    KernelImage image{.kind = ImageKind::linux_image, .entry = abi::pack::ram_base + text_offset};
    u64 const memory = std::max<u64>(image_size, file.size());
    image.segments.push_back({.at = image.entry, .bytes = std::move(file), .memory_bytes = memory});
    return image;
}

std::expected<KernelImage, std::string> parse_kernel(Bytes file) {
    if (file.empty()) return std::unexpected{"is empty"};
    if (file.size() > most_image_bytes)
        return std::unexpected{fmt::format("is larger than {}", show_rounded_size(most_image_bytes))};
    if (file.size() > zboot::bytes && as_text(file).substr(zboot::magic).starts_with("zimg")) {
        auto const offset = little_endian<u32>(file, zboot::payload_offset);
        auto const bytes = little_endian<u32>(file, zboot::payload_bytes);
        if (offset > file.size() || bytes > file.size() - offset)
            return std::unexpected{"is a compressed EFI kernel whose payload lies outside the file"};
        file = Bytes(file.begin() + offset, file.begin() + offset + bytes);
    }
    if (is_compressed(file)) {
        auto inside = unpack(file, most_image_bytes);
        if (!inside) return std::unexpected{std::move(inside.error())};
        file = std::move(*inside);
        if (file.empty()) return std::unexpected{"is compressed, and nothing is inside"};
    }
    if (is_linux_image(file)) return parse_linux_image(std::move(file));
    if (is_elf(file)) return parse_elf(file);
    for (auto const& mistake : mistakes)
        if (file.size() > mistake.offset && as_text(file).substr(mistake.offset).starts_with(mistake.magic))
            return std::unexpected{std::string{mistake.sentence}};

    KernelImage image{.kind = ImageKind::raw, .entry = raw_start};
    u64 const memory = file.size();
    image.segments.push_back({.at = raw_start, .bytes = std::move(file), .memory_bytes = memory});
    return image;
}

}  // namespace antler::cli
