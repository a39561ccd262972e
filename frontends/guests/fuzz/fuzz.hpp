// SPDX-License-Identifier: MIT
// A fuzzer runs on each vCPU. It makes plausible calls, twists some of their arguments, and edits the guest's own
// tables and shared pages meanwhile. Twisted values never name the guest's own code and data: it would only hurt
// itself.
#pragma once
#include <array>
#include <string_view>

#include "runtime/hypercall.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace fuzz {
using guest::address_of;
using guest::i64;
using guest::Mfn;
using guest::u16;
using guest::u32;
using guest::u64;
using guest::u8;

// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
class Random {
public:
    explicit constexpr Random(u64 seed) : state_{seed * 0x9e3779b97f4a7c15 | 1} {}
    u64 next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1d;
    }
    u32 below(u32 limit) { return static_cast<u32>((next() >> 32) * limit >> 32); }
    bool one_in(u32 count) { return below(count) == 0; }
    template <class T, std::size_t N>
    T const& pick(T const (&list)[N]) {
        return list[below(N)];
    }

private:
    u64 state_;
};

inline constexpr u32 pool_pages = 48;
inline constexpr u64 nowhere = u64{1} << 36;       // a frame that no machine has
inline constexpr u64 window = 0xffff960000000000;  // its tables are the guest's for good; its entries are anybody's

// The pages that calls are about. A slot whose frame was given back holds 0.
struct Pool {
    std::array<void*, pool_pages> memory;
    std::array<u64, pool_pages> frames;
    u64 last_frame;  // of the machine
    Mfn l1, l2, l3;  // of the window
    u32* control;    // of FIFO event channels, both vCPUs', and the array's page
    u32* array;
    u8* scratch;  // results go here: two pages that nothing happens to
};
extern Pool pool;
void make_pool();

class Fuzzer {
public:
    Fuzzer(u64 seed, u32 cpu) : random{seed}, vcpu{cpu} {}

    // Now and then something else than the value.
    u64 twist(u64 value) { return random.one_in(12) ? hostile() : value; }
    template <class T>
    void twist_inside(T& structure) {
        if (random.one_in(10)) { overwrite(reinterpret_cast<u8*>(&structure), sizeof(T)); }
    }

    u64 hostile();
    u64 frame();          // of the pool, mostly
    u64 foreign_frame();  // anything that is not ours
    // Instead of a frame of ours that is not there to be played with: its code, data and tables, which the guest could
    // write to by right and so end itself.
    static u64 spare(u64 mfn);
    u64 entry();  // a leaf entry for a page of the pool
    u64 window_address() { return window + u64{random.below(64)} * guest::page_size; }
    void* page() { return pool.memory[random.below(pool_pages)]; }
    u8* result_place() { return pool.scratch + vcpu * guest::page_size; }

    Random random;
    u32 vcpu;

private:
    void overwrite(u8* bytes, std::size_t size);
};

struct Operation {
    std::string_view name;
    i64 (*run)(Fuzzer&);  // negative: it failed
    u32 weight = 10;
    bool refusal = false;  // it is there to be refused
};
struct Operations {
    Operation const* begin;
    Operation const* end;
};
Operations memory_operations();
Operations table_operations();
Operations event_operations();
Operations grant_operations();
Operations processor_operations();

// Without hypercalls: entries written through the emulation, pages that are or become tables, the console's ring, bits
// of shared pages.
inline constexpr std::array<std::string_view, 8> edits{
    "table entries", "bits of table entries", "pages of the pool", "pending bits", "masks and selectors",
    "FIFO words",    "the console's ring",    "grant entries"};
u32 edit(Fuzzer& fuzzer);  // which of these
}  // namespace fuzz
