// SPDX-License-Identifier: MIT
#ifdef PARAVANE_CHAOS
#include "chaos.hpp"
#include "machine.hpp"

namespace hv::chaos {
namespace {
// Marsaglia's xorshift, whose low bits a multiplication hides.
u32 draw(u64& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<u32>(state * 0x2545'f491'4f6c'dd1d >> 32);
}
}  // namespace

// Mostly nothing; one time in 16 up to 63 rounds; one time in 4096 up to 4095, in which others come far.
void Step::wait() noexcept {
    u64* const state = generator();
    if (!state) return;
    u32 const drawn = draw(*state);
    u32 const kind = drawn % 4096, rounds = drawn / 4096;
    if (kind == 0) pause(rounds % 4096);
    else if (kind % 16 == 0) pause(rounds % 64);
}
}  // namespace hv::chaos
#endif
