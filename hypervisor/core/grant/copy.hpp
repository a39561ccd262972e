// SPDX-License-Identifier: MIT
// Copies between a domain's own frames and those that others have granted it.
#pragma once
#include "core/domain.hpp"
#include "core/grant/batch.hpp"

namespace hv {
Errno copy_grants(Vcpu& vcpu, GrantOps& ops);  // errors as for_each_op
}  // namespace hv
