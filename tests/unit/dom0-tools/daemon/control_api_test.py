#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pvctl and a client that knows only gRPC against a paravaned that controls a machine in memory.

usage: control_api_test.py PARAVANED PVCTL API_PROBE KERNEL PVUNPACK
"""
import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/..")
from expectations import LIMIT, expect, finish, wait_until
from devices import devices_come_and_go, wrong_devices
from domain_files import wrong_files

paravaned, pvctl, probe, built_kernel, pvunpack = sys.argv[1:]
kernel = good = ""  # a copy, and a domain file that has it
here = os.path.dirname(os.path.abspath(__file__))


def run(*words):
    done = subprocess.run([pvctl, *words], capture_output=True, text=True, timeout=LIMIT, check=False,
                          errors="surrogateescape", stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def running(*words, **how):
    """A process whose end the `with` statement waits for, except if it is left by a failure."""
    with subprocess.Popen(words, **how) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def domain_file(folder, text, name="domain"):
    path = f"{folder}/{name}.yaml"
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    return path


def generic_client(socket):
    answers = dict(line.split(": ", 1) for line in subprocess.check_output(
        [probe, socket], text=True, timeout=LIMIT).splitlines())
    for what, pattern in {
            "health": r"0 \\x08\\x01",  # SERVING
            "health of the interface": r"0 \\x08\\x01",
            "health of another": r"5 ",
            "services": r"0 (?=.*grpc\.health\.v1\.Health).*paravane\.v1\.Domains",
            "the interface's file": r"0 .*paravane/v1/domains\.proto.*CreateDomainRequest",
            "another's file": r"0 .*not found",
            "a method that is not there": r"12 ",
            "nonsense": r"12 ",  # what gRPC says of a message that is none
            "an unknown field": r"3 .*has a field that is not known: 99",
            "an unknown field of a spec": r"3 .*has a field that is not known: spec\.99",
    }.items():
        expect(re.match(pattern, answers.get(what, ""), re.IGNORECASE), f"{what}: {answers.get(what)}")
        expect(not answers.get(what, "").startswith("2 "), f"{what} ends with UNKNOWN")


def bad_inputs(folder):
    """Each mistake has its exit code, and one line that names the step and the reason."""
    path = f"{folder}/domain.yaml"
    for text, pattern in wrong_files(good, kernel).items():
        code, out, error = run("create", domain_file(folder, text))
        expect(code == 5 and re.match(rf"pvctl: create: .*{pattern}.*\n$", error) and not out,
               f"domain file {text!r}: {code} {error!r}")

    domain_file(folder, good.replace(kernel, f"{kernel}.no"))
    os.symlink("/dev/null", f"{kernel}.device")
    os.mkfifo(f"{kernel}.fifo")
    device, fifo, secret = (domain_file(folder, text, name) for name, text in (
        ("device", good.replace(kernel, f"{kernel}.device")), ("fifo", good.replace(kernel, f"{kernel}.fifo")),
        ("secret", f"{good}initrd: /etc/shadow\n")))
    large = f"{folder}/large.yaml"
    with open(large, "w", encoding="utf-8") as file:
        file.write(f"{good}#" + " " * (1 << 20))
    lines = {
        (): (2, r"^pvctl: a command is missing\n"),
        ("fly",): (2, r"^pvctl: there is no command \"fly\"\n"),
        ("--fly",): (2, r"^pvctl: there is no option \"--fly\"\n"),
        ("list", "-o", "xml"): (2, r"^pvctl: --output: \"xml\" is none of table, wide, json,"),
        ("create",): (2, r"^pvctl: create: FILE is missing\n"),
        ("pause",): (2, r"^pvctl: pause: give names, or --selector, or --all\n$"),
        ("shutdown", "--timeout", "-1", "web"): (2, r"--timeout: \"-1\" is not a duration"),
        ("shutdown", "--timeout", "soon", "web"): (2, r"--timeout: \"soon\" is not a duration"),
        ("shutdown", "--timeout", "nan", "web"): (2, r"--timeout: \"nan\" is not a duration"),
        ("events", "--count", "x"): (2, r"--count"),
        ("--socket", "", "list"): (2, r"^pvctl: --host: .* is not the path of a socket: 1 to 107 bytes\n"),
        ("--socket", "/" + "x" * 107, "list"): (2, r"^pvctl: --host: .* is not the path of a socket: 1 to 107 bytes\n"),
        ("create", "/no/file"): (5, r"^pvctl: create: read /no/file: No such file or directory\n(  .*\n)*$"),
        ("create", folder): (5, rf"^pvctl: create: read {folder}: Is a directory\n$"),
        ("create", path): (6, rf"^pvctl: create web: kernel {kernel}\.no: No such file or directory\n(  .*\n)*$"),
        ("create", device): (6, rf"^pvctl: create web: kernel {kernel}\.device: a link or \"\.\.\" in it leads outside of .*\n(  .*\n)*$"),
        ("create", fifo): (6, rf"^pvctl: create web: kernel {kernel}\.fifo: it is a FIFO\n(  .*\n)*$"),
        ("create", secret): (6, r"^pvctl: create web: initrd /etc/shadow: it is in none of the allowed folders: .*\n(  .*\n)*$"),
        ("create", large): (5, rf"^pvctl: create: read {large}: it is larger than 1 MiB\n$"),
        ("info", ""): (2, r"^pvctl: info: DOMAIN is empty\n"),
        ("info", "x" * 100000): (3, r"^pvctl: info x+: there is no such domain\n(  .*\n)*$"),
        ("info", "a\udcff"): (2, r"^pvctl: info: DOMAIN is not valid UTF-8\n"),
        ("destroy", "nobody", "\udcff"): (2, r"^pvctl: destroy: DOMAIN is not valid UTF-8\n"),
        ("pause", "0"): (6, r"^pvctl: pause 0: domain 0 is this one\n(  .*\n)*$"),
        ("destroy", "one", "two"): (3, r"^pvctl: destroy one: there is.*\n(  .*\n)*pvctl: destroy two: there is.*\n(  .*\n)*$"),
        ("reboot", "65536"): (3, r"^pvctl: reboot 65536: there is no such domain\n(  .*\n)*$"),
        ("store", "read", "no"): (5, r"^pvctl: store read no: path is not an absolute path of at most 3072 characters\n"),
        ("pause", "-l", "a in"): (5, r"^pvctl: pause: label_selector has something other than a comma"),
        ("list", "-l", "a in", "--watch"): (5, r"^pvctl: list: label_selector has something other than a comma"),
        ("top", "-l", "a in"): (5, r"^pvctl: top: label_selector has something other than a comma"),
        ("--socket", f"{folder}/none", "list"): (9, r"^pvctl: list: paravaned does not answer at .*/none \("),
    }
    lines.update(wrong_devices(folder, good, domain_file))
    for words, (expected, pattern) in lines.items():
        code, out, error = run(*words)
        expect(code == expected and re.search(pattern, error), f"pvctl {' '.join(words)}: {code} {out!r} {error!r}")
    # What was typed, then why: once, whatever the host calls it.
    for command in ("list", "describe", "info", "export", "start", "stop", "restart", "shutdown", "reboot", "pause", "unpause",
                    "destroy", "delete", "wait", "console", "logs", "device list", "operation list", "operation describe",
                    "operation wait", "operation cancel"):
        code, out, error = run(*command.split(), "nobody")
        what = command.replace("delete", "destroy")
        kind = "operation" if command.startswith("operation") and "list" not in command else "domain"
        expect(code == 3 and not out and error.startswith(f"pvctl: {what} nobody: there is no such {kind}\n"),
               f"{command} nobody: {code} {out!r} {error!r}")
    huge = domain_file(folder, good.replace("4MiB", "1024GiB"))
    code, _, error = run("create", huge)
    expect(code == 7 and "memory: 1TiB are wanted, the host has only" in error, f"create huge: {code} {error!r}")
    _, out, _ = run("create", "--help")
    for key in ("name", "kernel", "initrd", "cmdline", "memory", "vcpus", "on_poweroff", "on_reboot", "on_crash"):
        expect(re.search(rf"^ *{key}: ", out, re.MULTILINE), f"create --help does not say that a file has {key}")
    for command in ("create", "list", "info", "console", "pause", "unpause", "shutdown", "reboot", "destroy", "dmesg",
                    "events"):
        code, out, _ = run(command, "--help")
        expect(code == 0 and command in out, f"pvctl {command} --help: {code}")


class Terminal:
    """pvctl on a terminal of its own."""

    def __init__(self, *words):
        self.ours, self.its = pty.openpty()
        self.before = termios.tcgetattr(self.its)
        self.text = ""
        self.process = subprocess.Popen([pvctl, *words], stdin=self.its, stdout=self.its, stderr=self.its,
                                        start_new_session=True)
        os.set_blocking(self.ours, False)

    def _has(self, pattern):
        try:
            self.text += os.read(self.ours, 65536).decode(errors="replace")
        except BlockingIOError:
            pass
        return re.search(pattern, self.text)

    def wait_for(self, pattern):
        wait_until(lambda: self._has(pattern), f"/{pattern}/ on the terminal, which shows {self.text!r}")

    def screen(self):
        """The lines that are to be seen in the end."""
        lines, column = [""], 0
        for part in re.findall(r"\x1b\[K|[\r\n]|[^\x1b\r\n]+|\x1b", self.text):
            if part == "\x1b[K":
                lines[-1] = lines[-1][:column]
            elif part == "\r":
                column = 0
            elif part == "\n":
                lines.append("")
                column = 0
            else:
                lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part):]
                column += len(part)
        return lines

    def type(self, keys):
        os.write(self.ours, keys)

    def modes(self):
        return termios.tcgetattr(self.its)

    def end(self):
        code = self.process.wait(LIMIT)
        self._has("")
        return code


def console_on_a_terminal(folder):
    code, _, error = run("create", domain_file(folder, good))
    expect(code == 0, f"create: {error}")
    terminal = Terminal("console", "web")
    terminal.wait_for(r"Console of web; Ctrl-\] leaves it\.\r\n")
    terminal.wait_for(r"the console of domain 1\r+\n")
    local = terminal.modes()[3]
    expect(not local & (termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN), "the terminal is not raw")
    expect(not terminal.modes()[0] & (termios.ICRNL | termios.IXON), "the terminal changes what is typed")
    terminal.type(b"ls\r")
    terminal.wait_for(r"<6c><73><0d>")
    terminal.type(b"\x03\x04\x13\x1a\x1b\x7f")  # what a terminal would act upon
    terminal.wait_for(r"<03><04><13><1a><1b><7f>")
    terminal.type(b"\x1dunseen")
    terminal.wait_for(r"Console left\.\r\n")
    expect(terminal.end() == 0, "leaving the console is no failure")
    expect("<75>" not in terminal.text, "keys after Ctrl-] reached the guest")
    expect(terminal.modes() == terminal.before, "the terminal is not as it was")

    for ending in (signal.SIGTERM, signal.SIGHUP):
        terminal = Terminal("console", "web")
        terminal.wait_for(r"the console of domain 1\r+\n")
        terminal.process.send_signal(ending)
        terminal.end()
        expect(terminal.modes() == terminal.before, f"the terminal is not as it was after {ending.name}")

    # Without a terminal keys are data: Ctrl-] too.
    with running(pvctl, "console", "web", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as piped:
        piped.stdin.write(b"a\x1db")
        piped.stdin.flush()
        seen = b""
        while b"<61><1d><62>" not in seen and (more := piped.stdout.read1()):
            seen += more
        expect(b"<61><1d><62>" in seen, f"typed through a pipe: {seen!r}")
        piped.terminate()


@contextlib.contextmanager
def typing_at_the_console(*keys):
    """A client that types each of these when it has seen the one before."""
    with running(pvctl, "console", "web", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        seen = client.stdout.readline()
        for key in keys:
            client.stdin.write(key)
            client.stdin.flush()
            if key != keys[-1]:
                seen += client.stdout.readline()
        client.seen = seen
        yield client


def end_of(client):
    out, error = client.communicate(timeout=LIMIT)
    return client.returncode, client.seen + out, error


def ends_of_consoles(folder):
    """A backend that was killed, its guest's end, and too many clients are three things."""
    first = b"the console of domain 1\r\n"
    with typing_at_the_console(b"\x05", b"\x06") as client:
        code, out, error = end_of(client)
        expect(code == 0 and out == first + f"again, from {len(first)}\r\n".encode(),
               f"a guest ends after a backend was killed: {code} {out!r} {error!r}")
    with open(f"{folder}/full", "w", encoding="utf-8"):
        code, _, error = run("console", "web")
        expect(code == 7 and error.startswith("pvctl: console web: too many clients look at its console\n"),
               f"too many clients: {code} {error!r}")
    os.unlink(f"{folder}/full")


