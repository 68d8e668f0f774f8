// Names for the addresses in a report of the hypervisor's own fault.
#pragma once

#include <cstddef>
#include <istream>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// Reports say `image+0x1234`: where the image was loaded does not matter.
struct ImageOffset {
    std::size_t begin;  // of the words in the line
    std::size_t end;
    u64 offset;
    bool returns_here;  // a caller's frame: the call is the instruction before
};
[[nodiscard]] std::vector<ImageOffset> find_offsets(std::string_view line);

struct Symbol {
    u64 at;
    u64 size;
    std::string name;
};

// The functions of a 64-bit little-endian ELF file, by address.
class SymbolTable {
public:
    // Throws Failure when the file is not such an ELF.
    [[nodiscard]] static SymbolTable read(Path const& elf);
    [[nodiscard]] static std::optional<SymbolTable> parse(std::string_view bytes);

    // "function+0x12", or nothing.
    [[nodiscard]] std::optional<std::string> describe(u64 offset) const;
    // Where a symbol lies in the image.
    [[nodiscard]] std::optional<u64> find(std::string_view name) const;
    [[nodiscard]] bool empty() const { return symbols_.empty(); }

private:
    std::vector<Symbol> symbols_;
    u64 base_ = 0;  // where the image starts in the file's own addresses
};

// What llvm-symbolizer prints for addresses, in its JSON form: "function at file:line" by address.
[[nodiscard]] std::map<u64, std::string> parse_symbolizer(std::string_view json, std::string const& root);

// What is known of places in the image, "function at file:line" and what that is inlined in; empty without
// llvm-symbolizer.
[[nodiscard]] std::map<u64, std::string> name_offsets(std::vector<u64> const& offsets, Path const& elf);

// Copies `in` to `out`; lines with addresses get names.
void symbolize(std::istream& in, std::ostream& out, Path const& elf);

}  // namespace antler::cli
