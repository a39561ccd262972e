// SPDX-License-Identifier: MIT
// The writing side of the table of domains; the reading side is in domain.hpp.
#pragma once
#include "core/domain.hpp"

namespace hv {
Result<> enter_domain(Domain& domain);  // exist if the id is taken
void leave_domain(Domain& domain);
}  // namespace hv
