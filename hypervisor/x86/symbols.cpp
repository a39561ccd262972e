// SPDX-License-Identifier: MIT
#include "x86/symbols.hpp"

#include "x86/mm/paging.hpp"

namespace {

struct Entry {
    hv::u32 address;  // from the image's start
    hv::u32 name;     // in the texts behind the table
};

}  // namespace

extern "C" {
extern hv::u64 const symbol_count;  // followed by that many entries and their names
}

namespace hv::symbols {

Place find(u64 address) {
    if (address < reinterpret_cast<u64>(image_start) || address >= reinterpret_cast<u64>(text_end)) return {};
    u64 count = symbol_count;
    asm("" : "+r"(count));  // the table is of another size in the final link
    auto entries = reinterpret_cast<Entry const*>(&symbol_count + 1);
    u64 offset = address - reinterpret_cast<u64>(image_start);
    u64 low = 0, high = count;  // the last entry not above the address lies in [low, high)
    while (high - low > 1) {
        u64 middle = low + (high - low) / 2;
        (entries[middle].address <= offset ? low : high) = middle;
    }
    if (!count || entries[low].address > offset) return {};
    char const* name = reinterpret_cast<char const*>(entries + count) + entries[low].name;
    return {.function = {name, __builtin_strlen(name)}, .offset = offset - entries[low].address};
}

}  // namespace hv::symbols
