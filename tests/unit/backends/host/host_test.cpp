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

// A program with what it was handed, as a shell sees it; or why there is none.
std::string say(std::string const& script, Program program) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    OwnedFd from{ends[0]}, to{ends[1]};
    program.words = {"/bin/sh", "-c", script};
    program.standard_error = to.get();
    Result<Child> child = Child::start(program);
    if (!child) return child.error().message();
    to = OwnedFd{};
    std::string said = read_to_end(from.get(), 4096);
    EXPECT_EQ(*child->wait(std::chrono::steady_clock::time_point::max(), {}), Waited::ended);
    return said;
}

TEST(Child, HasWhatItWasHandedAndNothingElse) {
    OwnedFd one{memfd_create("one", 0)}, two{memfd_create("two", 0)}, not_its{memfd_create("other", 0)};
    Program spec;
    spec.handed = {{"first", one.get()}, {"second", two.get()}};
    std::string const said =
        say("echo $LISTEN_FDS $LISTEN_FDNAMES; [ $LISTEN_PID = $$ ] && readlink /proc/self/fd/3 "
            "/proc/self/fd/4 >&2; readlink /proc/self/fd/5 >&2; echo $HOME $LISTEN_FDS >&2; "
            "grep NoNewPrivs /proc/self/status >&2; ulimit -n >&2",
            spec);
    EXPECT_EQ(said, "/memfd:one (deleted)\n/memfd:two (deleted)\n2\nNoNewPrivs:\t1\n256\n");
}

TEST(Child, IsSomebodyElseWithoutCapabilitiesOrNothing) {
    Program program;
    program.becomes = Identity{65534, 65534};
    std::string const said = say("grep -E '^(Uid|Gid|Groups|Cap(Eff|Prm|Bnd))' /proc/self/status >&2", program);
    EXPECT_EQ(said, geteuid() != 0 ? "start /bin/sh: become another user: Operation not permitted"
                                   : "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t \n"
                                     "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                                     "CapBnd:\t0000000000000000\n");
}

TEST(Child, SaysWhyItCannotBeStarted) {
    Result<Child> child = Child::start({.words = {"/no/such/program"}});
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().message(), "start /no/such/program: No such file or directory");
    // The process itself writes down that it runs, before it does.
    pid_t written = 0;
    Program program{.words = {"/bin/true"}};
    program.write_down = [&] {
        written = getpid();
        return 0;
    };
    Result<Child> known = Child::start(program);
    ASSERT_TRUE(known);
    EXPECT_EQ(written, known->pid());
    program.write_down = [] { return ENOSPC; };
    Result<Child> unknown = Child::start(program);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().message(), "start /bin/true: write it down: No space left on device");
    Result<Child> other = Child::start({.words = {"/bin/true"}, .handed = std::vector<Handed>(33)});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().message(), "start /bin/true: too many descriptors to hand over");
}

TEST(Child, HasNoSignalThatWeBlockOrIgnore) {
    sigset_t all, before;
    sigfillset(&all);
    ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
    auto const handler = signal(SIGUSR1, SIG_IGN);
    std::string const said = say("grep -E '^Sig(Blk|Ign)' /proc/self/status >&2", {});
    signal(SIGUSR1, handler);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    EXPECT_EQ(said, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Child, IsWaitedForUntilALimitOrUntilSomebodyAsksToStopAndIsKilledWithItsObject) {
    pid_t pid = 0;
    {
        Result<Child> child = Child::start({.words = {"/bin/sleep", "1000"}});
        ASSERT_TRUE(child);
        pid = child->pid();
        EXPECT_EQ(*child->wait(std::chrono::steady_clock::now(), {}), Waited::too_long);
        std::stop_source stop;
        stop.request_stop();
        EXPECT_EQ(*child->wait(std::chrono::steady_clock::time_point::max(), stop.get_token()), Waited::stopped);
    }
    EXPECT_FALSE(process_start(pid));
}

TEST(Child, GoesOnWithoutItsObject) {
    Result<Child> child = Child::start({.words = {"/bin/sleep", "1000"}});
    ASSERT_TRUE(child);
    pid_t const pid = child->pid();
    OwnedFd const watched = (*std::move(child)).let_go();
    EXPECT_TRUE(process_start(pid));
    kill(pid, SIGKILL);
    EXPECT_EQ(how_it_ended(reap(pid)), "signal 9");
}
}  // namespace
