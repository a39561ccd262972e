// SPDX-License-Identifier: MIT
// Which kernel may run, and as what: the hypervisor's reader (dom0) and the domain builder's (guests) on the same
// files. Where Xen 4.17 has an answer, both give it; its loaders share one reader of notes, too.
#include "core/pv/elf.hpp"
#include "dom0-tools/lib/kernel_image.hpp"

#include <gtest/gtest.h>

#include "kernel_file.hpp"

namespace {
using test::Bytes;
using test::KernelSpec;

enum class MayRun { no, as_guest, as_both };

Bytes text_note(std::uint32_t type, std::string const& text) {
    return test::make_note(type, std::as_bytes(std::span{text.c_str(), text.size() + 1}));
}

struct Case {
    char const* what;
    MayRun may_run;
    KernelSpec spec;
};

constexpr std::uint64_t dom0_bit = 1 << 11;

std::vector<Case> cases() {
    using enum MayRun;
    std::vector<Case> all{
        {"a plain kernel", as_both, {}},
        {"no interface", no, {.xen_version = std::nullopt}},
        {"another interface", no, {.xen_version = "xen-3.1"}},
        {"more of the interface", as_both, {.xen_version = "xen-3.0-x86_64"}},
        {"another loader", no, {.loader = "other"}},
        {"no loader", no, {.loader = std::nullopt}},
        {"no loader, but Linux", as_both, {.loader = std::nullopt, .guest_os = "linux"}},
        {"another loader, but Linux", as_both, {.loader = "other", .guest_os = "linux-2.6"}},
        {"no features", as_both, {.features = std::nullopt}},
        {"what we have", as_both, {.features = "!writable_page_tables|!pae_pgdir_above_4gb"}},
        {"what only dom0 is", as_both, {.features = "!dom0"}},
        {"translated", no, {.features = "a|!auto_translated_physmap"}},
        {"welcome translated", as_both, {.features = "auto_translated_physmap"}},
        {"supervisor", no, {.features = "!supervisor_mode_kernel|b"}},
        {"descriptor tables", no, {.features = "!writable_descriptor_tables"}},
        {"vector", no, {.features = "!hvm_callback_vector"}},
        {"a feature without a name", no, {.features = "!mmu_pt_update_preserve_ad"}},
        {"another one", no, {.features = "!gnttab_map_avail_bits"}},
        {"and another", no, {.features = "!linux_rsdp_unrestricted"}},
        {"one that nobody knows", no, {.features = "!unheard_of"}},
        {"for guests only", as_guest, {.supported_features = 1}},
        {"for dom0, too", as_both, {.supported_features = dom0_bit | 1}},
        {"for dom0 by name", as_both, {.features = "dom0", .supported_features = 1}},
        {"an offset without a base", no, {.virt_base = std::nullopt, .paddr_offset = 0}},
        {"a second list", no, {.features = "!unheard_of", .more_notes = text_note(10, "dom0")}},
        {"another valid bit", as_both, {.more_notes = test::make_note(13, Bytes(16, std::byte{2}))}},
        {"a number of three bytes", no, {.more_notes = test::make_note(16, Bytes(3))}},
        {"a number of nine bytes", no, {.more_notes = test::make_note(17, Bytes(9))}},
        {"an empty number", no, {.more_notes = test::make_note(4, {})}},
        {"a long note that says nothing", as_both, {.more_notes = test::make_note(7, Bytes(5000, std::byte{'x'}))}},
    };
    KernelSpec low{.virt_base = 0, .entry = 0x100040};
    all.push_back({"at the bottom", MayRun::as_both, low});
    low.segments = {{}, {.paddr = std::uint64_t{2} << 30}};
    all.push_back({"of two GiB", MayRun::as_both, low});
    low.segments[1].paddr = (std::uint64_t{1} << 39) - 0x5000;
    all.push_back({"of one slot", MayRun::as_both, low});
    low.segments[1].paddr += 0x1000;
    all.push_back({"of more than one slot", MayRun::no, low});
    for (std::uint64_t count : {16, 17}) {
        KernelSpec spec;
        spec.segments.clear();
        for (std::uint64_t n = 0; n < count; ++n) spec.segments.push_back({.paddr = 0x100000 + n * 0x5000});
        all.push_back({"of so many segments", count == 16 ? MayRun::as_both : MayRun::no, spec});
    }
    return all;
}

TEST(KernelRoles, BothReadersAgree) {
    for (Case const& one : cases()) {
        Bytes const file = test::make_elf(one.spec);
        auto const guest = paravane::parse_kernel(file);
        auto const dom0 = hv::pv::parse_kernel({reinterpret_cast<std::uint8_t const*>(file.data()), file.size()},
                                               hv::pv::KernelRole::dom0);
        EXPECT_EQ(static_cast<bool>(guest), one.may_run != MayRun::no)
            << one.what << ": " << (guest ? "accepted" : guest.error().message());
        EXPECT_EQ(static_cast<bool>(dom0), one.may_run == MayRun::as_both)
            << one.what << ": " << (dom0 ? "accepted" : dom0.error);
        if (!guest || !dom0) continue;
        EXPECT_EQ(guest->entry, dom0.kernel.entry) << one.what;
        EXPECT_EQ(guest->start, dom0.kernel.start) << one.what;
        EXPECT_EQ(guest->end, dom0.kernel.end) << one.what;
        EXPECT_EQ(guest->virt_base, dom0.kernel.virt_base) << one.what;
    }
}
}  // namespace
