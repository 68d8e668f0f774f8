// A Linux with KVM, made of Debian's riscv64 packages, that runs guests beside which Antler is measured.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/file.hpp"
#include "cli/places.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {

// Debian's QEMU for riscv64 and the libraries that it wants, unpacked over one another; the launcher does it.
[[nodiscard]] Path kvm_packages();

// What the host's initramfs has besides QEMU: files for the guests, and a script that runs them.
struct KvmGuests {
    std::vector<std::pair<std::string, Path>> files{};  // guests/NAME
    std::string script{};                               // of busybox' shell; what it prints is the console's

    // The script goes on where the board's drives have their serial numbers in /dev; modules are written into
    // this folder.
    void open_disks(Path const& work, unsigned count);
};

class KvmHost {
public:
    // What the host boots is written into this folder; what never changes is kept in the cache.
    explicit KvmHost(Path work) : work_{std::move(work)} {}

    struct Shape {
        u32 harts = 1;
        bool aia = false;
        u32 seed = 1;
    };
    [[nodiscard]] QemuMachine machine(Shape const& shape, KvmGuests const& guests) const;

    [[nodiscard]] static std::string kernel();    // its release
    [[nodiscard]] static std::string qemu();      // the version of the package
    [[nodiscard]] static double program_bytes();  // of QEMU, its libraries and kvm.ko

private:
    [[nodiscard]] static Path base();
    Path work_;
};

// The names in what `llvm-readelf --needed-libs` prints.
[[nodiscard]] std::vector<std::string> needed_libraries(std::string_view printed);

}  // namespace antler::cli
