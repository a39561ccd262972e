// SPDX-License-Identifier: MIT
// The chaos build waits for a random short time before and after each atomic step, so that what other CPUs may do
// between two steps does happen. The build puts this file before everything else (PARAVANE_CHAOS), and no source knows:
// the compiler's words for atomic steps, of which those of std::atomic are made too, become ones with a Step around
// them.
#pragma once

namespace hv::chaos {
// It waits when it is made, and again at the end of the expression.
struct Step {
    Step() noexcept { wait(); }
    ~Step() { wait(); }
    Step(Step const&) = delete;

private:
    static void wait() noexcept;
};
void start(unsigned long seed);  // on the machine: all CPUs wait from now on; with 0 none ever does
}  // namespace hv::chaos

#define __atomic_load_n(...) (::hv::chaos::Step{}, __atomic_load_n(__VA_ARGS__))
#define __atomic_load(...) (::hv::chaos::Step{}, __atomic_load(__VA_ARGS__))
#define __atomic_store_n(...) (::hv::chaos::Step{}, __atomic_store_n(__VA_ARGS__))
#define __atomic_store(...) (::hv::chaos::Step{}, __atomic_store(__VA_ARGS__))
#define __atomic_exchange_n(...) (::hv::chaos::Step{}, __atomic_exchange_n(__VA_ARGS__))
#define __atomic_exchange(...) (::hv::chaos::Step{}, __atomic_exchange(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (::hv::chaos::Step{}, __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange(...) (::hv::chaos::Step{}, __atomic_compare_exchange(__VA_ARGS__))
#define __atomic_fetch_add(...) (::hv::chaos::Step{}, __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) (::hv::chaos::Step{}, __atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_and(...) (::hv::chaos::Step{}, __atomic_fetch_and(__VA_ARGS__))
#define __atomic_fetch_or(...) (::hv::chaos::Step{}, __atomic_fetch_or(__VA_ARGS__))
#define __atomic_add_fetch(...) (::hv::chaos::Step{}, __atomic_add_fetch(__VA_ARGS__))
#define __atomic_sub_fetch(...) (::hv::chaos::Step{}, __atomic_sub_fetch(__VA_ARGS__))
#define __atomic_and_fetch(...) (::hv::chaos::Step{}, __atomic_and_fetch(__VA_ARGS__))
#define __atomic_or_fetch(...) (::hv::chaos::Step{}, __atomic_or_fetch(__VA_ARGS__))
#define __atomic_thread_fence(...) (::hv::chaos::Step{}, __atomic_thread_fence(__VA_ARGS__))
