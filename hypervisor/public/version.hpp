// SPDX-License-Identifier: MIT
// xen_version (version.h). Feature bits are in elfnote.hpp, since kernels name them in their notes too.
#pragma once
#include "public/elfnote.hpp"
#include "public/types.hpp"

namespace abi {
inline constexpr u32 interface_version = 4u << 16 | 17;  // of the Xen release whose interface this is

namespace xenver {
enum Command : u32 {
    version = 0,
    extraversion = 1,
    compile_info = 2,
    capabilities = 3,
    changeset = 4,
    platform_parameters = 5,
    get_features = 6,
    pagesize = 7,
    guest_handle = 8,
    commandline = 9,
    build_id = 10,
};
}  // namespace xenver

struct XenExtraversion {
    char text[16];
};

struct XenCompileInfo {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

struct XenCapabilitiesInfo {
    char text[1024];
};

struct XenChangesetInfo {
    char text[64];
};

struct XenCommandline {
    char text[1024];
};

struct XenPlatformParameters {
    u64 virt_start;
};

struct XenFeatureInfo {
    u32 submap_idx;
    u32 submap;
};
static_assert(sizeof(XenFeatureInfo) == 8);

// The length of the buffer that follows; on return the length of the build id in it.
struct XenBuildId {
    u32 len;
};

struct DomainHandle {
    u8 bytes[16];
};
}  // namespace abi
