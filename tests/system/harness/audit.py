# SPDX-License-Identifier: MIT
"""The line in which a debug build says what its audit found."""
import collections
import re

Audit = collections.namedtuple("Audit", "ok frames domains line")
LINE = re.compile(r"audit: ((ok|MISMATCH) [^\n]*frames=(\d+) [^\n]*domains=(\d+)[^\n]*)\n")


def audits(text):
    """All that were made."""
    return [Audit(verdict == "ok", int(frames), int(domains), line.strip())
            for line, verdict, frames, domains in LINE.findall(text)]


def next_audit(machine, seconds=60):
    """The one that the machine makes next."""
    audit, = audits(machine.wait_for(LINE.pattern, seconds, "the audit").group(0))
    return audit
