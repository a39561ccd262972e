// SPDX-License-Identifier: MIT
#include "unpack/jail.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>

#include "os/io.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
namespace {
Result<> bound(__rlimit_resource resource, std::uint64_t most, std::uint64_t beyond = 0) {
    rlimit const limit{most, most + beyond};
    if (setrlimit(resource, &limit) < 0) return Error::from_errno("bound a resource");
    return {};
}

Result<> bound_resources(JailLimits const& limits) {
    TRY(bound(RLIMIT_AS, limits.memory));
    TRY(bound(RLIMIT_FSIZE, limits.file));
    TRY(bound(RLIMIT_CPU, limits.seconds, 1));  // the signal of the first says why
    TRY(bound(RLIMIT_NOFILE, 0));
    TRY(bound(RLIMIT_NPROC, 0));
    TRY(bound(RLIMIT_CORE, 0));
    TRY(bound(RLIMIT_MEMLOCK, 0));
    return {};
}

// Bytes in and out of what is open, memory that is not code, and the end.
Result<> filter_calls() {
    constexpr char step[] = "make a filter of system calls";
    std::unique_ptr<void, decltype(&seccomp_release)> filter{seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release};
    if (!filter) return Error{step, "there is no memory for it"};
    constexpr int plain[] = {SCMP_SYS(read),    SCMP_SYS(pread64), SCMP_SYS(write),  SCMP_SYS(ftruncate),
                             SCMP_SYS(close),   SCMP_SYS(brk),     SCMP_SYS(munmap), SCMP_SYS(mremap),
                             SCMP_SYS(madvise), SCMP_SYS(futex),   SCMP_SYS(exit),   SCMP_SYS(exit_group)};
    for (int call : plain)
        if (int failure = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); failure < 0)
            return Error::from_errno(step, -failure);
    for (int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        if (int failure =
                seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
            failure < 0)
            return Error::from_errno(step, -failure);
    if (int failure = seccomp_load(filter.get()); failure < 0) return Error::from_errno(step, -failure);
    return {};
}
}  // namespace

void go_first() {
    OwnedFd score{open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)};
    if (score) (void)static_cast<bool>(write_all(score.get(), "1000"));
}

Result<> become(std::string const& user) {
    if (geteuid() != 0) return {};
    std::string const step = "become user " + user;
    errno = 0;
    passwd const* entry = getpwnam(user.c_str());
    if (entry == nullptr && errno != 0) return Error::from_errno(step);
    if (entry == nullptr) return Error{step, "there is no such user"};
    if (entry->pw_uid == 0 || entry->pw_gid == 0) return Error{step, "it is root"};
    uid_t const uid = entry->pw_uid;
    gid_t const gid = entry->pw_gid;
    if (setgroups(0, nullptr) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return Error::from_errno(step);
    if (setuid(0) == 0) return Error{step, "it can become root again"};
    // For /proc/self, which is root's otherwise.
    if (prctl(PR_SET_DUMPABLE, 1) < 0) return Error::from_errno(step);
    return {};
}

Result<> lock_up(JailLimits const& limits) {
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return Error::from_errno("give up rights");
    TRY(bound_resources(limits));
    return filter_calls();
}
}  // namespace paravane
