// SPDX-License-Identifier: MIT
// paravaned's DomainManager on a hypervisor and a store in memory.
#include "daemon/domain_manager.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "fake_dom0.hpp"
#include "tests/unit/portable/kernel/kernel_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace test {
namespace {
using namespace paravane;
using namespace std::chrono_literals;
using testing::HasSubstr;

enum Reason : std::uint32_t { poweroff = 0, reboot = 1, crash = 3 };

class Manager : public testing::Test {
protected:
    void SetUp() override {
        dom0.reset();
        Bytes const elf = make_elf();
        std::ofstream{kernel, std::ios::binary}.write(reinterpret_cast<char const*>(elf.data()),
                                                      static_cast<std::streamsize>(elf.size()));
    }

    void TearDown() override { std::filesystem::remove(kernel); }

    static DomainManager make_manager(EventHub& events, char const* console = "/bin/true",
                                      std::chrono::nanoseconds shortest_life = 24h, char const* reader = PVUNPACK) {
        return DomainManager{*Hypervisor::open(),
                             {.program = console, .run_folder = "/nowhere", .log_folder = ""},
                             {.program = reader, .user = "nobody", .folders = {testing::TempDir(), "/bin"}},
                             events,
                             shortest_life};
    }
    DomainSpec spec(std::string const& name = "web") const {
        DomainSpec made;
        made.name = name;
        made.kernel = kernel;
        made.memory = 4 << 20;
        return made;
    }
    // What a domain may not leave behind.
    void expect_nothing_left(std::string const& after) {
        std::scoped_lock lock{dom0.mutex};
        EXPECT_EQ(dom0.domains.size(), 1u) << after;
        EXPECT_EQ(dom0.free_frames(), FakeDom0::total_frames - 1) << after;
        EXPECT_EQ(dom0.mappings, 0) << after;
        for (auto const& [path, value] : dom0.nodes) ADD_FAILURE() << after << ": left in the store: " << path;
    }
    std::string node(std::string const& path) {
        std::scoped_lock lock{dom0.mutex};
        auto found = dom0.nodes.find(path);
        return found == dom0.nodes.end() ? "(none)" : found->second;
    }

    FakeDom0& dom0 = FakeDom0::the();
    std::string kernel = testing::TempDir() + "kernel-" + std::to_string(getpid());
    EventHub events;
    DomainManager manager = make_manager(events);
};

TEST_F(Manager, CreatesADomainThatIsListedRunsAndGoes) {
    EventHub::Listener listener{events};
    Result<Domain> made = manager.create(spec(), false);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->name, "web");
    EXPECT_EQ(made->id, 1u);
    EXPECT_EQ(made->info->pages, (4u << 20) / 4096 + 2) << "shared_info and the grant table count too";
    EXPECT_FALSE(made->info->paused);
    EXPECT_EQ(node("/local/domain/1/name"), "web");
    EXPECT_EQ(node("/local/domain/1/console/port"), "2");
    EXPECT_EQ(node("/local/domain/1/memory/target"), "4096");
    EXPECT_EQ(node("/local/domain/1/cpu/0/availability"), "online");
    EXPECT_EQ(manager.list()->size(), 2u);
    EXPECT_EQ(manager.get("1")->name, "web");
    ASSERT_TRUE(manager.destroy("web"));
    expect_nothing_left("destroy");
    EXPECT_EQ(listener.next(1s)->kind, EventKind::created);
    EXPECT_EQ(listener.next(1s)->kind, EventKind::destroyed);
    EXPECT_EQ(manager.get("web").error().kind, ErrorKind::not_found);
}

