// Image files that are made for disks of VMs, by the programs that every Debian has for that.
#include "cli/disk_images.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>

#include "base/units.hpp"
#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {

namespace {

// Counted up whenever this file makes other bytes from the same parts.
constexpr u32 recipe = 1;
constexpr u64 esp_start = 1_MiB;
// FAT32 has at least 65,525 clusters, and room for what a boot loader keeps.
constexpr u64 least_esp = 40_MiB;
constexpr u64 spare_in_esp = 8_MiB;

void run_tool(std::string const& name, Arguments arguments) {
    auto program = find_program(name);
    for (auto const* const folder : {"/usr/sbin", "/sbin"})
        if (program.empty() && ::access((Path{folder} / name).c_str(), X_OK) == 0)
            program = Path{folder} / name;
    if (program.empty())
        throw Failure{ExitCode::internal,
                      fmt::format("there is no {}; the launcher ./antler installs it.", name)};
    arguments.insert(arguments.begin(), program.string());
    auto const ran = capture(arguments, std::chrono::seconds{60});
    if (!ran.succeeded())
        throw Failure{ExitCode::internal, fmt::format("{} did not succeed: {}", name, ran.output)};
}

[[noreturn]] void fail_with(int error) {
    throw Failure{ExitCode::bad_input, std::error_code{error, std::generic_category()}.message()};
}

void make_empty(Path const& file, u64 size) {
    Descriptor const made{::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (made.open() && ::ftruncate(made.get(), static_cast<off_t>(size)) == 0) return;
    fail_with(errno);
}

// Made under another name first, in the same folder, so that nobody sees half of it.
template <class Make>
void appear_whole(Path const& file, Make&& make) {
    auto const partial = Path{file.string() + fmt::format(".{}.partial", ::getpid())};
    try {
        make(partial);
        // One that somebody else made meanwhile stays.
        if (::link(partial.c_str(), file.c_str()) != 0 && errno != EEXIST) fail_with(errno);
        std::filesystem::remove(partial);
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove(partial, ignored);
        throw;
    }
}

class Digest {
public:
    void add(std::string_view text) {
        for (char const c : text) value_ = (value_ ^ static_cast<u8>(c)) * 0x100'0000'01b3;
        value_ = (value_ ^ text.size()) * 0x100'0000'01b3;
    }
    // Reading a kernel takes longer than all the rest.
    void add_file(Path const& file) {
        add(file.string());
        add(std::to_string(std::filesystem::file_size(file)));
        add(std::to_string(std::filesystem::last_write_time(file).time_since_epoch().count()));
    }
    [[nodiscard]] u64 value() const { return value_; }

private:
    u64 value_ = 0xcbf2'9ce4'8422'2325;
};

std::string loader_entry(EspParts const& parts) {
    auto text = std::string{"title Antler\nlinux /linux\n"};
    if (parts.initramfs) text += "initrd /initrd\n";
    return text + fmt::format("options {}\n", parts.cmdline);
}

void write_esp(EspParts const& parts, Path const& file) {
    auto bytes = spare_in_esp + std::filesystem::file_size(parts.kernel);
    if (parts.initramfs) bytes += std::filesystem::file_size(*parts.initramfs);
    bytes = (std::max(bytes, least_esp) + 1_MiB - 1) / 1_MiB * 1_MiB;
    make_empty(file, esp_start + bytes + 1_MiB);  // the other copy of the table is at the end

    auto const script =
        fmt::format("printf 'label: gpt\\nstart={}, size={}, type=uefi, name=ESP\\n' | \"$0\" --quiet \"$1\"",
                    esp_start / 512, bytes / 512);
    auto sfdisk = find_program("sfdisk");
    if (sfdisk.empty()) sfdisk = "/usr/sbin/sfdisk";
    run_tool("sh", {"-c", script, sfdisk.string(), file.string()});
    run_tool("mkfs.fat", {"-F", "32", "-n", "ESP", fmt::format("--offset={}", esp_start / 512), file.string(),
                          std::to_string(bytes / 1024)});

    auto const image = fmt::format("{}@@{}", file.string(), esp_start);
    run_tool("mmd", {"-i", image, "::/EFI", "::/EFI/BOOT", "::/loader", "::/loader/entries"});
    auto const put = [&](Path const& from, std::string_view to) {
        run_tool("mcopy", {"-i", image, from.string(), fmt::format("::/{}", to)});
    };
    WorkDirectory const texts;
    write_file(texts.path() / "loader", as_bytes("timeout 0\n"));
    write_file(texts.path() / "entry", as_bytes(loader_entry(parts)));
    put(parts.loader, "EFI/BOOT/BOOTRISCV64.EFI");
    put(texts.path() / "loader", "loader/loader.conf");
    put(texts.path() / "entry", "loader/entries/antler.conf");
    put(parts.kernel, "linux");
    if (parts.initramfs) put(*parts.initramfs, "initrd");
}

void make_image(DiskDescription const& disk) {
    if (disk.esp) {
        std::error_code error;
        std::filesystem::create_directories(disk.file.parent_path(), error);
        return make_esp_image(*disk.esp, disk.file);
    }
    if (!disk.contents_folder.empty()) return make_ext4_image(disk.contents_folder, *disk.size, disk.file);
    appear_whole(disk.file, [&](Path const& partial) { make_empty(partial, *disk.size); });
}

bool is_made(DiskDescription const& disk) {
    return disk.esp || (!disk.path.empty() && disk.size);
}

}  // namespace

Path esp_image_name(EspParts const& parts, Path const& directory) {
    Digest key;
    key.add(std::to_string(recipe));
    key.add_file(parts.loader);
    key.add_file(parts.kernel);
    if (parts.initramfs) key.add_file(*parts.initramfs);
    key.add(parts.cmdline);
    return directory / fmt::format("esp-{:016x}.img", key.value());
}

void make_esp_image(EspParts const& parts, Path const& file) {
    appear_whole(file, [&](Path const& partial) { write_esp(parts, partial); });
}

void make_ext4_image(Path const& folder, u64 size, Path const& file) {
    appear_whole(file, [&](Path const& partial) {
        make_empty(partial, size);
        run_tool("mke2fs", {"-q", "-F", "-t", "ext4", "-d", folder.string(), partial.string()});
    });
}

void make_images(Description& description) {
    std::erase_if(description.vms, [&](VmDescription const& vm) {
        for (auto const& disk : vm.disks) {
            std::error_code error;
            if (!is_made(disk) || std::filesystem::exists(disk.file, error)) continue;
            try {
                make_image(disk);
            } catch (std::exception const& failure) {
                description.refused.push_back(
                    {vm.name, disk.places.of("path"),
                     fmt::format("the disk \"{}\" cannot be made: {}.", disk.file.string(), failure.what())});
                return true;
            }
        }
        return false;
    });
}

std::vector<CopiedImage> copy_images(Description const& description, Path const& directory) {
    std::map<std::string, Path> found;
    for (auto const& vm : description.vms)
        for (auto const& disk : vm.disks)
            if (is_made(disk) && !disk.ramdisk) found.try_emplace(disk.host, disk.file);
    std::vector<CopiedImage> copies;
    for (auto const& [serial, file] : found) {
        auto const& copy = copies.emplace_back(directory / (serial + ".img"), serial);
        std::error_code none;
        std::filesystem::remove(copy.file, none);  // of an earlier build
        appear_whole(copy.file, [&](Path const& partial) {
            run_tool("cp", {"--sparse=always", "--reflink=auto", file.string(), partial.string()});
        });
    }
    return copies;
}

}  // namespace antler::cli
