# SPDX-License-Identifier: MIT
"""Devices of domains through pvctl: what nobody may have, and how they come and go."""
from expectations import expect


def wrong_devices(folder, good, domain_file):
    """Command lines, each with its exit code and what is said of it. `good` is a right domain file."""
    some_disk = ("x", "-s", f"block.path={folder}/disk", "-s", "block.target=xvda")

    def disk(path, **others):
        fields = "".join(f", {key}: {value}" for key, value in {"path": path, "target": "xvda", **others}.items())
        name = "-".join([path.replace("/", "-"), *others])
        return domain_file(folder, f"{good}devices: [{{id: a, block: {{{fields[2:]}}}}}]", name)

    return {
        ("create", disk("/etc/passwd")): (6, r"^pvctl: create web: disk /etc/passwd: it is in none of the allowed folders: .*\n(  .*\n)*$"),
        ("create", disk("/a", target="sda")): (5, r"^pvctl: create web: devices\[0\]\.block\.target is none of xvda to xvdz\n(  .*\n)*$"),
        ("create", disk("/a", format="qcow2")): (13, r"^pvctl: create web: devices\[0\]\.block\.format: this host has raw images only\n(  .*\n)*$"),
        ("create", domain_file(folder, f"{good}devices: [{{id: a}}]", "kindless")):
            (5, r"^pvctl: create web: devices\[0\] is of no kind\n(  .*\n)*$"),
        ("device", "attach", "nobody", "x"): (5, r"^pvctl: device attach nobody x: device is of no kind\n(  .*\n)*$"),
        ("device", "attach", "nobody", "x", "-s", "interface.mtu=1400"):
            (13, r"^pvctl: device attach nobody x: device\.interface: this host has no network interfaces\n(  .*\n)*$"),
        ("device", "attach", "nobody", *some_disk): (3, r"^pvctl: device attach nobody x: there is no such domain\n(  .*\n)*$"),
        ("device", "attach", "0", *some_disk): (6, r"^pvctl: device attach 0 x: domain 0 is this one\n(  .*\n)*$"),
        ("device", "detach", "nobody", "x"): (3, r"^pvctl: device detach nobody x: there is no such domain\n(  .*\n)*$"),
    }


def devices_come_and_go(folder, run):
    with open(f"{folder}/disk", "w", encoding="utf-8") as file:
        file.write("disk")
    attach = ("device", "attach", "web", "data", "-s", f"block.path={folder}/disk", "-s", "block.target=xvdb")
    code, out, error = run(*attach)
    expect((code, out, error) == (0, "attached data\n", ""), f"attach: {code} {out!r} {error!r}")
    code, out, _ = run("device", "list", "web")
    lines = [line.split()[:3] for line in out.splitlines()[1:]]
    expect(code == 0 and lines == [["console", "console", "connected"], ["data", "block", "waiting"]], f"devices: {out}")
    code, _, error = run(*attach)
    expect(code == 4 and "it has a device of that id" in error, f"attach again: {code} {error!r}")
    code, _, error = run("device", "detach", "web", "data", "--grace", "0.2")
    expect(code == 8 and "the guest was asked, but has not let go of it in time" in error, f"detach: {code} {error!r}")
    code, out, error = run("device", "detach", "web", "data", "--force")
    expect((code, out, error) == (0, "detached data\n", ""), f"forced detach: {code} {out!r} {error!r}")
    expect(run("device", "list", "web", "-o", "name")[1] == "console\n", "the device is still there")
    expect("device/block" in run("info")[1], "the feature is not told")
