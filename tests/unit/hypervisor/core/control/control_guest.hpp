// SPDX-License-Identifier: MIT
// domctl and sysctl as a tool in dom0 makes them.
#pragma once
#include "hosted/world.hpp"
#include "public/domctl.hpp"
#include "public/hypercall.hpp"
#include "public/sysctl.hpp"

#include <gtest/gtest.h>

namespace hosted {
// Ends the domains that tests have made by domctl, too.
class ToolWorld : public World {
public:
    ~ToolWorld() {
        machine().reset();
        for (u16 id = 1; Result<DomainRef> left = find_domain_from(Domid{id}); ++id) {
            id = (*left)->id.value;
            while (!destroy_domain(**left)) {}
        }
    }
};

inline i64 domctl(Guest& caller, abi::Domctl& op) {
    op.interface_version = abi::domctl_interface_version;
    i64 const result = caller.call(abi::hypercall::domctl, {caller.put(op)});
    op = caller.take<abi::Domctl>();
    return result;
}
inline i64 domctl(World& world, u32 command, Domid domain, abi::Domctl& op) {
    op.cmd = command;
    op.domain = domain;
    return domctl(world.dom0(), op);
}
inline i64 domctl(World& world, u32 command, Domid domain) {
    abi::Domctl op{};
    return domctl(world, command, domain, op);
}

inline i64 sysctl(Guest& caller, u32 command, abi::Sysctl& op) {
    op.cmd = command;
    op.interface_version = abi::sysctl_interface_version;
    i64 const result = caller.call(abi::hypercall::sysctl, {caller.put(op)});
    op = caller.take<abi::Sysctl>();
    return result;
}

inline abi::Domctl creation(u32 vcpus = 1) {
    abi::Domctl op{};
    op.cmd = abi::domctl::createdomain;
    op.u.createdomain = {.ssidref = 0,
                         .handle = {{1, 2, 3, 4}},
                         .flags = 0,
                         .iommu_opts = 0,
                         .max_vcpus = vcpus,
                         .max_evtchn_port = 1023,
                         .max_grant_frames = 64,
                         .max_maptrack_frames = 1024,
                         .grant_opts = 1,
                         .vmtrace_size = 0,
                         .cpupool_id = 0,
                         .arch = {}};
    return op;
}

inline Domid create(World& world, u32 vcpus = 1) {
    abi::Domctl op = creation(vcpus);
    EXPECT_EQ(domctl(world.dom0(), op), 0);
    Domid const id = op.domain;
    abi::Domctl max{};
    max.u.max_vcpus.max = vcpus;
    EXPECT_EQ(domctl(world, abi::domctl::max_vcpus, id, max), 0);
    return id;
}

inline abi::DomctlGetdomaininfo info_of(World& world, Domid id) {
    abi::Domctl op{};
    EXPECT_EQ(domctl(world, abi::domctl::getdomaininfo, id, op), 0);
    EXPECT_EQ(op.domain, id);
    return op.u.getdomaininfo;
}

// Copies a structure to a frame of dom0's own and back.
template <class T>
class InDom0 {
public:
    InDom0(World& world, u64 pfn)
        : memory_{reinterpret_cast<std::byte*>(world.dom0().frame(pfn))}, address_{Guest::va(pfn)} {}
    u64 address() const { return address_; }
    T* operator->() { return reinterpret_cast<T*>(memory_); }
    T& operator*() { return *reinterpret_cast<T*>(memory_); }

private:
    std::byte* memory_;
    u64 address_;
};
}  // namespace hosted
