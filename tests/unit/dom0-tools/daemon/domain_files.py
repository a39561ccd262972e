# SPDX-License-Identifier: MIT
"""Domain files that nobody may get through, each with what is said of it."""


def wrong_files(good, kernel):
    """`good` is a right one, of three lines, whose kernel that is."""
    return {
        "": r"domain\.yaml:1: ",
        "web": r"domain\.yaml:1: a domain file is",
        "- web": r"domain\.yaml:1: a domain file is",
        f"{good}ephemeral: maybe": r"domain\.yaml:4: ephemeral: \"maybe\" is neither true nor false",
        f"{good}power_state: off": r"domain\.yaml:4: power_state: \"off\" is none of running, paused, stopped",
        "name: web\n\tkernel: x": r"domain\.yaml:2: ",
        "name: [web": r"domain\.yaml:\d: ",
        f"{good}colour: blue": r"domain\.yaml:4: unknown key \"colour\" \(known: name, .*kernel,",
        f"{good}name: web": r"domain\.yaml:4: \"name\" is given twice",
        f"{good}cmdline:": r"domain\.yaml:4: \"cmdline\" has no value",
        f"{good}vcpus: [1, 2]": r"domain\.yaml:4: \"vcpus\" takes a single value",
        f"{good}vcpus: many": r"domain\.yaml:4: vcpus: \"many\" is not a number",
        f"{good}vcpus: -1": r"domain\.yaml:4: vcpus: \"-1\" is not a number",
        f"{good}vcpus: 0": r"domain\.yaml:4: vcpus: 0 is less than 1",
        f"{good}vcpus: 99999999999": r"domain\.yaml:4: vcpus: \"99999999999\" is too large",
        f"{good}vcpus: 129": r"domain\.yaml:4: vcpus: 129 is more than 128",
        f"{good}on_crash: explode": r"domain\.yaml:4: on_crash: \"explode\" is none of destroy, restart, preserve",
        good.replace("4MiB", "4"): r"domain\.yaml:3: memory: \"4\" needs a unit: 4MiB",
        good.replace("4MiB", "4MB"): r"domain\.yaml:3: memory: unknown unit \"MB\"",
        good.replace("4MiB", "99999999999GiB"): r"domain\.yaml:3: memory: \"99999999999GiB\" is too large",
        good.replace("4MiB", "0MiB"): r"domain\.yaml:3: memory: 0MiB is less than 2 MiB",
        good.replace("4MiB", "4.1MiB"): r"domain\.yaml:3: memory: \"4\.1MiB\" is not a whole number of bytes",
        f"{good}cmdline: \udcff": r"domain\.yaml:4: cmdline is not valid UTF-8",
        good.replace(kernel, "/\udcff"): r"domain\.yaml:2: kernel is not valid UTF-8",
        good.replace("web", "a b"): r"domain\.yaml:1: name: \"a b\" has a character other than",
        good.replace("name: web\n", ""): r"domain\.yaml:1: name is missing",
    }