TEST_F(Manager, SaysWhichStepARefusedDomainFailedAtAndWhy) {
    struct Case {
        void (*change)(DomainSpec&);
        ErrorKind kind;
        char const* message;
    };
    Case const cases[] = {
        {[](auto& s) { s.name = ""; }, ErrorKind::invalid, "create: name: is missing"},
        {[](auto& s) { s.name = "12"; }, ErrorKind::invalid, "create 12: name: \"12\" is a number"},
        {[](auto& s) { s.kernel = ""; }, ErrorKind::invalid, "create web: kernel: is missing"},
        {[](auto& s) { s.kernel = "boot/vmlinuz"; }, ErrorKind::invalid,
         "create web: kernel: \"boot/vmlinuz\" is not an absolute"},
        {[](auto& s) { s.kernel = "/no/kernel"; }, ErrorKind::precondition,
         "create web: kernel /no/kernel: it is in none of the allowed folders: "},
        {[](auto& s) { s.kernel = "/"; }, ErrorKind::precondition, "create web: kernel /: it is in none of"},
        {[](auto& s) { s.kernel = "/bin/no-kernel"; }, ErrorKind::precondition,
         "create web: kernel /bin/no-kernel: No such file"},
        {[](auto& s) { s.kernel = "/bin/true"; }, ErrorKind::precondition, "create web: kernel /bin/true: "},
        {[](auto& s) { s.initrd = "/no/initrd"; }, ErrorKind::precondition,
         "create web: initrd /no/initrd: it is in none of the allowed folders: "},
        {[](auto& s) { s.memory = 0; }, ErrorKind::invalid, "create web: memory: is missing"},
        {[](auto& s) { s.memory = 1 << 20; }, ErrorKind::invalid, "create web: memory: 1MiB is less than 2 MiB"},
        {[](auto& s) { s.memory = (4 << 20) + 1; }, ErrorKind::invalid,
         "create web: memory: is not a multiple of 4 KiB"},
        {[](auto& s) { s.memory = 1 << 30; }, ErrorKind::exhausted,
         "create web: memory: 1GiB are wanted, the host has only"},
        {[](auto& s) { s.vcpus = 129; }, ErrorKind::invalid, "create web: vcpus: 129 is more than 128"},
        {[](auto& s) { s.cmdline = std::string(1024, 'x'); }, ErrorKind::invalid,
         "create web: cmdline: is longer than"},
    };
    for (Case const& each : cases) {
        DomainSpec bad = spec();
        each.change(bad);
        Result<Domain> made = manager.create(bad, false);
        ASSERT_FALSE(made) << each.message;
        EXPECT_EQ(made.error().kind, each.kind) << each.message;
        EXPECT_THAT(made.error().message(), HasSubstr(each.message));
        expect_nothing_left(each.message);
    }
}

// However far a create gets before the hypervisor refuses something, it says so and takes all of it back.
TEST_F(Manager, TakesBackWhateverAFailedCreateHasDone) {
    for (int step = 1;; ++step) {
        dom0.reset();
        dom0.refuse_hypercall = {.after = step, .code = EIO};
        Result<Domain> made = manager.create(spec(), false);
        if (dom0.refuse_hypercall.after != 0) {
            EXPECT_TRUE(made);
            EXPECT_GT(step, 15) << "a create is more than that";
            dom0.refuse_hypercall = {};
            ASSERT_TRUE(manager.destroy("web"));
            break;
        }
        std::string const after = "hypercall " + std::to_string(step) + " failed";
        if (made) {  // a step that can be done in another way, or that only described the new domain
            ASSERT_TRUE(manager.destroy("web")) << after;
        } else {
            EXPECT_THAT(made.error().message(), testing::StartsWith("create web: ")) << after;
        }
        expect_nothing_left(after);
    }
    for (int step = 1;; ++step) {
        dom0.reset();
        dom0.refuse_request = {.after = step, .code = ENOSPC};
        Result<Domain> made = manager.create(spec(), false);
        if (dom0.refuse_request.after != 0) {
            EXPECT_GT(step, 40);
            break;
        }
        if (made) { ASSERT_TRUE(manager.destroy("web")); }
        expect_nothing_left("request " + std::to_string(step) + " failed");
    }
}

TEST_F(Manager, TakesBackACreateWhoseConsoleDoesNotStart) {
    DomainManager other = make_manager(events, "/bin/false");
    Result<Domain> made = other.create(spec(), false);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(),
                HasSubstr("create web: start the console backend /bin/false: it ended without"));
    expect_nothing_left("console");
}

// errno says which step failed, not what that means: a program that is not there is no domain that is not there.
TEST_F(Manager, ABackendThatCannotBeStartedIsNoMissingDomain) {
    DomainManager other = make_manager(events, "/no/console");
    Result<Domain> made = other.create(spec(), false);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::internal);
    EXPECT_EQ(made.error().code, ENOENT);
    EXPECT_THAT(made.error().message(), HasSubstr("start the console backend /no/console: No such file"));
    expect_nothing_left("console");
}

TEST_F(Manager, TooLittleMemoryForTheKernelIsTheRequestsFault) {
    Bytes const elf = make_elf({.segments = {{.memory_size = 8 << 20}}});
    std::ofstream{kernel, std::ios::binary}.write(reinterpret_cast<char const*>(elf.data()),
                                                  static_cast<std::streamsize>(elf.size()));
    Result<Domain> made = manager.create(spec(), false);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::invalid);
    EXPECT_THAT(made.error().message(), HasSubstr("create web: memory: 4 MiB of memory are too little"));
}

