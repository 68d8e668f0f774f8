// The parts of the bench.
#include "cli/bench_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "cli/bench_interference.hpp"
#include "cli/bench_kvm.hpp"
#include "cli/bench_latency.hpp"
#include "cli/bench_login.hpp"
#include "cli/bench_measure.hpp"
#include "cli/bench_scale.hpp"
#include "cli/bench_scale_kvm.hpp"
#include "cli/bench_size.hpp"
#include "cli/bench_timeline.hpp"
#include "cli/bench_workloads.hpp"
#include "cli/file.hpp"

namespace antler::cli {
namespace {

Record measure_exits(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    Bench bench{wanted};
    auto record = bench.run();
    problems.insert(problems.end(), bench.problems().begin(), bench.problems().end());
    return record;
}

constexpr std::array parts{
    BenchPart{exits_part, "exits, boots and devices under Antler, and without it", measure_exits},
    BenchPart{"kvm", "the same guests under KVM, in a Linux on the same board", measure_kvm},
    BenchPart{"scale", "what grows with VMs and vCPUs, and what does not", measure_scale},
    BenchPart{"scale_kvm", "the same under KVM", measure_scale_kvm},
    BenchPart{"size", "images, code that an exit can reach, memory", measure_size},
    BenchPart{"interference", "what a noisy machine changes for a VM on a hart of its own",
              measure_interference},
    BenchPart{"timeline", "the stages of a boot of Linux", measure_timeline},
    BenchPart{"login", "a boot of Debian with systemd until its prompt", measure_login},
    BenchPart{"workloads", "what a Linux guest's work costs, in instructions and in time", measure_workloads},
    BenchPart{"latency", "how late a guest wakes up, alone and beside a noisy one", measure_latency},
};

Path record_file(Path const& root, std::string_view part) {
    auto const name = part == exits_part ? ours : part;
    return root / "bench" / "results" / fmt::format("{}.json", name);
}

}  // namespace

std::span<BenchPart const> bench_parts() {
    return parts;
}

Record const& Records::part(std::string_view name) const {
    static Record const none;
    auto const found = parts.find(std::string{name});
    return found == parts.end() ? none : found->second;
}

Records read_records(Path const& root) {
    Records records{.rivals = read_record(root / "bench" / "rivals.json"),
                    .parts = {},
                    .floors = read_floors(root / "bench" / "floors.json")};
    for (auto const& part : bench_parts())
        if (auto const file = record_file(root, part.name); std::filesystem::exists(file))
            records.parts[std::string{part.name}] = read_record(file);
    return records;
}

void write_record(Path const& root, std::string_view part, Record const& record) {
    auto const file = record_file(root, part);
    write_file(file, as_bytes(to_json(record)));
    write_file(Path{file}.replace_extension("csv"), as_bytes(to_csv(record.figures)));
}

}  // namespace antler::cli
