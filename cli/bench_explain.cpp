// A trace goes through a pipe, for it is many times larger than what is kept of it.
#include "cli/bench_explain.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>

#include "cli/failure.hpp"
#include "cli/qemu_session.hpp"
#include "cli/symbolize.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::seconds patience{300};
constexpr std::size_t shapes_shown = 3;

// "function (file)" out of "function at file:line, inlined in …": the innermost says most.
std::string place(std::string const& text) {
    auto inner = text.substr(0, text.find(", inlined in "));
    auto const at = inner.find(" at ");
    if (at == std::string::npos) return inner;
    auto const file = inner.substr(at + 4, inner.rfind(':') - at - 4);
    auto const function = inner.substr(0, at);
    return fmt::format("{} ({})", function.empty() ? "?" : function, file);
}

// Assembly has no functions, but labels.
std::string function_at(SymbolTable const& table, u64 offset) {
    auto const name = table.describe(offset).value_or("?");
    return name.substr(0, name.rfind('+'));
}

// What the image's instructions are is the same wherever it lies.
ExitMarks marks_of(Path const& hypervisor, u64 entry, u64 end, u64 zeroing) {
    constexpr u32 sret = 0x1020'0073;
    constexpr u32 write_hgatp = 0x6800'1073, register_bits = 0x000f'8000;  // csrw hgatp, any register
    constexpr u32 write_vsscratch = 0x2400'1073;
    ExitMarks marks{.entry = entry, .zeroing = zeroing};
    auto const image = Path{hypervisor}.replace_extension("img");
    std::ifstream file{image, std::ios::binary};
    if (!file) throw Failure{ExitCode::internal, fmt::format("Cannot open {}.", image.string())};
    std::string const bytes{std::istreambuf_iterator<char>{file}, {}};
    for (u64 at = 0; at + sizeof(u32) <= std::min<u64>(end, bytes.size()); at += 2) {
        u32 word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        if (word == sret) marks.returns.insert(at);
        if ((word & ~register_bits) == write_hgatp) marks.switches.insert(at);
        if ((word & ~register_bits) == write_vsscratch) marks.loads.insert(at);
    }
    return marks;
}

}  // namespace

ExitTrace trace_exits(QemuMachine machine, Path const& hypervisor) {
    auto const table = SymbolTable::read(hypervisor);
    auto const entry = table.find("antler_trap");
    auto const end = table.find("__rodata_start");
    // What lies between is one loop, and an exit that zeroes memory goes through it ten thousands of times.
    auto const zeroing = table.find("antler_zero_by_vector"), after_it = table.find("antler_vector_bytes");
    if (!entry || !end || !zeroing || !after_it)
        throw Failure{ExitCode::internal, "The hypervisor's ELF file has lost its symbols."};
    WorkDirectory const work;
    auto const pipe = work.path() / "trace";
    if (::mkfifo(pipe.c_str(), 0600) != 0)
        throw Failure{ExitCode::internal,
                      fmt::format("{}: cannot be made: {}.", pipe.string(), std::strerror(errno))};
    for (auto const& word :
         {std::string{"-accel"}, std::string{"tcg,one-insn-per-tb=on"}, std::string{"-d"},
          std::string{"exec,nochain,int"}, std::string{"-D"}, pipe.string(), std::string{"-dfilter"},
          fmt::format("{:#x}+{:#x},{:#x}+{:#x}", loaded_at, *zeroing + 1, loaded_at + *after_it,
                      *end - *after_it)})
        machine.extra.push_back(word);
    // Open both ways: it waits for nobody, and the reader comes to the end when we close it.
    Descriptor writer{::open(pipe.c_str(), O_RDWR | O_CLOEXEC)};
    ExitTrace trace{loaded_at, marks_of(hypervisor, *entry, *end, *zeroing)};
    std::thread reader{[&] {
        std::ifstream log{pipe};
        for (std::string line; std::getline(log, line);) trace.line(line);
    }};
    auto const recording = run_and_record(machine, patience);
    writer.close();
    reader.join();
    if (trace.exits() == 0)
        throw Failure{ExitCode::internal, "QEMU logged no exit; its console said:\n" + recording.console};
    return trace;
}

std::string explain(std::string_view row, ExitTrace const& trace, Path const& hypervisor) {
    auto const table = SymbolTable::read(hypervisor);
    std::string text = fmt::format("{}: {} exits\n", row, trace.exits());
    if (auto switches = trace.world_switches(); !switches.empty()) {
        std::ranges::sort(switches);
        text +=
            fmt::format("{} of them go from a wfi into another VM, with {} to {} instructions, median {}\n",
                        switches.size(), switches.front(), switches.back(), switches[switches.size() / 2]);
    }
    std::size_t shown = 0;
    for (auto const& shape : trace.shapes()) {
        if (shown++ == shapes_shown) break;
        std::set<u64> const addresses(shape.path.begin(), shape.path.end());
        auto const names = name_offsets({addresses.begin(), addresses.end()}, hypervisor);
        std::vector<std::pair<std::string, u64>> places;  // in the order of their first instruction
        for (auto const at : shape.path) {
            auto const known = names.find(at);
            auto const name = known == names.end() ? function_at(table, at) : place(known->second);
            auto const old = std::ranges::find(places, name, &std::pair<std::string, u64>::first);
            if (old == places.end())
                places.emplace_back(name, 1);
            else
                ++old->second;
        }
        text += fmt::format("\n{} of them take {} instructions:\n", shape.times, shape.path.size());
        for (auto const& [name, count] : places) text += fmt::format("{:>8}  {}\n", count, name);
    }
    return text;
}

}  // namespace antler::cli
