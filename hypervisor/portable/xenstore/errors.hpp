// SPDX-License-Identifier: MIT
// Errors as the xenstore protocol knows them: the *name* of an errno on the wire, never a number (xs_wire.h).
#pragma once
#include <array>
#include <optional>
#include <string_view>
#include "public/types.hpp"

namespace hv::xenstore {
struct ErrorName {
    abi::Errno error;
    std::string_view name;
};

inline constexpr std::array error_names{
    ErrorName{abi::Errno::inval, "EINVAL"},       ErrorName{abi::Errno::acces, "EACCES"},
    ErrorName{abi::Errno::exist, "EEXIST"},       ErrorName{abi::Errno::isdir, "EISDIR"},
    ErrorName{abi::Errno::noent, "ENOENT"},       ErrorName{abi::Errno::nomem, "ENOMEM"},
    ErrorName{abi::Errno::nospc, "ENOSPC"},       ErrorName{abi::Errno::io, "EIO"},
    ErrorName{abi::Errno::notempty, "ENOTEMPTY"}, ErrorName{abi::Errno::nosys, "ENOSYS"},
    ErrorName{abi::Errno::rofs, "EROFS"},         ErrorName{abi::Errno::busy, "EBUSY"},
    ErrorName{abi::Errno::again, "EAGAIN"},       ErrorName{abi::Errno::isconn, "EISCONN"},
    ErrorName{abi::Errno::toobig, "E2BIG"},       ErrorName{abi::Errno::perm, "EPERM"},
};

// The protocol has no words for other errors: they are EINVAL there.
constexpr ErrorName as_protocol_error(abi::Errno error) {
    for (ErrorName const& known : error_names) {
        if (known.error == error) return known;
    }
    return error_names.front();
}

constexpr std::optional<abi::Errno> error_named(std::string_view name) {
    for (ErrorName const& known : error_names) {
        if (known.name == name) return known.error;
    }
    return std::nullopt;
}
}  // namespace hv::xenstore
