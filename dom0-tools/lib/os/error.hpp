// SPDX-License-Identifier: MIT
// Errors of the dom0 tools as values: which step failed, and why, in words a person can act on.
// Used by every tool in place of exceptions; libraries that throw are wrapped where they are called.
#pragma once
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace paravane {
// What a failure means to whoever asked; daemon/translate_error.cpp makes the API's statuses of it. Which errno a
// system call or hypercall gave is detail: the same number means different things at different steps, so who makes an
// error says its kind.
enum class ErrorKind : std::uint8_t {
    internal,  // a step failed that should have worked
    invalid,   // what was asked for is malformed or out of range
    not_found,
    exists,        // there is one of that name already
    precondition,  // the state something is in, or a file, does not allow it
    exhausted,     // memory, descriptors, or another limited resource
    timed_out,
    unavailable,  // whoever would have to answer is not there
    unsupported,  // this host does not have it
    aborted,      // another wish took its place, or came between
    cancelled,
    too_old,  // what was remembered of it is no longer kept
    denied,   // to this caller
};

struct Error {
    std::string step;    // what was being done: "map grant 1 of domain 7"
    std::string reason;  // why it failed: "No such device"
    ErrorKind kind = ErrorKind::internal;
    int code = 0;  // errno where there is one, else 0
    // For programs, in addition: "reason" in UPPER_SNAKE_CASE, "file", "hypercall", "field", "hint", "owner".
    std::map<std::string, std::string, std::less<>> facts = {};

    // Reads errno, so it must be made before anything else can change it. By itself errno tells one kind only.
    static Error from_errno(std::string step, int error_number = errno) {
        bool exhausted =
            error_number == ENOMEM || error_number == ENOSPC || error_number == EMFILE || error_number == ENFILE;
        return {std::move(step), std::strerror(error_number), exhausted ? ErrorKind::exhausted : ErrorKind::internal,
                error_number};
    }

    // One sentence where the reason tells of the step ("kernel" + "is missing"), else the step, then why.
    std::string message() const {
        if (step.empty()) return reason;
        for (std::string_view verb : {"is ", "are ", "has ", "have ", "does ", "must "})
            if (reason.starts_with(verb)) return step + ' ' + reason;
        return step + ": " + reason;
    }

    // The same failure seen from the caller: "create web" + "map grant 1" -> "create web: map grant 1".
    Error within(std::string_view outer) && {
        step = step.empty() ? std::string{outer} : std::string{outer} + ": " + step;
        return std::move(*this);
    }
    Error as(ErrorKind other) && {
        kind = other;
        return std::move(*this);
    }
    Error with(std::string key, std::string value) && {
        facts.insert_or_assign(std::move(key), std::move(value));
        return std::move(*this);
    }
};

struct Unit {};

// Either a value or an Error. TRY() hands the error to the caller; look with operator bool otherwise.
template <class T = Unit>
class [[nodiscard]] Result {
public:
    Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
    Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}
    Result() requires std::is_same_v<T, Unit> : state_{std::in_place_index<0>} {}

    explicit operator bool() const { return state_.index() == 0; }

    T& operator*() & { return *std::get_if<0>(&state_); }
    T const& operator*() const& { return *std::get_if<0>(&state_); }
    T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return std::get_if<0>(&state_); }
    T const* operator->() const { return std::get_if<0>(&state_); }

    Error& error() & { return *std::get_if<1>(&state_); }
    Error const& error() const& { return *std::get_if<1>(&state_); }
    Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

private:
    std::variant<T, Error> state_;
};
}  // namespace paravane

// The value of a Result, or an early return with its error. One TRY a statement: nesting shadows.
#define TRY(expression)                     \
    ({                                      \
        auto try_ = (expression);           \
        if (!try_) [[unlikely]]             \
            return std::move(try_).error(); \
        *std::move(try_);                   \
    })
