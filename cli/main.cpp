// The host program `antler`.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/panic.hpp"
#include "cli/command_tree.hpp"

namespace antler {

void panic(std::string_view what, u64 first, u64 second) {
    std::fprintf(stderr, "antler: A bug of this program: %.*s (%llx, %llx).\n", static_cast<int>(what.size()),
                 what.data(), static_cast<unsigned long long>(first),
                 static_cast<unsigned long long>(second));
    std::_Exit(1);
}

}  // namespace antler

namespace {

// Somebody may start us with standard streams closed; a file that took such a number would be read as keys.
void occupy_standard_streams() {
    for (;;) {
        int const fd = ::open("/dev/null", O_RDWR);
        if (fd < 0) return;
        if (fd > STDERR_FILENO) {
            ::close(fd);
            return;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_streams();
    return antler::cli::run_command_line(argc, argv);
}
