// How fields of a control message become bytes: little endian, in order, texts and bytes behind their length.
#pragma once

#include <array>
#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/types.hpp"

namespace antler::abi::control {

using Bytes = std::span<u8 const>;

// Writes fields into a buffer; what does not fit makes it not ok, and nothing more is written.
class Writer {
public:
    constexpr explicit Writer(std::span<u8> into) : into_{into} {}

    [[nodiscard]] constexpr bool ok() const { return ok_; }
    [[nodiscard]] constexpr usize size() const { return used_; }

    template <class... Fields>
        requires(sizeof...(Fields) > 1)
    constexpr void operator()(Fields const&... fields) {
        ((*this)(fields), ...);
    }

    template <class T>
        requires(std::integral<T> || std::is_enum_v<T>)
    constexpr void operator()(T value) {
        if (!take(sizeof(T))) return;
        auto raw = static_cast<u64>(value);
        for (usize i = 0; i < sizeof(T); ++i, raw >>= 8) into_[used_ - sizeof(T) + i] = static_cast<u8>(raw);
    }
    constexpr void operator()(std::string_view text) {
        begin_run(text.size());
        if (!take(text.size())) return;
        for (usize i = 0; i < text.size(); ++i) into_[used_ - text.size() + i] = static_cast<u8>(text[i]);
    }
    constexpr void operator()(Bytes bytes) {
        begin_run(bytes.size());
        if (!take(bytes.size())) return;
        for (usize i = 0; i < bytes.size(); ++i) into_[used_ - bytes.size() + i] = bytes[i];
    }
    template <class T, usize N>
    constexpr void operator()(std::array<T, N> const& values) {
        for (auto const& value : values) (*this)(value);
    }

private:
    constexpr void begin_run(usize bytes) {
        if (bytes > 0xffff) ok_ = false;
        (*this)(static_cast<u16>(bytes));
    }
    constexpr bool take(usize bytes) {
        if (!ok_ || into_.size() - used_ < bytes) return ok_ = false;
        used_ += bytes;
        return true;
    }

    std::span<u8> into_;
    usize used_ = 0;
    bool ok_ = true;
};

// Reads fields from a payload.  Texts and bytes are views into it.  A truth other than 0 or 1 is not ok.
class Reader {
public:
    constexpr explicit Reader(Bytes from) : from_{from} {}

    [[nodiscard]] constexpr bool ok() const { return ok_; }
    [[nodiscard]] constexpr usize left() const { return from_.size(); }
    [[nodiscard]] constexpr Bytes rest() const { return from_; }

    template <class... Fields>
        requires(sizeof...(Fields) > 1)
    constexpr void operator()(Fields&... fields) {
        ((*this)(fields), ...);
    }

    template <class T>
        requires(std::integral<T> || std::is_enum_v<T>)
    constexpr void operator()(T& value) {
        auto const raw = take(sizeof(T));
        u64 number = 0;
        for (usize i = raw.size(); i > 0; --i) number = number << 8 | raw[i - 1];
        if (std::same_as<T, bool> && number > 1) ok_ = false;
        value = static_cast<T>(number);
    }
    void operator()(std::string_view& text) {
        auto const run = take_run();
        text = {reinterpret_cast<char const*>(run.data()), run.size()};
    }
    constexpr void operator()(Bytes& bytes) { bytes = take_run(); }
    template <class T, usize N>
    constexpr void operator()(std::array<T, N>& values) {
        for (auto& value : values) (*this)(value);
    }

private:
    constexpr Bytes take_run() {
        u16 size = 0;
        (*this)(size);
        return take(size);
    }
    constexpr Bytes take(usize bytes) {
        if (!ok_ || from_.size() < bytes) {
            ok_ = false;
            from_ = {};
            return {};
        }
        auto const taken = from_.first(bytes);
        from_ = from_.subspan(bytes);
        return taken;
    }

    Bytes from_;
    bool ok_ = true;
};

// A message is a struct whose fields(visitor) names its fields in the order of the wire.
template <class M>
concept Message = requires(M const& message, Writer& writer) { message.fields(writer); };

// The bytes of a message at the start of `into`; empty where they do not fit (no message is that long).
template <Message M>
[[nodiscard]] constexpr std::span<u8> encode(M const& message, std::span<u8> into) {
    Writer writer{into};
    message.fields(writer);
    return writer.ok() ? into.first(writer.size()) : into.first(0);
}

// False where bytes are missing.  Bytes beyond are a later version's, and are left alone.
template <Message M>
[[nodiscard]] constexpr bool decode(M& message, Bytes payload) {
    Reader reader{payload};
    message.fields(reader);
    return reader.ok();
}

}  // namespace antler::abi::control
