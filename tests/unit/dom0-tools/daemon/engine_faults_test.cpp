// SPDX-License-Identifier: MIT
// What goes wrong on the way: steps that fail, a store or a daemon that is away, memory that is held.
#include "engine_world.hpp"

namespace test {
namespace {
// However far a create gets before the hypervisor refuses something, it says so and takes all of it back.
TEST_F(EngineTest, TakesBackWhateverAFailedCreateHasDone) {
    int failed = 0;
    for (int step = 1; failed < 60; ++step) {
        dom0.refuse_hypercall = {.after = step, .code = EIO};
        Result<> made = create(spec());
        bool used = dom0.refuse_hypercall.after == 0;
        dom0.refuse_hypercall = {};
        if (made) { ASSERT_TRUE(act(Action::remove, "web")); }
        expect_nothing_left("hypercall " + std::to_string(step) + " failed");
        if (!used) break;
        failed += 1;
    }
    EXPECT_GT(failed, 10);
}

TEST_F(EngineTest, TakesBackACreateWhoseConsoleDoesNotStart) {
    engine.reset();
    begin("refuses");
    Result<> made = create(spec());
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("start the console backend: it ended without a reason"));
    expect_nothing_left("console");
}

// What is not there is no domain that is not there.
TEST_F(EngineTest, ASupervisorThatDoesNotAnswerIsNoMissingDomain) {
    engine.reset();
    begin("");
    Result<> made = create(spec());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(made.error().message(), HasSubstr("start the console backend: "));
    expect_nothing_left("console");
}

TEST_F(EngineTest, ASupervisorThatIsSlowStopsNothingElse) {
    engine.reset();
    std::string const slow = kernel + "-slow", manner = "waits:" + slow;
    begin(manner.c_str());
    ASSERT_TRUE(create(spec("runs")));
    std::ofstream{slow};
    // More than there are threads for steps.
    std::vector<Result<Granted>> waiting;
    for (int i = 0; i < 6; ++i) waiting.push_back(engine->wish(creation(spec("slow-" + std::to_string(i)))));
    auto is_built = [&](auto const& granted) { return id(granted->view->record.spec.name).has_value(); };
    EXPECT_TRUE(wait_for([&] { return std::ranges::all_of(waiting, is_built); }));
    EXPECT_TRUE(act(Action::pause, "runs"));
    for (Result<Granted> const& each : waiting) EXPECT_FALSE(engine->operations().find(each->operation)->done);
    std::filesystem::remove(slow);
    for (Result<Granted> const& each : waiting) EXPECT_TRUE(done(each));
}

// Whoever chose the files chose how long it takes to read them, but not for others, and not for who gives up.
TEST_F(EngineTest, AKernelThatIsReadForLongStopsNothingElse) {
    reader = IMAGE_LIAR;
    restart_daemon();
    std::string const signal = kernel + "-signal";
    std::filesystem::remove(signal);
    DomainSpec slow = spec("slow"), quick = spec("quick"), endless = spec("endless");
    slow.kernel = "/lies/until:" + signal;
    endless.kernel = "/lies/until:/no/signal";
    quick.kernel = "/lies/none";
    Result<Granted> waiting = engine->wish(creation(slow));
    // More than there are threads for steps.
    std::vector<Result<Granted>> given_up;
    for (int i = 0; i < 5; ++i) {
        endless.name = "endless-" + std::to_string(i);
        given_up.push_back(engine->wish(creation(endless)));
    }
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(create(quick));
        ASSERT_TRUE(act(Action::remove, "quick"));
    }
    EXPECT_FALSE(engine->operations().find(waiting->operation)->done);
    for (Result<Granted> const& each : given_up) {
        ASSERT_TRUE(engine->cancel(each->operation));
        Result<> ended = done(each);
        ASSERT_FALSE(ended);
        EXPECT_EQ(ended.error().kind, ErrorKind::cancelled);
    }
    std::ofstream{signal} << "go";
    EXPECT_TRUE(done(waiting));
    std::filesystem::remove(signal);
    EXPECT_TRUE(act(Action::remove, "slow"));
    // Nor does it hold up the daemon's end; its guest is made by the next.
    ASSERT_TRUE(engine->wish(creation(slow)));
    ASSERT_TRUE(wait_for([&] { return view("slow")->record.phase == Phase::building; }));
    restart_daemon();
    std::ofstream{signal} << "go";
    EXPECT_TRUE(wait_for([&] { return id("slow") && runs(*id("slow")); }));
    std::filesystem::remove(signal);
    EXPECT_TRUE(act(Action::remove, "slow"));
    expect_nothing_left("a slow kernel");
}

