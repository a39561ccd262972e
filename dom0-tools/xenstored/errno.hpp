// SPDX-License-Identifier: MIT
// Errors as the xenstore protocol knows them: an errno *name* on the wire, never a number (xs_wire.h).
#pragma once
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "os/error.hpp"  // TRY

namespace paravane::xenstored {
enum class Errno : std::uint8_t {
    einval,
    eacces,
    eexist,
    eisdir,
    enoent,
    enomem,
    enospc,
    eio,
    enotempty,
    enosys,
    erofs,
    ebusy,
    eagain,
    eisconn,
    e2big,
    eperm,
};

constexpr std::string_view name_of(Errno error) {
    constexpr std::string_view names[] = {"EINVAL", "EACCES",  "EEXIST",    "EISDIR", "ENOENT", "ENOMEM",
                                          "ENOSPC", "EIO",     "ENOTEMPTY", "ENOSYS", "EROFS",  "EBUSY",
                                          "EAGAIN", "EISCONN", "E2BIG",     "EPERM"};
    return names[static_cast<std::size_t>(error)];
}

// What a request comes to: a value, or the error its client is told.
template <class T = Unit>
class [[nodiscard]] Outcome {
public:
    Outcome(T value) : state_{std::in_place_index<0>, std::move(value)} {}
    Outcome(Errno error) : state_{std::in_place_index<1>, error} {}
    Outcome() requires std::is_same_v<T, Unit> : state_{std::in_place_index<0>} {}

    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() & { return *std::get_if<0>(&state_); }
    T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return std::get_if<0>(&state_); }
    Errno error() const { return *std::get_if<1>(&state_); }

private:
    std::variant<T, Errno> state_;
};
}  // namespace paravane::xenstored
