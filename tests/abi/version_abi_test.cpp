// SPDX-License-Identifier: MIT
#include "public/version.hpp"

#include <gtest/gtest.h>

#include <xen/version.h>

#include "compare.hpp"

TEST(AbiVersion, OperationsAreXens) {
    SAME_VALUE(abi::xenver::version, XENVER_version);
    SAME_VALUE(abi::xenver::extraversion, XENVER_extraversion);
    SAME_VALUE(abi::xenver::compile_info, XENVER_compile_info);
    SAME_VALUE(abi::xenver::capabilities, XENVER_capabilities);
    SAME_VALUE(abi::xenver::changeset, XENVER_changeset);
    SAME_VALUE(abi::xenver::platform_parameters, XENVER_platform_parameters);
    SAME_VALUE(abi::xenver::get_features, XENVER_get_features);
    SAME_VALUE(abi::xenver::pagesize, XENVER_pagesize);
    SAME_VALUE(abi::xenver::guest_handle, XENVER_guest_handle);
    SAME_VALUE(abi::xenver::commandline, XENVER_commandline);
    SAME_VALUE(abi::xenver::build_id, XENVER_build_id);
}

TEST(AbiVersion, AnswersAreXens) {
    SAME_SIZE(abi::XenExtraversion, xen_extraversion_t)
    SAME(abi::XenCompileInfo, xen_compile_info, compiler, compile_by, compile_domain, compile_date)
    SAME_SIZE(abi::XenCapabilitiesInfo, xen_capabilities_info_t)
    SAME_SIZE(abi::XenChangesetInfo, xen_changeset_info_t)
    SAME_SIZE(abi::XenCommandline, xen_commandline_t)
    SAME(abi::XenPlatformParameters, xen_platform_parameters, virt_start)
    SAME(abi::XenFeatureInfo, xen_feature_info, submap_idx, submap)
    SAME(abi::XenBuildId, xen_build_id, len)
    SAME_SIZE(abi::DomainHandle, xen_domain_handle_t)
}
