// SPDX-License-Identifier: MIT
// What is left to a process that has locked itself up: its bytes, and its end.
#include "unpack/jail.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

namespace {
using namespace paravane;

// Does it in a locked up process; how that ends, as waitpid says it. Without the sanitizers' own ways to end.
template <class F>
int locked_up(F what, JailLimits limits = {.memory = RLIM_INFINITY, .file = 1 << 20, .seconds = 600}) {
    pid_t const child = fork();
    if (child == 0) {
        bool const locked = static_cast<bool>(lock_up(limits));
        syscall(SYS_exit_group, locked ? what() : 99);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {}
    return status;
}

TEST(Jail, BytesMayBeReadAndWritten) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    int const status = locked_up([&] {
        char byte = 'x';
        if (syscall(SYS_write, ends[1], &byte, 1) != 1 || syscall(SYS_read, ends[0], &byte, 1) != 1) return 1;
        long const memory = syscall(SYS_mmap, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory < 0) return 2;
        *reinterpret_cast<char volatile*>(memory) = 1;
        return syscall(SYS_munmap, memory, 1 << 20) == 0 ? 0 : 3;
    });
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    close(ends[0]);
    close(ends[1]);
}

TEST(Jail, WhateverElseIsTriedIsTheEnd) {
    struct {
        char const* what;
        long call, first, second, third;
    } const cases[] = {
        {"open", SYS_open, reinterpret_cast<long>("/dev/null"), O_RDONLY, 0},
        {"openat", SYS_openat, AT_FDCWD, reinterpret_cast<long>("/dev/null"), O_RDONLY},
        {"openat2", SYS_openat2, AT_FDCWD, 0, 0},
        {"socket", SYS_socket, 1, 1, 0},
        {"sendmsg", SYS_sendmsg, 3, 0, 0},
        {"fork", SYS_fork, 0, 0, 0},
        {"clone", SYS_clone, 0, 0, 0},
        {"clone3", SYS_clone3, 0, 0, 0},
        {"execve", SYS_execve, reinterpret_cast<long>("/bin/true"), 0, 0},
        {"execveat", SYS_execveat, AT_FDCWD, reinterpret_cast<long>("/bin/true"), 0},
        {"kill", SYS_kill, 1, 0, 0},
        {"ptrace", SYS_ptrace, 0, 0, 0},
        {"process_vm_readv", SYS_process_vm_readv, 1, 0, 0},
        {"prlimit64", SYS_prlimit64, 0, RLIMIT_AS, 0},
        {"prctl", SYS_prctl, 0, 0, 0},
        {"setuid", SYS_setuid, 0, 0, 0},
        {"mount", SYS_mount, 0, 0, 0},
        {"unshare", SYS_unshare, 0, 0, 0},
        {"memfd_create", SYS_memfd_create, reinterpret_cast<long>("m"), 0, 0},
        {"dup", SYS_dup, 1, 0, 0},
        {"ioctl", SYS_ioctl, 0, 0, 0},
        {"fcntl", SYS_fcntl, 3, 0, 0},
        {"bpf", SYS_bpf, 0, 0, 0},
        {"io_uring_setup", SYS_io_uring_setup, 1, 0, 0},
        {"code by mprotect", SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC},
        {"code by mmap", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC},
    };
    for (auto const& each : cases) {
        int const status = locked_up([&] {
            syscall(each.call, each.first, each.second, each.third, 0, 0, 0);
            return 0;
        });
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << each.what << ": " << status;
    }
}

TEST(Jail, ResourcesAreBounded) {
    int const file = memfd_create("grows", 0);
    int status = locked_up([&] { return static_cast<int>(syscall(SYS_ftruncate, file, (1 << 20) + 1)); });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) << status;
    close(file);
    std::uint64_t pages = 0;  // sanitizers have many
    std::ifstream{"/proc/self/statm"} >> pages;
    status = locked_up([] { return syscall(SYS_mmap, 0, 1 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) < 0; },
                       {.memory = pages * 4096 + (256 << 20), .file = 0, .seconds = 600});
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
    status = locked_up(
        [] {
            for (;;) asm volatile("");
            return 0;
        },
        {.memory = RLIM_INFINITY, .file = 0, .seconds = 1});
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) << status;
}
}  // namespace
