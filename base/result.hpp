// A value or the reason there is none; TRY hands the reason to the caller.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/types.hpp"

namespace antler {

enum class Error : u8 {
    no_memory,       // a pool is empty
    out_of_range,    // an address, index or length outside what exists
    misaligned,      // an address or size that the format forbids
    already_exists,  // something is there
    not_found,       // nothing is there
    busy,            // try again later
    not_supported,   // neither this hart nor this build can
    denied,          // the caller may not
    bad_format,      // bytes that do not follow their format
    bad_state,       // not now: the object's life cycle forbids it
    full,            // a queue or table has no room
    io,              // the device below failed
    no_aia,          // these harts have no interrupt files
};

[[nodiscard]] constexpr char const* describe(Error e) {
    switch (e) {
        case Error::no_memory: return "no memory left";
        case Error::out_of_range: return "out of range";
        case Error::misaligned: return "misaligned";
        case Error::already_exists: return "already exists";
        case Error::not_found: return "not found";
        case Error::busy: return "busy";
        case Error::not_supported: return "not supported";
        case Error::denied: return "denied";
        case Error::bad_format: return "bad format";
        case Error::bad_state: return "wrong state";
        case Error::full: return "full";
        case Error::io: return "device error";
        case Error::no_aia: return "the harts have no AIA";
    }
    return "unknown error";
}

// `return Err{Error::busy};` converts to any Result.
struct Err {
    Error code;
};

template <class T>
class [[nodiscard]] Result {
public:
    template <class U = T>
        requires(std::constructible_from<T, U &&> && !std::same_as<std::remove_cvref_t<U>, Result> &&
                 !std::same_as<std::remove_cvref_t<U>, Err>)
    constexpr Result(U&& value) : state_{std::in_place_index<0>, std::forward<U>(value)} {}
    constexpr Result(Err e) : state_{std::in_place_index<1>, e.code} {}

    [[nodiscard]] constexpr bool ok() const { return state_.index() == 0; }
    constexpr explicit operator bool() const { return ok(); }

    // Asking for the half that is not there is our bug, so it traps.
    [[nodiscard]] constexpr T& value() & { return *checked(std::get_if<0>(&state_)); }
    [[nodiscard]] constexpr T const& value() const& { return *checked(std::get_if<0>(&state_)); }
    [[nodiscard]] constexpr T&& value() && { return std::move(*checked(std::get_if<0>(&state_))); }
    [[nodiscard]] constexpr Error error() const { return *checked(std::get_if<1>(&state_)); }

    [[nodiscard]] constexpr T value_or(T other) && {
        return ok() ? std::move(*std::get_if<0>(&state_)) : std::move(other);
    }

private:
    template <class P>
    static constexpr P* checked(P* half) {
        if (half == nullptr) __builtin_trap();
        return half;
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    constexpr Result() = default;
    constexpr Result(Err e) : failed_{true}, code_{e.code} {}

    [[nodiscard]] constexpr bool ok() const { return !failed_; }
    constexpr explicit operator bool() const { return ok(); }
    constexpr void value() const {
        if (failed_) __builtin_trap();
    }
    [[nodiscard]] constexpr Error error() const {
        if (!failed_) __builtin_trap();
        return code_;
    }

private:
    bool failed_ = false;
    Error code_{};
};

}  // namespace antler

// The one macro: the value, or return the error to our caller.
#define TRY(expression)                                          \
    ({                                                           \
        auto&& try_result = (expression);                        \
        if (!try_result) [[unlikely]]                            \
            return ::antler::Err{try_result.error()};            \
        static_cast<decltype(try_result)&&>(try_result).value(); \
    })
