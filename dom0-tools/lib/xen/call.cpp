// SPDX-License-Identifier: MIT
#include "xen/call.hpp"

extern "C" {
#include <xencall.h>
}

namespace paravane {
HypercallBuffer::~HypercallBuffer() {
    if (data_ != nullptr) { xencall_free_buffer(handle_, data_); }
}

void XenCall::Closer::operator()(xencall_handle* handle) const { xencall_close(handle); }

Result<XenCall> XenCall::open() {
    xencall_handle* handle = xencall_open(nullptr, 0);
    if (handle == nullptr) { return Error::from_errno("open /dev/xen/privcmd"); }
    return XenCall{handle};
}

Result<HypercallBuffer> XenCall::allocate(std::size_t size) {
    void* address = xencall_alloc_buffer(handle_.get(), size);
    if (address == nullptr) {
        return Error::from_errno("allocate " + std::to_string(size) + " bytes of hypercall memory");
    }
    std::memset(address, 0, size);
    return HypercallBuffer{handle_.get(), address, size};
}

Result<int> XenCall::call(std::string_view step, unsigned number, Arguments const& arguments) {
    int result = xencall5(handle_.get(), number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
    if (result < 0) { return Error::from_errno(std::string{step}); }
    return result;
}
}  // namespace paravane
