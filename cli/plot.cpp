// What all pictures have: axes, colours, numbers.
#include "cli/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/plot_canvas.hpp"

namespace antler::cli {
namespace {

// Blue, orange, green, grey, purple, red, light blue: told apart by those who do not see all colours.
constexpr std::array<std::string_view, 7> colours{"#0072b2", "#e69f00", "#009e73", "#8c8c8c",
                                                  "#cc79a7", "#d55e00", "#56b4e9"};

}  // namespace

std::string escaped(std::string_view text) {
    std::string safe;
    for (char const c : text) switch (c) {
            case '&': safe += "&amp;"; break;
            case '<': safe += "&lt;"; break;
            case '>': safe += "&gt;"; break;
            case '"': safe += "&quot;"; break;
            default: safe += c;
        }
    return safe;
}

std::string short_number(double value) {
    auto const plain = [](double number, int digits) {
        auto text = fmt::format("{:.{}f}", number, digits);
        if (text.contains('.')) {
            text.erase(text.find_last_not_of('0') + 1);
            if (text.back() == '.') text.pop_back();
        }
        return text;
    };
    if (value >= 1e9) return plain(value / 1e9, 2) + " G";
    if (value >= 1e6) return plain(value / 1e6, 2) + " M";
    if (value >= 1e4) return plain(value / 1e3, 1) + " k";
    if (value >= 1e3) return plain(value, 0);
    return plain(value, value < 10 ? 2 : 1);
}

std::vector<double> axis_steps(double least, double most, bool logarithmic) {
    std::vector<double> steps;
    if (logarithmic) {
        auto step = std::pow(10, std::floor(std::log10(least)));
        for (; step < most; step *= 10) steps.push_back(step);
        steps.push_back(step);
        return steps;
    }
    constexpr double parts = 5;
    auto const rough = (most - least) / parts;
    auto const power = std::pow(10, std::floor(std::log10(rough > 0 ? rough : 1)));
    auto const unit = rough / power <= 1 ? 1 : rough / power <= 2 ? 2 : rough / power <= 5 ? 5 : 10;
    auto const step = unit * power;
    auto const first = std::floor(least / step);
    for (auto at = first; at * step < most; ++at) steps.push_back(at * step);
    steps.push_back((steps.empty() ? first : steps.back() / step + 1) * step);
    return steps;
}

std::string_view Canvas::colour(std::size_t series) {
    return colours[series % colours.size()];
}

Canvas::Canvas(double width, double height, std::string_view title) {
    text_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n"
        "<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        width, height, escaped(title));
    words({.x = 16, .y = 24, .size = 15, .bold = true}, title);
}

void Canvas::words(Words const& at, std::string_view text) {
    text_ +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" text-anchor=\"{}\"{}{}>{}</text>\n",
                    at.x, at.y, at.size, at.anchor, at.bold ? " font-weight=\"600\"" : "",
                    at.quiet ? " fill=\"#666666\"" : "", escaped(text));
}

void Canvas::box(double x, double y, double width, double height, std::string_view colour) {
    text_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                         x, y, width, height, colour);
}

void Canvas::line(double x1, double y1, double x2, double y2) {
    text_ +=
        fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#dddddd\"/>\n",
                    x1, y1, x2, y2);
}

void Canvas::curve(std::vector<std::pair<double, double>> const& points, std::string_view colour) {
    std::string path;
    for (auto const& [x, y] : points) path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x, y);
    text_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", path,
                         colour);
    constexpr std::size_t few = 24;  // points that are shown one by one
    if (points.size() > few) return;
    for (auto const& [x, y] : points)
        text_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x, y, colour);
}

void Canvas::legend(double y, std::vector<std::string> const& names) {
    constexpr double letter = 7, gap = 34;
    double x = 16;
    for (std::size_t i = 0; i < names.size(); ++i) {
        box(x, y - 9, 10, 10, colour(i));
        words({.x = x + 15, .y = y}, names[i]);
        x += gap + letter * static_cast<double>(names[i].size());
    }
}

std::string Canvas::finish() && {
    return std::move(text_) + "</svg>\n";
}

double Scale::at(double value) const {
    auto const place = [&](double number) { return logarithmic ? std::log10(number) : number; };
    auto const kept = std::clamp(value, least, most);
    if (most <= least) return from;
    return from + (to - from) * (place(kept) - place(least)) / (place(most) - place(least));
}

}  // namespace antler::cli
