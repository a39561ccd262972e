# SPDX-License-Identifier: MIT
"""What is taken out for the attacks vcpus.*; the form is in __init__.py."""
HOLES = [
    ("vcpus.without_a_root", "no root is not frame 0",
     [("core/mm/held_root.hpp",
       "bool is(Mfn mfn) const { return cr3_ != 0 && this->mfn() == mfn; }",
       "bool is(Mfn mfn) const { return this->mfn() == mfn; }")]),
]
