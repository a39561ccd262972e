// SPDX-License-Identifier: MIT
// Result<T>: a value or an Errno, in two registers for small T, with move-only values allowed.
// Written for g++ 12 and clang 14 alike: no constrained destructors, hence the specialised state.
#pragma once
#include <memory>
#include <type_traits>
#include <utility>
#include "portable/base/types.hpp"

namespace hv {
struct Unit {};

template <class T, bool Trivial = std::is_trivially_copyable_v<T>>
struct ResultState {
    union {
        T value;
    };
    Errno error{};
    constexpr ResultState(Errno e) : error{e} {}
    constexpr ResultState(T v) : value(v) {}
};

template <class T>
struct ResultState<T, false> {  // T owns something
    union {
        T value;
    };
    Errno error{};
    constexpr ResultState(Errno e) : error{e} {}
    constexpr ResultState(T v) : value(std::move(v)) {}
    ResultState(ResultState&& other) noexcept : error{other.error} {
        if (error == Errno::ok) std::construct_at(&value, std::move(other.value));
    }
    ~ResultState() {
        if (error == Errno::ok) std::destroy_at(&value);
    }
};

template <class T = Unit>
class [[nodiscard]] Result {
public:
    constexpr Result(Errno e) : state_{e} {}
    constexpr Result(T v) : state_{std::move(v)} {}
    constexpr Result() requires std::is_same_v<T, Unit> : state_{Unit{}} {}

    constexpr explicit operator bool() const { return state_.error == Errno::ok; }
    constexpr Errno error() const { return state_.error; }
    constexpr T& operator*() & { return state_.value; }
    constexpr T const& operator*() const& { return state_.value; }
    constexpr T&& operator*() && { return std::move(state_.value); }
    constexpr T* operator->() { return &state_.value; }

private:
    ResultState<T> state_;
};
}  // namespace hv

// Unwraps a Result or returns its error from the enclosing function. One TRY per statement.
#define TRY(expression)                  \
    ({                                   \
        auto try_result_ = (expression); \
        if (!try_result_) [[unlikely]]   \
            return try_result_.error();  \
        *std::move(try_result_);         \
    })
