// `antler bench`.
#include "cli/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/bench_measure.hpp"
#include "cli/bench_page.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace antler::cli {
namespace {

Path results_file() {
    return root_directory() / "bench" / "results" / "antler.json";
}
Path page_file() {
    return root_directory() / "docs" / "benchmarks.md";
}
Path rivals_file() {
    return root_directory() / "bench" / "rivals.json";
}

void check_rows(std::vector<std::string> const& rows) {
    for (auto const& wanted : rows) {
        auto const known =
            std::ranges::any_of(bench_rows(), [&](BenchRow const& row) { return row.name == wanted; });
        if (known) continue;
        std::string names;
        for (auto const& row : bench_rows()) names += (names.empty() ? "" : ", ") + std::string{row.name};
        throw Failure{ExitCode::bad_input, fmt::format("There is no row `{}`; there are {}.", wanted, names)};
    }
}

}  // namespace

int bench_command(BenchOptions const& options) {
    check_rows(options.rows);
    auto const rivals = read_record(rivals_file());
    if (options.markdown) {
        fmt::print("{}", benchmarks_page(read_record(results_file()), rivals));
        return 0;
    }
    if (!options.explain.empty()) {
        check_rows({options.explain});
        fmt::print("{}", Bench{options.rows}.explain_row(options.explain));
        return 0;
    }
    if (options.save && !options.rows.empty())
        throw Failure{ExitCode::bad_input, "What goes on record is all rows: --save without --row."};
    // Before it is overwritten.
    auto const before = options.check ? read_record(results_file()) : Record{};
    Bench bench{options.rows};
    auto const record = bench.run();
    for (auto const& sentence : bench.problems()) fmt::print(stderr, "antler: {}\n", sentence);

    if (options.json) {
        fmt::print("{}", to_json(record.figures));
    } else {
        auto figures = record.figures;
        for (auto const& figure : rivals.figures)
            if (find(record.figures, figure.row, ours)) figures.push_back(figure);
        fmt::print("{}",
                   text_table(figures, {std::string{ours}, std::string{native}, "kvm", "xvisor", "bao"}));
        for (auto const& sentence : missed_goals(record.figures)) fmt::print("missed: {}\n", sentence);
    }
    if (!bench.problems().empty()) return static_cast<int>(ExitCode::crashed);
    if (options.save) {
        write_file(results_file(), as_bytes(to_json(record)));
        write_file(Path{results_file()}.replace_extension("csv"), as_bytes(to_csv(record.figures)));
        write_file(page_file(), as_bytes(benchmarks_page(record, rivals)));
    }
    auto const worse =
        options.check ? regressions(before.figures, record.figures) : std::vector<std::string>{};
    for (auto const& sentence : worse) fmt::print(stderr, "antler: {}\n", sentence);
    return worse.empty() ? 0 : static_cast<int>(ExitCode::internal);
}

}  // namespace antler::cli
