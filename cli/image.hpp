// Recognises what a VM can boot and says which bytes go where: a RISC-V Linux Image, an ELF file, raw code.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "cli/file.hpp"

namespace antler::cli {

enum class ImageKind : u8 { linux_image, elf, raw };

[[nodiscard]] constexpr std::string_view describe(ImageKind kind) {
    switch (kind) {
        case ImageKind::linux_image: return "a RISC-V Linux Image";
        case ImageKind::elf: return "an ELF program";
        case ImageKind::raw: return "raw code";
    }
    return "";
}

struct ImageSegment {
    Gpa at{};
    Bytes bytes{};
    u64 memory_bytes = 0;  // at least the bytes; the rest is zero when the guest starts
    [[nodiscard]] Gpa end() const { return at + memory_bytes; }
};

struct KernelImage {
    ImageKind kind{};
    Gpa entry{};
    std::vector<ImageSegment> segments{};  // by address, not touching each other
};

// No image may take more.
inline constexpr u64 most_image_bytes = u64{1} << 30;

// Raw code has no header that could say where it wants to be; boot loaders for this board are linked here.
inline constexpr Gpa raw_start{0x8020'0000};

// The image, or why there is none, as the rest of a sentence that starts with the file's name.  A compressed
// file is unpacked first.
[[nodiscard]] std::expected<KernelImage, std::string> parse_kernel(Bytes file);

// One kind each, of a file that is not compressed.
[[nodiscard]] bool is_linux_image(ByteView file);
[[nodiscard]] std::expected<KernelImage, std::string> parse_linux_image(Bytes file);
[[nodiscard]] bool is_elf(ByteView file);
[[nodiscard]] std::expected<KernelImage, std::string> parse_elf(ByteView file);

}  // namespace antler::cli