TEST_F(EngineTest, PausesWithoutTheStore) {
    ASSERT_TRUE(create(spec()));
    dom0.store_is_away = true;
    ASSERT_TRUE(act(Action::pause, "web"));
    EXPECT_FALSE(runs(1));
    ASSERT_TRUE(act(Action::pause, "web"));
    EXPECT_EQ(dom0.domains.at(1).pauses, 1u) << "once, however often it is asked";
    ASSERT_TRUE(act(Action::unpause, "web"));
    EXPECT_TRUE(runs(1));
    ASSERT_TRUE(wait_for([&] { return !engine->store().answers(); }));
    Result<> asked = act(Action::shutdown, "web");
    ASSERT_FALSE(asked) << "nobody can hear";
    EXPECT_EQ(asked.error().kind, ErrorKind::unavailable);
}

TEST_F(EngineTest, ACancelledCreateLeavesNothing) {
    dom0.store_is_away = true;
    ASSERT_TRUE(wait_for([&] { return !engine->store().answers(); }));
    Result<Granted> granted = engine->wish(creation(spec(), "id-2"));
    ASSERT_TRUE(granted);
    ASSERT_TRUE(wait_for([&] { return id("web").has_value(); })) << "it is built, and waits for the store";
    ASSERT_TRUE(engine->cancel(granted->operation));
    dom0.store_is_away = false;
    Result<> ended = done(granted);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind, ErrorKind::cancelled);
    expect_nothing_left("cancel");
    EXPECT_TRUE(done(engine->wish(creation(spec(), "id-2")))) << "it may be tried again";
}

// Restarts that were begun are finished: after a kill, and however long something holds the old guest's memory.
TEST_F(EngineTest, ARestartIsNotForgotten) {
    DomainSpec eager = spec("eager");
    eager.on_crash = EndAction::restart;
    eager.back_off.reset_after = 0s;
    ASSERT_TRUE(create(eager));
    dom0.set_holders(1);
    end("eager", crash);
    ASSERT_TRUE(wait_for([&] { return !view("eager")->held.empty(); }));
    EXPECT_THAT(view("eager")->held, HasSubstr("somebody still holds"));
    restart_daemon();
    dom0.set_holders(0);
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    EXPECT_TRUE(wait_for([&] { return id("eager") == 2 && runs(2); }));
}

// Who asks again after the daemon was killed is told of what it was that they asked for, not of what was before.
TEST_F(EngineTest, ARepeatedRestartIsDoneWhenItIsDone) {
    ASSERT_TRUE(create(spec()));
    dom0.set_holders(1);
    Result<Granted> first = engine->wish(wish(Action::restart, "web", "id-3"));
    ASSERT_TRUE(first);
    ASSERT_TRUE(wait_for([&] { return !view("web")->held.empty(); }));
    restart_daemon();
    Result<Granted> second = engine->wish(wish(Action::restart, "web", "id-3"));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->operation, first->operation);
    ASSERT_TRUE(wait_for([&] { return !view("web")->held.empty(); }));
    EXPECT_FALSE(engine->operations().find(second->operation)->done);
    dom0.set_holders(0);
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    ASSERT_TRUE(done(second));
    EXPECT_EQ(id("web"), 2);
    restart_daemon();
    ASSERT_TRUE(done(engine->wish(wish(Action::restart, "web", "id-3"))));
    EXPECT_EQ(id("web"), 2) << "it was done already";
}

// The guest crashes while no daemon is there.
TEST_F(EngineTest, AnEndThatNobodySawIsDealtWithAtTheNextStart) {
    DomainSpec eager = spec("eager");
    eager.on_crash = EndAction::restart;
    eager.back_off.reset_after = 0s;
    ASSERT_TRUE(create(eager));
    engine.reset();
    dom0.shut_down(1, crash);
    begin();
    EXPECT_TRUE(wait_for([&] { return id("eager") == 2 && runs(2); }));
}

