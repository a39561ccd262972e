// SPDX-License-Identifier: MIT
// core/hal.hpp for Linux: a working small machine, not a script of expected calls.
#include "core/hal/cpu.hpp"
#include "core/hal/irq.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/power.hpp"
#include "core/hal/time.hpp"
#include "core/hal/vcpu.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/log.hpp"
#include "chaos/machine.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/tlb_clock.hpp"
#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "hosted/machine.hpp"
#include "portable/base/pte.hpp"

namespace hosted {
Machine& Machine::get() {
    static Machine& machine = *new Machine;  // never destroyed: the core's globals point into it to the end
    return machine;
}

Machine::Machine() : page_infos(frames), m2p(frames, ~u64{0}) {
    void* memory = mmap(nullptr, frames * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    arena = static_cast<std::byte*>(memory);
}

// The part of start-up that runs core code, which asks for the machine: after its construction.
Machine& started_machine() {
    Machine& machine = Machine::get();
    if (max_mfn) return machine;
    m2p_table = machine.m2p.data();
    init_frame_table(machine.page_infos.data(), Machine::frames);
    add_free_range(Mfn{Machine::low_frames}, Machine::frames - Machine::low_frames - Machine::io_frames);
    for (u32 i = 0; i < hypervisor_l4_entries.size(); ++i) hypervisor_l4_entries[i] = 0xdead'0000'0000 | i << 12 | 3;
    for (CpuId id = 0; id < machine.cpus; ++id) {
        machine.cpu = id;
        sched::start_cpu(id);
        guest_time::start(id);
        (void)sched::idle_vcpu(id);
    }
    machine.cpu = 0;
    return machine;
}

void Machine::reset() {
    current = nullptr;
    last_entered.fill(nullptr);
    translations = {};
    cpu = 0;
    kicks.clear();
    local_flushes = remote_flushes = 0;
    console.clear();
    typed.clear();
    preempt_after = asked = 0;
    visits = most_visits = 0;
    meanwhile = when_asked = when_logged = {};
    processor.clear();
    arch_capabilities = 0;
}

void Machine::let_others_act() {
    if (!meanwhile) return;
    auto const act = std::exchange(meanwhile, {});
    Vcpu* const here = current;
    act();
    current = here;
    meanwhile = act;
}

namespace {
// As the processor would: all four levels present and user-accessible, and writable for a write.
std::byte* translate(u64 root, u64 va, bool write) {
    Machine& machine = Machine::get();
    if (!is_canonical(va)) return nullptr;
    if (!is_guest_address(va)) panic("a guest's address was not checked");
    u64 table = root >> page_shift;
    for (u32 shift : {39, 30, 21, 12}) {
        if (table >= machine.frames) return nullptr;
        u64 const* const entry = reinterpret_cast<u64 const*>(machine.frame(table)) + (va >> shift & 511);
        Pte pte{__atomic_load_n(entry, __ATOMIC_RELAXED)};
        if (!pte.is_present() || !(pte.raw & Pte::user) || (write && !pte.is_writable())) return nullptr;
        table = pte.mfn().value;
    }
    return table < machine.frames ? machine.frame(table) + va % page_size : nullptr;
}

template <class F>
bool for_each_page(u64 va, usize size, bool write, F&& visit) {
    while (size) {
        usize part = std::min<usize>(size, page_size - va % page_size);
        std::byte* at = translate(Machine::get().current->kernel_root.cr3_or(0), va, write);
        if (!at) return false;
        visit(at, part);
        va += part;
        size -= part;
    }
    return true;
}
}  // namespace

void Machine::enter(Vcpu& vcpu) {
    cpu = vcpu.cpu;
    Vcpu* before = last_entered[cpu];
    current = &vcpu;
    if (before == &vcpu) return;
    last_entered[cpu] = &vcpu;
    hal::flush_tlb_local();
    vcpu.domain->dirty_cpus.set(cpu);
}

std::byte* Machine::access(u64 va, bool write) {
    u64 page = va & page_mask;
    if (auto known = translations.find(cpu, page, write)) return frame(known->mfn.value) + va % page_size;
    std::byte* at = translate(current->kernel_root.cr3_or(0), va, write);
    if (!at) return nullptr;
    Mfn mfn = hal::mfn_of(at);
    // As the processor does: a first write makes the translation writable, and so does a read if the entry allows it.
    bool writable = translate(current->kernel_root.cr3_or(0), va, true) != nullptr;
    translations.insert(
        cpu,
        {.page = page, .mfn = mfn, .writable = writable, .domain = current->domain->id, .owner = page_of(mfn).owner()});
    return at;
}
}  // namespace hosted

namespace hv {
using hosted::Machine;

// A thread that yields may have to wait for long, on a busy machine: it does so now and then.
void spin_wait() {
    thread_local u32 turns = 0;
    if (++turns % 64 == 0) std::this_thread::yield();
}

#ifdef PARAVANE_CHAOS
namespace chaos {
u64* generator() {
    static char const* const seed = std::getenv("PARAVANE_CHAOS");
    static constinit std::atomic<u64> threads{0};
    thread_local constinit u64 state = 0;
    if (!seed) return nullptr;
    if (!state) {
        state = 1;  // counting is an atomic step as well
        state = (std::strtoull(seed, nullptr, 10) + threads.fetch_add(1) * 0x9e37'79b9'7f4a'7c15) | 1;
    }
    return &state;
}

// Others come to run only if this thread lets them: there may be fewer CPUs than threads.
void pause(u32 rounds) {
    if (rounds >= 64) return std::this_thread::sleep_for(std::chrono::nanoseconds{50 * rounds});
    if (rounds % 8 == 0) return std::this_thread::yield();
    for (u32 round = 0; round < rounds; ++round) __builtin_ia32_pause();
}
}  // namespace chaos
#endif

HeldLocks& held_locks() {
    thread_local HeldLocks held{};
    return held;
}

void panic(char const* reason, char const* file, int line) {
    throw hosted::Panic{std::string{reason} + " at " + file + ":" + std::to_string(line)};
}

void log::console_write(std::string_view line) {
    Machine::get().console += line;
    if (auto const act = std::exchange(Machine::get().when_logged, {})) act();
}
usize log::console_write_some(std::string_view text) {
    Machine& machine = Machine::get();
    text = text.substr(0, machine.console_takes);
    machine.console += text;
    return text.size();
}

namespace hal {
std::byte* map(Mfn mfn) {
    if (mfn.value >= Machine::get().frames) panic("direct map: no such frame");
    Machine& machine = Machine::get();
    machine.let_others_act();
    if (machine.recording) machine.most_visits = std::max(machine.most_visits, ++machine.visits);
    return machine.frame(mfn.value);
}
u64 read_or_zero(Maddr address) {
    if (address.value >= Machine::frames * page_size) return 0;
    return __atomic_load_n(reinterpret_cast<u64 const*>(Machine::get().arena + address.value), __ATOMIC_RELAXED);
}
Mfn mfn_of(void const* address) {
    return Mfn{static_cast<u64>(static_cast<std::byte const*>(address) - Machine::get().arena) >> page_shift};
}
bool copy_from_guest(void* to, u64 from, usize size) {
    auto* out = static_cast<std::byte*>(to);
    return hosted::for_each_page(from, size, false, [&](std::byte* at, usize part) {
        std::memcpy(out, at, part);
        out += part;
    });
}
bool copy_to_guest(u64 to, void const* from, usize size) {
    auto const* in = static_cast<std::byte const*>(from);
    bool const written = hosted::for_each_page(to, size, true, [&](std::byte* at, usize part) {
        std::memcpy(at, in, part);
        in += part;
    });
    Machine::get().let_others_act();
    return written;
}
bool clear_guest(u64 to, usize size) {
    return hosted::for_each_page(to, size, true, [](std::byte* at, usize part) { std::memset(at, 0, part); });
}
u64 max_address_bits() { return 40; }
std::span<abi::E820Entry const> machine_memory_map() {
    static abi::E820Entry map[2];
    map[0] = {.addr = 0, .size = 0x9f000, .type = abi::e820::ram};
    map[1] = {.addr = 0x100000, .size = (Machine::get().frames << page_shift) - 0x100000, .type = abi::e820::ram};
    return map;
}
Mfn m2p_chunk(u32) { return Mfn{Machine::low_frames}; }

CpuId this_cpu() { return Machine::get().cpu; }
Vcpu& current() { return Machine::get().current ? *Machine::get().current : sched::idle_vcpu(this_cpu()); }
u32 online_cpus() { return Machine::get().cpus; }
void kick(CpuId cpu) {
    if (Machine::get().recording) Machine::get().kicks.push_back(cpu);
}
bool should_preempt() {
    ASSERT(holds_no_lock());
    Machine& machine = Machine::get();
    if (machine.recording) machine.visits = 0;
    if (machine.when_asked) machine.when_asked();
    if (!machine.preempt_after || ++machine.asked < machine.preempt_after) return false;
    machine.asked = 0;
    return true;
}
void flush_tlb(CpuMask const& cpus) {
    cpus.for_each([](u32 cpu) {
        tlb::note_flush(cpu);
        if (!Machine::get().recording) return;
        Machine::get().translations.flush(cpu);
        ++Machine::get().remote_flushes;
    });
}
void flush_tlb_page(CpuMask const& cpus, u64 address) {
    if (!Machine::get().recording) return;
    cpus.for_each([&](u32 cpu) { Machine::get().translations.flush_page(cpu, address); });
    ++Machine::get().remote_flushes;
}
void flush_tlb_local() {
    tlb::note_flush(this_cpu());
    if (!Machine::get().recording) return;
    Machine::get().translations.flush(this_cpu());
    ++Machine::get().local_flushes;
}
perf::Counts& perf_counts(CpuId cpu) {
    static std::array<perf::Counts, max_cpus> counts;
    return counts[cpu];
}
void flush_tlb_page_local(u64 address) {
    if (!Machine::get().recording) return;
    Machine::get().translations.flush_page(this_cpu(), address);
    ++Machine::get().local_flushes;
}

void load_root(Vcpu&) { flush_tlb_local(); }
void load_descriptor_tables(Vcpu&) {}
void load_segment_bases(Vcpu&) {}
void save_segment_bases(Vcpu&) {}
void set_segment_base(Vcpu& vcpu, u32 which, u64 value) {
    (which == abi::segbase::fs        ? vcpu.fs_base
     : which == abi::segbase::gs_user ? vcpu.gs_base_user
                                      : vcpu.gs_base_kernel) = value;
}
bool load_user_gs_selector(Vcpu&, u16) { return true; }
void load_debug_registers(Vcpu&) {}
void load_virtual_ts(Vcpu&) {}
void load_virtual_cr4(Vcpu&) {}
void load_iopl(Vcpu&) {}
void sync_vcpu(Vcpu& vcpu) {
    while (!Machine::get().recording && vcpu.running.load(std::memory_order_acquire)) hv::spin_wait();
}

usize xstate_size() { return 576; }  // legacy area and header
void xstate_init(std::byte* area) { std::memset(area, 0, xstate_size()); }

Time now() {
    if (Machine::get().recording) return Machine::get().time;
    return static_cast<Time>(std::chrono::steady_clock::now().time_since_epoch().count());
}
u64 read_tsc() { return now(); }
Time time_at(u64 tsc) { return tsc; }
u64 latest_whole_tsc() { return read_tsc(); }
TscScale tsc_scale() { return {.multiplier = 0x8000'0000, .reserved = {}, .shift = 1}; }  // 1 GHz
u64 tsc_khz() { return 1'000'000; }
bool tsc_is_stable() { return true; }
u64 wall_clock_at_start() { return 1'700'000'000'000'000'000; }
void set_wall_clock_at_start(u64) {}
void set_deadline(Time deadline) {
    if (Machine::get().recording) Machine::get().deadline = deadline;
}

usize console_read(std::span<char> out) {
    std::string& typed = Machine::get().typed;
    usize size = std::min(out.size(), typed.size());
    std::memcpy(out.data(), typed.data(), size);
    typed.erase(0, size);
    return size;
}
void machine_power_off() { throw hosted::PowerEvent{hosted::PowerEvent::Kind::power_off}; }
void machine_reboot() { throw hosted::PowerEvent{hosted::PowerEvent::Kind::reboot}; }
void machine_halt() { throw hosted::PowerEvent{hosted::PowerEvent::Kind::halt}; }
bool reboot_allowed() { return true; }
bool acpi_sleep(u32, u16, u16) { return false; }

CpuIds cpu_ids(CpuId cpu) { return {.apic_id = cpu, .acpi_id = cpu}; }
CpuidLeaf cpuid(u32 leaf, u32 subleaf) {
    auto const& leaves = Machine::get().processor;
    auto const found = leaves.find({leaf, subleaf});
    return found == leaves.end() ? CpuidLeaf{} : found->second;
}
u64 arch_capabilities() { return Machine::get().arch_capabilities; }
u32 gsi_count() { return 24; }
void connect_gsi(u32 pirq, u32) { Machine::get().irqs[pirq] = {}; }
Result<> connect_msi(u32 pirq, MsiSource const& source) {
    if (source.segment || source.bus) return Errno::nodev;
    Machine::get().irqs[pirq] = {};
    return {};
}
void disconnect_irq(u32 pirq) { Machine::get().irqs.erase(pirq); }
Result<> wire_gsi(u32 gsi, bool level, bool) {
    hosted::DeviceIrq& irq = Machine::get().irqs[gsi];
    if (irq.enabled || irq.wired || gsi == hosted::console_gsi) return Errno::exist;
    irq.level = level;
    irq.wired = true;
    return {};
}
Result<> prepare_irq(u32 pirq) { return pirq == hosted::console_gsi ? Result<>{Errno::busy} : Result<>{}; }
void enable_irq(u32 pirq) { Machine::get().irqs[pirq].enabled = true; }
void disable_irq(u32 pirq) { Machine::get().irqs[pirq].enabled = false; }
bool irq_needs_end(u32 pirq) { return Machine::get().irqs[pirq].level; }
void end_irq(u32 pirq) { ++Machine::get().irqs[pirq].ends; }
void restore_msi(MsiSource const& device) { Machine::get().restored_device = device.devfn; }
std::optional<u32> ioapic_read(Maddr, u32) { return std::nullopt; }
}  // namespace hal
}  // namespace hv