def nothing_is_lost_in_silence():
    """What was typed and did not reach the guest before a backend was killed is typed again; what is missing is said."""
    with running(pvctl, "console", "web", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        seen = b""
        for keys, shown in ((b"\x01xyz", b"<79><7a>"), (b"\x02ab", b"<61><62>"), (b"\x0c", b"<0c>")):
            client.stdin.write(keys)
            client.stdin.flush()
            while shown not in seen and (more := client.stdout.read1()):
                seen += more
        expect(seen.count(b"<78>") == 0 and seen.count(b"<79>") == 1 and seen.count(b"<61>") == 1, f"typed over kills: {seen!r}")
        remarks = [client.stderr.readline()]
        for keys, lines in ((b"\x14", 2), (b"zz", 1)):
            client.stdin.write(keys)
            client.stdin.flush()
            remarks += [client.stderr.readline() for _ in range(lines)]
        begin = b"pvctl: console web: "
        expect(remarks == [begin + b"10 bytes that the guest printed are missing here\n",
                           begin + b"1 bytes that were typed may not have reached it\n",
                           begin + b"somebody else types; what you type is not taken\n",
                           begin + b"2 bytes that were typed may not have reached it\n"], f"remarks: {remarks}")
        client.terminate()


def ordinary_use(folder):
    code, out, _ = run("list", "-o", "json")
    domains = json.loads(out)["domains"]
    expect(code == 0 and [domain["metadata"]["name"] for domain in domains] == ["Domain-0", "web"], f"list: {out}")
    for name in ("web", "0"):
        conditions = json.loads(run("describe", name, "-o", "json")[1])["status"]["conditions"]
        expect(len(conditions) > 1 and all("last_transition_time" in each for each in conditions),
               f"conditions of {name} without a time: {conditions}")
    _, out, _ = run("describe", "0")
    expect("RestartNeeded" not in out and "generation" not in out and "wanted:" not in out, f"describe 0: {out}")
    devices_come_and_go(folder, run)
    _, out, _ = run("device", "list", "0", "-o", "name")
    expect(out == "", f"devices that domain 0 does not have from us: {out!r}")
    code, out, error = run("export", "0")
    expect(code == 6 and not out and "there is no spec to write" in error, f"export 0: {code} {out!r} {error!r}")
    expect(run("create", domain_file(folder, good))[0] == 4, "the name is taken")
    expect(run("pause", "web")[0] == 0 and "paused" in run("info", "web")[1], "pause")
    code, _, error = run("shutdown", "web")
    expect(code == 6 and error.startswith("pvctl: shutdown web: it is paused\n"), f"shutdown: {code} {error}")
    expect(run("unpause", "1")[0] == 0, "unpause by number")
    expect("RestartNeeded" not in run("describe", "web")[1], "a pause asks for a restart")
    expect(run("wait", "web", "--for", "condition=Held=false", "--timeout", "60")[0] == 0, "what is not so is not so")
    code, _, error = run("update", "web", "--set", "name=other")
    expect(code == 5 and "a domain's name and uid do not change" in error, f"another name: {code} {error}")
    expect(run("events", "nobody", "--no-follow")[0] == 3, "nobody has no events")
    code, _, error = run("shutdown", "--timeout", "0.1", "web")
    expect(code == 8 and "has not ended in time" in error, f"shutdown in vain: {code} {error}")
    expect(run("dmesg") == (0, "(pv) a line of the log\n", ""), f"dmesg: {run('dmesg')}")
    expect(os.path.exists(f"{folder}/console-1.sock"), "the console's socket")
    expect(run("destroy", "web")[0] == 0 and run("info", "web")[0] == 3, "destroy")
    once = ("create", domain_file(folder, good), "--request-id", "once")
    expect(run(*once)[0] == 0 and run("destroy", "web")[0] == 0, "create and destroy")
    code, out, error = run(*once)
    expect(code == 0 and out == "created web\n" and run("info", "web")[0] == 3,
           f"a create that is repeated too late: {code} {out!r} {error!r}")
    expect(not os.path.exists(f"{folder}/console-1.sock"), "destroy leaves the socket of a console that does not end")


def daemon_of(folder):
    return running(paravaned, "--socket", os.environ["PARAVANE_SOCKET"], "--run-folder", folder, "--console-logs", "",
                   "--supervisor", f"{folder}/supervisor.sock", "--image-folder", os.path.dirname(kernel), "--image-user", "nobody", "--disk-folder", folder,
                   "--image-reader", pvunpack, "--state-folder", f"{folder}/state")


def console_that_does_not_start(folder):
    """What cannot be found while a domain is made is not that domain."""
    with open(f"{folder}/refuse", "w", encoding="utf-8") as file:
        file.write("there is no user paravane-console")
    code, _, error = run("create", domain_file(folder, good))
    expect(code == 1 and "start the console backend: there is no user paravane-console\n" in error,
           f"create without a console backend: {code} {error!r}")
    os.unlink(f"{folder}/refuse")


def one_daemon(folder):
    """A second daemon says who has the host, and touches nothing."""
    second = subprocess.run([paravaned, "--socket", f"{folder}/second", "--run-folder", folder, "--console-logs", "",
                             "--state-folder", f"{folder}/state"], capture_output=True, text=True, timeout=LIMIT,
                            check=False)
    expect(second.returncode == 1 and re.search(r"paravaned runs already, as process \d+\n", second.stderr),
           f"a second daemon: {second.returncode} {second.stderr!r}")
    expect(not os.path.exists(f"{folder}/second"), "the second daemon made its socket")


def health_of_the_interface(socket):
    answers = subprocess.check_output([probe, socket], text=True, timeout=LIMIT)
    return re.search(r"^health of the interface: 0 .*\\x0([12])", answers, re.MULTILINE).group(1)


def without_the_store(folder, daemon):
    """While xenstored does not answer, what needs it says so, and nothing else waits for it."""
    socket = os.environ["PARAVANE_SOCKET"]
    run("create", domain_file(folder, good))
    daemon.send_signal(signal.SIGUSR1)
    wait_until(lambda: health_of_the_interface(socket) == "2", "the interface to be NOT_SERVING")
    expect("xenstored does not answer" in run("info")[1], "info says that xenstored does not answer")
    expect(run("list")[0] == 0 and run("pause", "web")[0] == 0 and run("unpause", "web")[0] == 0, "list, pause, unpause")
    code, _, error = run("shutdown", "web")
    expect(code == 9 and "xenstored does not answer" in error, f"shutdown: {code} {error}")
    code, _, error = run("create", "--timeout", "0.5", domain_file(folder, good.replace("web", "late")))
    expect(code == 8, f"a create that nobody can finish: {code} {error}")
    code, out, _ = run("apply", "--no-wait", "-f", domain_file(folder, good.replace("web", "later")))
    expect((code, out) == (0, "later is being created\n"), f"one that nobody waits for: {code} {out!r}")
    daemon.send_signal(signal.SIGUSR1)
    wait_until(lambda: health_of_the_interface(socket) == "1", "the interface to be SERVING")
    wait_until(lambda: run("info", "late")[0] == 3, "a create that was given up to leave nothing")
    expect(run("destroy", "web", "later")[0] == 0, "destroy")


def progress_on_a_terminal(folder, daemon):
    """While a command waits it says so in a line that it has to itself, and that is gone when it ends, however it ends."""
    daemon.send_signal(signal.SIGUSR1)
    wait_until(lambda: health_of_the_interface(os.environ["PARAVANE_SOCKET"]) == "2", "the interface to be NOT_SERVING")
    # Each its own: what was given up goes when the store is there again.
    paths = [domain_file(folder, good.replace("web", f"late-{i}"), f"late-{i}") for i in range(4)]
    for i, words in enumerate((("create", paths[0]), ("apply", "-f", paths[1]))):
        terminal = Terminal(*words, "--timeout", "4s")
        terminal.wait_for(rf"{words[0]} late-{i}: \d+ s")
        terminal.type(b"typed ahead\r")
        expect(terminal.end() == 8, f"{words[0]} that is not done in time")
        lines = terminal.screen()
        expect(lines[0] == f"pvctl: {words[0]} late-{i}: not done in time" and "typed" not in terminal.text,
               f"the screen after {words[0]}: {lines}")
        expect(terminal.modes() == terminal.before, f"the terminal is not as it was after {words[0]}")
    for path, ending in ((paths[2], signal.SIGINT), (paths[3], signal.SIGTERM)):
        terminal = Terminal("create", path)
        terminal.wait_for(r"create late-\d: \d+ s")
        terminal.process.send_signal(ending)
        expect(terminal.end() == -ending, f"create ends by {ending.name}")
        expect(terminal.screen() == [""], f"the screen after {ending.name}: {terminal.screen()}")
        expect(terminal.modes() == terminal.before, f"the terminal is not as it was after {ending.name}")
    daemon.send_signal(signal.SIGUSR1)
    wait_until(lambda: "late" not in run("list")[1], "creates that were given up to leave nothing")


def many_watchers(daemon):
    """Who only waits has no thread of the daemon's."""
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(running(pvctl, "list", "--watch", stdout=subprocess.PIPE)) for _ in range(40)]
        for watcher in watchers:
            expect(b"Domain-0" in watcher.stdout.readline(), "a watcher sees domain 0")
        with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as status:
            threads = int(re.search(r"^Threads:\s*(\d+)", status.read(), re.MULTILINE).group(1))
        expect(threads < 50, f"{threads} threads for 40 watchers")
        for watcher in watchers:
            watcher.terminate()


