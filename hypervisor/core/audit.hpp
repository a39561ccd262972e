// SPDX-License-Identifier: MIT
// Recomputes every count of the frame table from those who hold references: tables, roots, pins, descriptor tables,
// grants, queues. For debug builds and tests: slow, and nothing else may change frames meanwhile.
#pragma once
#include "core/domain.hpp"

namespace hv {
struct AuditReport {
    u64 frames = 0;  // with an owner
    u64 free_frames = 0;
    u32 domains = 0;
    u64 mismatches = 0;  // each is logged, the first ones at least
    bool complete = false;
};

AuditReport audit_frames();

// The same, and one line on the console: "audit: ok ..." or "audit: MISMATCH ...".
void audit_all();
}  // namespace hv
