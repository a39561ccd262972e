// SPDX-License-Identifier: MIT
// The machine that the hosted core runs on: an arena as RAM, a clock that tests move, CPUs that are just numbers, and
// records of what hardware would have been told. tests/hosted/hal.cpp defines core/hal.hpp on it.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/hal/cpuid_leaf.hpp"
#include "core/hal/power.hpp"
#include "core/mm/page_info.hpp"
#include "core/vcpu.hpp"
#include "hosted/tlb.hpp"

namespace hosted {
using namespace hv;

struct Panic {  // what hv::panic throws here
    std::string reason;
};
struct PowerEvent {  // what hal::machine_power_off and the like throw
    enum class Kind { power_off, reboot, halt };
    Kind kind;
};

// What the interrupt controllers know of a pirq. One GSI belongs to the hypervisor.
struct DeviceIrq {
    bool enabled = false;
    bool wired = false;
    bool level = false;
    u32 ends = 0;
};
inline constexpr u32 console_gsi = 4;

// There is one, as the core's own state is one; it starts with its first use and stays. What a test sets it resets.
class Machine {
public:
    static Machine& get();
    Machine(Machine const&) = delete;
    void reset();  // clock, records and preemption as at the start; memory and domains stay

    std::byte* frame(u64 mfn) { return arena + mfn * page_size; }

    // Frames of the arena: 0-255 are "the first MiB" (I/O), then RAM, then some that are no RAM.
    static constexpr u64 low_frames = 256;
    static constexpr u64 io_frames = 16;
    static constexpr u64 frames = 8192;

    std::byte* arena = nullptr;
    std::vector<PageInfo> page_infos;
    std::vector<u64> m2p;

    // A vCPU comes onto the CPU it belongs to, with the flush that a change of address space brings.
    void enter(Vcpu& vcpu);
    // A guest's own access by the current vCPU, as its CPU translates it. Null: a page fault.
    std::byte* access(u64 va, bool write);

    TranslationCaches translations;
    std::array<Vcpu*, TranslationCaches::most_cpus> last_entered{};
    // Which CPU a thread is, and who runs there. Null: the idle vCPU.
    static inline thread_local Vcpu* current = nullptr;
    static inline thread_local CpuId cpu = 0;
    u32 cpus = 4;
    // False while several threads are CPUs (tests/threads): the clock runs by itself, and of what hardware is told
    // there is no record, which would order what the threads do.
    bool recording = true;
    Time time = 1'000'000;
    Time deadline = ~Time{0};
    std::vector<u32> kicks;
    u64 local_flushes = 0;
    u64 remote_flushes = 0;
    std::map<u32, DeviceIrq> irqs;
    std::map<std::pair<u32, u32>, CpuidLeaf> processor;  // what CPUID answers, by leaf and subleaf
    u64 arch_capabilities = 0;
    u8 restored_device = 0;
    std::string console;
    usize console_takes = ~usize{0};  // of what is written without being a line of the log, at a time
    std::string typed;

    // What another CPU does in the middle of a hypercall: whenever the hypervisor goes to a frame by the direct map,
    // and when it has told a guest something.
    std::function<void()> meanwhile;
    void let_others_act();

    std::function<void()> when_asked;   // at each question
    std::function<void()> when_logged;  // as the console gets a line, with the log's lock held

    // Preemption: after this many questions should_preempt() says yes once; 0: never.
    u32 preempt_after = 0;
    u32 asked = 0;
    // How often the hypervisor went to a frame by the direct map since the last question; most_visits is the most there
    // ever was between two, or between one and the end of a call.
    u32 visits = 0;
    u32 most_visits = 0;

private:
    Machine();
};

Machine& started_machine();  // with its memory and CPUs handed to the core
}  // namespace hosted
