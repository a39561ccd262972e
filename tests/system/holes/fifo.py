# SPDX-License-Identifier: MIT
"""What is taken out for the attacks fifo.*; the form is in __init__.py."""
HOLES = [
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
