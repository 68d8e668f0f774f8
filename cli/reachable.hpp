// Which code of a program can run once one of its functions has been entered: calls, jumps and addresses,
// from the listing that llvm-objdump prints.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/places.hpp"

namespace antler::cli {

class CallGraph {
public:
    // What llvm-objdump -d, llvm-nm -S and llvm-readelf -r print.
    CallGraph(std::string_view listing, std::string_view symbols, std::string_view relocations);
    [[nodiscard]] static CallGraph read(Path const& elf);

    // Bytes of code that can be reached.  Calls through pointers go to whatever the program's tables name;
    // and code that only passes pointers on at its start is not asked what it passes.
    [[nodiscard]] u64 reachable_bytes(std::string_view function) const;
    [[nodiscard]] u64 code_bytes() const;

private:
    struct Piece {
        u64 size = 0;
        bool is_code = false;
        bool calls_pointers = false;
        std::vector<u64> mentions{};  // addresses
    };
    using Pieces = std::map<u64, Piece>;

    void add_symbols(std::string_view symbols);
    void add_relocations(std::string_view relocations);
    void add_listing(std::string_view listing);
    [[nodiscard]] Pieces::const_iterator piece_at(u64 address) const;

    Pieces pieces_;
    std::map<std::string, u64, std::less<>> names_;
    std::map<u64, u64> pointers_;  // where, and to what
};

}  // namespace antler::cli
