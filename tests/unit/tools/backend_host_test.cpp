// SPDX-License-Identifier: MIT
// What backends share.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/allowance.hpp"
#include "host/confinement.hpp"
#include "host/handover.hpp"
#include "host/journal_memory.hpp"
#include "os/child.hpp"
#include "os/io.hpp"

namespace {
using namespace std::chrono_literals;
using namespace paravane;
using host::Allowance;
using host::Allowed;

TEST(Allowance, GivesSomeAtOnceAndThenAsTimeGoesBy) {
    Allowance::Clock::time_point now{1h};
    Allowance allowance{3, 10ms, now};
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.take(now));
    EXPECT_FALSE(allowance.take(now));
    EXPECT_EQ(allowance.wait(now), 10ms);
    EXPECT_TRUE(allowance.take(now + 10ms));
    EXPECT_FALSE(allowance.take(now + 19ms));
    EXPECT_TRUE(allowance.take(now + 20ms));
    now += 1h;  // no more is saved up than at the beginning
    int taken = 0;
    while (allowance.take(now)) ++taken;
    EXPECT_EQ(taken, 3);
}

// In a process of its own: what is confined stays so. Sanitizers look for leaks in _exit, with calls that are not
// allowed.
template <class Act>
void confined(Act act) {
    if (!host::allow_only(std::vector<Allowed>{{SYS_write}, {SYS_ioctl, 0x1234}})) _exit(1);
    act();
    syscall(SYS_exit_group, 0);
}

TEST(ConfinementDeathTest, LeavesWhatIsAllowed) {
    EXPECT_EXIT(confined([] { (void)!write(STDERR_FILENO, "still here", 10); }), testing::ExitedWithCode(0), "still");
    EXPECT_EXIT(confined([] { syscall(SYS_ioctl, 0, 0x1234, 0); }), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(confined([] { syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }),
                testing::ExitedWithCode(0), "");
}

TEST(ConfinementDeathTest, KillsWhoDoesAnythingElse) {
    EXPECT_EXIT(confined([] { syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }),
                testing::KilledBySignal(SIGSYS), "");
    EXPECT_EXIT(confined([] { syscall(SYS_socket, 1, 1, 0); }), testing::KilledBySignal(SIGSYS), "");
    EXPECT_EXIT(confined([] { syscall(SYS_ioctl, 0, 0x1235, 0); }), testing::KilledBySignal(SIGSYS), "");
    EXPECT_EXIT(confined([] { syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }),
                testing::KilledBySignal(SIGSYS), "");
}

TEST(ConfinementDeathTest, IsNotForRoot) {
    EXPECT_EXIT(_exit(geteuid() == 0 && host::confine({}) ? 1 : 0), testing::ExitedWithCode(0), "");
}

struct Numbers {
    std::uint64_t value;
};

TEST(JournalMemory, OutlivesItsUserAndIsNotTakenForAnothers) {
    OwnedFd file{memfd_create("journal", 0)};
    {
        auto journal = *host::JournalMemory<Numbers, 1>::map(file);
        EXPECT_EQ((*journal).value, 0u);
        (*journal).value = 7;
    }
    EXPECT_EQ((**host::JournalMemory<Numbers, 1>::map(file)).value, 7u);
    EXPECT_FALSE((host::JournalMemory<Numbers, 2>::map(file)));
    EXPECT_FALSE((host::JournalMemory<std::array<Numbers, 2>, 1>::map(file)));
}

// A program with what it was handed, as a shell sees it.
std::string say(std::string const& script, ChildSpec spec) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    OwnedFd from{ends[0]}, to{ends[1]};
    spec.words = {"/bin/sh", "-c", script};
    spec.standard_error = to.get();
    Result<Child> child = start_child(spec);
    EXPECT_TRUE(child);
    to = OwnedFd{};
    std::string said = read_to_end(from.get(), 4096);
    reap(child->pid);
    return said;
}

TEST(Child, HasWhatItWasHandedAndNothingElse) {
    OwnedFd one{memfd_create("one", 0)}, two{memfd_create("two", 0)}, not_its{memfd_create("other", 0)};
    ChildSpec spec;
    spec.handed = {{"first", one.get()}, {"second", two.get()}};
    std::string const said =
        say("echo $LISTEN_FDS $LISTEN_FDNAMES; [ $LISTEN_PID = $$ ] && readlink /proc/self/fd/3 "
            "/proc/self/fd/4 >&2; readlink /proc/self/fd/5 >&2; echo $HOME $LISTEN_FDS >&2; "
            "grep NoNewPrivs /proc/self/status >&2; ulimit -n >&2",
            spec);
    EXPECT_EQ(said, "/memfd:one (deleted)\n/memfd:two (deleted)\n2\nNoNewPrivs:\t1\n256\n");
}

TEST(Child, IsSomebodyElseWithoutCapabilitiesOrNothing) {
    ChildSpec spec;
    spec.becomes = Identity{65534, 65534};
    std::string const said = say("grep -E '^(Uid|Gid|Groups|Cap(Eff|Prm|Bnd))' /proc/self/status >&2", spec);
    EXPECT_EQ(said, geteuid() != 0 ? "become another user: Operation not permitted\n"
                                   : "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t \n"
                                     "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                                     "CapBnd:\t0000000000000000\n");
}

TEST(Child, SaysWhyItCannotBeStarted) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    OwnedFd from{ends[0]}, to{ends[1]};
    Result<Child> child = start_child({.words = {"/no/such/program"}, .standard_error = to.get()});
    ASSERT_TRUE(child);
    to = OwnedFd{};
    EXPECT_EQ(read_to_end(from.get(), 4096), "/no/such/program: No such file or directory\n");
    EXPECT_NE(reap(child->pid), 0);
}
}  // namespace
