// SPDX-License-Identifier: MIT
#include "x86/cpu/speculation.hpp"
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
constinit bool flushes = false;
constinit std::array<Time, max_cpus> last_created{};
}  // namespace

void init(std::optional<bool> retpolines, std::optional<bool> ibpb) {
    Choice choice = choose({.has_ibrs_all = features::has_ibrs_all(),
                            .has_ibpb = features::has_ibpb(),
                            .retpolines = retpolines,
                            .ibpb = ibpb});
    flushes = choice.ibpb;
    for (u32 number = 0; number < 16 && !choice.retpolines; ++number) {  // JMP *register, with its prefix
        u8* code = indirect_thunks[number];
        if (number >= 8) *code++ = 0x41;
        code[0] = 0xff;
        code[1] = static_cast<u8>(0xe0 | (number & 7));
    }
    log::info("speculation: {}, {}, {}",
              !built_with_retpolines ? "built without retpolines"
              : choice.retpolines    ? "retpolines"
                                     : "no retpolines",
              features::has_ibrs_all() ? "IBRS" : "no IBRS", choice.ibpb ? "IBPB between domains" : "no IBPB");
}

void enter_domain(CpuId cpu, Time created) {
    if (!flushes || last_created[cpu] == created) return;
    last_created[cpu] = created;
    msr::write(msr::pred_cmd, 1);
}
}  // namespace hv::speculation
