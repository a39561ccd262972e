// SPDX-License-Identifier: MIT
#include "runtime/memory.hpp"

#include <array>

#include "runtime/page_table.hpp"
#include "runtime/shutdown.hpp"

extern "C" char image_start[], image_end[];

namespace guest::memory {
namespace {
// The allocator's share: enough for every guest we write, and 8 KiB of bits.
constexpr u64 max_linear_pages = 65536;

class PageBits {
public:
    bool used(u64 pfn) const { return (bits_[pfn / 64] >> (pfn % 64) & 1) == 0; }
    void set_free(u64 pfn) { bits_[pfn / 64] |= u64{1} << (pfn % 64); }
    void set_used(u64 pfn) { bits_[pfn / 64] &= ~(u64{1} << (pfn % 64)); }

private:
    std::array<u64, max_linear_pages / 64> bits_{};  // one: free
};

constinit PageBits pages{};
constinit u64* physical_to_machine = nullptr;
constinit u64 total = 0;
constinit u64 linear = 0;
constinit u64 free_count = 0;
constinit u64 next_try = 0;

u64 const* machine_to_physical() { return reinterpret_cast<u64 const*>(abi::machphys_virt_start); }

void reserve(u64 first, u64 count) {
    for (u64 pfn = first; pfn < first + count && pfn < linear; ++pfn) {
        if (!pages.used(pfn)) {
            pages.set_used(pfn);
            --free_count;
        }
    }
}

void reserve_addresses(u64 begin, u64 end) {
    u64 first = (begin - virt_base) / page_size;
    reserve(first, (end - virt_base + page_size - 1) / page_size - first);
}

void add(u64 first, u64 end) {
    for (u64 pfn = first; pfn < end; ++pfn) {
        pages.set_free(pfn);
        ++free_count;
    }
}

// The builder maps everything from VIRT_BASE up without a gap; where that ends is for the tables to tell.
u64 mapped_pages(Mfn root) {
    u64 limit = total < max_linear_pages ? total : max_linear_pages;
    u64 pfn = 0;
    while (pfn < limit && (page_table::lookup(root, virt_base + pfn * page_size) & pte::present) != 0) { ++pfn; }
    return pfn;
}

void reserve_boot_data(abi::StartInfo const& info) {
    reserve(0, 1);  // so that no pointer to a page is the linear address of pfn 0, which hostile values often name
    reserve_addresses(address_of(image_start), address_of(image_end));
    reserve_addresses(address_of(&info), address_of(&info) + page_size);
    reserve_addresses(info.pt_base.value, info.pt_base.value + info.nr_pt_frames * page_size);
    if (info.mfn_list.value >= virt_base) {
        reserve_addresses(info.mfn_list.value, info.mfn_list.value + total * sizeof(u64));
    } else {
        reserve(info.first_p2m_pfn.value, info.nr_p2m_frames);
    }
    if ((info.flags & abi::sif::initdomain) == 0) {
        reserve(machine_to_pfn(info.store_mfn).value, 1);
        reserve(machine_to_pfn(info.console.domU.mfn).value, 1);
    }
    if (info.mod_len != 0) {
        u64 first =
            (info.flags & abi::sif::mod_start_pfn) != 0 ? info.mod_start : (info.mod_start - virt_base) / page_size;
        reserve(first, (info.mod_len + page_size - 1) / page_size);
    }
}
}  // namespace

void initialise(abi::StartInfo const& info) {
    physical_to_machine = reinterpret_cast<u64*>(info.mfn_list.value);
    total = info.nr_pages;
    Mfn root = mfn_of(Pfn{(info.pt_base.value - virt_base) / page_size});
    page_table::set_kernel_root(root);
    linear = mapped_pages(root);
    add(0, linear);
    reserve_boot_data(info);
}

u64 total_pages() { return total; }
u64 linear_pages() { return linear; }
u64 free_pages() { return free_count; }

Mfn mfn_of(Pfn pfn) { return Mfn{physical_to_machine[pfn.value]}; }
void set_mfn(Pfn pfn, Mfn mfn) { physical_to_machine[pfn.value] = mfn.value; }
Pfn machine_to_pfn(Mfn mfn) { return Pfn{machine_to_physical()[mfn.value]}; }

void* allocate_contiguous(u64 count) {
    u64 run = 0;
    u64 start = count == 1 ? next_try : 0;
    for (u64 tried = 0; tried < linear; ++tried) {
        u64 pfn = (start + tried) % linear;
        run = pages.used(pfn) || (pfn == 0 && tried != 0) ? 0 : run + 1;
        if (run == count) {
            u64 first = pfn + 1 - count;
            for (u64 p = first; p <= pfn; ++p) {
                pages.set_used(p);
                --free_count;
                __builtin_memset(pointer_to(Pfn{p}), 0, page_size);
            }
            next_try = pfn + 1;
            return pointer_to(Pfn{first});
        }
    }
    panic("out of memory");
}

void* allocate() { return allocate_contiguous(1); }

void release(void* page) {
    u64 pfn = pfn_of(page).value;
    if (!pages.used(pfn)) { panic("a free page is given back"); }
    pages.set_free(pfn);
    ++free_count;
}

bool extend(u64 count) {
    u64 limit = total < max_linear_pages ? total : max_linear_pages;
    u64 end = linear + count < limit ? linear + count : limit;
    for (u64 pfn = linear; pfn < end; ++pfn) {
        u64 value = page_table::entry(mfn_of(Pfn{pfn}), pte::read_write);
        if (!page_table::map(page_table::kernel_root(), address_of(Pfn{pfn}), value)) { return false; }
        linear = pfn + 1;
        add(pfn, pfn + 1);
    }
    return true;
}
}  // namespace guest::memory
