// SPDX-License-Identifier: MIT
#include "host/confinement.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>

namespace paravane::host {
namespace {
constexpr int always[] = {SCMP_SYS(brk),
                          SCMP_SYS(munmap),
                          SCMP_SYS(mremap),
                          SCMP_SYS(madvise),
                          SCMP_SYS(futex),
                          SCMP_SYS(clock_gettime),
                          SCMP_SYS(clock_nanosleep),
                          SCMP_SYS(rt_sigreturn),
                          SCMP_SYS(restart_syscall),
                          SCMP_SYS(exit),
                          SCMP_SYS(exit_group),
                          SCMP_SYS(close)};

struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
};
}  // namespace

Result<> confine(std::span<Allowed const> calls) {
    if (geteuid() == 0) return Error{"", "it runs as root", ErrorKind::precondition};
    return allow_only(calls);
}

Result<> allow_only(std::span<Allowed const> calls) {
    std::unique_ptr<void, Release> const filter{seccomp_init(SCMP_ACT_KILL_PROCESS)};
    if (!filter) return Error{"", "no filter of system calls can be made", ErrorKind::exhausted};
    int failure = 0;
    auto keep_first = [&failure](int result) { failure = failure == 0 ? result : failure; };
    for (int call : always) keep_first(seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0));
    keep_first(
        seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
    for (Allowed const& one : calls) {
        keep_first(one.request == 0 ? seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, one.call, 0)
                                    : seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, one.call, 1,
                                                       SCMP_A1(SCMP_CMP_EQ, one.request)));
    }
    keep_first(seccomp_load(filter.get()));  // and no new privileges, before it
    if (failure != 0) return Error::from_errno("filter system calls", -failure);
    return {};
}
}  // namespace paravane::host