// Whoever chose the files chose how long it takes to read them, but not for others.
TEST_F(Manager, AKernelThatIsReadForLongStopsNoOtherDomain) {
    DomainManager other = make_manager(events, "/bin/true", 24h, IMAGE_LIAR);
    std::string const signal = kernel + "-signal";
    std::filesystem::remove(signal);
    DomainSpec slow = spec("slow"), quick = spec("quick");
    slow.kernel = "/lies/until:" + signal;
    quick.kernel = "/lies/none";
    std::atomic<bool> is_made = false;
    std::jthread waiting{[&] {
        Result<Domain> made = other.create(slow, false);
        EXPECT_TRUE(made) << made.error().message();
        is_made = true;
    }};
    for (int i = 0; i < 3; ++i) {
        Result<Domain> made = other.create(quick, false);
        ASSERT_TRUE(made) << made.error().message();
        ASSERT_TRUE(other.destroy("quick"));
    }
    EXPECT_FALSE(is_made);
    std::ofstream{signal} << "go";
    waiting.join();
    std::filesystem::remove(signal);
    EXPECT_TRUE(other.destroy("slow"));
    expect_nothing_left("a slow kernel");
}

TEST_F(Manager, ANameIsTakenOnce) {
    ASSERT_TRUE(manager.create(spec(), true));
    Result<Domain> again = manager.create(spec(), false);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::exists);
    EXPECT_THAT(again.error().message(), HasSubstr("create web: the name is taken by domain 1"));
    // A domain that another tool has made counts too.
    dom0.domains[7] = {};
    dom0.nodes["/local/domain/7/name"] = "other";
    EXPECT_EQ(manager.create(spec("other"), false).error().kind, ErrorKind::exists);
}

TEST_F(Manager, OfTwoCreatesAtOnceOneGetsTheName) {
    int made = 0;
    std::mutex counting;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                Result<Domain> domain = manager.create(spec(), false);
                std::scoped_lock lock{counting};
                made += domain ? 1 : 0;
                EXPECT_TRUE(domain || domain.error().kind == ErrorKind::exists);
            });
    }
    EXPECT_EQ(made, 1);
    EXPECT_EQ(manager.list()->size(), 2u);
    ASSERT_TRUE(manager.destroy("web"));
    expect_nothing_left("the race");
}

TEST_F(Manager, PausesOnceHoweverOftenItIsAsked) {
    ASSERT_TRUE(manager.create(spec(), true));
    EXPECT_TRUE(manager.get("web")->info->paused);
    dom0.domains.at(1).pauses = 3;  // another tool
    EXPECT_FALSE(manager.unpause("web")->info->paused);
    EXPECT_TRUE(manager.pause("web")->info->paused);
    EXPECT_TRUE(manager.pause("web")->info->paused);
    EXPECT_EQ(dom0.domains.at(1).pauses, 1u);
}

TEST_F(Manager, RefusesWhatItCannotDoToADomain) {
    EXPECT_THAT(manager.pause("nobody").error().message(), HasSubstr("there is no such domain"));
    EXPECT_THAT(manager.destroy("0").error().message(), HasSubstr("domain 0 is this one"));
    EXPECT_EQ(manager.destroy("Domain-0").error().kind, ErrorKind::precondition);
    EXPECT_EQ(manager.get("").error().kind, ErrorKind::invalid);
    ASSERT_TRUE(manager.create(spec(), true));
    EXPECT_THAT(manager.ask_to_end("web", "poweroff", 0ns).error().message(), HasSubstr("it is paused"));
    ASSERT_TRUE(manager.unpause("web"));
    dom0.shut_down(1, poweroff);
    EXPECT_THAT(manager.ask_to_end("web", "poweroff", 0ns).error().message(), HasSubstr("it has already ended"));
}

TEST_F(Manager, AsksAGuestToEndAndWaits) {
    ASSERT_TRUE(manager.create(spec(), false));
    Result<bool> asked = manager.ask_to_end("web", "poweroff", 0ns);
    ASSERT_TRUE(asked);
    EXPECT_FALSE(*asked);
    EXPECT_EQ(node("/local/domain/1/control/shutdown"), "poweroff");
    Result<bool> deaf = manager.ask_to_end("web", "reboot", 10ms);
    ASSERT_FALSE(deaf);
    EXPECT_EQ(deaf.error().kind, ErrorKind::timed_out);
    EXPECT_THAT(deaf.error().message(), HasSubstr("it does not say by control/feature-reboot that it listens"));
    std::jthread guest{[&] {
        while (node("/local/domain/1/control/shutdown") != "poweroff") std::this_thread::yield();
        dom0.shut_down(1, poweroff);
        EXPECT_TRUE(manager.handle_ends());
    }};
    Result<bool> ended = manager.ask_to_end("web", "poweroff", 1h);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(*ended);
}