TEST_F(EngineTest, AGuestThatRunsIsNotEndedBecauseItsNodesAreGone) {
    ASSERT_TRUE(create(spec()));
    std::string uid = view("web")->record.uid;
    engine.reset();
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes.clear();
    }
    begin();
    EXPECT_TRUE(wait_for([&] { return node("/local/domain/1/name") == "web"; })) << "they are written again";
    EXPECT_EQ(view("web")->record.uid, uid);
    EXPECT_TRUE(runs(1));
    dom0.store_is_away = true;
    ASSERT_TRUE(wait_for([&] { return !engine->store().answers(); }));
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes.clear();
    }
    dom0.store_is_away = false;
    EXPECT_TRUE(wait_for([&] { return node("/local/domain/1/domid") == "1"; })) << "and when the store comes back";
    EXPECT_TRUE(runs(1));
}

TEST_F(EngineTest, WhatWasWantedComesBackWithTheHost) {
    ASSERT_TRUE(create(spec()));
    engine.reset();
    dom0.reset();
    boot = "next";
    begin();
    EXPECT_TRUE(wait_for([&] { return id("web") == 1 && runs(1); }));
}

TEST_F(EngineTest, AGuestThatSomebodyElseDestroyedIsStopped) {
    ASSERT_TRUE(create(spec()));
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    ASSERT_TRUE(engine->sweep());
    EXPECT_TRUE(wait_for([&] { return view("web")->record.phase == Phase::none; }));
    EXPECT_EQ(view("web")->record.last_end.reason, EndReason::vanished);
    EXPECT_EQ(node("/local/domain/1/name"), "(none)");
}

TEST_F(EngineTest, OneDaemonAFolder) {
    Result<RecordStore> second = RecordStore::open(folder);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::precondition);
    EXPECT_THAT(second.error().message(), HasSubstr("runs already, as process " + std::to_string(getpid())));
}

TEST_F(EngineTest, ADeleteOfWhatIsHeldSaysSoAndGoesOn) {
    held_limit = 200ms;
    restart_daemon();
    ASSERT_TRUE(create(spec()));
    dom0.set_holders(1);
    Result<> removed = act(Action::remove, "web");
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().facts["reason"], "HELD_BY_ANOTHER");
    EXPECT_EQ(create(spec()).error().kind, ErrorKind::exists) << "its name is taken until it is gone";
    dom0.set_holders(0);
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    EXPECT_TRUE(wait_for([&] { return view("web") == nullptr; }));
    expect_nothing_left("the hold");
}

TEST_F(EngineTest, SaysWhenADomainCannotBeBuiltAgain) {
    DomainSpec again = spec();
    again.back_off.initial = 1ms;
    ASSERT_TRUE(create(again));
    std::filesystem::remove(kernel);
    end("web", reboot);
    ASSERT_TRUE(wait_for([&] { return !view("web")->record.failure.empty(); }));
    EXPECT_THAT(view("web")->record.failure, HasSubstr("kernel " + kernel + ": No such file"));
    write_kernel(make_elf());
    EXPECT_TRUE(wait_for([&] { return id("web") && *id("web") != 1 && runs(*id("web")); })) << "it is tried again";
}

// Its number is 0 until it is built, and that is dom0's.
TEST_F(EngineTest, AShutdownOfADomainThatIsBeingBuiltWaitsForItsGuest) {
    DomainSpec again = spec();
    again.back_off.initial = 1ms;
    ASSERT_TRUE(create(again));
    std::filesystem::remove(kernel);
    end("web", reboot);
    ASSERT_TRUE(wait_for([&] { return !view("web")->record.failure.empty(); }));
    Wish shut = wish(Action::shutdown, "web");
    shut.grace = 1h;
    ASSERT_TRUE(engine->wish(std::move(shut)));
    write_kernel(make_elf());
    ASSERT_TRUE(wait_for([&] { return id("web") && *id("web") > 1 && runs(*id("web")); }));
    std::string const guest = "/local/domain/" + std::to_string(*id("web"));
    EXPECT_TRUE(wait_for([&] { return node(guest + "/control/shutdown") == "poweroff"; }));
    EXPECT_EQ(node("/local/domain/0/control/shutdown"), "(none)");
}

TEST_F(EngineTest, NodesOfAnotherDomainWithItsNumberStay) {
    ASSERT_TRUE(create(spec()));
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes["/local/domain/1/vm"] = "/vm/another";
    }
    Wish shut = wish(Action::shutdown, "web");
    shut.grace = 1h;
    ASSERT_TRUE(engine->wish(std::move(shut)));
    ASSERT_TRUE(act(Action::remove, "web"));
    EXPECT_EQ(node("/local/domain/1/vm"), "/vm/another");
    EXPECT_THAT(node("/local/domain/1/control/shutdown"), testing::Ne("poweroff"));
}
}  // namespace
}  // namespace test
