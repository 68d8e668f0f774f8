// Unpacks one compressed file: gzip, xz or zstd.
#include "cli/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/byte_size.hpp"

namespace antler::cli {

namespace {
constexpr std::array<std::string_view, 3> magics{"\x1f\x8b\x08",
                                                 "\xfd"
                                                 "7zXZ",
                                                 "\x28\xb5\x2f\xfd"};

std::string broken(archive* reader) {
    char const* const why = archive_error_string(reader);
    return fmt::format("is compressed, and damaged: {}", why == nullptr ? "it ends too early" : why);
}
}  // namespace

bool is_compressed(ByteView bytes) {
    return std::ranges::any_of(magics, [&](auto magic) { return as_text(bytes).starts_with(magic); });
}

std::expected<Bytes, std::string> unpack(ByteView bytes, u64 most_bytes) {
    std::unique_ptr<archive, int (*)(archive*)> const reader{archive_read_new(), archive_read_free};
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_xz(reader.get());
    archive_read_support_filter_zstd(reader.get());
    archive_read_support_format_raw(reader.get());
    archive_read_support_format_empty(reader.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
        return std::unexpected{broken(reader.get())};
    auto const first = archive_read_next_header(reader.get(), &entry);
    if (first == ARCHIVE_EOF) return Bytes{};
    if (first != ARCHIVE_OK) return std::unexpected{broken(reader.get())};

    Bytes out;
    std::vector<u8> piece(1 << 20);
    for (;;) {
        auto const got = archive_read_data(reader.get(), piece.data(), piece.size());
        if (got < 0) return std::unexpected{broken(reader.get())};
        if (got == 0) return out;
        if (out.size() + static_cast<usize>(got) > most_bytes)
            return std::unexpected{fmt::format("unpacks to more than {}", show_rounded_size(most_bytes))};
        out.insert(out.end(), piece.begin(), piece.begin() + got);
    }
}

}  // namespace antler::cli
