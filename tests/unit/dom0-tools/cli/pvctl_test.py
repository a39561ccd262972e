#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pvctl as a program, as far as it needs no host: usage, files, help, completions, and what becomes of its output.

usage: pvctl_test.py PVCTL
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/..")
from expectations import LIMIT, expect, finish

pvctl = os.path.abspath(sys.argv[1])
GOOD = "name: web\nkernel: /boot/vmlinuz\nmemory: 4MiB\n"


def run(*words, stdin="", **more):
    done = subprocess.run([pvctl, *words], capture_output=True, text=True, timeout=LIMIT, check=False, input=stdin,
                          errors="surrogateescape", **more)
    return done.returncode, done.stdout, done.stderr


def usage(folder):
    for words, text in {
            (): "a command is missing",
            ("fly",): "there is no command \"fly\"",
            ("list", "-o", "xml"): "--output: \"xml\" is none of table, wide, json, yaml, name",
            ("--host", "box:7000", "list"): "--host: box:7000 is on a network: TLS is not there yet",
            ("--host", "x" * 200, "list"): "neither the path of a socket nor NAME:PORT",
            ("--socket", "", "list"): "not the path of a socket: 1 to 107 bytes",
            ("list", "a\x1b[2J", "--watch", "b"): "--watch is for all domains, or for one",
            ("create", f"{folder}/web.yaml", "--console", "-o", "json"): "there is no document to print",
            ("stop",): "give names, or --selector, or --all",
            ("stop", "web", "--all"): "give names, or --selector, or --all",
            ("update", "web"): "--set is missing",
            ("apply",): "--file is missing",
            ("explain", "memroy"): "did you mean \"memory\"?",
            ("fl\x1by",): "fl\\x1by",
    }.items():
        code, out, error = run(*words)
        expect(code == 2 and text in error and not out, f"pvctl {words}: {code} {out!r} {error!r}")
        expect("\x1b" not in error, f"pvctl {words} prints control characters")


def files(folder):
    path = f"{folder}/web.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(GOOD)
    code, out, _ = run("validate", path)
    expect(code == 0 and out == f"{path}:1: web is well-formed\n", f"validate: {code} {out!r}")
    code, out, _ = run("validate", "-", "-o", "name", stdin=GOOD + "---\n" + GOOD.replace("web", "db"))
    expect(code == 0 and out == "web\ndb\n", f"two documents from standard input: {code} {out!r}")
    code, out, _ = run("validate", "-", "-o", "json", "--set", "memory=1.5G", "--set", "labels.a=b", stdin=GOOD)
    domain = json.loads(out)
    expect(domain["spec"]["memory"] == str(3 << 29) and domain["metadata"]["labels"] == {"a": "b"}, f"--set: {out}")
    again = run("validate", "-", "-o", "json", stdin=out)[1]
    expect(json.loads(again) == domain, f"JSON is read back: {again}")
    yaml = run("validate", "-", "-o", "yaml", stdin=out)[1]
    expect(json.loads(run("validate", "-", "-o", "json", stdin=yaml)[1]) == domain, f"YAML is read back: {yaml}")
    code, out, _ = run("validate", path, path, "-o", "json")
    expect(len(json.loads(out)) == 2, f"one document for two files: {out}")
    code, out, error = run("validate", "-", stdin=GOOD + "colour: blue\n")
    expect(code == 5 and "standard input:4: unknown key \"colour\"" in error and not out, f"unknown: {code} {error!r}")
    for bad in ("/no/file", folder, "/dev/zero"):
        code, _, error = run("validate", bad)
        expect(code == 5 and error.startswith(f"pvctl: validate: read {bad}: "), f"validate {bad}: {code} {error!r}")


