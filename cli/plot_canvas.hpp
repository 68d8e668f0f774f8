// What pictures are drawn with: words, boxes and lines of an SVG, and numbers that have a place on an axis.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace antler::cli {

class Canvas {
public:
    Canvas(double width, double height, std::string_view title);

    struct Words {
        double x = 0, y = 0;
        int size = 12;
        std::string_view anchor = "start";
        bool bold = false;
        bool quiet = false;
    };
    void words(Words const& at, std::string_view text);
    void box(double x, double y, double width, double height, std::string_view colour);
    void line(double x1, double y1, double x2, double y2);  // of the grid
    void curve(std::vector<std::pair<double, double>> const& points, std::string_view colour);
    void legend(double y, std::vector<std::string> const& names);

    [[nodiscard]] static std::string_view colour(std::size_t series);
    [[nodiscard]] std::string finish() &&;

private:
    std::string text_;
};

struct Scale {
    double least = 0, most = 1;  // values
    double from = 0, to = 1;     // places
    bool logarithmic = false;
    [[nodiscard]] double at(double value) const;
};

}  // namespace antler::cli
