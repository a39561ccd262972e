// SPDX-License-Identifier: MIT
// An attack is a function that tries something forbidden, says what must not have happened, and leaves the guest fit
// for the next. After each, the guest looks whether it is itself unharmed.
#pragma once
#include <string_view>

#include "runtime/hypercall.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "runtime/trap.hpp"

namespace attacks {
using guest::address_of;
using guest::Errno;
using guest::i64;
using guest::Mfn;
using guest::u16;
using guest::u32;
using guest::u64;
using guest::u8;

struct Attack {
    std::string_view name;
    void (*run)();
};

// What is not as it has to be breaks the attack that is under way.
void expect(bool good, std::string_view what);
inline void refused(i64 result, std::string_view what) { expect(result < 0, what); }
inline void accepted(i64 result, std::string_view what) { expect(result == 0, what); }

// The function must raise an exception: any, or this one.
template <class Function>
void traps(Function function, std::string_view what) {
    guest::TrapFrame frame{};
    expect(guest::trap::attempt(function, frame), what);
}
template <class Function>
void traps(Function function, u64 vector, std::string_view what) {
    guest::TrapFrame frame{};
    expect(guest::trap::attempt(function, frame) && frame.vector == vector, what);
}
// Whether it traps is not the question here.
template <class Function>
void tries(Function function) {
    guest::TrapFrame frame{};
    (void)guest::trap::attempt(function, frame);
}

// A page of memory, its frame, and its way back to the allocator.
class Page {
public:
    Page() : memory_{guest::memory::allocate()} {}
    Page(Page const&) = delete;
    Page& operator=(Page const&) = delete;
    ~Page() {
        expect(guest::page_table::set_writable(memory_) == 0, "the page can be mapped writable again");
        __builtin_memset(memory_, 0, guest::page_size);
        guest::memory::release(memory_);
    }
    template <class T = u64>
    T volatile* as() const {
        return static_cast<T volatile*>(memory_);
    }
    u64* words() const { return static_cast<u64*>(memory_); }
    void* memory() const { return memory_; }
    u64 address() const { return address_of(memory_); }
    Mfn frame() const { return guest::memory::mfn_of(memory_); }
    u64 writable() const { return guest::page_table::entry(frame(), guest::pte::read_write); }
    u64 read_only() const { return guest::page_table::entry(frame(), guest::pte::read_only); }
    void protect() const { accepted(guest::page_table::set_read_only(memory_), "a page becomes read-only"); }

private:
    void* memory_;
};

// An address with tables of its own; level 1 entry 0 is for its page.
inline constexpr u64 test_address = 0xffff960000000000;
inline Mfn table_of_test(unsigned level) {
    return guest::page_table::walk(guest::page_table::kernel_root(), test_address, level);
}
inline u64 place_of_test(unsigned level) {
    return guest::page_table::entry_address(table_of_test(level), guest::page_table::slot(test_address, level));
}
inline u64 entry_of_test(unsigned level) {
    return static_cast<u64 const volatile*>(
        guest::page_table::table(table_of_test(level)))[guest::page_table::slot(test_address, level)];
}
inline i64 write_entry(u64 place, u64 value, u16 domid = abi::domid_self.value) {
    abi::MmuUpdate update{.ptr = place, .val = value};
    return guest::mmu_update(&update, 1, nullptr, domid);
}

// Whether the frame is among this guest's memory.
inline bool is_mine(u64 mfn) {
    u64 pfn = guest::memory::machine_to_pfn(Mfn{mfn}).value;
    return pfn < guest::memory::total_pages() && guest::memory::mfn_of(abi::Pfn{pfn}).value == mfn;
}

// memory_op with one frame or pfn.
inline i64 change_reservation(u32 command, u64* extent) {
    abi::MemoryReservation request{.extent_start = guest::pointer_to(extent),
                                   .nr_extents = 1,
                                   .extent_order = 0,
                                   .mem_flags = 0,
                                   .domid = abi::domid_self,
                                   .pad = {}};
    return guest::memory_op(command, &request);
}

// Work for the second vCPU: called over and over until stop_racer, which waits for the last call to end.
void start_racer(void (*step)());
void stop_racer();
u64 racers_steps();  // how many calls have ended

// How long to race: some rounds, and until both vCPUs were seen at work at the same time often enough. On one
// processor, or a busy machine, that may take for ever, so there is a limit: 200 ms, or 20 s with the option long=yes.
class Race {
public:
    Race();
    bool goes_on();
    u32 round() const { return round_; }

private:
    u32 round_ = 0;
    u32 overlaps_ = 0;
    u32 enough_overlaps_;
    u64 steps_ = 0;
    u64 end_;
};

// A racer that writes one value and the other, in turns.
void flip_between(u64* word, u64 one, u64 other);
void flip_between_also(u64 one);  // from now on this one instead of `one`

// Ends the domain by an exception ("fault") or an NMI ("nmi") that finds no stack; returns if it is to be something
// else.
void end_without_stack(std::string_view how);

// Attacks by topic; main.cpp runs them all.
struct Topic {
    Attack const* begin;
    Attack const* end;
};
Topic table_attacks();
Topic race_attacks();
Topic fetch_attacks();
Topic number_attacks();
Topic descriptor_attacks();
Topic return_attacks();
Topic instruction_attacks();
Topic multicall_attacks();
Topic grant_attacks();
Topic event_attacks();
Topic privilege_attacks();
Topic fifo_attacks();
Topic vcpu_attacks();
Topic entry_attacks();
}  // namespace attacks
