// One property of a device tree node, and the ways its bytes are read: cells, strings, flags.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "abi/fdt_format.hpp"
#include "base/types.hpp"

namespace antler::abi {

// An address and a size as `reg`, `ranges` and the reservation block hold them.
struct FdtRegion {
    u64 address{};
    u64 size{};
    friend constexpr bool operator==(FdtRegion const&, FdtRegion const&) = default;
};

// The NUL-terminated strings in a property's bytes; a tail without its NUL is not a string.
class FdtStrings {
public:
    class Iterator {
    public:
        constexpr Iterator() = default;
        constexpr explicit Iterator(std::span<u8 const> rest) : rest_{rest} { find(); }
        [[nodiscard]] constexpr std::string_view operator*() const { return current_; }
        constexpr Iterator& operator++() {
            rest_ = rest_.subspan(current_.size() + 1);
            find();
            return *this;
        }
        friend constexpr bool operator==(Iterator const& a, Iterator const& b) {
            return a.rest_.size() == b.rest_.size();
        }

    private:
        constexpr void find() {
            for (usize i = 0; i < rest_.size(); ++i)
                if (rest_[i] == 0) {
                    current_ = {reinterpret_cast<char const*>(rest_.data()), i};
                    return;
                }
            rest_ = {};
            current_ = {};
        }
        std::span<u8 const> rest_{};
        std::string_view current_{};
    };

    constexpr explicit FdtStrings(std::span<u8 const> bytes) : bytes_{bytes} {}
    [[nodiscard]] constexpr Iterator begin() const { return Iterator{bytes_}; }
    [[nodiscard]] constexpr Iterator end() const { return Iterator{}; }

private:
    std::span<u8 const> bytes_;
};

struct FdtProperty {
    std::string_view name{};
    std::span<u8 const> bytes{};

    [[nodiscard]] constexpr usize cells() const { return bytes.size() / 4; }

    [[nodiscard]] constexpr std::optional<u32> cell(usize index) const {
        if (index >= cells()) return std::nullopt;
        return load_be32(bytes.data() + index * 4);
    }

    // A number of `count` cells that starts at cell `first`.  No cells are zero; more than two do not fit.
    [[nodiscard]] constexpr std::optional<u64> number_at(usize first, unsigned count) const {
        if (count > 2 || first > cells() || count > cells() - first) return std::nullopt;
        u64 value = 0;
        for (unsigned i = 0; i < count; ++i) value = value << 32 | load_be32(bytes.data() + (first + i) * 4);
        return value;
    }

    // The whole property as one number of one or two cells.
    [[nodiscard]] constexpr std::optional<u64> number() const {
        if (bytes.size() != 4 && bytes.size() != 8) return std::nullopt;
        return number_at(0, static_cast<unsigned>(bytes.size() / 4));
    }

    [[nodiscard]] constexpr FdtStrings strings() const { return FdtStrings{bytes}; }

    // The first string, if the bytes hold one.
    [[nodiscard]] constexpr std::optional<std::string_view> text() const {
        for (auto const string : strings()) return string;
        return std::nullopt;
    }

    [[nodiscard]] constexpr bool lists(std::string_view wanted) const {
        for (auto const string : strings())
            if (string == wanted) return true;
        return false;
    }
};

}  // namespace antler::abi
