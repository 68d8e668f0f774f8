// Measures the rows, as many runs at once as there are processors: instructions are counted, not time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_boards.hpp"
#include "cli/bench_data.hpp"
#include "cli/bench_runs.hpp"
#include "cli/exit_trace.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {

// What a line says behind `mark`, if that is a number; the last such line counts.
[[nodiscard]] std::optional<double> number_after(std::string_view console, std::string_view mark);
// The least of such numbers.
[[nodiscard]] std::optional<double> least_after(std::string_view console, std::string_view mark);

// The number that a console ends with, as BenchBoards::entry() says it.
[[nodiscard]] double last_number(std::string_view console);

// virt's time CSR counts at 10 MHz, and under -icount shift=0 an instruction takes 1 ns.
inline constexpr double instructions_per_tick = 100;

struct Accessor;

class Bench {
public:
    explicit Bench(std::vector<std::string> const& wanted) : wanted_{wanted} {}

    Record run();
    // Where the exits of a row go.
    std::string explain_row(std::string const& row);
    // What did not work, in sentences.
    [[nodiscard]] std::vector<std::string> const& problems() const { return problems_; }

private:
    struct Measured {
        Record record{};
        std::vector<std::string> problems{};
    };
    [[nodiscard]] std::vector<Measured> side_by_side(std::span<Run const* const> runs) const;
    [[nodiscard]] Measured alone(Run const& one) const;
    void measure(Run const& one);
    void measure_traced(Run const& one);
    void keep_calls(Run const& one, std::vector<usize> calls);
    void measure_touches(Run const& one);
    void measure_accessor(Run const& one, Accessor const& accessor);
    void measure_list();
    void measure_counted(Run const& one);
    ExitTrace traced(Load load);
    std::string run_load(Run const& one, Load const& load);
    std::optional<double> shortest_boot(Run const& one, std::string const& first);
    double native_entry();
    std::string boot(QemuMachine const& machine);
    void keep(Figure const& figure);

    std::vector<std::string> const& wanted_;
    BlockedSignals blocked_;
    WorkDirectory work_;
    BenchBoards boards_{work_.path()};
    Record record_;
    std::vector<std::string> problems_;
};

}  // namespace antler::cli
