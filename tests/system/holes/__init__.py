# SPDX-License-Identifier: MIT
"""The holes of planted_holes.py, a file for each topic: attacks, the check that is gone, and what is done to the source for
it. Where two checks stand one behind the other, both are gone. What is held by an order of doing things (read once, then
check, then use) has the wrong order for a hole, with a moment between the two reads, so that another CPU comes in between.

An edit is a file, a text in it that occurs exactly once (white space does not count), and what stands in its place.
"""
import importlib
import pkgutil

HOLES = [hole for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
         for hole in importlib.import_module(f"{__name__}.{module.name}").HOLES]
