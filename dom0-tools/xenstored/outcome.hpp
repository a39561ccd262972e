// SPDX-License-Identifier: MIT
// What a request comes to. Errors are those that the protocol has a name for (portable/xenstore/errors.hpp).
#pragma once
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "os/error.hpp"  // TRY, Unit
#include "portable/xenstore/errors.hpp"

namespace paravane::xenstored {
using abi::Errno;

inline std::string_view name_of(Errno error) { return hv::xenstore::as_protocol_error(error).name; }

// A value, or the error its client is told.
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