TEST_F(Manager, DealsWithEndsAsTheSpecSays) {
    DomainSpec keeper = spec("keeper");
    keeper.on_crash = EndAction::preserve;
    DomainSpec eager = spec("eager");
    eager.on_crash = EndAction::restart;
    for (auto const& each : {spec("off"), spec("again"), keeper, eager}) ASSERT_TRUE(manager.create(each, false));
    dom0.shut_down(1, poweroff);
    dom0.shut_down(2, reboot);
    dom0.shut_down(3, crash);
    dom0.shut_down(4, crash);
    ASSERT_TRUE(manager.handle_ends());
    EXPECT_EQ(manager.get("off").error().kind, ErrorKind::not_found);
    EXPECT_EQ(manager.get("again")->id, 5u) << "a new number";
    EXPECT_EQ(manager.get("keeper")->info->reason, ShutdownReason::crash);
    EXPECT_EQ(manager.get("eager").error().kind, ErrorKind::not_found) << "one that crashes at once is not built again";
    ASSERT_TRUE(manager.handle_ends());
    EXPECT_EQ(manager.get("keeper")->info->reason, ShutdownReason::crash) << "its end is dealt with once";
    ASSERT_TRUE(manager.destroy("keeper"));
    ASSERT_TRUE(manager.destroy("again"));
    expect_nothing_left("the ends");
}

TEST_F(Manager, BuildsWhatCrashedAgainIfItHadLivedForLong) {
    DomainManager other = make_manager(events, "/bin/true", 0ns);
    DomainSpec tenacious = spec("tenacious");
    tenacious.on_crash = EndAction::restart;
    ASSERT_TRUE(other.create(tenacious, false));
    dom0.shut_down(1, crash);
    ASSERT_TRUE(other.handle_ends());
    EXPECT_EQ(other.get("tenacious")->id, 2u);
    ASSERT_TRUE(other.destroy("tenacious"));
    expect_nothing_left("the restart");
}

TEST_F(Manager, SaysWhenADomainCannotBeBuiltAgain) {
    ASSERT_TRUE(manager.create(spec(), false));
    std::filesystem::remove(kernel);
    EventHub::Listener listener{events};
    dom0.shut_down(1, reboot);
    ASSERT_TRUE(manager.handle_ends());
    std::string detail;
    while (std::optional<Event> event = listener.next(0ms))
        if (event->kind == EventKind::failed) detail = event->detail;
    EXPECT_THAT(detail, HasSubstr("restart web: kernel "));
    expect_nothing_left("the failed restart");
}

TEST_F(Manager, NoticesADomainThatSomebodyElseDestroyed) {
    ASSERT_TRUE(manager.create(spec(), false));
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    ASSERT_TRUE(manager.handle_ends());
    expect_nothing_left("another's destroy");
}

TEST_F(Manager, ASuccessorAdoptsWhatRunsAndClearsTheRest) {
    ASSERT_TRUE(manager.create(spec("first"), false));
    ASSERT_TRUE(manager.create(spec("gone"), false));
    ASSERT_TRUE(manager.create(spec("half"), false));
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(2));
    dom0.nodes["/paravane/building/" + to_string(manager.get("half")->info->handle)] = "half";
    DomainManager successor = make_manager(events);
    ASSERT_TRUE(successor.adopt());
    EXPECT_EQ(successor.list()->size(), 2u);
    EXPECT_EQ(successor.get("first")->spec->kernel, kernel);
    EXPECT_EQ(node("/paravane/domain/2/uuid"), "(none)");
    EXPECT_EQ(node("/paravane/domain/3/uuid"), "(none)");
    ASSERT_TRUE(successor.destroy("first"));
    expect_nothing_left("adoption");
}

TEST_F(Manager, DescribesTheHostAndReadsItsLog) {
    Result<Host> host = manager.host();
    ASSERT_TRUE(host);
    EXPECT_EQ(host->version.version, "4.17");
    EXPECT_EQ(host->machine.cpus, 2u);
    EXPECT_EQ(host->machine.total_pages, FakeDom0::total_frames);
    dom0.log = std::string(40000, 'x');
    EXPECT_EQ(manager.hypervisor_log(true)->size(), 40000u);
    EXPECT_EQ(manager.hypervisor_log(false)->size(), 0u) << "it was cleared";
}
}  // namespace
}  // namespace test
