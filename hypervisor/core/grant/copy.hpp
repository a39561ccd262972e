// SPDX-License-Identifier: MIT
// GNTTABOP_copy: bytes between two frames, each granted or the caller's own.
#pragma once
#include "core/grant/table.hpp"

namespace hv {
GrantStatus copy_grant(Vcpu& vcpu, abi::GnttabCopy const& op);
}  // namespace hv
