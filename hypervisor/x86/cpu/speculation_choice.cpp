// SPDX-License-Identifier: MIT
// From what the processor says to what is done. Intel SDM volume 4 (IA32_ARCH_CAPABILITIES, IA32_SPEC_CTRL) and Intel's
// notes on each weakness; AMD APM volume 3, appendix E, and AMD's notes on Retbleed, SRSO and TSA.
#include "x86/cpu/features.hpp"

namespace hv::speculation {
namespace {
// IA32_ARCH_CAPABILITIES: not affected, or a means that there is.
constexpr u64 ibrs_all = 1u << 1, mds_no = 1u << 5, taa_no = 1u << 8, mmio_no = 7u << 13, fb_clear = 1u << 17,
              rrsba = 1u << 19, bhi_no = 1u << 20, rfds_no = 1u << 27, rfds_clear = 1u << 28;
constexpr u32 has_rtm = 1u << 11;                              // leaf 7, EBX
constexpr u32 md_clear = 1u << 10, intel_ibpb = 1u << 26;      // leaf 7, EDX
constexpr u32 rrsba_control = 1u << 2, bhi_control = 1u << 4;  // leaf 7, subleaf 2, EDX
constexpr u32 amd_ibpb = 1u << 12;                             // 8000'0008h, EBX
constexpr u32 verw_clear = 1u << 5, automatic_ibrs = 1u << 8;  // 8000'0021h, EAX
constexpr u32 ibpb_of_returns = 1u << 28, srso_no = 1u << 29, srso_user_kernel_no = 1u << 30;
constexpr u32 tsa_no = 3u << 1;  // 8000'0021h, ECX: neither of the two
constexpr u64 spec_ctrl_ibrs = 1u << 0, spec_ctrl_rrsba = 1u << 6, spec_ctrl_bhi = 1u << 10;

bool has(u64 word, u64 all) { return (word & all) == all; }

enum class Remedy : u8 { not_needed, there, missing };

// VERW. The notes say of each weakness by which bit it is known that the instruction has been taught to clear.
Remedy buffer_clearing(Processor const& p) {
    u64 const caps = p.capabilities;
    if (p.vendor == Processor::Vendor::amd)
        return has(p.extended21_eax, verw_clear) && !has(p.extended21_ecx, tsa_no) ? Remedy::there : Remedy::not_needed;
    if (p.vendor != Processor::Vendor::intel) return Remedy::not_needed;
    bool const sampling = !has(caps, mds_no) || (has(p.leaf7_ebx, has_rtm) && !has(caps, taa_no));
    bool const stale = has(caps, fb_clear) && !has(caps, mmio_no);
    bool const registers = has(caps, rfds_clear) && !has(caps, rfds_no);
    if (stale || registers || (sampling && has(p.leaf7_edx, md_clear))) return Remedy::there;
    return sampling ? Remedy::missing : Remedy::not_needed;
}

bool has_ibpb(Processor const& p) { return has(p.leaf7_edx, intel_ibpb) || has(p.extended8_ebx, amd_ibpb); }

// AMD's processors that take the target of a RET from a guest's training: up to Zen 2 (Retbleed), Zen 3 and 4 (SRSO),
// where IBPB clears it only with new microcode. Of Intel's that are used IBRS sees to it.
Remedy return_barrier(Processor const& p) {
    if (p.vendor != Processor::Vendor::amd || p.family < 0x15) return Remedy::not_needed;
    if (p.family < 0x19) return has_ibpb(p) ? Remedy::there : Remedy::missing;
    if (has(p.extended21_eax, srso_no) || has(p.extended21_eax, srso_user_kernel_no)) return Remedy::not_needed;
    return has_ibpb(p) && has(p.extended21_eax, ibpb_of_returns) ? Remedy::there : Remedy::missing;
}
}  // namespace

Choice choose(Processor const& p, Request const& request) {
    bool const is_intel = p.vendor == Processor::Vendor::intel;
    bool const enhanced = is_intel && has(p.capabilities, ibrs_all);
    bool const automatic = p.vendor == Processor::Vendor::amd && has(p.extended21_eax, automatic_ibrs);
    // Where IBRS keeps a guest's targets out, its history still picks one of ours.
    bool const picks = enhanced && !has(p.capabilities, bhi_no);
    bool const history_ends = picks && has(p.leaf7_2_edx, bhi_control);
    bool const retpolines = request.retpolines.value_or(!(enhanced || automatic) || (picks && !history_ends));

    u64 spec_ctrl = enhanced ? spec_ctrl_ibrs : 0;
    if (history_ends) spec_ctrl |= spec_ctrl_bhi;
    // A retpoline's RET must not be predicted as a jump, as it may be where the return stack has run empty.
    bool const returns_jump = enhanced && has(p.capabilities, rrsba);
    bool const returns_return = !returns_jump || has(p.leaf7_2_edx, rrsba_control);
    if (returns_jump && returns_return) spec_ctrl |= spec_ctrl_rrsba;

    Remedy const buffers = buffer_clearing(p), returns = return_barrier(p);
    bool const clears = buffers == Remedy::there && request.clears_buffers.value_or(true);
    bool const barrier = returns == Remedy::there && request.ibpb_on_entry.value_or(true);
    return {.retpolines = retpolines,
            .ibpb = has_ibpb(p) && request.ibpb.value_or(true),
            .clears_buffers = clears,
            .ibpb_on_entry = barrier,
            .automatic_ibrs = automatic,
            .spec_ctrl = spec_ctrl,
            .exposes_buffers = buffers != Remedy::not_needed && !clears,
            .exposes_history = picks && !history_ends && !(retpolines && returns_return),
            .exposes_returns = returns != Remedy::not_needed && !barrier};
}
}  // namespace hv::speculation
