// SPDX-License-Identifier: MIT
#include "hypercall/call.hpp"

namespace paravane {
Result<int> hypercall(XenCall& xen, std::string step, unsigned number, XenCall::Arguments const& arguments) {
    Result<int> result = xen.call(step, number, arguments);
    if (!result && result.error().code == ESRCH) return std::move(result).error().as(ErrorKind::not_found);
    return result;
}
}  // namespace paravane
