// Whole files: read at once, and written so that nobody ever sees half of one.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/places.hpp"

namespace antler::cli {

using Bytes = std::vector<u8>;
using ByteView = std::span<u8 const>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<u8 const*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

// Throws a Failure (internal: whoever asks has already checked that the file is there).
[[nodiscard]] Bytes read_file(Path const& file);

// Takes the pieces one after another; the file appears under its name when all of them were written.
class AtomicFile {
public:
    explicit AtomicFile(Path file);
    ~AtomicFile();
    AtomicFile(AtomicFile const&) = delete;
    AtomicFile& operator=(AtomicFile const&) = delete;

    void write(ByteView bytes);
    void skip_to(u64 offset);  // forward; what is skipped reads as zero
    void commit();

private:
    [[noreturn]] void fail(std::string_view what) const;
    void write_all(ByteView bytes);

    Path file_;
    Path partial_;
    int descriptor_ = -1;
    u64 offset_ = 0;
};

void write_file(Path const& file, ByteView bytes);

}  // namespace antler::cli
