// The layers: no file includes what LAYERS does not let it see, and assembly stays where it belongs.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Layers = std::map<std::string, std::set<std::string>>;

fs::path const root = ANTLER_SOURCE_DIR;

Layers read_layers() {
    Layers layers;
    std::ifstream in{root / "LAYERS"};
    for (std::string line; std::getline(in, line);) {
        auto const colon = line.find(':');
        if (line.starts_with('#') || colon == std::string::npos) continue;
        std::istringstream rest{line.substr(colon + 1)};
        auto& seen = layers[line.substr(0, colon)];
        for (std::string name; rest >> name;) seen.insert(name);
    }
    return layers;
}

// "vm" of hypervisor/vm/vcpu.hpp; nothing for tests, which may include everything.
std::optional<std::string> layer_of(fs::path const& from_root) {
    auto at = from_root.begin();
    if (at != from_root.end() && *at == "hypervisor") ++at;
    if (at == from_root.end() || *at == "tests") return std::nullopt;
    return at->string();
}

std::vector<fs::path> sources() {
    std::vector<fs::path> found;
    for (auto const* folder : {"base", "isa", "abi", "hypervisor", "cli", "guests", "bench"}) {
        if (!fs::exists(root / folder)) continue;
        for (auto const& entry : fs::recursive_directory_iterator{root / folder}) {
            auto const ending = entry.path().extension();
            if (ending == ".cpp" || ending == ".hpp" || ending == ".S")
                found.push_back(entry.path().lexically_relative(root));
        }
    }
    return found;
}

std::vector<std::string> lines_of(fs::path const& from_root) {
    std::vector<std::string> lines;
    std::ifstream in{root / from_root};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// Where an include leads, from the root; nothing for the C++ library's own.
std::optional<fs::path> included(std::string const& line, fs::path const& from) {
    static std::regex const pattern{R"re(^\s*#\s*include\s+"([^"]+)")re"};
    std::smatch match;
    if (!std::regex_search(line, match, pattern)) return std::nullopt;
    for (auto const& base : {fs::path{}, fs::path{"hypervisor"}, from.parent_path()})
        if (fs::exists(root / base / match[1].str())) return (base / match[1].str()).lexically_normal();
    return fs::path{match[1].str()};
}

TEST(Layers, EveryFolderIncludesOnlyWhatItMaySee) {
    auto const layers = read_layers();
    ASSERT_FALSE(layers.empty());
    auto const files = sources();
    ASSERT_GT(files.size(), 50u);
    for (auto const& file : files) {
        auto const layer = layer_of(file);
        ASSERT_TRUE(layer);
        ASSERT_TRUE(layers.contains(*layer)) << "LAYERS has no line for the folder of " << file;
        for (auto const& line : lines_of(file)) {
            auto const target = included(line, file);
            if (!target) continue;
            auto const other = layer_of(*target);
            EXPECT_TRUE(other) << file << " includes a test: " << *target;
            if (!other || *other == *layer) continue;
            EXPECT_TRUE(layers.at(*layer).contains(*other))
                << file.string() << " is in " << *layer << " and may not include " << target->string()
                << ", which is in " << *other << "; LAYERS says what " << *layer << " may see.";
        }
    }
}

TEST(Layers, HaveNoCircle) {
    auto layers = read_layers();
    while (!layers.empty()) {
        auto lowest = layers.end();
        for (auto at = layers.begin(); at != layers.end(); ++at) {
            bool const sees_others = std::ranges::any_of(at->second, [&](std::string const& name) {
                return name != at->first && layers.contains(name);
            });
            if (!sees_others) lowest = at;
        }
        ASSERT_NE(lowest, layers.end())
            << "the layers around " << layers.begin()->first << " see one another";
        layers.erase(lowest);
    }
}

bool may_have_assembly(fs::path const& file) {
    auto const layer = layer_of(file);
    return layer == "hart" || layer == "boot" || layer == "guests";
}

// The line without its comment and without texts.
std::string code_of(std::string const& line) {
    static std::regex const texts{R"re("([^"\\]|\\.)*")re"};
    auto const code = std::regex_replace(line, texts, "\"\"");
    return code.substr(0, code.find("//"));
}

TEST(Assembly, IsInHartBootAndGuestsOnly) {
    static std::regex const word{R"(\b(asm|__asm|__asm__)\b)"};
    for (auto const& file : sources()) {
        if (may_have_assembly(file)) continue;
        EXPECT_NE(file.extension(), ".S") << file << " is assembly outside of hart, boot and guests";
        for (auto const& line : lines_of(file))
            EXPECT_FALSE(std::regex_search(code_of(line), word)) << file << " has assembly: " << line;
    }
}

TEST(Layers, TheCheckSeesABadIncludeWhereThereIsOne) {
    EXPECT_EQ(included("#include \"vm/vcpu.hpp\"", "hypervisor/memory/tree.cpp"), "hypervisor/vm/vcpu.hpp");
    EXPECT_EQ(layer_of("hypervisor/vm/vcpu.hpp"), "vm");
    EXPECT_EQ(layer_of("isa/pte.hpp"), "isa");
    EXPECT_FALSE(read_layers().at("memory").contains("vm"));
    EXPECT_EQ(code_of("f(\"asm\");  // asm"), "f(\"\");  ");
}

}  // namespace
