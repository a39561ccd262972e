// SPDX-License-Identifier: MIT
// The guest image (ELF) that was loaded as this domain's initrd, and where things go in a domain made from it.
#pragma once
#include "ward.hpp"

namespace warden {
// pfns, one after the other.
struct Layout {
    u64 image_end;
    u64 p2m;
    u64 start_info;
    u64 console;
    u64 l4, l3, l2, l1;
    static constexpr u64 l1_tables = pages / 512;

    u64 tables_end() const { return l1 + l1_tables; }
};

class Image {
public:
    Image();
    u64 entry() const;
    Layout layout() const;
    // Copies the segments to a domain's memory, which is zero and begins at this address.
    void load(u8* memory) const;

private:
    u8 const* bytes_;
};

// What the domain's kernel finds: frame numbers, start_info and page tables, in its memory as mapped here.
void fill(u8* memory, u64 const* frames, Layout const& layout, abi::Maddr shared_info, EvtchnPort console,
          EvtchnPort store, std::string_view command_line);
}  // namespace warden
