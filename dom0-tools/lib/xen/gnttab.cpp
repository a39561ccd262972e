// SPDX-License-Identifier: MIT
#include "xen/gnttab.hpp"

#include <sys/mman.h>

#include <vector>

extern "C" {
#include <xengnttab.h>
}

namespace paravane {
GrantMapping::~GrantMapping() {
    if (data_ != nullptr) { xengnttab_unmap(handle_, data_, count_); }
}

void XenGnttab::Closer::operator()(xengntdev_handle* handle) const { xengnttab_close(handle); }

Result<XenGnttab> XenGnttab::open() {
    xengnttab_handle* handle = xengnttab_open(nullptr, 0);
    if (handle == nullptr) { return Error::from_errno("open /dev/xen/gntdev"); }
    return XenGnttab{handle};
}

Result<GrantMapping> XenGnttab::map(std::uint16_t domid, std::uint32_t ref, GrantAccess access) {
    return map(domid, std::span{&ref, 1}, access);
}

Result<GrantMapping> XenGnttab::map(std::uint16_t domid, std::span<std::uint32_t const> refs, GrantAccess access) {
    if (refs.empty()) {
        return Error{"map grants of domain " + std::to_string(domid), "no grant reference given", ErrorKind::invalid};
    }
    std::vector<std::uint32_t> list{refs.begin(), refs.end()};  // the library wants a writable array
    int protection = access == GrantAccess::read_write ? PROT_READ | PROT_WRITE : PROT_READ;
    auto count = static_cast<std::uint32_t>(list.size());
    void* address = xengnttab_map_domain_grant_refs(handle_.get(), count, domid, list.data(), protection);
    if (address == nullptr) {
        return Error::from_errno("map grant " + std::to_string(refs.front()) + " of domain " + std::to_string(domid));
    }
    return GrantMapping{handle_.get(), address, count};
}
}  // namespace paravane