def texts(folder):
    code, everything, _ = run("help")
    expect(code == 0 and "\n  create" in everything, f"help: {code}")
    groups = {"device", "operation", "store"}
    names = [line.split("  ")[1] for line in everything.splitlines() if line.startswith("  ") and line[2].islower()]
    expect(len(names) > 35, f"commands in the help: {names}")
    for name in names:
        code, out, _ = run(*name.split(), "--help")
        expect(code == 0 and out.count("Usage: pvctl ") == 1 and "Exit codes:" in out, f"{name} --help: {code} {out!r}")
    expect(groups <= {name.split()[0] for name in names}, f"groups: {names}")
    code, manual, _ = run("help", "--man")
    expect(code == 0 and manual.startswith(".TH PVCTL 1"), f"help --man: {code}")
    if shutil.which("man"):
        page = f"{folder}/pvctl.1"
        with open(page, "w", encoding="utf-8") as file:
            file.write(manual)
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True, text=True, check=False,
                              timeout=LIMIT, env={**os.environ, "MANROFFSEQ": "", "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
        expect(done.returncode == 0 and not done.stderr.strip(), f"man: {done.stderr[:300]}")
    for shell in ("bash", "zsh", "fish"):
        code, script, _ = run("completion", shell)
        expect(code == 0 and "pvctl __complete" in script, f"completion {shell}: {code}")
        if shutil.which(shell):
            path = f"{folder}/completion"
            with open(path, "w", encoding="utf-8") as file:
                file.write(script)
            checked = subprocess.run([shell, "-n", path], capture_output=True, text=True, timeout=LIMIT, check=False)
            expect(checked.returncode == 0, f"{shell} -n: {checked.stderr}")
    bash = (f"source <({pvctl} completion bash); PATH={os.path.dirname(pvctl)}:$PATH; COMP_WORDS=(pvctl unpa); COMP_CWORD=1;"
            " _pvctl; echo ${COMPREPLY[@]}")
    out = subprocess.check_output(["bash", "-c", bash], text=True, timeout=LIMIT)
    expect(out == "unpause\n", f"bash completes: {out!r}")
    code, out, _ = run("explain", "back_off.limit", "NAME_TAKEN", "10")
    expect(code == 0 and "longest wait" in out and "destroy NAME" in out and "differences" in out, f"explain: {out}")


def output():
    with open("/dev/full", "w", encoding="ascii") as full:
        for words in (("help",), ("version",), ("--version",), ("help", "--help"), ("explain",), ("completion", "bash")):
            done = subprocess.run([pvctl, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
            expect(done.returncode == 14 and done.stderr == "pvctl: standard output: No space left on device\n",
                   f"pvctl {words} >/dev/full: {done.returncode} {done.stderr!r}")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([pvctl, "help"], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
    os.close(writing)
    expect(done.returncode == 14 and not done.stderr, f"a closed pipe: {done.returncode} {done.stderr!r}")
    expect("\x1b" not in run("help")[1], "colours without a terminal")


def no_host(folder):
    env = {**os.environ, "PARAVANE_SOCKET": f"{folder}/none"}
    for words in (("list",), ("pause", "web"), ("events",), ("logs", "web"), ("console", "web"), ("top", "-b"), ("info",),
                  ("wait", "web"), ("list", "--watch"), ("destroy", "7"), ("operation", "list"), ("store", "read", "/x")):
        code, out, error = run(*words, env=env)
        expect(code == 9 and f"paravaned does not answer at {folder}/none (" in error and not out and error.count("\n") == 1,
               f"pvctl {words} without a host: {code} {out!r} {error!r}")
    code, _, error = run("list", "-o", "json", env=env)
    expect(code == 9 and json.loads(error)["code"] == 14, f"an error as JSON: {code} {error!r}")
    code, out, _ = run("__complete", "pause", "", env=env)
    expect(code == 0 and out == "", f"no names without a host: {code} {out!r}")


def retry(folder):
    """Who repeats a call tries to connect again and again, not ever more seldom: a daemon that comes back is found."""
    path = f"{folder}/deaf"
    enough = 12  # with the pauses that gRPC itself makes, as many take seven minutes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(1)
        seen = 0
        with subprocess.Popen([pvctl, "--socket", path, "list", "--retry", f"{LIMIT}s"], stderr=subprocess.DEVNULL) as client:
            while seen < enough and client.poll() is None:
                try:
                    listener.accept()[0].close()  # one that ends while it is asked
                    seen += 1
                except TimeoutError:
                    pass
            client.kill()
    expect(seen == enough, f"{seen} connections in {LIMIT} s")


def main():
    with tempfile.TemporaryDirectory(prefix="paravane-", dir="/tmp") as folder:
        files(folder)
        usage(folder)
        texts(folder)
        output()
        no_host(folder)
        retry(folder)
    finish()


main()
