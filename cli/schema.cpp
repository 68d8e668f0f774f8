// Every key of a description in one table, which is put together here.
#include "cli/schema.hpp"

#include "cli/schema_rows.hpp"

namespace antler::cli {

std::span<Row const> schema() {
    static auto const rows = [] {
        std::vector<Row> all;
        for (auto const part : {machine_rows(), vm_rows(), device_rows()})
            all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    return rows;
}

Row const* find_row(Section section, std::string_view key) {
    for (auto const& row : schema())
        if (row.section == section && row.key == key) return &row;
    return nullptr;
}

}  // namespace antler::cli
