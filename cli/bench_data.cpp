// What was measured.
#include "cli/bench_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

constexpr std::array rows{
    BenchRow{"sbi_base", "SBI base call, there and back", 55},
    BenchRow{"set_timer", "SBI set_timer", 55},
    BenchRow{"set_timer_wfi", "SBI timer in one tick, then wfi", std::nullopt},
    BenchRow{"timer_irq", "SBI timer now, interrupt taken", std::nullopt},
    BenchRow{"ipi_self", "SBI IPI to self, interrupt taken", 100},
    BenchRow{"rfence_self", "SBI remote sfence.vma to self", 80},
    BenchRow{"uart_read", "UART line status read", 160},
    BenchRow{"plic_read", "PLIC register read", 150},
    BenchRow{"aplic_read", "APLIC register read", std::nullopt},
    BenchRow{"uart_read_fetched", "UART line status, where the instruction is read from the guest (hlvx)",
             std::nullopt},
    BenchRow{"guest_fetch", "of it, two bytes read as the guest would (hlvx), guarded", std::nullopt, false,
             false},
    BenchRow{"guest_load", "two bytes of a virtqueue in guest memory, checked and guarded", std::nullopt,
             false, false},
    BenchRow{"fp_first", "floating point off, then on, and a register of it changed", std::nullopt},
    BenchRow{"v_first", "the same of vectors", std::nullopt},
    BenchRow{"sta_set", "SBI STA: where stolen time is to be told", std::nullopt},
    BenchRow{"first_touch_eager", "first touch of a 4 KiB page", 8},
    BenchRow{"demand_2m", "first touch of 2 MiB on demand", 40'000},
    BenchRow{"demand_2m_rest", "the same, without the loop that zeroes", 900},
    BenchRow{"balloon_page", "page into the balloon, of 128 in a list that lie apart", std::nullopt},
    BenchRow{"balloon_back", "page out of the balloon, and touched", std::nullopt},
    BenchRow{"split_2m", "page of 2 MiB split for one of its pages", 2'500},
    BenchRow{"stimecmp_wfi", "stimecmp in one tick, then wfi", 110},
    BenchRow{"stimecmp_irq", "stimecmp now, interrupt taken", std::nullopt},
    BenchRow{"wake_1ms", "lateness of a wake-up after 1 ms", 300},
    BenchRow{"wake_1ms_max", "the same, at worst", std::nullopt},
    BenchRow{"hart_start", "hart_start until its first IPI", 9'000},
    BenchRow{"ipi_pingpong", "IPI and back, both harts in wfi", 9'000},
    BenchRow{"wake_beside", "IPI to a vCPU that waits on the same hart, until it runs", 500},
    BenchRow{"hart_start_msi", "hart_start where harts have IMSICs", 2'000},
    BenchRow{"hart_start_aia", "the same, both with interrupt files", 2'000},
    BenchRow{"ipi_pingpong_msi", "IPI and back where harts have IMSICs", std::nullopt},
    BenchRow{"ipi_aia", "message of a guest to its other hart and back, both in wfi", 1'000},
    BenchRow{"ipi_soft_aia", "the same with interrupt files in software", std::nullopt},
    BenchRow{"msi_self_aia", "message of a guest to itself, and claimed", std::nullopt},
    BenchRow{"msi_self_soft_aia", "the same with an interrupt file in software", std::nullopt},
    BenchRow{"inject", "interrupt of an emulated device, on the hart of a vCPU that runs elsewhere", 400},
    BenchRow{"inject_soft_aia", "the same by a message to a file in software", 400},
    BenchRow{"inject_aia", "the same where the file is the hart's: no exit", 0},
    BenchRow{"world_switch", "from one VM's wfi into another VM", 350},
    BenchRow{"world_switch_fp", "the same, both with floating point", 600},
    BenchRow{"world_switch_v", "the same, both with vectors", std::nullopt, false, false},
    BenchRow{"world_switch_sta", "the same, both told of stolen time", std::nullopt, false, false},
    BenchRow{"world_switch_aia", "the same, both with interrupt files", 445},
    BenchRow{"world_switch_seen", "the same as two guests see it", 400},
    BenchRow{"world_switch_seen_fp", "the same, both with floating point", 600},
    BenchRow{"linux_boot", "Debian's kernel until /init", std::nullopt},
    BenchRow{"linux_exits", "exits of that boot", 220},
    BenchRow{"linux_exits_virtio", "the same with a virtio console", 220},
    BenchRow{"linux_exits_virtio_pci", "the same behind a PCI host bridge", std::nullopt, false, false},
    BenchRow{"start", "first instruction until the guest's", 5'000'000},
    BenchRow{"start_zeroed", "the same, with 512 MiB zeroed first", std::nullopt},
    BenchRow{"zero_64", "zeroing 64 bytes for a guest", 1.2},
    BenchRow{"net_64", "packet of 64 bytes between VMs", 700},
    BenchRow{"net_1500", "packet of 1,500 bytes between VMs", 1'600},
    BenchRow{"net_exits", "exits of both for 1,000 packets", 125},
    BenchRow{"block_4k", "read of 4 KiB, eight under way", 900},
    BenchRow{"block_4k_write", "write of 4 KiB, eight under way", 900},
    BenchRow{"interrupts_off", "longest stretch without interrupts", 10'000},
    BenchRow{"list_latency", "`antler list` while all VMs are busy, ms of wall clock", 500, true},
};

std::optional<double> relative_goal(BenchRow const& row, std::optional<double> base) {
    if (row.name != "linux_boot" || !base) return std::nullopt;
    return *base * linux_boot_goal;
}

std::string goal_of(BenchRow const& row, Figures const& figures) {
    if (row.goal) return shown(*row.goal);
    auto const goal = relative_goal(row, find(figures, row.name, native));
    return goal ? shown(*goal) : std::string{};
}

nlohmann::json figures_json(Figures const& figures) {
    auto list = nlohmann::json::array();
    for (auto const& figure : figures) {
        // Whole numbers stay whole.
        nlohmann::json number = figure.instructions;
        if (figure.instructions == std::floor(figure.instructions))
            number = std::llround(figure.instructions);
        auto const* const key = figure.spread ? "median" : "instructions";
        nlohmann::json entry{{"row", figure.row}, {"system", figure.system}, {key, number}};
        if (figure.spread) {
            entry["least"] = figure.spread->least;
            entry["most"] = figure.spread->most;
        }
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace

std::string shown(double value) {
    if (value < 100 && value != std::floor(value)) return fmt::format("{:.{}f}", value, value < 10 ? 2 : 1);
    auto digits = fmt::format("{:.0f}", value);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

std::span<BenchRow const> bench_rows() {
    return rows;
}

bool is_wall_clock(std::string_view row) {
    auto const found = std::ranges::find(rows, row, &BenchRow::name);
    return found != rows.end() && found->wall_clock;
}

std::vector<std::string> checked_rows() {
    std::vector<std::string> names;
    for (auto const& row : rows)
        if (row.checked) names.emplace_back(row.name);
    return names;
}

bool is_wanted(std::span<std::string const> names, std::string_view name) {
    return names.empty() || std::ranges::find(names, name) != names.end();
}

std::optional<double> find(Figures const& figures, std::string_view row, std::string_view system) {
    auto const found = std::ranges::find_if(
        figures, [&](Figure const& figure) { return figure.row == row && figure.system == system; });
    if (found == figures.end()) return std::nullopt;
    return found->instructions;
}

Record parse_record(std::string_view json, Path const& name) {
    try {
        auto const document = nlohmann::json::parse(json);
        Record record;
        for (auto const& [key, value] : document.at("circumstances").items())
            record.circumstances[key] = value.get<std::string>();
        for (auto const& entry : document.at("figures")) {
            auto const timed = entry.contains("median");
            record.figures.push_back({entry.at("row"), entry.at("system"),
                                      entry.at(timed ? "median" : "instructions").get<double>()});
            if (timed)
                record.figures.back().spread = {entry.at("least").get<double>(),
                                                entry.at("most").get<double>()};
        }
        return record;
    } catch (nlohmann::json::exception const& wrong) {
        throw Failure{ExitCode::bad_input,
                      name.string() + " is not a file of figures: " + wrong.what() + "."};
    }
}

Record read_record(Path const& file) {
    std::ifstream stream{file};
    if (!stream) throw Failure{ExitCode::bad_input, "Cannot open " + file.string() + "."};
    return parse_record(std::string{std::istreambuf_iterator<char>{stream}, {}}, file);
}

std::string to_json(Record const& record) {
    nlohmann::ordered_json document;
    document["circumstances"] = record.circumstances;
    document["figures"] = figures_json(record.figures);
    return document.dump(2) + "\n";
}

std::string to_json(Figures const& figures) {
    return figures_json(figures).dump(2) + "\n";
}

std::string to_csv(Figures const& figures) {
    bool const timed =
        std::ranges::any_of(figures, [](auto const& figure) { return figure.spread.has_value(); });
    std::string text = timed ? "row,system,instructions,median,least,most\n" : "row,system,instructions\n";
    for (auto const& figure : figures) {
        text += fmt::format("{},{},", figure.row, figure.system);
        if (figure.spread)
            text +=
                fmt::format(",{},{},{}\n", figure.instructions, figure.spread->least, figure.spread->most);
        else
            text += fmt::format("{}{}\n", figure.instructions, timed ? ",,," : "");
    }
    return text;
}

Figures parse_guest_output(std::string_view console, std::string_view system) {
    Figures figures;
    while (!console.empty()) {
        auto const end = console.find_first_of("\r\n");
        auto line = console.substr(0, end);
        console = end == std::string_view::npos ? std::string_view{} : console.substr(end + 1);
        constexpr std::string_view mark = "bench ";
        if (!line.starts_with(mark)) continue;
        line.remove_prefix(mark.size());
        auto const space = line.find(' ');
        if (space == std::string_view::npos || space == 0) continue;
        auto const number = line.substr(space + 1);
        double value = 0;
        auto const parsed = std::from_chars(number.data(), number.data() + number.size(), value);
        if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size()) continue;
        figures.push_back({std::string{line.substr(0, space)}, std::string{system}, value});
    }
    return figures;
}

std::vector<std::string> regressions(Figures const& before, Figures const& now) {
    std::vector<std::string> sentences;
    for (auto const& figure : now) {
        if (figure.system != ours || is_wall_clock(figure.row)) continue;
        auto const old = find(before, figure.row, ours);
        // One instruction more is not a regression of a row that has eight.
        auto const allowed = figure.row == "linux_boot" ? boot_tolerance : tolerance;
        if (!old || figure.instructions <= *old * (1 + allowed) || figure.instructions <= *old + 1) continue;
        sentences.push_back(fmt::format("{} takes {} instructions, {:+.1f} % against the {} on record.",
                                        figure.row, shown(figure.instructions),
                                        (figure.instructions / *old - 1) * 100, shown(*old)));
    }
    return sentences;
}

std::vector<std::string> missed_goals(Figures const& now) {
    std::vector<std::string> sentences;
    for (auto const& row : rows) {
        auto const figure = find(now, row.name, ours);
        auto const base = find(now, row.name, native);
        auto const goal = row.goal ? row.goal : relative_goal(row, base);
        if (!figure || !goal || *figure <= *goal) continue;
        sentences.push_back(fmt::format("{} takes {} {}; the goal is {}.", row.name, shown(*figure),
                                        row.wall_clock                ? "ms"
                                        : row.name.ends_with("exits") ? "exits"
                                                                      : "instructions",
                                        shown(*goal)));
    }
    return sentences;
}

std::vector<std::string> systems_of(Figures const& figures) {
    std::vector<std::string> systems;
    for (auto const& figure : figures)
        if (std::ranges::find(systems, figure.system) == systems.end()) systems.push_back(figure.system);
    return systems;
}

namespace {

// Cells of a table, the first row its head.
std::vector<std::vector<std::string>> cells(Figures const& figures, std::vector<std::string> const& systems) {
    std::vector<std::vector<std::string>> table;
    table.push_back({"row", "what", "goal"});
    table.front().insert(table.front().end(), systems.begin(), systems.end());
    for (auto const& row : rows) {
        std::vector<std::string> line{std::string{row.name}, std::string{row.what}, goal_of(row, figures)};
        bool any = false;
        for (auto const& system : systems) {
            auto const figure = find(figures, row.name, system);
            any = any || figure;
            line.push_back(figure ? shown(*figure) : std::string{});
        }
        if (any) table.push_back(std::move(line));
    }
    return table;
}

constexpr std::size_t words = 2;  // columns before the numbers

std::vector<std::size_t> widths(std::vector<std::vector<std::string>> const& table) {
    std::vector<std::size_t> width(table.front().size());
    for (auto const& line : table)
        for (std::size_t i = 0; i < line.size(); ++i) width[i] = std::max(width[i], line[i].size());
    return width;
}

}  // namespace

std::string text_table(Figures const& figures, std::vector<std::string> const& systems) {
    auto const table = cells(figures, systems);
    auto const width = widths(table);
    std::string text;
    for (auto const& line : table) {
        for (std::size_t i = 0; i < line.size(); ++i)
            text += i < words ? fmt::format("{:<{}}  ", line[i], width[i])
                              : fmt::format("{:>{}}  ", line[i], width[i]);
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
}

std::string markdown_table(Figures const& figures, std::vector<std::string> const& systems) {
    auto const table = cells(figures, systems);
    std::string text;
    for (std::size_t row = 0; row < table.size(); ++row) {
        text += '|';
        for (std::size_t i = 0; i < table[row].size(); ++i)
            text += i == 0 && row > 0 ? fmt::format(" `{}` |", table[row][i])
                                      : fmt::format(" {} |", table[row][i]);
        text += '\n';
        if (row > 0) continue;
        text += '|';
        for (std::size_t i = 0; i < table[row].size(); ++i) text += i < words ? "---|" : "---:|";
        text += '\n';
    }
    return text;
}

}  // namespace antler::cli
