// How large things are.
#include "cli/bench_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "cli/bench_boards.hpp"
#include "cli/bench_measure.hpp"
#include "cli/kvm_host.hpp"
#include "cli/reachable.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{10};

double bytes(Path const& file) {
    return static_cast<double>(std::filesystem::file_size(file));
}

// What the hypervisor says of itself when it has started.
std::optional<double> number_behind(std::string_view console, std::string_view mark) {
    auto const at = console.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    return std::atof(std::string{console.substr(at + mark.size(), 20)}.c_str());
}

}  // namespace

std::vector<SizeRow> const& size_rows() {
    static std::vector<SizeRow> const rows{
        {"image", "the hypervisor's image; of KVM the kernel and QEMU with its libraries"},
        {"code", "code of the hypervisor"},
        {"code_exit", "code that can run once a guest has been left, at most"},
        {"code_lane", "code of the lane for calls, which answers most of them"},
        {"memory_house", "memory of the hypervisor besides its image, on one hart"},
        {"memory_vm", "tables and state of a VM with one vCPU, besides its memory"},
    };
    return rows;
}

Record measure_size(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    fmt::print(stderr, "antler: bench: sizes ({})\n", ours);
    BlockedSignals const blocked;
    WorkDirectory const work;
    Record record;
    record.circumstances = {{"command", "./antler bench --part size --save"},
                            {"kvm", fmt::format("Linux {}, QEMU {}", KvmHost::kernel(), KvmHost::qemu())}};
    auto const keep = [&](std::string_view row, std::string_view system, std::optional<double> value) {
        if (!value) {
            problems.push_back(fmt::format("{} was not said.", row));
        } else if (is_wanted(wanted, row)) {
            record.figures.push_back({std::string{row}, std::string{system}, *value});
        }
    };
    keep("image", ours, bytes(hypervisor_image()));
    keep("image", "kvm", bytes(BenchBoards::kernel()) + KvmHost::program_bytes());
    auto const graph = CallGraph::read(hypervisor_elf());
    keep("code", ours, static_cast<double>(graph.code_bytes()));
    keep("code_exit", ours, static_cast<double>(graph.reachable_bytes("antler_trap")));
    keep("code_lane", ours, static_cast<double>(graph.reachable_bytes("antler_ecall_lane")));
    auto const board = BenchBoards{work.path()}.described(
        fmt::format("[machine]\nharts = 1\nmemory = \"1G\"\nicount = true\n[hypervisor]\nlog = \"debug\"\n"
                    "[vm.one]\nmemory = {{ size = \"16M\" }}\npayload = {{ kernel = \"{}\" }}\n",
                    guest_elf("hello").string()));
    auto const console = run_and_record(board, patience).console;
    auto const from_kib = [](std::optional<double> kib) { return kib ? std::optional{*kib * 1024} : kib; };
    auto const house = from_kib(number_behind(console, "memory: house "));
    auto const table = from_kib(number_behind(console, "frame table "));
    keep("memory_house", ours, house && table ? std::optional{*house + *table} : std::nullopt);
    keep("memory_vm", ours, from_kib(number_behind(console, "tables and state of one ")));
    return record;
}

}  // namespace antler::cli
