# SPDX-License-Identifier: MIT
"""What is taken out for the attacks vcpus.*; the form is in __init__.py."""
HOLES = [
    ("vcpus.without_a_root", "no root is not frame 0",
     [("core/mm/held_root.hpp",
       "return cr3_ == wanted && wanted != 0;",
       "return cr3_ == wanted;")]),
]
