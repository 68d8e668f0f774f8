// Text for people, without a heap: print(sink, "frame {} at {:x}", n, address).
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler {

// Anything that takes characters: the console, a buffer, a test's string.
template <class S>
concept TextSink = requires(S& sink, std::string_view text) { sink.write(text); };

// One value to print.  Type-erased so that the formatter is compiled once for each sink.
struct Printable {
    enum class Kind : u8 { text, number, negative, truth };
    Kind kind{};
    std::string_view text{};
    u64 number{};

    constexpr Printable(std::string_view t) : kind{Kind::text}, text{t} {}
    constexpr Printable(char const* t) : kind{Kind::text}, text{t} {}
    constexpr Printable(bool b) : kind{Kind::truth}, number{b} {}
    template <std::unsigned_integral I>
        requires(!std::same_as<I, bool>)
    constexpr Printable(I n) : kind{Kind::number}, number{n} {}
    template <std::signed_integral I>
    constexpr Printable(I n)
        : kind{n < 0 ? Kind::negative : Kind::number},
          number{n < 0 ? u64{0} - static_cast<u64>(n) : static_cast<u64>(n)} {}
    template <class Space>
    constexpr Printable(Address<Space> at) : kind{Kind::number}, number{at.raw()} {}
};

namespace detail {

// Digits of `value`, written backwards into `buffer`; returns the used tail.
constexpr std::string_view digits(std::array<char, 24>& buffer, u64 value, unsigned radix) {
    auto at = buffer.size();
    do {
        buffer[--at] = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value != 0);
    return {buffer.data() + at, buffer.size() - at};
}

template <TextSink S>
void print_one(S& sink, Printable const& value, std::string_view spec) {
    if (value.kind == Printable::Kind::text) return sink.write(value.text);
    if (value.kind == Printable::Kind::truth) return sink.write(value.number != 0 ? "yes" : "no");
    std::array<char, 24> buffer{};
    if (spec == "x") {
        sink.write("0x");
        return sink.write(digits(buffer, value.number, 16));
    }
    if (spec == "016x") {  // registers in columns
        auto const text = digits(buffer, value.number, 16);
        sink.write(std::string_view{"0000000000000000"}.substr(text.size()));
        return sink.write(text);
    }
    if (value.kind == Printable::Kind::negative) sink.write("-");
    sink.write(digits(buffer, value.number, 10));
}

template <TextSink S>
void print_all(S& sink, std::string_view format, Printable const* values, usize count) {
    usize next = 0;
    while (!format.empty()) {
        auto const open = format.find('{');
        sink.write(format.substr(0, open));
        if (open == std::string_view::npos) return;
        auto const close = format.find('}', open);
        if (close == std::string_view::npos || next == count) return sink.write(format.substr(open));
        auto const inside = format.substr(open + 1, close - open - 1);
        print_one(sink, values[next++], inside.starts_with(':') ? inside.substr(1) : inside);
        format = format.substr(close + 1);
    }
}

}  // namespace detail

// {} in decimal or as text, {:x} in hexadecimal, {:016x} padded.  More braces than values print themselves.
template <TextSink S, class... Values>
void print(S& sink, std::string_view format, Values const&... values) {
    if constexpr (sizeof...(Values) == 0) {
        detail::print_all(sink, format, nullptr, 0);
    } else {
        std::array<Printable, sizeof...(Values)> const list{Printable{values}...};
        detail::print_all(sink, format, list.data(), list.size());
    }
}

// A sink that keeps the first `Size` characters.
template <usize Size>
class TextBuffer {
public:
    void write(std::string_view text) {
        for (char const c : text)
            if (used_ < Size) text_[used_++] = c;
    }
    [[nodiscard]] std::string_view view() const { return {text_.data(), used_}; }
    void clear() { used_ = 0; }

private:
    std::array<char, Size> text_{};
    usize used_ = 0;
};

}  // namespace antler
