// SPDX-License-Identifier: MIT
// The xen_version hypercall. Sub-operation 0 is what guests call to have pending events delivered: it does nothing
// else.
#include "core/hypercall/version.hpp"
#include <algorithm>
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/elfnote.hpp"
#include "public/mmu.hpp"
#include "public/version.hpp"

namespace hv {
namespace {
constinit std::string_view command_line{};

// A structure of `size` bytes that begins with a text. The rest is zero, the last byte too.
Outcome put_text(guest_ptr<void> to, usize size, std::string_view text) {
    if (!is_guest_range(to.address, size) || !hal::clear_guest(to.address, size)) return Errno::fault;
    return copy_out_bytes(to.address, text.data(), std::min(text.size(), size - 1));
}

constexpr u32 feature_bit(abi::feature::Bit bit) { return u32{1} << bit; }

u32 features_of(Domain const& domain) {
    u32 features = feature_bit(abi::feature::mmu_pt_update_preserve_ad) | feature_bit(abi::feature::highmem_assist) |
                   feature_bit(abi::feature::gnttab_map_avail_bits) |
                   feature_bit(abi::feature::memory_op_vnode_supported);
    if (domain.privileged) features |= feature_bit(abi::feature::dom0);
    if (domain.vm_assist >> abi::vmassist::pae_extended_cr3 & 1)
        features |= feature_bit(abi::feature::pae_pgdir_above_4gb);
    return features;
}

Outcome get_features(Domain const& domain, guest_ptr<abi::XenFeatureInfo> at) {
    if (TRY(copy_in(at)).submap_idx != 0) return Errno::inval;
    return copy_out(at, abi::XenFeatureInfo{.submap_idx = 0, .submap = features_of(domain)});
}

[[gnu::noinline]] Outcome other_than_version(Domain const& domain, u32 command, guest_ptr<void> arg) {
    switch (command) {
        case abi::xenver::extraversion: return put_text(arg, sizeof(abi::XenExtraversion), ".0-paravane");
        // The build stays reproducible: no time, no person.
        case abi::xenver::compile_info:
            static_assert(sizeof("g++ " __VERSION__) <= sizeof(abi::XenCompileInfo::compiler));
            return put_text(arg, sizeof(abi::XenCompileInfo), "g++ " __VERSION__);
        case abi::xenver::capabilities: return put_text(arg, sizeof(abi::XenCapabilitiesInfo), "xen-3.0-x86_64 ");
        case abi::xenver::changeset: return put_text(arg, sizeof(abi::XenChangesetInfo), "unavailable");
        case abi::xenver::platform_parameters:
            return copy_out(arg.as<abi::XenPlatformParameters>(), abi::XenPlatformParameters{hypervisor_start});
        case abi::xenver::get_features: return get_features(domain, arg.as<abi::XenFeatureInfo>());
        case abi::xenver::pagesize: return arg.is_null() ? Outcome{page_size} : Errno::inval;
        case abi::xenver::guest_handle: return copy_out_bytes(arg.address, domain.handle.data(), domain.handle.size());
        case abi::xenver::commandline:  // how the machine was started is dom0's business
            return put_text(arg, sizeof(abi::XenCommandline), domain.privileged ? command_line : std::string_view{});
        case abi::xenver::build_id: return Errno::nodata;  // the image carries none
        default: return Errno::nosys;
    }
}
}  // namespace

void set_command_line(std::string_view text) { command_line = text; }

// Guests ask for the version to have pending events delivered.
Outcome do_xen_version(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    if (command == abi::xenver::version) [[likely]]
        return abi::interface_version;
    return other_than_version(*vcpu.domain, command, guest_ptr<void>{args[1]});
}
}  // namespace hv
