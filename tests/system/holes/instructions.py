# SPDX-License-Identifier: MIT
"""What is taken out for the attacks instructions.*; the form is in __init__.py."""
HOLES = [
    ("instructions.model_specific_registers", "EFER",
     [("x86/pv/msr.cpp",
       "case msr::efer: return value == (msr::read(index) & ~(msr::efer_svme | msr::efer_aibrse));",
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
]
