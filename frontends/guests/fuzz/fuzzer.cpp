// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <algorithm>

#include "public/io/console.hpp"
#include "runtime/event.hpp"
#include "runtime/grant.hpp"
#include "runtime/guest.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/trap.hpp"

namespace fuzz {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr u64 hostile_values[] = {0,
                                  1,
                                  7,
                                  0xff,
                                  0xfff,
                                  0x1000,
                                  0x7ff0,
                                  0x7ff1,
                                  0xffff,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  u64{1} << 32,
                                  u64{1} << 40,
                                  0x0000800000000000,
                                  0xffff7ffffffffff8,
                                  0xffff800000000000,
                                  0xffff820000000000,
                                  0xffff830000001000,
                                  0xffff87fffffffff8,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  0xfffffffffffffff8,
                                  ~u64{0}};

bool is_mine(u64 mfn) {
    if (mfn > pool.last_frame) { return false; }
    u64 pfn = guest::memory::machine_to_pfn(Mfn{mfn}).value;
    return pfn < guest::memory::total_pages() && guest::memory::mfn_of(abi::Pfn{pfn}).value == mfn;
}

bool is_for_calls(u64 mfn) {
    if (mfn == pool.l1.value) { return true; }
    u64 const pfn = guest::memory::machine_to_pfn(Mfn{mfn}).value;
    auto holds = [pfn](void const* page) { return guest::pfn_of(page).value == pfn; };
    return holds(pool.control) || holds(pool.array) || std::any_of(pool.memory.begin(), pool.memory.end(), holds);
}
}  // namespace

constinit Pool pool{};

void make_pool() {
    abi::MemoryDomain of_no_interest{};
    pool.last_frame = static_cast<u64>(guest::memory_op(abi::memop::maximum_ram_page, &of_no_interest));
    for (u32 i = 0; i < pool_pages; ++i) {
        pool.memory[i] = guest::memory::allocate();
        pool.frames[i] = guest::memory::mfn_of(pool.memory[i]).value;
    }
    pool.control = static_cast<u32*>(guest::memory::allocate());
    pool.array = static_cast<u32*>(guest::memory::allocate());
    pool.scratch = static_cast<u8*>(guest::memory::allocate_contiguous(2));
    u64 value = pt::entry(Mfn{pool.frames[0]}, pte::read_write);
    if (!pt::map(pt::kernel_root(), window, value)) { guest::panic("no tables for the window"); }
    pool.l3 = pt::walk(pt::kernel_root(), window, 3);
    pool.l2 = pt::walk(pt::kernel_root(), window, 2);
    pool.l1 = pt::walk(pt::kernel_root(), window, 1);
    // The window's L1 stays a table whatever becomes of the entries above it.
    if (pt::pin(1, pool.l1) != 0) { guest::panic("the window's table cannot be pinned"); }
    (void)guest::grant::entries();
}

u64 Fuzzer::hostile() {
    u64 value = random.pick(hostile_values);
    // Small disturbances of it, but no address of ours: the kernel lies in the top two gigabytes.
    if (random.one_in(3) && value < guest::virt_base) { value += random.below(17); }
    return value;
}

u64 Fuzzer::foreign_frame() {
    u64 mfn = random.below(0x20000);
    return is_mine(mfn) ? nowhere : mfn;
}

u64 Fuzzer::spare(u64 mfn) { return is_mine(mfn) && !is_for_calls(mfn) ? nowhere : mfn; }

u64 Fuzzer::frame() {
    if (random.one_in(25)) { return random.one_in(2) ? foreign_frame() : u64{1} << (30 + random.below(30)); }
    if (random.one_in(25)) { return random.one_in(2) ? pool.l1.value : pool.l2.value; }
    u64 mfn = pool.frames[random.below(pool_pages)];
    return mfn == 0 ? pool.frames[0] : mfn;
}

u64 Fuzzer::entry() {
    if (random.one_in(8)) { return 0; }
    u64 value = pt::entry(Mfn{frame()}, random.one_in(2) ? pte::read_write : pte::read_only);
    if (random.one_in(8)) { value ^= u64{1} << random.below(12); }
    if (random.one_in(8)) { value ^= u64{1} << (52 + random.below(12)); }
    return value;
}

void Fuzzer::overwrite(u8* bytes, std::size_t size) {
    u64 value = hostile();
    std::size_t width = std::size_t{1} << random.below(4);
    if (width > size) { width = size; }
    std::size_t at = random.below(static_cast<u32>((size - width) / width + 1)) * width;
    __builtin_memcpy(bytes + at, &value, width);
}

u32 edit(Fuzzer& f) {
    guest::TrapFrame frame{};
    Random& random = f.random;
    u32 const which = random.below(edits.size());
    switch (which) {
        case 0: {
            // A store that the hypervisor carries out, or refuses with a fault.
            u64 volatile* slot = const_cast<u64*>(pt::table(pool.l1)) + random.below(64);
            u64 value = f.entry();
            (void)guest::trap::attempt([&] { *slot = value; }, frame);
            break;
        }
        case 1: {
            u8 volatile* slot = reinterpret_cast<u8*>(const_cast<u64*>(pt::table(pool.l1))) + random.below(512);
            (void)guest::trap::attempt(
                [&] { asm volatile("lock andb $0xfd, %0"
                                   : "+m"(*const_cast<u8*>(slot))::"cc"); }, frame);
            break;
        }
        case 2: {
            // Content of a page that may be a table, or become one.
            u64 volatile* word = static_cast<u64*>(f.page()) + random.below(512);
            u64 value = f.entry();
            (void)guest::trap::attempt([&] { *word = value; }, frame);
            break;
        }
        case 3: guest::shared_info().evtchn_pending[random.below(64)] = random.next(); break;
        case 4:
            guest::shared_info().evtchn_mask[random.below(64)] = ~u64{0} << random.below(64);
            guest::shared_info().vcpu_info[random.below(32)].evtchn_pending_sel = random.next();
            break;
        case 5: {
            u32 volatile* word = random.one_in(4) ? pool.control + random.below(64) : pool.array + random.below(64);
            *word = random.one_in(2) ? static_cast<u32>(random.next()) : random.below(64) | 0x20000000;
            break;
        }
        case 6: {
            // The side that the guest reads: on the other one it tells how it fares.
            auto* ring = guest::pointer_to<abi::io::ConsoleRing>(
                guest::memory::machine_to_pfn(guest::start_info().console.domU.mfn));
            ring->in[random.below(abi::io::console_in_size)] = static_cast<char>(random.next());
            *(random.one_in(2) ? &ring->in_cons : &ring->in_prod) = static_cast<u32>(random.next());
            break;
        }
        default: {
            abi::GrantEntryV1 volatile& entry = guest::grant::entries()[64 + random.below(32)];
            entry.flags = static_cast<u16>(random.one_in(4) ? random.next() : abi::gtf::permit_access);
            break;
        }
    }
    return which;
}
}  // namespace fuzz
