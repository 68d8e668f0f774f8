// The disassembler of binutils, as a function from encodings to text.
#include "tests/model/isa/binutils.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace antler::isa::model {
namespace {

constexpr char const* assembler = "riscv64-linux-gnu-as";
constexpr char const* copier = "riscv64-linux-gnu-objcopy";
constexpr char const* disassembler = "riscv64-linux-gnu-objdump";

void run(std::string const& command) {
    if (std::system(command.c_str()) != 0) throw std::runtime_error{"failed: " + command};
}

// "  10:\t00051587          \tflh\tf11,0(x10) # comment" -> "flh f11,0(x10)"; ".4byte" and ".2byte" mean
// unknown.
std::string instruction_of(std::string_view line) {
    auto const bytes = line.find('\t');
    if (bytes == std::string_view::npos) return {};
    auto const name = line.find('\t', bytes + 1);
    if (name == std::string_view::npos) return {};
    auto rest = line.substr(name + 1);
    if (auto const comment = rest.find(" #"); comment != std::string_view::npos)
        rest = rest.substr(0, comment);
    while (!rest.empty() && (rest.back() == ' ' || rest.back() == '\t' || rest.back() == '\n'))
        rest.remove_suffix(1);
    if (rest.empty() || rest.front() == '.') return {};
    std::string text{rest};
    for (char& c : text)
        if (c == '\t') c = ' ';
    return text;
}

}  // namespace

Binutils::Binutils(Xlen x) {
    std::string pattern = std::filesystem::temp_directory_path() / "decoder-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
    folder_ = pattern;
    // The vector and prefetch instructions share opcodes with ours; binutils shall name them.
    knowledge_.march = std::string{x == Xlen::rv64 ? "rv64" : "rv32"} +
                       "imafdcvh_zfh_zicsr_zifencei_zicbom_zicboz_zicbop_zawrs_svinval";
    if (!assembles(knowledge_.march))
        throw std::runtime_error{"needs binutils-riscv64-linux-gnu 2.39 or later"};
    auto const add = [&](char const* extension) {
        bool const known = assembles(knowledge_.march + "_" + extension);
        if (known) knowledge_.march += std::string{"_"} + extension;
        return known;
    };
    knowledge_.quad = add("q");
    knowledge_.zcb = add("zcb");
    knowledge_.zacas = add("zacas");
    knowledge_.zabha = add("zabha");
    knowledge_.zalasr = add("zalasr");
}

Binutils::~Binutils() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

bool Binutils::assembles(std::string const& march) const {
    auto const command = std::string{"echo nop | "} + assembler + " -march=" + march + " -o " + folder_ +
                         "/probe.o - 2>/dev/null";
    return std::system(command.c_str()) == 0;
}

std::vector<Disassembled> Binutils::disassemble(std::vector<u32> const& encodings, unsigned length) {
    {
        std::ofstream raw{folder_ + "/raw", std::ios::binary};
        for (u32 const encoding : encodings)
            for (unsigned i = 0; i < length; ++i) raw.put(static_cast<char>(encoding >> (8 * i)));
        std::ofstream source{folder_ + "/frame.s"};
        source << ".text\nnop\n";
    }
    // An object whose attributes name the extensions, filled with the encodings.
    auto const object = folder_ + "/frame.o";
    run(std::string{assembler} + " -march=" + knowledge_.march + " -o " + object + " " + folder_ +
        "/frame.s");
    run(std::string{copier} + " --update-section .text=" + folder_ + "/raw " + object);

    auto const command = std::string{disassembler} + " -d -z -M no-aliases,numeric " + object;
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error{"cannot start objdump"};
    std::vector<Disassembled> found;
    found.reserve(encodings.size());
    char line[512];
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
        std::string_view const view{line};
        auto const colon = view.find(":\t");
        if (colon == std::string_view::npos) continue;
        found.push_back({instruction_of(view)});
    }
    if (pclose(pipe) != 0) throw std::runtime_error{"objdump failed"};
    if (found.size() != encodings.size()) throw std::runtime_error{"objdump lost count of its instructions"};
    return found;
}

}  // namespace antler::isa::model
