// SPDX-License-Identifier: MIT
#include <array>
#include "base/log.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/msr.hpp"

extern "C" hv::u8 indirect_thunks[16][32];  // cpu/thunks.S

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
}  // namespace

void init(Request const& request) {
    using features::Site;
    choice = choose(features::processor(), request);
    if (!choice.retpolines) write_plain_jumps();
    if (!choice.clears_buffers) features::patch(Site::verw, {0x0f, 0x1f, 0x80, 0, 0, 0, 0});  // a NOP
    if (!choice.ibpb_on_entry) features::patch(Site::barrier, {0x0f, 0x1f, 0x44, 0, 0});
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
