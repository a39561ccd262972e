// SPDX-License-Identifier: MIT
#include "base/lock_order.hpp"
#ifdef PARAVANE_DEBUG
#include "base/assert.hpp"
#include "portable/base/format.hpp"

namespace hv {
namespace {
constexpr std::array names{
    "shutdown",       "event table", "grant table",       "maptrack",   "channel",    "event queue",
    "wall clock",     "page list",   "device interrupts", "MSI tables", "I/O ranges", "spare domains",
    "page allocator", "run queue",   "timer queue",       "IO-APIC",    "PCI ports",  "console input",
    "flush",          "log",         "console output"};
static_assert(names.size() == static_cast<usize>(LockRank::console_output) + 1);

char const* name_of(LockRank rank) { return names[static_cast<usize>(rank)]; }
}  // namespace

// A place among locks of the same rank counts only if both have one: without, it is the only one of its rank.
void HeldLocks::take(LockRank rank, u32 place) {
    if (count_) {
        Held const& last = held_[count_ - 1];
        bool const in_order = last.rank < rank || (last.rank == rank && last.place && last.place < place);
        if (!in_order) {
            std::array<char, 128> text{};
            std::array const what{FormatArg{name_of(rank)}, FormatArg{name_of(last.rank)}};
            format_to({text.data(), text.size() - 1}, "lock order: {} wanted by a CPU that holds {}", what);
            panic(text.data());
        }
    }
    ASSERT(count_ < held_.size());
    held_[count_++] = {rank, place};
}

// Not always the last one.
void HeldLocks::give_back(LockRank rank) {
    u32 at = count_;
    do ASSERT(at > 0);
    while (held_[--at].rank != rank);
    for (--count_; at < count_; ++at) held_[at] = held_[at + 1];
}
}  // namespace hv
#endif
