// SPDX-License-Identifier: MIT
// What all typed hypercalls have in common: arguments in memory that the hypervisor can reach, and errors of a kind.
#pragma once
#include <string>

#include "os/error.hpp"
#include "xen/call.hpp"

namespace paravane {
// not_found: no such domain. exhausted: no memory. Everything else that the hypervisor refuses is internal: it is for
// whoever calls to ask for nothing that can be refused.
Result<int> hypercall(XenCall& xen, std::string step, unsigned number, XenCall::Arguments const& arguments);

// One structure, zero at first, that a hypercall reads or writes.
template <class T>
class Argument {
public:
    static Result<Argument> make(XenCall& xen) { return Argument{TRY(xen.allocate(sizeof(T)))}; }

    T& operator*() const { return buffer_.as<T>(); }
    T* operator->() const { return &buffer_.as<T>(); }
    std::uint64_t address() const { return buffer_.address(); }

private:
    explicit Argument(HypercallBuffer buffer) : buffer_{std::move(buffer)} {}

    HypercallBuffer buffer_;
};
}  // namespace paravane
