#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import secrets

from harness import boot_dom0, expect, needs, run

TEST = needs(dom0="shared", cost=12)


def guest_token():
    """Debian's cloud kernel as a guest prints the token on its command line, is listed, and is gone after destroy."""
    token = secrets.token_hex(16)
    with boot_dom0(TEST, token) as machine:
        machine.wait_for(r"Linux version \S+-cloud-amd64", 240, "the guest's kernel")
        machine.wait_for(rf"^guest: token {token}\b", 60, "the token")
        machine.wait_for(r"^==> list\b", 30)
        listed = machine.wait_for(r"(?s)(.*)^==> list after destroy", 60, "both lists").group(1)
        expect("token" in listed, "pvctl list does not show the guest")
        rest = machine.wait_for(r"(?s)(.*)^==> end of lists", 60).group(1)
        expect("token" not in rest, "pvctl list still shows the guest after destroy")
        machine.finish()


run(guest_token)
