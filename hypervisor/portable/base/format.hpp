// SPDX-License-Identifier: MIT
// Type-safe text formatting into a bounded buffer: `{}` decimal or text, `{:x}` hexadecimal. Never allocates,
// never overruns: what does not fit is cut off.
#pragma once
#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>
#include "portable/base/types.hpp"

namespace hv {
struct FormatArg {
    enum class Kind : u8 { number, negative, text };
    Kind kind;
    u64 number = 0;
    std::string_view text{};

    constexpr FormatArg(std::string_view t) : kind{Kind::text}, text{t} {}
    constexpr FormatArg(bool b)
        : kind{Kind::text}, text{b ? std::string_view{"true", 4} : std::string_view{"false", 5}} {}
    constexpr FormatArg(char const* t) : kind{Kind::text}, text{t, __builtin_strlen(t)} {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) constexpr FormatArg(T n)
        : kind{n < T{} ? Kind::negative : Kind::number},
          number{n < T{} ? u64{0} - static_cast<u64>(n) : static_cast<u64>(n)} {}
    template <class Tag, class T>
    constexpr FormatArg(abi::Number<Tag, T> n) : kind{Kind::number}, number{n.value} {}
    template <class T>
    requires std::is_enum_v<T>
    constexpr FormatArg(T e) : FormatArg{static_cast<std::underlying_type_t<T>>(e)} {}
    FormatArg(void const* p) : kind{Kind::number}, number{reinterpret_cast<u64>(p)} {}
};

// Returns the part of `out` that was written. Not NUL-terminated.
std::string_view format_to(std::span<char> out, std::string_view pattern, std::span<FormatArg const> args);
}  // namespace hv
