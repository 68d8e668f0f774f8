// Writes a cpio archive that a Linux kernel takes as an initramfs, the same bytes for the same contents.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/file.hpp"

struct archive;

namespace antler::cli {

// Entries appear in the order in which they are added; folders come before what is in them.
class CpioWriter {
public:
    CpioWriter();

    void add_folder(std::string_view name, u32 mode = 0755);
    void add_file(std::string_view name, ByteView contents, u32 mode = 0644);
    void add_link(std::string_view name, std::string_view target);
    void add_device(std::string_view name, u32 major, u32 minor, u32 mode);

    [[nodiscard]] Bytes finish() &&;

private:
    struct Closer {
        void operator()(archive* writer) const;
    };
    void add(void* entry, ByteView contents);
    void check(int result) const;

    std::unique_ptr<Bytes> out_;
    std::unique_ptr<archive, Closer> writer_;
    i64 next_inode_ = 1;
};

}  // namespace antler::cli
