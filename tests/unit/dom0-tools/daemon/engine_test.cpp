// SPDX-License-Identifier: MIT
// What can be wished, and what comes of it.
#include "domain/uuid.hpp"
#include "engine_world.hpp"

namespace test {
namespace {
TEST_F(EngineTest, CreatesADomainThatIsListedRunsAndGoes) {
    ASSERT_TRUE(create(spec()));
    EXPECT_EQ(id("web"), 1);
    EXPECT_TRUE(runs(1));
    EXPECT_EQ(node("/local/domain/1/name"), "web");
    EXPECT_EQ(node("/local/domain/1/console/port"), "2");
    EXPECT_EQ(node("/local/domain/1/memory/target"), "4096");
    EXPECT_EQ(node("/local/domain/1/cpu/0/availability"), "online");
    std::string uid = view("web")->record.uid;
    EXPECT_EQ(to_string(dom0.domains.at(1).handle), uid) << "one name for it everywhere";
    ASSERT_TRUE(act(Action::remove, "web"));
    EXPECT_EQ(view("web"), nullptr) << "gone at once";
    expect_nothing_left("delete");
}

TEST_F(EngineTest, SaysWhichStepARefusedDomainFailedAtAndWhy) {
    struct Case {
        void (*change)(DomainSpec&);
        ErrorKind kind;
        char const* message;
    };
    Case const cases[] = {
        {[](auto& s) { s.name = ""; }, ErrorKind::invalid, "name is missing"},
        {[](auto& s) { s.name = "12"; }, ErrorKind::invalid, "name: \"12\" is a number"},
        {[](auto& s) { s.kernel = ""; }, ErrorKind::invalid, "kernel is missing"},
        {[](auto& s) { s.kernel = "boot/vmlinuz"; }, ErrorKind::invalid, "kernel: \"boot/vmlinuz\" is not an absolute"},
        {[](auto& s) { s.kernel = "/no/kernel"; }, ErrorKind::precondition, "kernel /no/kernel: it is in none of"},
        {[](auto& s) { s.kernel = "/"; }, ErrorKind::precondition, "kernel /: it is in none of"},
        {[](auto& s) { s.kernel = "/bin/no-kernel"; }, ErrorKind::precondition, "kernel /bin/no-kernel: No such file"},
        {[](auto& s) { s.kernel = "/a\nb"; }, ErrorKind::invalid, "kernel is not a usable path"},
        {[](auto& s) { s.initrd = "/no/initrd"; }, ErrorKind::precondition, "initrd /no/initrd: it is in none of"},
        {[](auto& s) { s.memory = 0; }, ErrorKind::invalid, "memory is missing"},
        {[](auto& s) { s.memory = 1 << 30; }, ErrorKind::exhausted, "memory: 1GiB are wanted, the host has only"},
        {[](auto& s) { s.vcpus = 129; }, ErrorKind::invalid, "vcpus: 129 is more than 128"},
        {[](auto& s) { s.cmdline = "a\x1b[2J"; }, ErrorKind::invalid, "cmdline has a control character"},
        {[](auto& s) { s.labels["a b"] = "c"; }, ErrorKind::invalid, "labels have a key that is none"},
        {[](auto& s) { s.on_crash = EndAction::soft_reset; }, ErrorKind::unsupported, "neither core dumps nor"},
    };
    for (Case const& each : cases) {
        DomainSpec bad = spec();
        each.change(bad);
        Result<> made = create(bad);
        ASSERT_FALSE(made) << each.message;
        EXPECT_EQ(made.error().kind, each.kind) << each.message;
        EXPECT_THAT(made.error().message(), HasSubstr(each.message));
        expect_nothing_left(each.message);
    }
}

TEST_F(EngineTest, ANameIsTakenOnce) {
    std::vector<Result<Granted>> granted;
    std::mutex counting;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                Result<Granted> one = engine->wish(creation(spec()));
                std::scoped_lock lock{counting};
                granted.push_back(std::move(one));
            });
        }
    }
    int made = 0;
    for (Result<Granted> const& each : granted) {
        made += each ? 1 : 0;
        EXPECT_TRUE(each || each.error().kind == ErrorKind::exists);
    }
    EXPECT_EQ(made, 1);
}

TEST_F(EngineTest, TheSameRequestTwiceIsOneDomain) {
    Result<Granted> first = engine->wish(creation(spec(), "id-1"));
    Result<Granted> second = engine->wish(creation(spec(), "id-1"));
    ASSERT_TRUE(first);
    ASSERT_TRUE(second) << second.error().message();
    EXPECT_EQ(first->operation, second->operation);
    ASSERT_TRUE(done(second));
    restart_daemon();
    Result<Granted> third = engine->wish(creation(spec(), "id-1"));
    ASSERT_TRUE(third) << "kept through a restart: " << third.error().message();
    EXPECT_EQ(third->operation, first->operation);
    EXPECT_TRUE(done(third));
    Wish other = creation(spec(), "id-1");
    other.digest = "another";
    Result<Granted> reused = engine->wish(std::move(other));
    ASSERT_FALSE(reused);
    EXPECT_EQ(reused.error().facts["reason"], "REQUEST_ID_REUSED");
}

