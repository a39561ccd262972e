# SPDX-License-Identifier: MIT
"""What is taken out for the attacks multicalls.*; the form is in __init__.py."""
HOLES = [
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
]
