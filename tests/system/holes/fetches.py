# SPDX-License-Identifier: MIT
"""What is taken out for the attacks fetches.*; the form is in __init__.py."""
HOLES = [
    ("fetches.mmu_update", "a request is read once",
     [("core/hypercall/mmu_update.cpp",
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
     [("core/hypercall/reservation.cpp",
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
       "if (index == 0 || !check_index(index, ports_.load(std::memory_order_relaxed))) return nullptr;",
       ""),
      ("core/event/event_table.hpp",
       "bool is_valid(EvtchnPort port) const { return find(port) != nullptr; }",
       "bool is_valid(EvtchnPort port) const { return port.value < ports_ && find(port); }"),
      ("core/hypercall/event_channel_op.cpp",
       "TRY(copy_in(op, at));",
       "TRY(copy_in(op, at));\n"
       "    if constexpr (requires { op.port; } && sizeof(T) == 4) {\n"
       "        if (!caller.events->is_valid(op.port)) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        TRY(copy_in(op, at));\n"
       "    }"),
      ("core/hypercall/sched_op.cpp",
       "EvtchnPort const port = TRY(copy_in(ports + i));\n"
       "        if (!port_is_valid(*vcpu.domain, port)) return Errno::inval;",
       "EvtchnPort port = TRY(copy_in(ports + i));\n"
       "        if (!port_is_valid(*vcpu.domain, port)) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        port = TRY(copy_in(ports + i));")]),
    ("fetches.trap_table", "a gate is read once",
     [("core/hypercall/callbacks.cpp",
       "if (!is_canonical(info.address)) return Errno::inval;\n"
       "        vcpu.traps[info.vector] = {info.address,",
       "if (!is_canonical(info.address)) return Errno::inval;\n"
       "        for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "        auto const again = copy_in(entry);\n"
       "        vcpu.traps[info.vector] = {again ? (*again).address : 0,")]),
    ("fetches.gdt_frames", "the frames of a table are read once",
     [("core/hypercall/descriptor_tables.cpp",
       "return set_gdt(vcpu, {frames.data(), count}, static_cast<u32>(entries));",
       "Result<> done = set_gdt(vcpu, {frames.data(), count}, static_cast<u32>(entries));\n"
       "    if (done && copy_in_bytes(frames.data(), args[0], count * sizeof(Mfn))) for (u32 i = 0; i < count; ++i) vcpu.gdt_frames[i] = frames[i];\n"
       "    return done;")]),
    ("fetches.exchange", "a frame to be exchanged is read once",
     [("core/hypercall/exchange.cpp",
       "taken.push(*TRY(take_frame(Mfn{mfn + k}, domain.id)));",
       "{\n"
       "            PageInfo* const frame = TRY(take_frame(Mfn{mfn + k}, domain.id));\n"
       "            for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "            u64 const again = TRY(copy_in(request.in.extent_start + (chunk.in_first + i)));\n"
       "            taken.push(again == mfn ? *frame : page_of(Mfn{again + k}));\n"
       "        }")]),
    ("fetches.mmuext_op", "an operation is read once",
     [("core/hypercall/mmuext_op.cpp",
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
]
