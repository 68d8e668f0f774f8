// `antler bench`.
#include "cli/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/bench_latency.hpp"
#include "cli/bench_login.hpp"
#include "cli/bench_measure.hpp"
#include "cli/bench_page.hpp"
#include "cli/bench_parts.hpp"
#include "cli/bench_scale.hpp"
#include "cli/bench_size.hpp"
#include "cli/bench_workloads.hpp"
#include "cli/failure.hpp"

namespace antler::cli {
namespace {

void check_rows(std::vector<std::string> const& rows) {
    std::vector<std::string_view> known;
    for (auto const& row : bench_rows()) known.push_back(row.name);
    for (auto const& curve : scale_curves()) known.push_back(curve.name);
    for (auto const& row : size_rows()) known.push_back(row.name);
    known.push_back(login_row);
    known.emplace_back("boot");
    for (auto const& one : workloads()) known.push_back(one.name);
    for (auto const& row : latency_rows()) known.push_back(row.name);
    for (auto const& wanted : rows)
        if (std::ranges::find(known, wanted) == known.end())
            throw Failure{ExitCode::bad_input,
                          fmt::format("There is no row `{}`; there are {}.", wanted, fmt::join(known, ", "))};
}

// Rows are asked for by who works at one, and a check is short: neither waits for rivals.
std::vector<BenchPart> chosen_parts(BenchOptions const& options) {
    std::vector<BenchPart> chosen;
    for (auto const& part : bench_parts()) {
        auto const named = std::ranges::find(options.parts, part.name) != options.parts.end();
        auto const quick = options.check || !options.rows.empty();
        if (named || (options.parts.empty() && (!quick || part.name == exits_part))) chosen.push_back(part);
    }
    return chosen;
}

std::vector<std::string> part_names() {
    std::vector<std::string> names;
    for (auto const& part : bench_parts()) names.emplace_back(part.name);
    return names;
}

void check_parts(std::vector<std::string> const& wanted) {
    auto const known = part_names();
    for (auto const& part : wanted)
        if (std::ranges::find(known, part) == known.end())
            throw Failure{ExitCode::bad_input,
                          fmt::format("There is no part `{}`; there are {}.", part, fmt::join(known, ", "))};
}

void show(Figures const& measured, Records const& known) {
    auto figures = measured;
    // Beside what was measured now, what is on record of others.
    for (auto const& others : {known.part("kvm"), known.rivals})
        for (auto const& figure : others.figures)
            if (find(measured, figure.row, ours) && !find(figures, figure.row, figure.system))
                figures.push_back(figure);
    auto const known_row = [](Figure const& figure) {
        return std::ranges::find(bench_rows(), figure.row, &BenchRow::name) != bench_rows().end();
    };
    if (std::ranges::any_of(measured, known_row)) fmt::print("{}", text_table(figures, systems_of(figures)));
    // Points of curves, and sizes.
    for (auto const& figure : measured)
        if (!known_row(figure))
            fmt::print("{:<20} {:<8} {:>14}{}\n", figure.row, figure.system, shown(figure.instructions),
                       figure.spread
                           ? fmt::format("  {}–{}", shown(figure.spread->least), shown(figure.spread->most))
                           : "");
    auto missed = missed_goals(measured);
    for (auto& sentence : missed_workload_goals(measured)) missed.push_back(std::move(sentence));
    for (auto const& sentence : missed) fmt::print("missed: {}\n", sentence);
}

}  // namespace

int bench_command(BenchOptions const& options) {
    check_rows(options.rows);
    check_parts(options.parts);
    auto records = read_records(root_directory());
    if (options.markdown) {
        write_pages(root_directory(), records);
        return 0;
    }
    if (!options.explain.empty()) {
        check_rows({options.explain});
        fmt::print("{}", Bench{options.rows}.explain_row(options.explain));
        return 0;
    }
    if (options.save && !options.rows.empty())
        throw Failure{ExitCode::bad_input, "What goes on record is all rows: --save without --row."};
    auto const known = records;
    auto const short_form = options.check && options.rows.empty() ? checked_rows() : options.rows;
    Figures measured;
    std::vector<std::string> problems;
    for (auto const& part : chosen_parts(options)) {
        auto const before = problems.size();
        auto const record = part.measure(part.name == exits_part ? short_form : options.rows, problems);
        measured.insert(measured.end(), record.figures.begin(), record.figures.end());
        if (!options.save || problems.size() != before) continue;
        records.parts[std::string{part.name}] = record;
        write_record(root_directory(), part.name, record);
    }
    for (auto const& sentence : problems) fmt::print(stderr, "antler: {}\n", sentence);
    if (options.json) {
        fmt::print("{}", to_json(measured));
    } else {
        show(measured, known);
    }
    if (options.save) write_pages(root_directory(), records);
    if (!problems.empty()) return static_cast<int>(ExitCode::crashed);
    auto const worse =
        options.check ? regressions(known.part(exits_part).figures, measured) : std::vector<std::string>{};
    for (auto const& sentence : worse) fmt::print(stderr, "antler: {}\n", sentence);
    return worse.empty() ? 0 : static_cast<int>(ExitCode::internal);
}

}  // namespace antler::cli
