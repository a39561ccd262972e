#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes one check at a time out of a copy of the hypervisor and asks whether its attack notices (docs/attacks.md).

planted_holes.py [PATTERN]    those whose attack or description matches

A hole is a text that must occur exactly once in a source file (white space does not count), and what stands in its place.
The image is built anew for each. A hole is found if the attack is broken, if the machine does not survive it, if the audit
finds wrong counts, or if the witness or dom0 are harmed.
"""
import os
import re
import shutil
import subprocess
import sys

import hostile
from harness import Failure, build, expect, run, top

place = f"{build}/holes"
image = f"{place}/build/hypervisor/paravane"

# attacks, the check that is gone, file, text, what replaces it
HOLES = [
    ("tables.forbidden_bits tables.forbidden_bits_in_new_tables", "bits of a table's entry", "core/mm/validate.cpp",
     "if (wanted.raw & (~(Pte::table_allowed | Pte::address) | beyond)) return Errno::inval;", "(void)beyond;"),
    ("tables.hypervisor_slots", "the hypervisor's slots of a root", "core/mm/mmu_update.cpp",
     "if (level == PageType::l4 && is_hypervisor_slot(slot)) return Errno::inval;", "(void)slot;"),
    ("tables.forged_root", "the hypervisor's slots of a new root", "core/mm/validate.cpp",
     "if (level == PageType::l4 && is_hypervisor_slot(i)) {\n            store(entries + i, "
     "Pte{hypervisor_l4_entries[i - first_hypervisor_slot]});",
     "if (level == PageType::l4 && is_hypervisor_slot(i)) {"),
    ("tables.self_reference tables.type_confusion races.pin_against_writer", "a frame in use is one thing", "core/mm/typed_ref.hpp",
     "if ((word & ~beside) - PageInfo::one_use(kind) >= PageInfo::ref_limit) [[unlikely]]\n            return nullptr;",
     "if ((word & PageInfo::use_mask) == 0) return nullptr; (void)beside;"),
    ("tables.table_given_back", "the pin of a frame that is given back", "core/mm/reservation.cpp",
     "if (page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)\n"
     "            TypedRef::release(*page);", ""),
    ("races.pin_at_two_levels", "what is pinned already", "core/mm/mmuext.cpp",
     "(!(page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)) return Errno::inval;",
     "(!(page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)) return {};"),
    ("numbers.pointers", "where guests may have memory", "core/guest_access.hpp",
     "return address >> shift != hypervisor_start >> shift;", "return true;"),
    ("numbers.table_sizes", "the size of a GDT", "core/mm/descriptor.cpp",
     "u64 entries = args[1];\n    if (entries > max_gdt_entries) return Errno::inval;", "u64 entries = args[1];"),
    ("numbers.vcpu_numbers", "numbers of vCPUs", "core/sched/vcpu_op.cpp",
     "args[1] < domain.max_vcpus ? domain.vcpus[args[1]] : nullptr;", "domain.vcpus[args[1] % domain.max_vcpus];"),
    ("descriptors.every_type_by_update", "the privilege level of segments", "core/mm/descriptor.cpp",
     "return raw | privilege_mask;", "return raw;"),
    ("descriptors.every_type_in_a_new_table", "system descriptors", "core/mm/descriptor.cpp",
     "if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;",
     "(void)is_gate_target(raw);"),
    ("descriptors.ldt", "system descriptors", "core/mm/descriptor.cpp",
     "if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;",
     "if (gate_type(raw) != 0xc) return raw; (void)is_gate_target(raw);"),
    ("descriptors.debug_registers", "addresses of breakpoints", "core/pv/registers.hpp",
     "bool is_valid_breakpoint(u64 address) { return is_guest_address(address); }",
     "bool is_valid_breakpoint(u64) { return true; }"),
    ("returns.flags_across_entries", "flags of privilege", "x86/entry/syscall.S",
     "andl $~(EFLAGS_IOPL | EFLAGS_VM), %edi", ""),
    ("returns.iret_selectors", "the ring of the code selector", "x86/entry/syscall.S",
     "je 2f\n    orl $3, %edx", "je 2f"),
    ("instructions.model_specific_registers", "EFER", "x86/pv/msr.cpp",
     "case msr::efer: return value == (msr::read(index) & ~msr::efer_svme);",
     "case msr::efer: msr::write(index, value); return true;"),
    ("instructions.bases", "canonical bases", "x86/pv/msr.cpp",
     "if (!is_canonical(value)) return false;", ""),
    ("instructions.ports", "whose the ports are", "x86/pv/port_policy.cpp",
     "if (!vcpu.domain->privileged) return all_ones(size);", ""),
    ("multicalls.nested", "a batch in a batch", "core/hypercall/multicall.cpp",
     "bool const nested = call.op == abi::hypercall::multicall;", "bool const nested = false;"),
    ("grants.unmapping", "the frame that an unmapped entry maps", "core/grant/mapping.cpp",
     "return (now.raw & (Pte::address | Pte::present | Pte::writable)) == wanted;",
     "return ((now.raw ^ wanted) & (Pte::present | Pte::writable)) == 0;"),
    ("grants.what_is_not_granted", "numbers of references", "core/grant/table.hpp",
     "if (ref.value >= frames_ * entries_per_frame) [[unlikely]] return GrantStatus::bad_gntref;", ""),
    ("grants.copies", "the ends of pages", "core/grant/copy.cpp",
     "u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size", "false"),
    ("grants.table_operations", "the size of a grant table", "core/grant/table.cpp",
     "if (frames > max_frames_) return Errno::nospc;", ""),
    ("events.port_numbers", "numbers of ports", "core/event/event_table.hpp",
     "if (port.value == 0 || port.value >= ports_.load(std::memory_order_relaxed)) return nullptr;", ""),
    ("events.vcpu_numbers", "the vCPU of an IPI", "core/event/event_table.cpp",
     "Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {\n    if (!domain_.vcpu(vcpu)) return Errno::noent;",
     "Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {"),
    ("events.other_domains", "who may speak for others", "core/domain_table.cpp",
     "if (!caller.privileged) return Errno::perm;", ""),
    ("fifo.numbers", "where a control block may lie", "core/event/fifo_switch.cpp",
     "if (op.offset % 8 || op.offset > page_size - sizeof(abi::EvtchnFifoControlBlock)) return Errno::inval;", ""),
    ("fifo.array_pages", "pages of the event array", "core/event/fifo.cpp",
     "if (pages_ == max_pages) return Errno::nospc;", ""),
    ("privilege.domctl", "who may use domctl", "core/control/domctl.cpp",
     "if (!vcpu.domain->privileged) return Errno::perm;", ""),
    ("privilege.sysctl", "who may use sysctl", "core/control/sysctl.cpp",
     "if (!vcpu.domain->privileged) return Errno::perm;", ""),
    ("privilege.platform", "who may use platform_op", "core/control/platform_op.cpp",
     "if (!vcpu.domain->privileged) return Errno::perm;", ""),
    ("privilege.shut_down_others", "who may shut down others", "core/sched/sched_op.cpp",
     "if (!caller.privileged) return Errno::perm;", ""),
    ("privilege.memory_operations", "who may see the machine's memory map", "core/mm/memory_op.cpp",
     "case abi::memop::machine_memory_map:\n            if (!vcpu.domain->privileged) return Errno::perm;",
     "case abi::memop::machine_memory_map:"),
    ("privilege.foreign_frames", "whose a frame is", "core/mm/page_info.hpp",
     "if (PageInfo::owner_of(word) != owner || refs == 0 || refs >= PageInfo::ref_limit) [[unlikely]]",
     "if (refs == 0 || refs >= PageInfo::ref_limit || owner == abi::domid_invalid)"),
]


def build_image():
    with open(f"{place}/log", "w") as log:
        done = subprocess.run(["cmake", "--build", f"{place}/build", "--target", "paravane"], stdout=log, stderr=log)
    if done.returncode:
        with open(f"{place}/log") as log:
            raise Failure(f"the copy cannot be built: {log.read()[-1500:]}")


def prepare():
    shutil.rmtree(f"{place}/source", ignore_errors=True)
    os.makedirs(place, exist_ok=True)
    for name in ("hypervisor", "frontends", "CMakeLists.txt"):
        source = f"{top}/{name}"
        copy = shutil.copytree if os.path.isdir(source) else shutil.copy
        os.makedirs(f"{place}/source", exist_ok=True)
        copy(source, f"{place}/source/{name}")
    path = f"{place}/source/hypervisor/CMakeLists.txt"
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("-Werror", ""))  # a hole may leave something unused
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "-S", f"{place}/source", "-B", f"{place}/build", "-G", "Ninja", "-DPARAVANE_TOOLS=OFF",
                    "-DPARAVANE_TESTS=OFF", *launcher], check=True, stdout=subprocess.DEVNULL)
    build_image()


def what_is_wrong(attack):
    """How the machine took it, or None if nobody noticed."""
    try:
        text = hostile.run("attacks", f"only={attack}", seconds=40, hypervisor=image)
    except Failure as failure:
        return str(failure)
    broken = re.search(r"attacker: +(\S+: not so: .*)", text)
    return broken and broken[1]


def plant(attacks, check, file, text, replacement):
    """The attacks that do not notice."""
    path = f"{place}/source/hypervisor/{file}"
    with open(path) as source:
        original = source.read()
    pattern = re.compile(r"\s+".join(re.escape(word) for word in text.split()))
    if len(pattern.findall(original)) != 1:
        print(f"== {attacks}: its text is no longer in {file}", flush=True)
        return attacks.split()
    found = {}
    try:
        with open(path, "w") as source:
            source.write(pattern.sub(lambda _: replacement, original))
        build_image()
        for attack in attacks.split():
            found[attack] = what_is_wrong(attack)
            print(f"== {attack}, without {check}: {found[attack] or 'NOT FOUND'}", flush=True)
    except Failure as failure:
        print(f"== {attacks}, without {check}: {failure}", flush=True)
    finally:
        with open(path, "w") as source:
            source.write(original)
    return [attack for attack in attacks.split() if not found.get(attack)]


def planted_holes():
    """Each attack notices when the check that holds it is gone."""
    wanted = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    chosen = [hole for hole in HOLES if wanted.search(f"{hole[0]} {hole[1]}")]
    prepare()
    missed = [attack for hole in chosen for attack in plant(*hole)]
    count = sum(len(hole[0].split()) for hole in chosen)
    print(f"{count - len(missed)} of {count} holes found")
    expect(not missed, f"not noticed: {', '.join(missed)}")


run(planted_holes)
