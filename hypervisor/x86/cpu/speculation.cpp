// SPDX-License-Identifier: MIT
#include "x86/cpu/speculation.hpp"
#include <array>
#include <span>
#include "base/log.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/msr.hpp"

namespace {
// An instruction of the entry code that is there for some processors only.
struct PatchSite {
    hv::u64 address;
    hv::u64 kind;  // patch.h: PATCH_*
};
}  // namespace
extern "C" {
extern hv::u8 indirect_thunks[16][32];                          // cpu/thunks.S
extern PatchSite const patch_sites_start[], patch_sites_end[];  // image.ld.S
}

namespace hv::speculation {
namespace {
#ifdef PARAVANE_RETPOLINES
constexpr bool built_with_retpolines = true;
#else
constexpr bool built_with_retpolines = false;
#endif
constinit Choice choice{};
constinit std::array<Time, max_cpus> last_created{};

// JMP *register, with its prefix, where a retpoline was.
void write_plain_jumps() {
    for (u32 number = 0; number < 16; ++number) {
        u8* code = indirect_thunks[number];
        if (number >= 8) *code++ = 0x41;
        code[0] = 0xff;
        code[1] = static_cast<u8>(0xe0 | (number & 7));
    }
}

// One instruction that does nothing for another.
void remove_sites(u64 kind, std::span<u8 const> nothing) {
    for (PatchSite const* site = patch_sites_start; site != patch_sites_end; ++site)
        if (site->kind == kind) __builtin_memcpy(reinterpret_cast<u8*>(site->address), nothing.data(), nothing.size());
}
}  // namespace

void init(Request const& request) {
    constexpr u64 kind_verw = 0, kind_barrier = 1;
    constexpr std::array<u8, 7> nop7{0x0f, 0x1f, 0x80, 0, 0, 0, 0};
    constexpr std::array<u8, 5> nop5{0x0f, 0x1f, 0x44, 0, 0};
    choice = choose(features::processor(), request);
    if (!choice.retpolines) write_plain_jumps();
    if (!choice.clears_buffers) remove_sites(kind_verw, nop7);
    if (!choice.ibpb_on_entry) remove_sites(kind_barrier, nop5);
    log::info("speculation: {}, {}, {}, {}, {}{}",
              !built_with_retpolines ? "built without retpolines"
              : choice.retpolines    ? "retpolines"
                                     : "no retpolines",
              choice.automatic_ibrs        ? "automatic IBRS"
              : choice.spec_ctrl & 1 << 10 ? "IBRS without history"
              : choice.spec_ctrl           ? "IBRS"
                                           : "no IBRS",
              choice.ibpb ? "IBPB between domains" : "no IBPB",
              choice.clears_buffers    ? "VERW on exit"
              : choice.exposes_buffers ? "BUFFERS EXPOSED"
                                       : "no VERW",
              choice.ibpb_on_entry     ? "IBPB on entry"
              : choice.exposes_returns ? "RETURNS EXPOSED"
                                       : "plain returns",
              choice.exposes_history ? ", HISTORY EXPOSED" : "");
}

void init_cpu() {
    if (choice.spec_ctrl) msr::write(msr::spec_ctrl, choice.spec_ctrl);
    if (choice.automatic_ibrs) msr::write(msr::efer, msr::read(msr::efer) | msr::efer_aibrse);
}

void enter_domain(CpuId cpu, Time created) {
    if (!choice.ibpb || last_created[cpu] == created) return;
    last_created[cpu] = created;
    msr::write(msr::pred_cmd, 1);
}
}  // namespace hv::speculation
