// SPDX-License-Identifier: MIT
// The xen_version hypercall. Sub-operation 0 is what guests call to have pending events delivered: it does nothing
// else.
#include "core/control/version.hpp"
#include <algorithm>
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/elfnote.hpp"
#include "public/version.hpp"

namespace hv {
namespace {
constinit std::string_view command_line{};

// A text in a field of fixed size, cut so that it ends with a NUL.
template <usize Size>
void put_text(char (&field)[Size], std::string_view text) {
    usize const length = std::min(text.size(), Size - 1);
    std::copy_n(text.data(), length, field);
    field[length] = '\0';
}

constexpr u32 feature_bit(abi::feature::Bit bit) { return u32{1} << bit; }

u32 features_of(Domain const& domain) {
    constexpr u64 pae_extended_cr3 = u64{1} << 3;  // VMASST_TYPE_pae_extended_cr3
    u32 features = feature_bit(abi::feature::mmu_pt_update_preserve_ad) | feature_bit(abi::feature::highmem_assist) |
                   feature_bit(abi::feature::gnttab_map_avail_bits) |
                   feature_bit(abi::feature::memory_op_vnode_supported);
    if (domain.privileged) features |= feature_bit(abi::feature::dom0);
    if (domain.vm_assist & pae_extended_cr3) features |= feature_bit(abi::feature::pae_pgdir_above_4gb);
    return features;
}

Outcome extraversion(guest_ptr<void> arg) {
    abi::XenExtraversion text{};
    put_text(text.text, ".0-paravane");
    return copy_out(arg.as<abi::XenExtraversion>(), text);
}

// The build stays reproducible: no time, no person.
Outcome compile_info(guest_ptr<void> arg) {
    abi::XenCompileInfo info{};
    put_text(info.compiler, "g++ " __VERSION__);
    return copy_out(arg.as<abi::XenCompileInfo>(), info);
}

Outcome capabilities(guest_ptr<void> arg) {
    static constinit abi::XenCapabilitiesInfo info{"xen-3.0-x86_64 "};
    return copy_out(arg.as<abi::XenCapabilitiesInfo>(), info);
}

Outcome changeset(guest_ptr<void> arg) {
    abi::XenChangesetInfo info{};
    put_text(info.text, "unavailable");
    return copy_out(arg.as<abi::XenChangesetInfo>(), info);
}

Outcome show_command_line(Domain const& domain, guest_ptr<void> arg) {
    static constinit abi::XenCommandline const nothing{};
    guest_ptr<abi::XenCommandline> const to = arg.as<abi::XenCommandline>();
    TRY(copy_out(to, nothing));
    if (!domain.privileged) return 0;  // how the machine was started is dom0's business
    return copy_out_bytes(to.address, command_line.data(), std::min(command_line.size(), sizeof(nothing.text) - 1));
}

Outcome guest_handle(Domain const& domain, guest_ptr<void> arg) {
    return copy_out_bytes(arg.address, domain.handle.data(), domain.handle.size());
}

Outcome get_features(Domain const& domain, guest_ptr<void> arg) {
    return with_argument<abi::XenFeatureInfo>(arg, [&](abi::XenFeatureInfo& info) -> Result<u64> {
        if (info.submap_idx != 0) return Errno::inval;
        info.submap = features_of(domain);
        return u64{0};
    });
}
}  // namespace

void set_command_line(std::string_view text) { command_line = text; }

Outcome do_xen_version(Vcpu& vcpu, HypercallArgs& args) {
    guest_ptr<void> const arg{args[1]};
    switch (static_cast<u32>(args[0])) {
        [[likely]] case abi::xenver::version : return (interface_major << 16) | interface_minor;
        case abi::xenver::extraversion: return extraversion(arg);
        case abi::xenver::compile_info: return compile_info(arg);
        case abi::xenver::capabilities: return capabilities(arg);
        case abi::xenver::changeset: return changeset(arg);
        case abi::xenver::platform_parameters:
            return copy_out(arg.as<abi::XenPlatformParameters>(), abi::XenPlatformParameters{hypervisor_start});
        case abi::xenver::get_features: return get_features(*vcpu.domain, arg);
        case abi::xenver::pagesize: return page_size;
        case abi::xenver::guest_handle: return guest_handle(*vcpu.domain, arg);
        case abi::xenver::commandline: return show_command_line(*vcpu.domain, arg);
        case abi::xenver::build_id: return Errno::nodata;  // the image carries none
        default: return Errno::nosys;
    }
}
}  // namespace hv
