// SPDX-License-Identifier: MIT
#include "runtime/grant.hpp"

#include <atomic>

#include "portable/base/number.hpp"
#include "runtime/guest.hpp"
#include "runtime/page_table.hpp"
#include "runtime/xenstore.hpp"

namespace guest {
namespace {
constexpr u64 table_address = 0xffff960000400000;

Domid parse(std::string_view text) { return Domid{hv::parse_decimal<u16>(text).value_or(0)}; }
}  // namespace

Domid own_domid() {
    if (is_dom0()) { return Domid{0}; }
    std::string_view told = option("domid");
    return told.empty() ? parse(xenstore::read("domid").text()) : parse(told);
}

abi::GrantEntryV1 volatile* grant::entries() {
    static constinit abi::GrantEntryV1 volatile* mapped = nullptr;
    if (mapped == nullptr) {
        Mfn frame{0};
        abi::GnttabSetupTable setup{.dom = abi::domid_self,
                                    .pad0 = 0,
                                    .nr_frames = 1,
                                    .status = 0,
                                    .pad1 = {},
                                    .frame_list = pointer_to(&frame)};
        if (grant_table_op(abi::gnttabop::setup_table, &setup, 1) != 0 || setup.status != abi::gntst::okay ||
            !page_table::map(page_table::kernel_root(), table_address, page_table::entry(frame, pte::read_write))) {
            panic("the grant table cannot be mapped");
        }
        mapped = reinterpret_cast<abi::GrantEntryV1 volatile*>(table_address);
    }
    return mapped;
}

void grant::permit(u32 ref, Domid to, Mfn frame, u16 flags) {
    entries()[ref].frame = static_cast<u32>(frame.value);
    entries()[ref].domid.value = to.value;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    entries()[ref].flags = flags;
}

bool grant::map(u64 address, Domid owner, u32 ref) {
    if (!page_table::map(page_table::kernel_root(), address, 0)) { return false; }  // makes the tables
    abi::GnttabMapGrantRef op{};
    op.host_addr = address;
    op.flags = abi::gntmap::host_map;
    op.ref = {ref};
    op.dom = owner;
    return grant_table_op(abi::gnttabop::map_grant_ref, &op, 1) == 0 && op.status == abi::gntst::okay;
}
}  // namespace guest
