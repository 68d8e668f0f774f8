// Whole files: read at once, and written so that nobody ever sees half of one.
#include "cli/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/failure.hpp"

namespace antler::cli {

Bytes read_file(Path const& file) {
    int const descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    auto fail = [&] {
        auto const why = errno;
        if (descriptor >= 0) ::close(descriptor);
        throw Failure{ExitCode::internal,
                      fmt::format("{}: cannot be read: {}.", file.string(), std::strerror(why))};
    };
    struct stat status{};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0) fail();
    Bytes bytes(static_cast<usize>(status.st_size));
    usize have = 0;
    while (have < bytes.size()) {
        auto const got = ::read(descriptor, bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail();
        if (got == 0) break;  // it shrank
        have += static_cast<usize>(got);
    }
    bytes.resize(have);
    ::close(descriptor);
    return bytes;
}

AtomicFile::AtomicFile(Path file) : file_{std::move(file)} {
    std::string name = file_.string() + ".XXXXXX";  // in the same folder, so that rename() is atomic
    descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ < 0) fail("cannot be written");
    partial_ = name;
}

AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(partial_.c_str());
}

void AtomicFile::write(ByteView bytes) {
    write_all(bytes);
    offset_ += bytes.size();
}

void AtomicFile::skip_to(u64 offset) {
    if (offset < offset_ || ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0)
        fail("cannot be written");
    offset_ = offset;
}

void AtomicFile::commit() {
    // mkostemp() makes the file private; others may read what we build.
    if (::ftruncate(descriptor_, static_cast<off_t>(offset_)) != 0 || ::fchmod(descriptor_, 0644) != 0 ||
        ::rename(partial_.c_str(), file_.c_str()) != 0)
        fail("cannot be written");
    ::close(std::exchange(descriptor_, -1));
}

void AtomicFile::fail(std::string_view what) const {
    throw Failure{ExitCode::internal, fmt::format("{}: {}: {}.", file_.string(), what, std::strerror(errno))};
}

void AtomicFile::write_all(ByteView bytes) {
    while (!bytes.empty()) {
        auto const put = ::write(descriptor_, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) fail("cannot be written");
        bytes = bytes.subspan(static_cast<usize>(put));
    }
}

void write_file(Path const& file, ByteView bytes) {
    AtomicFile out{file};
    out.write(bytes);
    out.commit();
}

}  // namespace antler::cli