def events_until_the_end(folder, daemon):
    """Who watches hears that there is nothing more to come."""
    run("create", domain_file(folder, good))
    with running(pvctl, "events", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        wait_until(lambda: (run("pause", "web"), run("unpause", "web")) and select.select([watching.stdout], [], [], 0)[0],
                   "an event")
        daemon.terminate()
        error = watching.communicate(timeout=LIMIT)[1]
        expect(watching.returncode == 9 and error.startswith("pvctl: events: paravaned ends\n"),
               f"events of a paravaned that ends: {watching.returncode} {error!r}")


def copy_kernel(folder):
    """Where another user may read it, if that is who reads kernels."""
    global kernel, good
    os.makedirs(f"{folder}/kernels")
    kernel = shutil.copy(built_kernel, f"{folder}/kernels/hello")
    for path in (folder, f"{folder}/kernels", kernel):
        os.chmod(path, 0o755)
    good = f"name: web\nkernel: {kernel}\nmemory: 4MiB\n"


def main():
    with tempfile.TemporaryDirectory(prefix="paravane-", dir="/tmp") as folder:
        copy_kernel(folder)
        socket = f"{folder}/api"
        os.environ["PARAVANE_SOCKET"] = socket
        # Who asks before it is there has an answer once it is.
        early = subprocess.Popen([pvctl, "list", "-o", "name", "--retry", f"{LIMIT}s"], stdout=subprocess.PIPE, text=True)
        with (running(f"{here}/supervisor_in_memory.py", "--folder", folder) as supervisor,
              daemon_of(folder) as daemon):
            try:
                wait_until(lambda: run("info")[0] == 0, "paravaned")
                out, _ = early.communicate(timeout=LIMIT)
                expect(early.returncode == 0 and out == "Domain-0\n", f"list of a daemon to come: {early.returncode} {out!r}")
                wait_until(lambda: os.path.exists(f"{folder}/supervisor.sock"), "the supervisor")
                expect(os.stat(socket).st_mode & 0o777 == 0o600, "the socket is for its owner only")
                generic_client(socket)
                one_daemon(folder)
                bad_inputs(folder)
                console_on_a_terminal(folder)
                ends_of_consoles(folder)
                nothing_is_lost_in_silence()
                with typing_at_the_console(b"\x07") as lost:
                    code, _, error = end_of(lost)
                    expect(code == 9 and b"its console backend has ended and does not come back" in error,
                           f"a backend that does not come back: {code} {error!r}")
                ordinary_use(folder)
                console_that_does_not_start(folder)
                without_the_store(folder, daemon)
                progress_on_a_terminal(folder, daemon)
                many_watchers(daemon)
                events_until_the_end(folder, daemon)
            finally:
                daemon.terminate()
                supervisor.terminate()
            expect(daemon.wait(LIMIT) == 0, "paravaned ends in order")
    finish()


main()
