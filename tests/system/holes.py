# SPDX-License-Identifier: MIT
"""The holes of planted_holes.py: attacks, the check that is gone, and what is done to the source for it. Where two checks
stand one behind the other, both are gone. What is held by an order of doing things (read once, then check, then use) has the
wrong order for a hole, with a moment between the two reads, so that another CPU comes in between.

An edit is a file, a text in it that occurs exactly once (white space does not count), and what stands in its place.
"""
HOLES = [
    ("tables.forbidden_bits tables.forbidden_bits_in_new_tables", "bits of a table's entry",
     [("core/mm/validate.cpp",
       "if (wanted.raw & (~(Pte::table_allowed | Pte::address) | beyond)) return Errno::inval;",
       "(void)beyond;")]),
    ("tables.hypervisor_slots", "the hypervisor's slots of a root",
     [("core/mm/mmu_update.cpp",
       "if (level == PageType::l4 && is_hypervisor_slot(slot)) return Errno::inval;",
       "(void)slot;")]),
    ("tables.forged_root", "the hypervisor's slots of a new root",
     [("core/mm/validate.cpp",
       "if (level == PageType::l4 && is_hypervisor_slot(i)) {\n"
       "            store(entries + i, Pte{i == m2p_slot ? 0 : hypervisor_l4_entries[i - first_hypervisor_slot]});",
       "if (level == PageType::l4 && is_hypervisor_slot(i)) {")]),
    ("tables.self_reference tables.type_confusion races.pin_against_writer", "a frame in use is one thing",
     [("core/mm/typed_ref.hpp",
       "if ((word & ~beside) - PageInfo::one_use(kind) >= PageInfo::ref_limit) [[unlikely]]\n"
       "            return nullptr;",
       "if ((word & PageInfo::use_mask) == 0) return nullptr; (void)beside;")]),
    ("tables.table_given_back", "the pin of a frame that is given back",
     [("core/mm/reservation.cpp",
       "if (page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)\n"
       "            TypedRef::release(*page);",
       "")]),
    ("tables.stores_across_tables", "a store stays within one entry",
     [("x86/pv/page_table_write.cpp",
       "entry_of(operand) != entry_of(address) ||\n"
       "        !pv::is_within_entry(operand, instruction->size))",
       "entry_of(operand) != entry_of(address))")]),
    ("tables.unpinned_root_in_use", "a root in use is held",
     [("core/mm/root.cpp",
       "return std::move(root).leak_mfn().value << page_shift;",
       "return mfn.value << page_shift;"),
      ("core/mm/root.cpp",
       "if (cr3) TypedRef::release(page_of(Mfn{cr3 >> page_shift}));",
       "(void)cr3;")]),
    ("races.pin_at_two_levels", "what is pinned already",
     [("core/mm/mmuext.cpp",
       "(!(page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)) return Errno::inval;",
       "(!(page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)) return {};")]),
    ("races.table_under_update", "a table is held while an entry changes",
     [("core/mm/mmu_update.cpp",
       "return replace_l1(slot->entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain)).error();",
       "u64* const entry = slot->entry;\n"
       "    { L1Slot const gone = *std::move(slot); }\n"
       "    for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "    return replace_l1(entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain)).error();")]),
    ("races.table_or_descriptors", "the kind of a page is read once",
     [("core/mm/mmu_update.cpp",
       "bool const is_table = (word & PageInfo::use_mask) && is_table_type(PageInfo::kind_of(word));\n"
       "            kind = is_table ? PageInfo::kind_of(word) : PageType::writable;",
       "bool const is_table = is_table_type(PageInfo::kind_of(word));\n"
       "            for (u32 i = 0; i < 100 && is_table; ++i) asm volatile(\"pause\");\n"
       "            kind = is_table && page->uses() ? page->kind() : PageType::writable;")]),
    ("races.flush_during_a_long_call", "interrupts come in",
     [("x86/hal.cpp",
       "cpu::let_interrupts_in();",
       "")]),
    ("races.exchange_against_pins", "no references to frames that are exchanged",
     [("core/mm/exchange.cpp",
       "page.count.compare_exchange_strong(expected, PageInfo::owner_bits(owner), std::memory_order_acq_rel);",
       "page.count.compare_exchange_strong(expected, PageInfo::owner_bits(owner) | 1, std::memory_order_acq_rel);")]),
    ("fetches.mmu_update", "a request is read once",
     [("core/mm/mmu_update.cpp",
       "return replace_l1(slot->entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain)).error();",
       "Result<> done = replace_l1(slot->entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain));\n"
       "    if (done && copy_in(request, from)) __atomic_store_n(slot->entry, request.val | Pte::user, __ATOMIC_RELAXED);\n"
       "    return done.error();")]),
    ("fetches.grant_copy", "a copy is read once",
     [("core/grant/batch.hpp",
       "TRY(copy_in(op, at));",
       "TRY(copy_in(op, at));\n"
       "    if constexpr (requires { op.len; }) {\n"
       "        if (op.source.offset + op.len > 4096 || op.dest.offset + op.len > 4096) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        TRY(copy_in(op, at));\n"
       "    }"),
      ("core/grant/copy.cpp",
       "u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size",
       "false")]),
    ("fetches.reservation", "a reservation is read once",
     [("core/mm/reservation.cpp",
       "auto named = resolve_domain(*vcpu.domain, request->domid);\n"
       "    if (!named) return named.error();",
       "if (auto first = resolve_domain(*vcpu.domain, request->domid); !first) return first.error();\n"
       "    for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "    request = copy_in(guest_ptr<abi::MemoryReservation>{args[1]});\n"
       "    auto named = request->domid == abi::domid_self ? resolve_domain(*vcpu.domain, request->domid) : find_domain(request->domid);\n"
       "    if (!named) return named.error();")]),
    ("fetches.multicall", "an entry is read once",
     [("core/hypercall/multicall.cpp",
       "if (op != abi::hypercall::multicall) [[likely]]\n"
       "            outcome = dispatch_hypercall(vcpu, op, call);",
       "if (op != abi::hypercall::multicall) {\n"
       "            for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "            (void)load_guest(op, entry + offsetof(Entry, op));\n"
       "            outcome = dispatch_hypercall(vcpu, op, call);\n"
       "        }")]),
    ("fetches.event_port fetches.poll fetches.every_structure", "a port is read once",
     [("core/event/event_table.hpp",
       "if (port.value == 0 || port.value >= ports_.load(std::memory_order_relaxed)) return nullptr;",
       ""),
      ("core/event/event_table.hpp",
       "bool is_valid(EvtchnPort port) const { return find(port) != nullptr; }",
       "bool is_valid(EvtchnPort port) const { return port.value < ports_ && find(port); }"),
      ("core/event/event_op.cpp",
       "TRY(copy_in(op, at));",
       "TRY(copy_in(op, at));\n"
       "    if constexpr (requires { op.port; } && sizeof(T) == 4) {\n"
       "        if (!caller.events->is_valid(op.port)) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        TRY(copy_in(op, at));\n"
       "    }"),
      ("core/sched/sched_op.cpp",
       "EvtchnPort const port = TRY(copy_in(ports + i));\n"
       "        if (!port_is_valid(*vcpu.domain, port)) return Errno::inval;",
       "EvtchnPort port = TRY(copy_in(ports + i));\n"
       "        if (!port_is_valid(*vcpu.domain, port)) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        port = TRY(copy_in(ports + i));")]),
    ("fetches.trap_table", "a gate is read once",
     [("core/pv/callbacks.cpp",
       "if (!is_canonical(info.address)) return Errno::inval;\n"
       "        vcpu.traps[info.vector] = {info.address,",
       "if (!is_canonical(info.address)) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        auto const again = copy_in(entry);\n"
       "        vcpu.traps[info.vector] = {again ? (*again).address : 0,")]),
    ("fetches.gdt_frames", "the frames of a table are read once",
     [("core/mm/descriptor.cpp",
       "return set_gdt(vcpu, {frames.data(), count}, static_cast<u32>(entries));",
       "Result<> done = set_gdt(vcpu, {frames.data(), count}, static_cast<u32>(entries));\n"
       "    if (done && copy_in_bytes(frames.data(), args[0], count * sizeof(Mfn))) std::copy_n(frames.begin(), count, vcpu.gdt_frames.begin());\n"
       "    return done;")]),
    ("races.double_unmap", "one vCPU claims a mapping",
     [("core/grant/table.hpp",
       "u16 claim() { return __atomic_exchange_n(&flags, u16{0}, __ATOMIC_ACQUIRE); }",
       "u16 claim() {\n"
       "        u16 const had = flags;\n"
       "        for (u32 i = 0; i < 200; ++i) asm volatile(\"pause\");\n"
       "        flags = 0;\n"
       "        return had;\n"
       "    }")]),
    ("fetches.exchange", "a frame to be exchanged is read once",
     [("core/mm/exchange.cpp",
       "taken.push(*TRY(take_frame(Mfn{mfn + k}, domain.id)));",
       "{\n"
       "            PageInfo* const frame = TRY(take_frame(Mfn{mfn + k}, domain.id));\n"
       "            for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "            u64 const again = TRY(copy_in(request.in.extent_start + (chunk.in_first + i)));\n"
       "            taken.push(again == mfn ? *frame : page_of(Mfn{again + k}));\n"
       "        }")]),
    ("fetches.mmuext_op", "an operation is read once",
     [("core/mm/mmuext.cpp",
       "if (done) [[likely]]\n"
       "            done = apply(vcpu, op, owner);",
       "if (done && op.cmd == abi::mmuext::clear_page) {\n"
       "            auto const hold = get_writable(op.arg1.mfn, owner.id);\n"
       "            done = hold.error();\n"
       "            for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "            if (hold && copy_in(op, batch->next())) clear_page(hal::map(op.arg1.mfn));\n"
       "        } else if (done) {\n"
       "            done = apply(vcpu, op, owner);\n"
       "        }")]),
    ("fetches.grant_mapping", "a mapping is read once",
     [("core/grant/batch.hpp",
       "// Runs `one` on a structure of the guest's",
       "inline constinit u64 planted_place = 0;\n"
       "// Runs `one` on a structure of the guest's"),
      ("core/grant/batch.hpp",
       "TRY(copy_in(op, at));",
       "TRY(copy_in(op, at));\n"
       "    planted_place = at.address;"),
      ("core/grant/mapping.cpp",
       "u64 const flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty | (writes ? Pte::writable : 0) |",
       "abi::GnttabMapGrantRef again = op;\n"
       "    for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "    (void)copy_in(again, guest_ptr<abi::GnttabMapGrantRef>{planted_place});\n"
       "    u64 const flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty |\n"
       "                      (writes || !(again.flags & abi::gntmap::readonly) ? Pte::writable : 0) |")]),
    ("fetches.instruction", "an instruction is read once",
     [("x86/pv/page_table_write.cpp",
       "pv::retire(store, regs, old.raw, fresh.raw, byte);",
       "for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        (void)load_guest(code, regs.rip);\n"
       "        store = pv::decode_table_store(reinterpret_cast<u8 const*>(code.data()));\n"
       "        if (store.kind != pv::TableStore::Kind::none)\n"
       "            __atomic_store_n(slot.entry, pv::new_entry(store, regs, old.raw, byte) | Pte::user, __ATOMIC_RELAXED);\n"
       "        pv::retire(store, regs, old.raw, fresh.raw, byte);")]),
    ("numbers.pointers", "where guests may have memory",
     [("core/guest_access.hpp",
       "return address >> shift != hypervisor_start >> shift;",
       "return true;")]),
    ("numbers.table_sizes", "the size of a GDT",
     [("core/mm/descriptor.cpp",
       "u64 entries = args[1];\n"
       "    if (entries > max_gdt_entries) return Errno::inval;",
       "u64 entries = args[1];")]),
    ("numbers.vcpu_numbers", "numbers of vCPUs",
     [("core/sched/vcpu_op.cpp",
       "args[1] < domain.max_vcpus ? domain.vcpus[args[1]] : nullptr;",
       "domain.vcpus[args[1] % domain.max_vcpus];")]),
    ("numbers.batch_counts", "an operation that cannot be read, or answered, ends the batch",
     [("core/grant/batch.hpp",
       "TRY(copy_in(op, at));",
       "if (!copy_in(op, at)) op = T{};"),
      ("core/grant/batch.hpp",
       "return store_guest(at.address + from, told) ? Outcome{} : Outcome{Errno::fault};",
       "(void)store_guest(at.address + from, told);\n"
       "    return {};")]),
    ("numbers.lists_at_the_edge", "a general protection fault in guest memory is expected",
     [("x86/entry/trap.cpp",
       "u64 fixup = extable::fixup_for(regs.rip);",
       "u64 fixup = regs.entry_vector == x86::general_protection ? 0 : extable::fixup_for(regs.rip);")]),
    ("numbers.reservation_orders", "orders, by the call and by the allocator",
     [("core/mm/reservation.cpp",
       "if (request->extent_order > order_limit(*vcpu.domain)) return static_cast<i64>(done);",
       ""),
      ("core/mm/page_alloc.cpp",
       "if (order > max_order || address_bits <= page_shift) return nullptr;",
       "if (address_bits <= page_shift) return nullptr;")]),
    ("numbers.reservation_counts", "what an exchange may be about",
     [("core/mm/exchange.cpp",
       "if (!checked) return checked;",
       "(void)checked;")]),
    ("numbers.batch_progress", "write protection in ring 0",
     [("x86/cpu/features.cpp",
       "cpu::write_cr0(cr0_paging);",
       "cpu::write_cr0(cr0_paging & ~(u64{1} << 16));")]),
    ("descriptors.every_type_by_update", "the privilege level of segments",
     [("core/mm/descriptor.cpp",
       "return raw | privilege_mask;",
       "return raw;")]),
    ("descriptors.every_type_in_a_new_table", "system descriptors",
     [("core/mm/descriptor.cpp",
       "if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;",
       "(void)is_gate_target(raw);")]),
    ("descriptors.ldt", "system descriptors",
     [("core/mm/descriptor.cpp",
       "if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;",
       "if (gate_type(raw) != 0xc) return raw; (void)is_gate_target(raw);")]),
    ("descriptors.debug_registers", "addresses of breakpoints",
     [("core/pv/registers.hpp",
       "bool is_valid_breakpoint(u64 address) { return is_guest_address(address); }",
       "bool is_valid_breakpoint(u64) { return true; }")]),
    ("descriptors.selector_without_descriptor", "what follows a selector that cannot be loaded",
     [("x86/entry/selectors.S",
       "FAULT_AT(.Lload_\\register, .Lbad_\\register)",
       "")]),
    ("returns.flags_across_entries", "flags of privilege",
     [("x86/entry/syscall.S",
       "andl $~(EFLAGS_IOPL | EFLAGS_VM), %edi",
       "")]),
    ("returns.user_frames", "flags of privilege, by IRET and by SYSRET",
     [("x86/entry/syscall.S",
       "andl $~(EFLAGS_IOPL | EFLAGS_VM), %edi",
       ""),
      ("x86/entry/syscall.S",
       "andl $~(EFLAGS_IOPL | EFLAGS_VM | EFLAGS_RF), %r11d",
       ""),
      ("core/pv/trap_frame.cpp",
       "u64 flags = back.rflags & ~(rflags::interrupts | rflags::iopl);",
       "u64 flags = back.rflags & ~rflags::interrupts;")]),
    ("returns.flags_across_user_entries", "flags that a kernel begins without",
     [("x86/entry/syscall.S",
       "andl $~(EFLAGS_CLEARED_ON_ENTRY | EFLAGS_DF | EFLAGS_IOPL), %r11d",
       "andl $~(EFLAGS_DF | EFLAGS_IOPL), %r11d")]),
    ("returns.iret_selectors", "the ring of the code selector",
     [("x86/entry/syscall.S",
       "je 2f\n"
       "    orl $3, %edx",
       "je 2f")]),
    ("returns.iret_to_non_canonical_addresses returns.syscall_at_the_edge returns.user_syscall_at_the_edge",
     "where instructions are looked for, and that this may fault",
     [("x86/pv/priv_op.cpp",
       "if (!is_guest_range(regs.rip, first) || !hal::copy_from_guest(code.bytes.data(), regs.rip, first)) return code;",
       "if (!hal::copy_from_guest(code.bytes.data(), regs.rip, first)) return code;"),
      ("x86/entry/trap.cpp",
       "u64 fixup = extable::fixup_for(regs.rip);",
       "u64 fixup = regs.entry_vector == x86::general_protection ? 0 : extable::fixup_for(regs.rip);")]),
    ("returns.iret_to_the_hypervisor", "what of the hypervisor's a guest may execute",
     [("x86/mm/paging.cpp",
       "entry_at(m2p_readonly_base + at, 2, Pte::user) = Pte::make(mfn, read_only | Pte::user | large);",
       "entry_at(m2p_readonly_base + at, 2, Pte::user) = Pte::make(mfn, (read_only & ~Pte::no_execute) | Pte::user | large);")]),
    ("instructions.model_specific_registers", "EFER",
     [("x86/pv/msr.cpp",
       "case msr::efer: return value == (msr::read(index) & ~msr::efer_svme);",
       "case msr::efer: msr::write(index, value); return true;")]),
    ("instructions.bases", "canonical bases",
     [("x86/pv/msr.cpp",
       "if (!is_canonical(value)) return false;",
       "")]),
    ("instructions.ports", "whose the ports are",
     [("x86/pv/port_policy.cpp",
       "if (!vcpu.domain->privileged) return all_ones(size);",
       "")]),
    ("instructions.control_registers", "bits of CR0",
     [("x86/pv/priv_op.cpp",
       "if ((value ^ visible_cr0(vcpu)) & ~cr0_task_switched) return Emulated::refused;",
       "cpu::write_cr0(value | 0x8000'0001);")]),
    ("instructions.table_registers", "who may use which interrupt gate",
     [("x86/cpu/segments.cpp",
       "return vector == 3 || vector == 4 || vector == 0x80 ? 3 : 0;",
       "return vector == 2 ? 0 : 3;")]),
    ("multicalls.nested", "a batch in a batch",
     [("core/hypercall/multicall.cpp",
       "if (op != abi::hypercall::multicall) [[likely]]",
       "")]),
    ("multicalls.self_overwriting", "nothing but the result is written to an entry",
     [("core/hypercall/multicall.cpp",
       "if (!store_guest(entry + offsetof(Entry, result), static_cast<u64>(outcome.value))) return Errno::fault;",
       "if (!store_guest(entry + offsetof(Entry, args), call)) return Errno::fault;\n"
       "if (!store_guest(entry + offsetof(Entry, result), static_cast<u64>(outcome.value))) return Errno::fault;")]),
    ("multicalls.with_iret", "a batch ends with an iret",
     [("core/hypercall/multicall.cpp",
       "return outcome.is_again() ? repeat_entry(args, entry, left, call) : outcome;",
       "if (outcome.is_again()) return repeat_entry(args, entry, left, call); else continue;")]),
    ("multicalls.with_calls_that_leave", "a batch goes on behind calls that leave the vCPU",
     [("core/hypercall/multicall.cpp",
       "Outcome outcome = Errno::inval;",
       "Outcome outcome = Errno::inval;\n"
       "        if (op == abi::hypercall::sched_op) return 0;")]),
    ("multicalls.unmapped_under_way", "an entry that cannot be read, or answered, ends the batch",
     [("core/hypercall/multicall.cpp",
       "if (!load_guest(op, entry + offsetof(Entry, op)) || !load_guest(call, entry + offsetof(Entry, args)))\n"
       "            return Errno::fault;",
       "(void)load_guest(op, entry + offsetof(Entry, op));\n"
       "        (void)load_guest(call, entry + offsetof(Entry, args));"),
      ("core/hypercall/multicall.cpp",
       "if (!store_guest(entry + offsetof(Entry, result), static_cast<u64>(outcome.value))) return Errno::fault;",
       "(void)store_guest(entry + offsetof(Entry, result), static_cast<u64>(outcome.value));")]),
    ("grants.unmapping", "the frame that an unmapped entry maps",
     [("core/grant/mapping.cpp",
       "auto const is_it = [=](Pte now) { return (now.raw & (Pte::address | Pte::present | Pte::writable)) == wanted; };",
       "auto const is_it = [=](Pte now) { return ((now.raw ^ wanted) & (Pte::present | Pte::writable)) == 0; };")]),
    ("grants.replacing", "the frame that a replaced entry maps",
     [("core/grant/mapping.cpp",
       "if (exchange_mapped(entries, host_addr, frame, flags, moved)) return true;",
       "u64* const entry = entries.find(host_addr, false);\n"
       "    if (entry) __atomic_store_n(entry, moved.raw, __ATOMIC_RELEASE);\n"
       "    if (entry) return true;")]),
    ("grants.what_is_not_granted", "numbers of references",
     [("core/grant/table.hpp",
       "if (ref.value >= frames_ * entries_per_frame) [[unlikely]] return GrantStatus::bad_gntref;",
       "")]),
    ("grants.copies", "the ends of pages",
     [("core/grant/copy.cpp",
       "u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size",
       "false")]),
    ("grants.table_operations", "the size of a grant table",
     [("core/grant/table.cpp",
       "if (frames > max_frames_) return Errno::nospc;",
       "")]),
    ("grants.where_it_must_not_go", "a mapping's entry is in a level-1 table",
     [("core/grant/mapping.cpp",
       "return table_ ? reinterpret_cast<u64*>(hal::map(mfn) + place.value % page_size) : nullptr;",
       "return reinterpret_cast<u64*>(hal::map(mfn) + place.value % page_size);")]),
    ("grants.page_tables_as_grants races.grant_status", "what is granted can be written",
     [("core/grant/mapping.cpp",
       "auto typed = get_writable(frame, granter.id);",
       "auto typed = get_page(frame, granter.id);")]),
    ("events.port_numbers", "numbers of ports",
     [("core/event/event_table.hpp",
       "if (port.value == 0 || port.value >= ports_.load(std::memory_order_relaxed)) return nullptr;",
       "")]),
    ("events.vcpu_numbers", "the vCPU of an IPI",
     [("core/event/event_table.cpp",
       "Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {\n"
       "    if (!domain_.vcpu(vcpu)) return Errno::noent;",
       "Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {")]),
    ("events.other_domains", "who may speak for others",
     [("core/domain_table.cpp",
       "if (!caller.privileged) return Errno::perm;",
       "")]),
    ("events.all_ports", "how many ports a domain may have",
     [("core/event/event_table.cpp",
       "ports_ = std::min(domain_.max_event_channels, count - 1) + 1;",
       "ports_ = count;")]),
    ("events.shared_bits", "nobody waits for the guest's bits",
     [("core/event/two_level.cpp",
       "u64 const word = u64{1} << (port.value / 64);",
       "u64 const word = u64{1} << (port.value / 64);\n"
       "    while (__atomic_load_n(&info->evtchn_upcall_mask, __ATOMIC_RELAXED)) {}")]),
    ("privilege.domctl", "who may use domctl",
     [("core/control/domctl.cpp",
       "if (!vcpu.domain->privileged) return Errno::perm;",
       "")]),
    ("privilege.sysctl", "who may use sysctl",
     [("core/control/sysctl.cpp",
       "if (!vcpu.domain->privileged) return Errno::perm;",
       "")]),
    ("privilege.platform", "who may use platform_op",
     [("core/control/platform_op.cpp",
       "if (!vcpu.domain->privileged) return Errno::perm;",
       "")]),
    ("privilege.shut_down_others", "who may shut down others",
     [("core/sched/sched_op.cpp",
       "if (!caller.privileged) return Errno::perm;",
       "")]),
    ("privilege.memory_operations", "who may see the machine's memory map",
     [("core/mm/memory_op.cpp",
       "case abi::memop::machine_memory_map:\n"
       "            if (!vcpu.domain->privileged) return Errno::perm;",
       "case abi::memop::machine_memory_map:")]),
    ("privilege.foreign_frames", "whose a frame is",
     [("core/mm/page_info.hpp",
       "if (PageInfo::owner_of(word) != owner || refs == 0 || refs >= PageInfo::ref_limit) [[unlikely]]",
       "if (refs == 0 || refs >= PageInfo::ref_limit || owner == abi::domid_invalid)")]),
    ("privilege.other_privileged_calls", "who may read the console",
     [("core/control/console_io.cpp",
       "if (!domain.privileged) return Errno::perm;",
       "(void)domain;")]),
    ("privilege.physical_devices", "whose the devices are",
     [("core/event/physdev_op.cpp",
       "default:\n"
       "            if (!domain.privileged) return Errno::perm;",
       "default: break;")]),
    ("privilege.foreign_tables", "who may name another domain's frames",
     [("core/mm/mmu_update.cpp",
       "if (!caller.privileged) return Errno::perm;",
       "")]),
    ("fifo.numbers", "where a control block may lie",
     [("core/event/fifo_switch.cpp",
       "if (op.offset % 8 || op.offset > page_size - sizeof(abi::EvtchnFifoControlBlock)) return Errno::inval;",
       "")]),
    ("fifo.array_pages", "pages of the event array",
     [("core/event/fifo.cpp",
       "if (pages_ == max_pages) return Errno::nospc;",
       "")]),
    ("fifo.rewritten_in_use", "a queue's end is not read from the guest's memory",
     [("core/event/fifo.cpp",
       "u32 const tail = std::exchange(queues.tail[priority], port.value);",
       "u32 const tail = __atomic_load_n(&queues.control->head[priority], __ATOMIC_RELAXED); queues.tail[priority] = port.value;")]),
]