TEST_F(EngineTest, RefusesWhatItCannotDoToADomain) {
    EXPECT_THAT(act(Action::pause, "nobody").error().message(), HasSubstr("there is no such domain"));
    EXPECT_THAT(act(Action::remove, "Domain-0").error().message(), HasSubstr("domain 0 is this one"));
    DomainSpec paused = spec();
    paused.power_state = PowerState::paused;
    ASSERT_TRUE(create(paused));
    EXPECT_FALSE(runs(1));
    EXPECT_THAT(act(Action::shutdown, "web").error().message(), HasSubstr("it is paused"));
    Wish stale = wish(Action::stop, "web");
    stale.etag = "1-1";
    EXPECT_EQ(engine->wish(std::move(stale)).error().kind, ErrorKind::aborted);
    DomainSpec managed = spec("theirs");
    managed.managed_by = "pacemaker";
    ASSERT_TRUE(create(managed));
    Result<> refused = act(Action::stop, "theirs");
    EXPECT_EQ(refused.error().facts["owner"], "pacemaker");
}

TEST_F(EngineTest, AsksAGuestToEndAndWaits) {
    ASSERT_TRUE(create(spec()));
    // On a busy machine the first ones may run out before the guest is asked.
    for (auto grace = 10ms; node("/local/domain/1/control/shutdown").empty(); grace *= 2) {
        ASSERT_LT(grace, patience) << "it is never asked";
        Wish deaf = wish(Action::shutdown, "web");
        deaf.grace = grace;
        Result<> silent = done(engine->wish(std::move(deaf)));
        ASSERT_FALSE(silent);
        EXPECT_EQ(silent.error().kind, ErrorKind::timed_out);
    }
    EXPECT_EQ(node("/local/domain/1/control/shutdown"), "poweroff");
    Wish heard = wish(Action::shutdown, "web");
    heard.grace = 1h;
    Result<Granted> granted = engine->wish(std::move(heard));
    end("web", poweroff);
    ASSERT_TRUE(done(granted));
    EXPECT_EQ(view("web")->record.phase, Phase::none) << "it is stopped, and still there";
    ASSERT_TRUE(act(Action::start, "web"));
    EXPECT_EQ(id("web"), 2);
}

TEST_F(EngineTest, DealsWithEndsAsTheSpecSays) {
    DomainSpec keeper = spec("keeper"), leaver = spec("leaver"), brief = spec("brief");
    keeper.on_crash = EndAction::preserve;
    leaver.on_watchdog = EndAction::rename_restart;
    leaver.back_off.reset_after = 0s;
    brief.ephemeral = true;
    for (auto const& each : {spec("off"), keeper, leaver, brief}) ASSERT_TRUE(create(each));
    std::string uid = view("leaver")->record.uid;
    end("off", poweroff);
    end("keeper", crash);
    end("leaver", watchdog);
    end("brief", poweroff);
    EXPECT_TRUE(wait_for([&] { return view("off")->record.phase == Phase::none; }));
    EXPECT_TRUE(wait_for([&] { return view("keeper")->record.phase == Phase::kept; }));
    EXPECT_TRUE(wait_for([&] { return view("brief") == nullptr; }));
    EXPECT_TRUE(wait_for([&] { return id("leaver") == 5; }));
    EXPECT_EQ(view("leaver")->record.uid, uid) << "the domain is the same";
    EXPECT_EQ(id("leaver-1"), 3) << "its first guest is there for whoever wants to look";
}

TEST_F(EngineTest, ADomainOfAnotherToolIsShownAndItsNameIsTaken) {
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.domains[7].handle[0] = 7;
        dom0.nodes["/local/domain/7/name"] =
            "oth\x1b"
            "er\xff";
    }
    ASSERT_TRUE(wait_for([&] { return engine->sweep() && view("oth?er?") != nullptr; }))
        << "whatever is in its name is made fit to be shown";
    EXPECT_FALSE(view("oth?er?")->managed);
    ASSERT_TRUE(act(Action::unpause, "oth?er?"));
    ASSERT_TRUE(act(Action::stop, "oth?er?"));
    EXPECT_TRUE(wait_for([&] { return engine->sweep() && view("oth?er?") == nullptr; }));
}

// The kernel is larger than the memory that was asked for.
TEST_F(EngineTest, TooLittleMemoryForTheKernelIsTheRequestsFault) {
    write_kernel(make_elf({.segments = {{.memory_size = 8 << 20}}}));
    Result<> made = create(spec());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::invalid);
    EXPECT_THAT(made.error().message(), HasSubstr("memory: 4 MiB of memory are too little"));
    expect_nothing_left("too little memory");
}

TEST_F(EngineTest, DescribesTheHostAndReadsItsLog) {
    Result<Host> host = engine->host();
    ASSERT_TRUE(host);
    EXPECT_EQ(host->version.version, "4.17");
    EXPECT_EQ(host->machine.cpus, 2u);
    EXPECT_EQ(host->machine.total_pages, FakeDom0::total_frames);
    dom0.log = std::string(40000, 'x');
    EXPECT_EQ(engine->hypervisor_log(true)->size(), 40000u);
    EXPECT_EQ(engine->hypervisor_log(false)->size(), 0u) << "it was cleared";
}
}  // namespace
}  // namespace test
