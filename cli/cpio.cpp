// Writes a cpio archive that a Linux kernel takes as an initramfs, the same bytes for the same contents.
#include "cli/cpio.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <utility>

#include "cli/failure.hpp"

namespace antler::cli {

namespace {

using Entry = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

// Owned by root, made at the start of time.
Entry entry_for(std::string_view name, unsigned type, u32 mode) {
    Entry entry{archive_entry_new(), archive_entry_free};
    archive_entry_set_pathname(entry.get(), std::string{name}.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), mode);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_size(entry.get(), 0);
    archive_entry_set_nlink(entry.get(), 1);
    return entry;
}

la_ssize_t append(archive*, void* out, void const* bytes, size_t count) {
    auto const* const from = static_cast<u8 const*>(bytes);
    static_cast<Bytes*>(out)->insert(static_cast<Bytes*>(out)->end(), from, from + count);
    return static_cast<la_ssize_t>(count);
}

}  // namespace

void CpioWriter::Closer::operator()(archive* writer) const {
    archive_write_free(writer);
}

CpioWriter::CpioWriter() : out_{std::make_unique<Bytes>()}, writer_{archive_write_new()} {
    check(archive_write_set_format_cpio_newc(writer_.get()));
    check(archive_write_add_filter_none(writer_.get()));
    check(archive_write_set_bytes_in_last_block(writer_.get(), 1));  // no padding
    check(archive_write_open(writer_.get(), out_.get(), nullptr, append, nullptr));
}

void CpioWriter::add_folder(std::string_view name, u32 mode) {
    add(entry_for(name, AE_IFDIR, mode).get(), {});
}

void CpioWriter::add_file(std::string_view name, ByteView contents, u32 mode) {
    add(entry_for(name, AE_IFREG, mode).get(), contents);
}

void CpioWriter::add_link(std::string_view name, std::string_view target) {
    auto const entry = entry_for(name, AE_IFLNK, 0777);
    archive_entry_set_symlink(entry.get(), std::string{target}.c_str());
    add(entry.get(), {});
}

void CpioWriter::add_device(std::string_view name, u32 major, u32 minor, u32 mode) {
    auto const entry = entry_for(name, AE_IFCHR, mode);
    archive_entry_set_rdev(entry.get(), makedev(major, minor));
    add(entry.get(), {});
}

Bytes CpioWriter::finish() && {
    check(archive_write_close(writer_.get()));
    return std::move(*out_);
}

void CpioWriter::add(void* opaque, ByteView contents) {
    auto* const entry = static_cast<archive_entry*>(opaque);
    archive_entry_set_ino64(entry, next_inode_++);
    archive_entry_set_size(entry, static_cast<la_int64_t>(contents.size()));
    check(archive_write_header(writer_.get(), entry));
    if (!contents.empty() && archive_write_data(writer_.get(), contents.data(), contents.size()) !=
                                 static_cast<la_ssize_t>(contents.size()))
        check(ARCHIVE_FATAL);
}

void CpioWriter::check(int result) const {
    if (result == ARCHIVE_OK) return;
    auto const* const why = archive_error_string(writer_.get());
    throw Failure{ExitCode::internal,
                  fmt::format("The initramfs cannot be made: {}.", why == nullptr ? "unknown error" : why)};
}

}  // namespace antler::cli
