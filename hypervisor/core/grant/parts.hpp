// SPDX-License-Identifier: MIT
// What a domain is to granting.
#pragma once

namespace hv {
class GrantTable;
}  // namespace hv

namespace hv::grant {
struct DomainPart {
    GrantTable* grants = nullptr;
};
}  // namespace hv::grant
