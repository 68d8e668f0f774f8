// What the hypervisor's image shows without being run: no floating-point or vector code but where state is
// saved, small frames, and no panic behind what decodes a guest's input.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <regex>

#include "cli/child_process.hpp"
#include "cli/file.hpp"
#include "cli/machine_code.hpp"
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

using namespace std::literals;

// Saving and loading the units' state, and copies and zeroing through vector registers that are given back.
constexpr std::array float_functions{
    "antler_save_float"sv,  "antler_load_float"sv,     "antler_save_vector"sv,
    "antler_load_vector"sv, "antler_zero_by_vector"sv, "antler_copy_guarded_by_vector"sv,
};
constexpr auto header = "antler_start"sv;  // the image's header is data in the code

constexpr u64 most_frame_bytes = 2048;  // of any function; a hart's stack has 64 KiB

// Where a guest's input is decoded: what it executes, calls, writes to registers of devices, and leaves in
// memory.
constexpr std::array decoders{
    "^antler::sbi::.*::handle\\(",
    "^antler::sbi::Services::sbi_call",
    "^antler::isa::|antler::isa::decode_",
    "^antler::abi::",
    "^antler::vm::(memory_fault|emulate|find_fault|walk_guest_tables|reflect|explain)\\(",
    "^antler::vm::access_",
    "^antler::device::",
    "^antler::control::",
};
// Beyond these nothing depends on how a guest's input looks: they look after frames, tables and windows, or
// after packets in pages of the house, and panic when those are wrong.
constexpr std::array gates{"antler::memory::"sv, "antler::vm::Ram::"sv, "antler::backend::PacketQueue::"sv};

bool is_gate(MachineFunction const& function) {
    return std::ranges::any_of(gates, [&](auto gate) { return function.name.starts_with(gate); });
}
bool is_panic(MachineFunction const& function) {
    return function.name.starts_with("antler::panic(");
}

TestResult result_of(std::string name, std::string const& complaints, std::string const& reason) {
    TestResult result{.name = std::move(name), .rules = {}};
    result.log = log_file(result.name);
    write_file(result.log, as_bytes(complaints));
    if (!complaints.empty()) {
        result.outcome = Outcome::failed;
        result.reason = reason + ": " + complaints.substr(0, complaints.find('\n'));
    }
    return result;
}

void check_float(MachineCode const& code, TestReport& report) {
    std::string complaints;
    for (auto const& [start, function] : code) {
        bool const may = function.name == header ||
                         std::ranges::find(float_functions, function.name) != float_functions.end();
        if (!may && !function.float_code.empty())
            complaints += fmt::format("{} has {}\n", function.name, function.float_code.front());
    }
    report.add(
        result_of("machine-code float", complaints, "floating-point or vector code where no state is saved"));
}

void check_satp(MachineCode const& code, TestReport& report) {
    std::string complaints;
    for (auto const& [start, function] : code)
        if (function.unfenced_satp) complaints += fmt::format("{}\n", function.name);
    report.add(result_of("machine-code satp", complaints, "satp is written without a fence before it"));
}

void check_frames(MachineCode const& code, TestReport& report) {
    std::string complaints;
    StackDepth depth{code};
    MachineFunction const* largest = nullptr;
    MachineFunction const* deepest = nullptr;
    for (auto const& [start, function] : code) {
        if (largest == nullptr || function.frame_bytes > largest->frame_bytes) largest = &function;
        if (deepest == nullptr || depth.below(function) > depth.below(*deepest)) deepest = &function;
        if (function.takes_unknown_stack)
            complaints += fmt::format("{} has a frame whose size is not a number\n", function.name);
        if (function.frame_bytes > most_frame_bytes)
            complaints += fmt::format("{} has a frame of {} bytes\n", function.name, function.frame_bytes);
    }
    if (largest != nullptr)
        report.say(fmt::format(
            "stack: {} functions; the largest frame has {} bytes ({}); {} bytes at most by direct "
            "calls, below {}",
            code.size(), largest->frame_bytes, largest->name.substr(0, 60), depth.below(*deepest),
            deepest->name.substr(0, 60)));
    report.add(result_of("machine-code frames", complaints, "a frame is too large"));
}

void check_panic(MachineCode const& code, TestReport& report) {
    std::string complaints;
    usize roots = 0;
    for (auto const* const pattern : decoders) {
        std::regex const wanted{pattern};
        usize found = 0;
        for (auto const& [start, function] : code) {
            if (!std::regex_search(function.name, wanted)) continue;
            ++found;
            auto const path = way(code, function, is_panic, is_gate);
            if (path.empty()) continue;
            complaints += fmt::format("{}", function.name);
            for (usize i = 1; i < path.size(); ++i) complaints += " > " + path[i]->name.substr(0, 80);
            complaints += '\n';
        }
        if (found == 0) complaints += fmt::format("no function is named {}\n", pattern);
        roots += found;
    }
    report.say(
        fmt::format("panic: {} functions decode what guests say, and none reaches it but through memory/ and "
                    "the house's packets",
                    roots));
    report.add(result_of("machine-code panic", complaints, "a guest's input may lead to a panic"));
}

void check_image(TestReport& report) {
    auto const image = build_directory() / "target" / "hypervisor.elf";
    auto const tool = find_program("llvm-objdump-19");
    if (tool.empty() || !std::filesystem::exists(image))
        return report.add(
            {.name = "machine-code",
             .outcome = Outcome::skipped,
             .reason = tool.empty() ? "llvm-objdump-19 is not installed" : "the hypervisor is not built",
             .rules = {}});
    auto const said = capture({tool.string(), "-d", "-C", "--no-show-raw-insn",
                               "--mattr=+f,+d,+v,+h,+zicboz,+zawrs", image.string()},
                              std::chrono::seconds{120});
    auto const code = read_machine_code(said.output);
    if (!said.succeeded() || std::ranges::none_of(code, [](auto const& one) { return is_panic(one.second); }))
        return report.add({.name = "machine-code",
                           .outcome = Outcome::failed,
                           .reason = "the disassembly cannot be read",
                           .rules = {}});
    check_float(code, report);
    check_satp(code, report);
    check_frames(code, report);
    check_panic(code, report);
}

}  // namespace

void add_machine_code_task(TestStage& stage, TestOptions const& options) {
    if (is_wanted(options, "machine-code"))
        stage.tasks.push_back({.name = "machine-code", .run = check_image});
}

}  // namespace antler::cli
