// Makes the disk from which cloud-init learns who a VM is: its NoCloud seed.
#include "cli/seed.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>

#include "cli/failure.hpp"

namespace antler::cli {

namespace {

constexpr usize sector = 512;

class IsoWriter {
public:
    explicit IsoWriter(char const* label) {
        check(archive_write_set_format_iso9660(to_.get()));
        // Joliet and Rock Ridge both keep a name such as `user-data` as it is; the second is enough.
        check(archive_write_set_options(to_.get(), "!joliet,rockridge=useful"));
        check(archive_write_set_format_option(to_.get(), "iso9660", "volume-id", label));
        check(archive_write_set_bytes_per_block(to_.get(), 0));
        check(archive_write_open2(to_.get(), &image_, nullptr, append, nullptr, nullptr));
    }

    void add(char const* name, std::string_view text) {
        std::unique_ptr<archive_entry, void (*)(archive_entry*)> const entry{archive_entry_new(),
                                                                             archive_entry_free};
        archive_entry_set_pathname(entry.get(), name);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0444);
        archive_entry_set_mtime(entry.get(), 0, 0);
        check(archive_write_header(to_.get(), entry.get()));
        if (archive_write_data(to_.get(), text.data(), text.size()) != static_cast<la_ssize_t>(text.size()))
            check(ARCHIVE_FATAL);
    }

    Bytes finish() && {
        check(archive_write_close(to_.get()));
        image_.resize((image_.size() + sector - 1) / sector * sector);
        return std::move(image_);
    }

private:
    static la_ssize_t append(archive*, void* image, void const* bytes, size_t count) {
        auto const* const from = static_cast<u8 const*>(bytes);
        static_cast<Bytes*>(image)->insert(static_cast<Bytes*>(image)->end(), from, from + count);
        return static_cast<la_ssize_t>(count);
    }

    void check(int result) const {
        if (result == ARCHIVE_OK) return;
        char const* const why = archive_error_string(to_.get());
        throw Failure{ExitCode::internal, fmt::format("The seed of a VM cannot be made: {}.",
                                                      why == nullptr ? "no reason is known" : why)};
    }

    Bytes image_{};
    std::unique_ptr<archive, int (*)(archive*)> to_{archive_write_new(), archive_write_free};
};

}  // namespace

Bytes make_seed(Seed const& seed) {
    IsoWriter writer{"CIDATA"};
    writer.add("meta-data", seed.meta_data);
    writer.add("user-data", seed.user_data);
    return std::move(writer).finish();
}

std::string default_meta_data(std::string_view vm) {
    return fmt::format("instance-id: {0}\nlocal-hostname: {0}\n", vm);
}

}  // namespace antler::cli
