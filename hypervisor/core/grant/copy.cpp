// SPDX-License-Identifier: MIT
#include "core/grant/copy.hpp"
#include "core/grant/hold.hpp"
#include "core/hal/memory.hpp"

namespace hv {
namespace {
// Eight bytes at a time where both ends allow it; the two may be parts of one frame.
void copy_bytes(std::byte* to, std::byte const* from, u64 size) {
    if (to <= from || to >= from + size) [[likely]] {
        u64 words = size / 8, rest = size % 8;
        asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    } else {
        while (size--) to[size] = from[size];
    }
}

// One end of a copy, held until an operation names another place.
template <Access access>
class CopyEnd {
public:
    CopyEnd() = default;
    CopyEnd(CopyEnd const&) = delete;
    ~CopyEnd() { close(); }

    [[gnu::always_inline]] GrantStatus open(Granters& granters, abi::GnttabCopyPtr const& place, bool by_grant) {
        u32 const who = place.domid.value | u32{by_grant} << 16;
        if (place.u.raw == raw_ && who == who_) return GrantStatus::okay;
        close();
        Domain* owner = &granters.caller();
        if (by_grant) {
            if (place.domid != abi::domid_self) owner = granters.find(place.domid);
            if (!owner) return GrantStatus::bad_domain;
            GrantStatus const status = owner->grants->begin_use<access>(place.u.ref, granters.caller().id, frame_);
            if (status != GrantStatus::okay) return status;
            granter_ = owner->grants;
        } else {
            frame_ = Mfn{place.u.raw};
        }
        GrantStatus const status = hold_frame<access>(*owner, frame_);
        if (status != GrantStatus::okay) [[unlikely]] {
            if (by_grant) granter_->end_use<access>(place.u.ref, [] {});
            return status;
        }
        raw_ = place.u.raw;
        who_ = who;
        return GrantStatus::okay;
    }
    [[gnu::always_inline]] void close() {
        if (who_ == closed) return;
        auto const let_go = [this] { release_frame<access>(frame_); };
        if (who_ >> 16) granter_->end_use<access>(GrantRef{static_cast<u32>(raw_)}, let_go);
        else let_go();
        who_ = closed;
    }
    std::byte* bytes() const { return hal::map(frame_); }

private:
    static constexpr u32 closed = ~u32{0};

    u64 raw_ = 0;       // the reference or frame that is open
    u32 who_ = closed;  // whose, and whether by a grant
    Mfn frame_{};
    GrantTable* granter_ = nullptr;  // alive as long as its frame is held
};

class CopyBatch {
public:
    explicit CopyBatch(Domain& caller) : granters_{caller} {}

    [[gnu::always_inline]] GrantStatus add(abi::GnttabCopy const& op) {
        bool const from_grant = op.flags & abi::gntcopy::source_gref;
        bool const to_grant = op.flags & abi::gntcopy::dest_gref;
        if ((!from_grant && op.source.domid != abi::domid_self) || (!to_grant && op.dest.domid != abi::domid_self))
            return GrantStatus::permission_denied;
        GrantStatus status = source_.open(granters_, op.source, from_grant);
        if (status == GrantStatus::okay) status = dest_.open(granters_, op.dest, to_grant);
        if (status != GrantStatus::okay) return status;
        if (u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size)
            return GrantStatus::bad_copy_arg;
        copy_bytes(dest_.bytes() + op.dest.offset, source_.bytes() + op.source.offset, op.len);
        return GrantStatus::okay;
    }

private:
    Granters granters_;
    CopyEnd<Access::read> source_;
    CopyEnd<Access::write> dest_;
};
}  // namespace

Errno copy_grants(Vcpu& vcpu, GrantOps& ops) {
    CopyBatch batch{*vcpu.domain};
    return for_each_op<abi::GnttabCopy>(ops, [&](abi::GnttabCopy const& op) { return batch.add(op); });
}
}  // namespace hv
