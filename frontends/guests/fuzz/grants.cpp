// SPDX-License-Identifier: MIT
// grant_table_op: grants to oneself, on references whose entries are edited meanwhile.
#include "runtime/grant.hpp"

#include "fuzz.hpp"

namespace fuzz {
namespace {
namespace op = abi::gnttabop;
namespace pt = guest::page_table;

constexpr u32 first_ref = 64;
constexpr u32 refs = 32;

struct Mapped {
    u64 address;
    u32 handle;
    bool used;
};
constinit std::array<std::array<Mapped, 8>, 2> mapped{};  // for each vCPU its own

guest::Domid me() {
    static constinit u16 known = 0;
    if (known == 0) { known = guest::own_domid().value; }
    return {known};
}

u32 reference(Fuzzer& f) {
    u32 ref = first_ref + f.random.below(refs);
    if (f.random.one_in(2)) {
        guest::grant::permit(ref, me(), Mfn{f.frame()},
                             static_cast<u16>(abi::gtf::permit_access | (f.random.one_in(4) ? abi::gtf::readonly : 0)));
    }
    return ref;
}

// What a batch of one came to: the call's error, or the operation's status.
template <class T>
i64 single(u32 command, T& request) {
    i64 const call = guest::grant_table_op(command, &request, 1);
    return call < 0 ? call : request.status;
}

i64 map(Fuzzer& f) {
    abi::GnttabMapGrantRef request{};
    u32 slot = f.random.below(8);
    bool by_entry = f.random.one_in(4);
    u32 index = 64 + f.vcpu * 32 + slot;
    request.host_addr = by_entry ? pt::entry_address(pool.l1, index) : window + index * guest::page_size;
    request.flags = abi::gntmap::host_map | (f.random.one_in(3) ? abi::gntmap::readonly : 0) |
                    (by_entry ? abi::gntmap::contains_pte : 0);
    request.ref = {reference(f)};
    request.dom = me();
    f.twist_inside(request);
    if (request.flags & abi::gntmap::contains_pte) {
        request.host_addr = Fuzzer::spare(request.host_addr >> 12) << 12 | (request.host_addr & 0xfff);
    }
    i64 const result = single(op::map_grant_ref, request);
    Mapped& record = mapped[f.vcpu][slot];
    if (result == 0) {
        if (record.used) {
            // Its entry was overwritten: the old mapping can only be let go of at the same place.
            abi::GnttabUnmapGrantRef old{};
            old.host_addr = record.address;
            old.handle = {record.handle};
            (void)guest::grant_table_op(op::unmap_grant_ref, &old, 1);
        }
        record = {request.host_addr, request.handle.value, true};
    }
    return result;
}

i64 unmap(Fuzzer& f) {
    Mapped& record = mapped[f.vcpu][f.random.below(8)];
    if (!record.used) { return map(f); }
    abi::GnttabUnmapGrantRef request{};
    request.host_addr = record.address;
    request.handle = {record.handle};
    f.twist_inside(request);
    i64 const result = single(op::unmap_grant_ref, request);
    if (result == 0) { record.used = false; }
    return result;
}

// What another page of the window is mapped to takes the place of a mapping.
i64 replace(Fuzzer& f) {
    Mapped& record = mapped[f.vcpu][f.random.below(8)];
    if (!record.used) { return map(f); }
    abi::GnttabUnmapAndReplace request{};
    request.host_addr = record.address;
    request.new_addr = f.window_address();
    request.handle = {record.handle};
    f.twist_inside(request);
    i64 const result = single(op::unmap_and_replace, request);
    if (result == 0) { record.used = false; }
    return result;
}

i64 copy(Fuzzer& f) {
    std::array<abi::GnttabCopy, 4> requests{};
    u32 count = 1 + f.random.below(4);
    for (u32 i = 0; i < count; ++i) {
        abi::GnttabCopy& request = requests[i];
        bool from_grant = f.random.one_in(2);
        if (from_grant) {
            request.source.u.ref = {reference(f)};
            request.source.domid = me();
            request.flags = abi::gntcopy::source_gref;
        } else {
            request.source.u.gmfn = {f.frame()};
            request.source.domid = abi::domid_self;
        }
        request.dest.u.gmfn = {f.frame()};
        request.dest.domid = abi::domid_self;
        request.source.offset = static_cast<u16>(f.random.below(2048));
        request.dest.offset = static_cast<u16>(f.random.below(2048));
        request.len = static_cast<u16>(f.random.below(2049));
        f.twist_inside(request);
        if (!(request.flags & abi::gntcopy::dest_gref)) {
            request.dest.u.gmfn = {Fuzzer::spare(request.dest.u.gmfn.value)};
        }
    }
    i64 const call = guest::grant_table_op(op::copy, requests.data(), count);
    return call < 0 ? call : requests[0].status;
}

i64 setup(Fuzzer& f) {
    u64* frames = reinterpret_cast<u64*>(f.result_place());
    abi::GnttabSetupTable request{.dom = abi::domid_self,
                                  .pad0 = 0,
                                  .nr_frames = 1 + f.random.below(4),
                                  .status = 0,
                                  .pad1 = {},
                                  .frame_list = {address_of(frames)}};
    f.twist_inside(request);
    return single(op::setup_table, request);
}

i64 query_size(Fuzzer& f) {
    abi::GnttabQuerySize request{};
    request.dom = abi::domid_self;
    f.twist_inside(request);
    return single(op::query_size, request);
}

i64 set_version(Fuzzer& f) {
    abi::GnttabSetVersion request{.version = f.random.one_in(3) ? static_cast<u32>(f.hostile()) : 1};
    return request.version == 2 ? -1 : guest::grant_table_op(op::set_version, &request, 1);
}

i64 get_version(Fuzzer& f) {
    abi::GnttabGetVersion request{.dom = abi::domid_self, .pad = 0, .version = 0};
    f.twist_inside(request);
    return guest::grant_table_op(op::get_version, &request, 1);
}

// Version 1 has none.
i64 get_status_frames(Fuzzer& f) {
    abi::GnttabGetStatusFrames request{
        .nr_frames = 0, .dom = abi::domid_self, .status = 0, .frame_list = {address_of(f.result_place())}};
    f.twist_inside(request);
    return single(op::get_status_frames, request);
}

// Also with references that nobody ever uses, but not with those that the guest's own rings are granted by.
i64 swap(Fuzzer& f) {
    u32 const twisted = static_cast<u32>(f.twist(first_ref + f.random.below(2 * refs)));
    abi::GnttabSwapGrantRef request{.ref_a = {first_ref + f.random.below(2 * refs)},
                                    .ref_b = {twisted < first_ref ? first_ref : twisted},
                                    .status = 0,
                                    .pad = 0};
    return single(op::swap_grant_ref, request);
}

i64 anything(Fuzzer& f) {
    u64* words = reinterpret_cast<u64*>(f.result_place());
    for (u32 i = 0; i < 32; ++i) { words[i] = f.hostile(); }
    u32 command = f.random.below(14);
    if (command == op::set_version) { return -1; }
    return guest::hypercall(abi::hypercall::grant_table_op, command, address_of(words), f.twist(1));
}

constexpr Operation list[] = {
    {"grant map", map, 30},
    {"grant unmap", unmap, 30},
    {"grant unmap_and_replace", replace},
    {"grant copy", copy, 20},
    {"grant setup_table", setup, 4},
    {"grant query_size", query_size, 4},
    {"grant set_version", set_version, 4},
    {"grant get_version", get_version, 4},
    {"grant get_status_frames", get_status_frames, 4},
    {"grant swap_grant_ref", swap, 8},
    {"grant anything", anything, 10, true},
};
}  // namespace

Operations grant_operations() { return {std::begin(list), std::end(list)}; }
}  // namespace fuzz
