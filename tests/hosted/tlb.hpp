// SPDX-License-Identifier: MIT
// The translation caches of the hosted machine's CPUs: what a guest touched stays translated until it is flushed,
// whatever becomes of the tables. So a flush that the hypervisor forgets can be used by a guest, and is found by a
// test.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "portable/base/types.hpp"

namespace hosted {
using namespace hv;

struct Translation {
    u64 page;  // virtual address
    Mfn mfn;
    bool writable;
    Domid domain;  // who uses it
    Domid owner;   // of the frame, when it was translated
};

class TranslationCaches {
public:
    static constexpr u32 most_cpus = 8;

    std::optional<Translation> find(CpuId cpu, u64 page, bool write) const;
    void insert(CpuId cpu, Translation translation);
    void flush(CpuId cpu) {
        if (cpu < most_cpus) entries_[cpu].clear();
    }
    void flush_page(CpuId cpu, u64 page);

    // A translation with which its user could do what it must not: write a page table or descriptor page, or reach a
    // frame that has got another owner. Empty if there is none. dom0 may see what it likes, but not write tables.
    std::string danger() const;

private:
    std::array<std::vector<Translation>, most_cpus> entries_;
};
}  // namespace hosted
