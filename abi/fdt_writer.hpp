// Writes a flattened device tree into a caller's buffer, front to back; an overflow shows when it is
// finished.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "abi/fdt_format.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::abi {

// Calls follow the shape of the tree: reserve()…, begin_node(""), property…, begin_node("cpus"), …,
// end_node(), end_node(), finish().  The first thing that goes wrong is kept, later calls do nothing,
// finish() returns it.
class FdtWriter {
public:
    // The buffer may be as long as the tree at most; nothing else is allocated.
    explicit FdtWriter(std::span<u8> buffer);
    FdtWriter(FdtWriter const&) = delete;
    FdtWriter& operator=(FdtWriter const&) = delete;

    // An entry of the memory reservation block; all of them come before the root.
    void reserve(u64 address, u64 size);
    void boot_hart(u32 id) { boot_hart_ = id; }

    void begin_node(std::string_view name);            // the root's name is empty
    void begin_node(std::string_view name, u64 unit);  // "name@<unit in hexadecimal>"
    void end_node();

    void flag(std::string_view name);             // a property without a value
    void cell(std::string_view name, u32 value);  // <value>
    void wide(std::string_view name, u64 value);  // <high low>
    void cells(std::string_view name, std::initializer_list<u32> values);
    void wides(std::string_view name, std::initializer_list<u64> values);  // each as two cells
    void text(std::string_view name, std::string_view value);
    void texts(std::string_view name, std::initializer_list<std::string_view> values);
    void bytes(std::string_view name, std::span<u8 const> value);

    // A property of `size` bytes, zero for now, to be filled in by the caller.  Empty after an error.
    [[nodiscard]] std::span<u8> space(std::string_view name, usize size);

    // The tree, which starts where the buffer starts.
    [[nodiscard]] Result<std::span<u8>> finish();

    [[nodiscard]] bool ok() const { return !failed_; }

private:
    enum class Part : u8 { reservations, before_root, properties, children, after_root };

    void fail(Error why);
    void put(u32 value);
    void put_name(std::string_view name, std::optional<u64> unit);
    void begin(std::string_view name, std::optional<u64> unit);
    [[nodiscard]] std::span<u8> take(usize size);  // the next bytes of the structure, padded to four
    [[nodiscard]] u32 name_of(std::string_view name);
    [[nodiscard]] bool is_kept(std::string_view name, usize distance) const;
    void end_reservations();

    std::span<u8> buffer_;
    usize used_;           // from the front: header, reservations, structure
    usize names_ = 0;      // from the back: property names, until finish() moves them behind the structure
    usize structure_ = 0;  // where it starts
    // Where a name like this was last time; what it says is compared before it is believed.
    std::array<u32, 32> recent_{};
    u32 depth_ = 0;
    u32 boot_hart_ = 0;
    Part part_ = Part::reservations;
    bool failed_ = false;
    Error why_{};
};

}  // namespace antler::abi
