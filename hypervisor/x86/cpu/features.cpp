// SPDX-License-Identifier: MIT
#include "x86/cpu/features.hpp"
#include <algorithm>
#include <array>
#include <initializer_list>
#include "base/log.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"

namespace {
enum class Site : hv::u64 { verw, barrier, stac, clac };  // entry/frame.h: PATCH_*
struct PatchSite {
    hv::u64 address;
    Site kind;
};
}  // namespace
extern "C" {
extern hv::u8 indirect_thunks[16][32];                          // entry/vectors.S
extern PatchSite const patch_sites_start[], patch_sites_end[];  // image.ld.S
}

namespace hv::features {
constinit Features found{};

namespace {
constexpr u64 cr4_pae = 1u << 5, cr4_mce = 1u << 6, cr4_osfxsr = 1u << 9, cr4_osxmmexcpt = 1u << 10,
              cr4_osxsave = 1u << 18, cr4_smep = 1u << 20, cr4_smap = 1u << 21;
constexpr u64 cr0_paging = 0x8005'0033;  // PG AM WP NE ET MP PE

CpuidLeaf leaf7() { return cpu::cpuid(0).eax >= 7 ? cpu::cpuid(7) : CpuidLeaf{}; }
CpuidLeaf extended(u32 leaf) { return cpu::cpuid(0x8000'0000).eax >= leaf ? cpu::cpuid(leaf) : CpuidLeaf{}; }
u32 extended_edx() { return extended(0x8000'0001).edx; }

bool is_vendor(u32 ebx, u32 edx, u32 ecx) {
    CpuidLeaf vendor = cpu::cpuid(0);
    return vendor.ebx == ebx && vendor.edx == edx && vendor.ecx == ecx;
}
bool is_intel() { return is_vendor(0x756e'6547, 0x4965'6e69, 0x6c65'746e); }
bool is_amd() {
    bool const is_hygon = is_vendor(0x6f67'7948, 0x6e65'476e, 0x656e'6975);
    return is_hygon || is_vendor(0x6874'7541, 0x6974'6e65, 0x444d'4163);
}

// What the processor says of its own weaknesses; nothing if it cannot.
u64 arch_capabilities() { return leaf7().edx & 1u << 29 ? msr::read(msr::arch_capabilities) : 0; }
constexpr u64 rdcl_no = 1u << 0;

// Writes an instruction over all that are marked so.
void patch(Site kind, std::initializer_list<u8> instruction) {
    for (PatchSite const* site = patch_sites_start; site != patch_sites_end; ++site)
        if (site->kind == kind) std::ranges::copy(instruction, reinterpret_cast<u8*>(site->address));
}
}  // namespace

bool has_meltdown() { return is_intel() && !(arch_capabilities() & rdcl_no); }

char const* missing() {
    u32 ecx = cpu::cpuid(1).ecx, edx = cpu::cpuid(1).edx, extended = extended_edx();
    if (!(edx & 1u << 9)) return "no local APIC";
    if (!(edx & 1u << 4)) return "no time stamp counter";
    if (!(edx & 1u << 16)) return "no page attribute table";
    if (!(edx & 1u << 24) || !(edx & 1u << 26)) return "no FXSAVE or no SSE2";
    if (!(ecx & 1u << 13)) return "no CMPXCHG16B";
    if (!(ecx & 1u << 23)) return "no POPCNT";
    if (!(extended & 1u << 11)) return "no SYSCALL";
    if (!(extended & 1u << 20)) return "no no-execute pages";
    return nullptr;
}

speculation::Processor processor() {
    using Vendor = speculation::Processor::Vendor;
    u32 const signature = cpu::cpuid(1).eax, family = signature >> 8 & 0xf;
    bool const has_subleaf2 = leaf7().eax >= 2;
    return {.vendor = is_intel() ? Vendor::intel
                      : is_amd() ? Vendor::amd
                                 : Vendor::other,
            .family = family == 0xf ? family + (signature >> 20 & 0xff) : family,
            .capabilities = arch_capabilities(),
            .leaf7_ebx = leaf7().ebx,
            .leaf7_edx = leaf7().edx,
            .leaf7_2_edx = has_subleaf2 ? cpu::cpuid(7, 2).edx : 0,
            .extended8_ebx = extended(0x8000'0008).ebx,
            .extended21_eax = extended(0x8000'0021).eax,
            .extended21_ecx = extended(0x8000'0021).ecx};
}

void read() {
    found.xsave = cpu::cpuid(1).ecx & 1u << 26;
    found.xsaveopt = found.xsave && cpu::cpuid(0xd, 1).eax & 1;
    found.fsgsbase = leaf7().ebx & 1;
    found.smep = leaf7().ebx & 1u << 7;
    found.smap = leaf7().ebx & 1u << 20;
    found.rdtscp = extended_edx() & 1u << 27;
    found.stable_tsc = extended(0x8000'0007).edx & 1u << 8;
    constexpr u32 saves_pointers = 1u << 2;  // always, not only with an exception pending (APM volume 3, E.4.7)
    found.leaks_fpu_pointers = is_amd() && !(extended(0x8000'0008).ebx & saves_pointers);
    u32 const bits = extended(0x8000'0008).eax & 0xff;
    found.address_bits = bits ? std::min(bits, 52u) : 36;
    log::info("protection: {}, {}", found.smep ? "SMEP" : "no SMEP", found.smap ? "SMAP" : "no SMAP");
    if (!found.smap) return;
    patch(Site::stac, {0x0f, 0x01, 0xcb});
    patch(Site::clac, {0x0f, 0x01, 0xca});
}

// No global pages, no process-context identifiers.
u64 control4() {
    u64 value = cr4_pae | cr4_mce | cr4_osfxsr | cr4_osxmmexcpt;
    if (found.xsave) value |= cr4_osxsave;
    if (found.smep) value |= cr4_smep;
    if (found.smap) value |= cr4_smap;
    return value;
}

void init_cpu() {
    cpu::write_cr4(control4());
    cpu::write_cr0(cr0_paging);
    msr::write(msr::efer, msr::efer_sce | msr::efer_lme | msr::efer_lma | msr::efer_nxe);
    // Caches and TLBs must not hold anything under the former attributes (SDM volume 3, 12.12.4).
    cpu::wbinvd();
    msr::write(msr::pat, msr::pat_value);
    cpu::write_cr3(cpu::read_cr3());
}

void make_lfence_serialize() {
    if (!is_amd()) return;
    Result<u64> value = msr::try_read(msr::decode_configuration);
    if (value && !(*value & msr::lfence_serializes))
        (void)msr::try_write(msr::decode_configuration, *value | msr::lfence_serializes);
}
}  // namespace hv::features

namespace hv::speculation {
namespace {
#ifdef PARAVANE_RETPOLINES
constexpr bool built_with_retpolines = true;
#else
constexpr bool built_with_retpolines = false;
#endif
constinit Choice choice{};
constinit std::array<Time, max_cpus> last_created{};

// JMP *register, with its prefix, where a retpoline was.
void write_plain_jumps() {
    for (u32 number = 0; number < 16; ++number) {
        u8* code = indirect_thunks[number];
        if (number >= 8) *code++ = 0x41;
        code[0] = 0xff;
        code[1] = static_cast<u8>(0xe0 | (number & 7));
    }
}
}  // namespace

void init(Request const& request) {
    choice = choose(features::processor(), request);
    if (!choice.retpolines) write_plain_jumps();
    if (!choice.clears_buffers) features::patch(Site::verw, {0x0f, 0x1f, 0x80, 0, 0, 0, 0});  // a NOP
    if (!choice.ibpb_on_entry) features::patch(Site::barrier, {0x0f, 0x1f, 0x44, 0, 0});
    log::info("speculation: {}, {}, {}, {}, {}{}",
              !built_with_retpolines ? "built without retpolines"
              : choice.retpolines    ? "retpolines"
                                     : "no retpolines",
              choice.automatic_ibrs        ? "automatic IBRS"
              : choice.spec_ctrl & 1 << 10 ? "IBRS without history"
              : choice.spec_ctrl           ? "IBRS"
                                           : "no IBRS",
              choice.ibpb ? "IBPB between domains" : "no IBPB",
              choice.clears_buffers    ? "VERW on exit"
              : choice.exposes_buffers ? "BUFFERS EXPOSED"
                                       : "no VERW",
              choice.ibpb_on_entry     ? "IBPB on entry"
              : choice.exposes_returns ? "RETURNS EXPOSED"
                                       : "plain returns",
              choice.exposes_history ? ", HISTORY EXPOSED" : "");
}

void init_cpu() {
    if (choice.spec_ctrl) msr::write(msr::spec_ctrl, choice.spec_ctrl);
    if (choice.automatic_ibrs) msr::write(msr::efer, msr::read(msr::efer) | msr::efer_aibrse);
}

void enter_domain(CpuId cpu, Time created) {
    if (!choice.ibpb || last_created[cpu] == created) return;
    last_created[cpu] = created;
    msr::write(msr::pred_cmd, 1);
}
}  // namespace hv::speculation
