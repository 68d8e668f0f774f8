// Finds modules of a Linux kernel among its packages, with everything that they depend on.
#include "cli/kernel_modules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/catalogue.hpp"
#include "cli/failure.hpp"
#include "cli/little_endian.hpp"
#include "cli/spelling.hpp"
#include "cli/unpack.hpp"

namespace antler::cli {

namespace {

// Elf64_Ehdr and Elf64_Shdr.
constexpr usize header_bytes = 64, section_header_bytes = 64;
constexpr u64 most_module_bytes = 256u << 20;

ByteView part(ByteView bytes, u64 offset, u64 size) {
    if (offset > bytes.size() || size > bytes.size() - offset) return {};
    return bytes.subspan(offset, size);
}

// The NUL-terminated text at the front.
std::string_view front_text(ByteView bytes) {
    auto const text = as_text(bytes);
    return text.substr(0, text.find('\0'));
}

ByteView section(ByteView elf, std::string_view wanted) {
    if (elf.size() < header_bytes || !as_text(elf).starts_with("\x7f"
                                                               "ELF\x02\x01"))
        return {};
    auto const table = little_endian<u64>(elf, 40);
    auto const count = little_endian<u16>(elf, 60);
    auto const headers = part(elf, table, u64{count} * section_header_bytes);
    auto const contents = [&](usize index) -> ByteView {
        if (index >= headers.size() / section_header_bytes) return {};
        auto const header = headers.subspan(index * section_header_bytes, section_header_bytes);
        return part(elf, little_endian<u64>(header, 24), little_endian<u64>(header, 32));
    };
    auto const names = contents(little_endian<u16>(elf, 62));
    for (usize i = 0; i < headers.size() / section_header_bytes; ++i) {
        auto const name = little_endian<u32>(headers, i * section_header_bytes);
        if (name < names.size() && front_text(names.subspan(name)) == wanted) return contents(i);
    }
    return {};
}

std::string module_name(std::string file) {
    file.resize(file.find(".ko"));
    std::ranges::replace(file, '-', '_');
    return file;
}

using Files = std::map<std::string, Path>;

Files find_files(Path const& folder) {
    Files files;
    std::error_code error;
    for (auto const& entry : std::filesystem::recursive_directory_iterator{folder / "kernel", error}) {
        auto const name = entry.path().filename().string();
        if (name.find(".ko") != std::string::npos && entry.is_regular_file())
            files.emplace(module_name(name), entry.path());
    }
    return files;
}

KernelModule load(std::string const& name, Path const& file) {
    KernelModule module{.name = name, .bytes = read_file(file)};
    if (is_compressed(module.bytes)) {
        auto inside = unpack(module.bytes, most_module_bytes);
        if (!inside) throw Failure{ExitCode::internal, fmt::format("{} {}.", file.string(), inside.error())};
        module.bytes = std::move(*inside);
    }
    for (auto const& list : module_info(module.bytes, "depends"))
        for (auto const word : split_words(list, ','))
            module.depends.push_back(module_name(std::string{word} + ".ko"));
    module.aliases = module_info(module.bytes, "alias");
    return module;
}

void collect(Files const& files, std::string const& name, std::vector<KernelModule>& modules) {
    if (std::ranges::find(modules, name, &KernelModule::name) != modules.end()) return;
    auto const file = files.find(name);
    if (file == files.end()) return;
    auto module = load(name, file->second);
    std::erase_if(module.depends, [&](auto const& each) { return !files.contains(each); });
    for (auto const& needed : module.depends) collect(files, needed, modules);
    modules.push_back(std::move(module));
}

}  // namespace

std::optional<Path> newest_modules(Path const& packages) {
    std::optional<Path> best;
    for (auto const* const place : {"usr/lib/modules", "lib/modules"}) {
        std::error_code error;
        for (auto const& entry : std::filesystem::directory_iterator{packages / place, error})
            if (entry.is_directory(error) &&
                (!best || version_before(best->filename().string(), entry.path().filename().string())))
                best = entry.path();
    }
    return best;
}

std::vector<KernelModule> collect_modules(Path const& folder, std::span<std::string_view const> wanted) {
    auto const files = find_files(folder);
    std::vector<KernelModule> modules;
    for (auto const name : wanted) collect(files, std::string{name}, modules);
    return modules;
}

std::vector<std::string> module_info(ByteView module, std::string_view key) {
    std::vector<std::string> values;
    for (auto const line : split_words(as_text(section(module, ".modinfo")), '\0'))
        if (line.starts_with(key) && line.substr(key.size()).starts_with('=') && line.size() > key.size() + 1)
            values.emplace_back(line.substr(key.size() + 1));
    return values;
}

std::string dependency_file(std::span<KernelModule const> modules) {
    // modprobe wants all that a module needs, the nearest first; `modules` has them in order of loading.
    std::map<std::string, std::vector<std::string>> needs;
    std::string text;
    for (auto const& module : modules) {
        auto& all = needs[module.name];
        for (auto const& direct : module.depends) {
            if (std::ranges::find(all, direct) == all.end()) all.push_back(direct);
            for (auto const& further : needs[direct])
                if (std::ranges::find(all, further) == all.end()) all.push_back(further);
        }
        text += module.name + ".ko:";
        for (auto const& needed : all) text += fmt::format(" {}.ko", needed);
        text += '\n';
    }
    return text;
}

std::string alias_file(std::span<KernelModule const> modules) {
    std::string text;
    for (auto const& module : modules)
        for (auto const& alias : module.aliases) text += fmt::format("alias {} {}\n", alias, module.name);
    return text;
}

}  // namespace antler::cli
