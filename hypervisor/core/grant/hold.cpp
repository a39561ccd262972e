// SPDX-License-Identifier: MIT
#include "core/grant/hold.hpp"

namespace hv {
GrantStatus hold_other_frame(Domain& granter, Mfn frame, Access access) {
    if (access == Access::read) return GrantStatus::bad_page;
    auto typed = get_writable(frame, granter.id);
    if (!typed && typed.error() == Errno::again) return GrantStatus::eagain;  // a former table, not given up yet
    if (!typed) return typed.error() == Errno::inval ? GrantStatus::bad_page : GrantStatus::general_error;
    (void)(*std::move(typed)).leak();
    return GrantStatus::okay;
}
}  // namespace hv
