// SPDX-License-Identifier: MIT
// debug_key KEYS: sends debug keys to the hypervisor (XEN_SYSCTL_debug_keys). 'A' asks for the audit, whose result
// appears on the hypervisor's console.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#define __XEN_TOOLS__ 1
#include <xen/sysctl.h>
extern "C" {
#include <xencall.h>
}

namespace {
struct CloseCall {
    void operator()(xencall_handle* handle) const { xencall_close(handle); }
};
}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: debug_key KEYS\n");
        return 2;
    }
    std::unique_ptr<xencall_handle, CloseCall> call{xencall_open(nullptr, 0)};
    if (!call) {
        std::perror("debug_key: open the hypercall device");
        return 1;
    }
    std::size_t length = std::strlen(argv[1]);
    auto* sysctl = static_cast<xen_sysctl*>(xencall_alloc_buffer(call.get(), sizeof(xen_sysctl)));
    auto* keys = static_cast<char*>(xencall_alloc_buffer(call.get(), length));
    if (sysctl == nullptr || keys == nullptr) {
        std::perror("debug_key: allocate hypercall buffers");
        return 1;
    }
    std::memcpy(keys, argv[1], length);
    *sysctl = {};
    sysctl->cmd = XEN_SYSCTL_debug_keys;
    sysctl->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    set_xen_guest_handle(sysctl->u.debug_keys.keys, keys);
    sysctl->u.debug_keys.nr_keys = static_cast<std::uint32_t>(length);
    int result = xencall1(call.get(), __HYPERVISOR_sysctl, reinterpret_cast<std::uintptr_t>(sysctl));
    if (result < 0) std::perror("debug_key: sysctl debug_keys");
    xencall_free_buffer(call.get(), keys);
    xencall_free_buffer(call.get(), sysctl);
    return result < 0 ? 1 : 0;
}
