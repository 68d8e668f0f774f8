// `antler doctor`.
#include "cli/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/catalogue.hpp"
#include "cli/failure.hpp"
#include "cli/qemu_session.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

using namespace std::chrono_literals;

enum class State { good, missing, broken };

struct Finding {
    std::string name;
    State state;
    std::string detail;
    bool needed = true;
};

char const* word(State state) {
    switch (state) {
        case State::good: return "ok";
        case State::missing: return "missing";
        case State::broken: return "broken";
    }
    return "";
}

std::vector<Finding> look_at_qemu() {
    auto const program = qemu_program();
    if (program.empty())
        return {
            {"QEMU", State::missing, "start Antler through ./antler, which fetches it, or set ANTLER_QEMU"}};
    std::vector<Finding> findings;
    auto const version = capture({program.string(), "--version"}, 20s);
    auto const number = parse_qemu_version(version.output);
    if (!version.succeeded() || number.empty())
        return {{"QEMU", State::broken, program.string() + " does not say its version"}};
    bool const recent = std::atoi(number.c_str()) >= 10;
    findings.push_back(
        {"QEMU", recent ? State::good : State::broken,
         fmt::format("{} at {}{}", number, program.string(), recent ? "" : "; 10 or newer is needed")});

    auto const machine = capture({program.string(), "-M", "virt,help"}, 20s);
    auto const cpus = capture({program.string(), "-M", "virt", "-cpu", "help"}, 20s);
    std::string can;
    for (auto const* property : {"aia", "aia-guests", "iommu-sys", "aclint"})
        if (machine.output.contains(std::string{"\n  "} + property + "=")) can += std::string{" "} + property;
    findings.push_back({"QEMU's virt machine", can.empty() ? State::broken : State::good,
                        can.empty() ? "does not list its properties" : "can do:" + can});
    std::string known;
    for (auto const* cpu : {"rva23s64", "rva22s64", "rv64", "max"})
        if (cpus.output.contains(cpu)) known += std::string{" "} + cpu;
    bool const preferred = cpus.output.contains(default_cpu);
    findings.push_back({"QEMU's CPUs", preferred ? State::good : State::broken,
                        preferred ? "among others:" + known : fmt::format("there is no {}", default_cpu)});
    return findings;
}

Finding look_at_tool(std::string const& name, std::string const& why, bool needed) {
    auto const path = find_program(name);
    if (path.empty()) return {name, State::missing, why, needed};
    return {name, State::good, path.string(), needed};
}

Finding look_at_guest(CatalogueEntry const& entry) {
    auto const found = Catalogue{guest_packages()}.resolve(entry.kernel);
    std::string const name{entry.name};
    if (!found) return {name, State::missing, fmt::format("{}: not fetched", entry.sentence), false};
    return {name, State::good, found->string(), false};
}

Finding look_at_hypervisor() {
    std::error_code failed;
    auto const bytes = std::filesystem::file_size(hypervisor_image(), failed);
    if (failed) return {"hypervisor", State::missing, hypervisor_image().string() + " was not built"};
    return {"hypervisor", bytes <= 256_KiB ? State::good : State::broken,
            fmt::format("{}, {} KiB", hypervisor_image().string(), (bytes + 1023) / 1024)};
}

nlohmann::ordered_json features_json(std::string const& line) {
    auto object = nlohmann::ordered_json::object();
    for (auto const& [name, value] : parse_features(line)) {
        bool const number =
            !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
        if (value == "yes" || value == "no")
            object[name] = value == "yes";
        else if (number)
            object[name] = std::atoll(value.c_str());
        else
            object[name] = value;
    }
    return object;
}

// The machine that this program itself runs on, when it is a RISC-V board under Linux.
std::optional<bool> this_cpu_has_it() {
    std::ifstream file{"/proc/cpuinfo"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("isa") && line.contains("rv"))
            return names_hypervisor_extension(line.substr(line.find("rv")));
    return std::nullopt;
}

void explain_boards() {
    fmt::print(
        "\nDoes a board's CPU have H?  Three ways to ask:\n"
        "  Under its Linux:      grep -m1 isa /proc/cpuinfo        an h among the single letters before the "
        "first _\n"
        "  In its device tree:   riscv,isa-extensions of each cpu  the word \"h\"; some boards have it on "
        "some harts only\n"
        "  By Antler itself:     boot antler.img without a pack    it prints what it found on every hart, "
        "and stops\n");
}

}  // namespace

FeatureReport parse_boot(std::string_view console) {
    FeatureReport report;
    while (!console.empty()) {
        auto const end = console.find_first_of("\r\n");
        auto const line = console.substr(0, end);
        console = end == std::string_view::npos ? std::string_view{} : console.substr(end + 1);
        constexpr std::string_view mark = "antler: features:";
        if (line.starts_with("OpenSBI v")) report.firmware = std::string{line};
        if (line.starts_with(mark)) {
            auto const words = line.substr(mark.size());
            report.features = std::string{words.substr(std::min(words.find_first_not_of(' '), words.size()))};
        }
        if (line.starts_with("antler:") && line.contains("hypervisor extension") && !line.starts_with(mark))
            report.no_hypervisor_extension = true;
    }
    return report;
}

