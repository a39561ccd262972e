// SPDX-License-Identifier: MIT
// A vCPU of a guest that is a thread: its hypercalls, with arguments in a page of its own.
#pragma once
#include "core/grant/table.hpp"
#include "core/hal/memory.hpp"
#include "hosted/world.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/mmu.hpp"

namespace hosted {
class ThreadVcpu {
public:
    ThreadVcpu(Guest& self, u32 index) : self_{self}, index_{index} {}

    template <class T>
    u64 put(T const& value, u64 offset = 0) {
        std::memcpy(scratch() + offset, &value, sizeof(T));
        return Guest::va(scratch_pfn()) + offset;
    }
    template <class T>
    T take(u64 offset = 0) {
        T value;
        std::memcpy(&value, scratch() + offset, sizeof(T));
        return value;
    }
    u64 scratch_pfn() const { return self_.pages() - 1 - index_; }

    i64 call(u32 number, std::array<u64, 4> args) { return self_.call(number, args, index_); }
    bool map_own(u64 pfn, u64 flags) {  // no flags: not present
        u64 const entry = flags ? Pte::make(self_.mfn(pfn), flags).raw : 0;
        return call(abi::hypercall::update_va_mapping, {Guest::va(pfn), entry, 0}) == 0;
    }
    bool mmuext(u32 command, Mfn mfn) {
        abi::MmuextOp op{};
        op.cmd = command;
        op.arg1.mfn = mfn;
        return call(abi::hypercall::mmuext_op, {put(op), 1, 0, abi::domid_self.value}) == 0;
    }
    abi::GnttabMapGrantRef map_grant(Domid granter, u32 ref, u64 pfn, bool writable) {
        abi::GnttabMapGrantRef op{};
        op.host_addr = Guest::va(pfn);
        op.flags = abi::gntmap::host_map | (writable ? 0u : abi::gntmap::readonly);
        op.ref = GrantRef{ref};
        op.dom = granter;
        call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, put(op), 1});
        return take<abi::GnttabMapGrantRef>();
    }
    bool unmap_grant(u32 handle, u64 pfn) {
        abi::GnttabUnmapGrantRef op{};
        op.host_addr = Guest::va(pfn);
        op.handle = abi::GrantHandle{handle};
        call(abi::hypercall::grant_table_op, {abi::gnttabop::unmap_grant_ref, put(op), 1});
        return take<abi::GnttabUnmapGrantRef>().status == 0;
    }

protected:
    Guest& self_;
    u32 index_;

private:
    std::byte* scratch() { return reinterpret_cast<std::byte*>(self_.frame(scratch_pfn())); }
};

// Frames from `first_pfn` on get the granter's first references.
inline abi::GrantEntryV1* permit(Guest& granter, Guest& grantee, u64 first_pfn, u32 count) {
    auto* const entries = reinterpret_cast<abi::GrantEntryV1*>(hal::map(*granter.domain().grants->grown_to(0)));
    for (u32 ref = 0; ref < count; ++ref)
        entries[ref] = {.flags = abi::gtf::permit_access,
                        .domid = grantee.id(),
                        .frame = static_cast<u32>(granter.mfn(first_pfn + ref).value)};
    return entries;
}
}  // namespace hosted