Features parse_features(std::string_view line) {
    Features features;
    for (auto const word : split_words(line, ' '))
        if (auto const equals = word.find('='); equals != std::string_view::npos && equals > 0)
            features.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    return features;
}

std::string parse_qemu_version(std::string_view printed) {
    constexpr std::string_view mark = "version ";
    auto const at = printed.find(mark);
    if (at == std::string_view::npos) return {};
    auto const number = printed.substr(at + mark.size());
    return std::string{number.substr(0, number.find_first_not_of("0123456789."))};
}

std::string required_qemu_version() {
    return parse_qemu_version(
        capture({required_qemu().string(), "--version"}, std::chrono::minutes{1}).output);
}

bool names_hypervisor_extension(std::string_view isa) {
    if (!isa.starts_with("rv")) return false;
    // Single letters come first; a word of its own after an underscore may also be a single letter.
    auto const letters = isa.substr(2, isa.find('_') - 2);
    auto const base = letters.find_first_not_of("0123456789");
    auto const end = std::min(letters.find_first_of("zsx"), letters.size());
    for (auto at = base; at < end; ++at)
        if (letters[at] == 'h') return true;
    for (auto at = isa.find("_h"); at != std::string_view::npos; at = isa.find("_h", at + 1))
        if (at + 2 == isa.size() || isa[at + 2] == '_') return true;
    return false;
}

int doctor_command(DoctorOptions const& options) {
    auto findings = look_at_qemu();
    bool const qemu_works =
        std::ranges::all_of(findings, [](auto const& found) { return found.state == State::good; });
    findings.push_back(look_at_hypervisor());
    bool const may_boot = qemu_works && findings.back().state == State::good;
    for (auto const& entry : catalogue_entries) findings.push_back(look_at_guest(entry));
    findings.push_back(look_at_tool("clang++-19", "the compiler", true));
    findings.push_back(look_at_tool("ld.lld-19", "the linker", true));
    findings.push_back(look_at_tool("cmake", "the build", true));
    findings.push_back(look_at_tool("ninja", "the build", true));
    findings.push_back(look_at_tool("llvm-symbolizer-19", "line numbers for `antler symbolize`", false));
    findings.push_back(look_at_tool("dtc", "some tests", false));

    FeatureReport boot;
    QemuMachine machine{
        .harts = 2, .memory = 256_MiB, .cpu = options.cpu, .aia = options.aia, .kernel = hypervisor_image()};
    if (machine.cpu.empty()) machine.cpu = default_cpu;
    if (may_boot) {
        auto const transcript = run_and_record(machine, 30s);
        boot = parse_boot(transcript.console);
        bool const spoke = boot.features || boot.no_hypervisor_extension;
        findings.push_back(
            {"boot in QEMU", spoke ? State::good : State::broken,
             spoke ? fmt::format("-cpu {}, {}", machine.cpu, boot.firmware.value_or("unknown firmware"))
                   : "the hypervisor did not say what it found; QEMU: " + transcript.result.complaints});
    }
    auto const here = this_cpu_has_it();
    bool const healthy = std::ranges::all_of(
        findings, [](Finding const& found) { return !found.needed || found.state == State::good; });

    if (options.json) {
        nlohmann::ordered_json document;
        document["healthy"] = healthy;
        document["findings"] = nlohmann::ordered_json::array();
        for (auto const& found : findings)
            document["findings"].push_back({{"name", found.name},
                                            {"state", word(found.state)},
                                            {"needed", found.needed},
                                            {"detail", found.detail}});
        document["qemu_cpu"] = machine.cpu;
        document["qemu_cpu_has_h"] = boot.features                  ? nlohmann::ordered_json(true)
                                     : boot.no_hypervisor_extension ? nlohmann::ordered_json(false)
                                                                    : nlohmann::ordered_json(nullptr);
        document["features"] =
            boot.features ? features_json(*boot.features) : nlohmann::ordered_json(nullptr);
        document["this_cpu_has_h"] = here ? nlohmann::ordered_json(*here) : nlohmann::ordered_json(nullptr);
        fmt::print("{}\n", document.dump(2));
        return healthy ? 0 : static_cast<int>(ExitCode::internal);
    }

    for (auto const& found : findings)
        fmt::print("{:<8} {:<20} {}\n", word(found.state), found.name, found.detail);
    if (boot.features) fmt::print("\nQEMU's {} has H.  Features: {}\n", machine.cpu, *boot.features);
    if (boot.no_hypervisor_extension) fmt::print("\nQEMU's {} has no H, so no VM runs on it.\n", machine.cpu);
    if (here) fmt::print("\nThe CPU of this computer has {}H.\n", *here ? "" : "no ");
    explain_boards();
    return healthy ? 0 : static_cast<int>(ExitCode::internal);
}

}  // namespace antler::cli
