// SPDX-License-Identifier: MIT
// What is durable of a request and of what a guest was asked: repetitions, daemons that follow one another, a disk that
// is full for a while.
#include "engine_world.hpp"

namespace test {
namespace {
class Requests : public EngineTest {
protected:
    bool is_done(Result<Granted> const& granted) {
        std::optional<Operation> const operation = engine->operations().find(granted->operation);
        return operation && operation->done;
    }
    Result<Granted> shut_down(std::chrono::nanoseconds grace, bool force = false, std::string const& id = "") {
        Wish shut = wish(Action::shutdown, "web", id);
        shut.grace = grace;
        shut.force = force;
        return engine->wish(std::move(shut));
    }
    // In the place of what its record is written into.
    void disk_fails(bool fails) {
        std::string const beside = folder + "/" + view("web")->record.uid + ".new";
        std::error_code busy;  // it may just be written
        if (fails) wait_for([&] { return std::filesystem::create_directories(beside + "/full", busy); });
        else std::filesystem::remove_all(beside);
    }
    // That reads for ever.
    Wish dry_run(std::stop_source const& caller) {
        Wish dry = creation(spec("dry"));
        dry.spec.kernel = "/lies/until:/no/signal";
        dry.validate_only = true;
        dry.given_up = caller.get_token();
        return dry;
    }
    std::string asked(int domid) { return node("/local/domain/" + std::to_string(domid) + "/control/shutdown"); }
};

TEST_F(Requests, ARepetitionBeginsNothing) {
    ASSERT_TRUE(create(spec()));
    Result<Granted> const shut = shut_down(1h, false, "s1");
    ASSERT_TRUE(wait_for([&] { return asked(1) == "poweroff"; }));
    end("web", poweroff);
    ASSERT_TRUE(done(shut));
    ASSERT_TRUE(act(Action::start, "web"));
    Result<Granted> const stopped = engine->wish(wish(Action::stop, "web", "s2"));
    ASSERT_TRUE(done(stopped));
    ASSERT_TRUE(act(Action::start, "web"));
    ASSERT_EQ(id("web"), 3);
    for (bool restarted : {false, true}) {
        if (restarted) restart_daemon();
        for (Result<Granted> const* before : {&shut, &stopped}) {
            Result<Granted> const again =
                before == &shut ? shut_down(1h, false, "s1") : engine->wish(wish(Action::stop, "web", "s2"));
            ASSERT_TRUE(again);
            EXPECT_EQ(again->operation, (*before)->operation);
            EXPECT_TRUE(is_done(again)) << "it was done long ago";
            EXPECT_FALSE(engine->operations().find(again->operation)->error);
        }
        ASSERT_TRUE(act(Action::pause, "web"));
        ASSERT_TRUE(act(Action::unpause, "web"));
        EXPECT_EQ(asked(3), "") << "this one was never asked";
        EXPECT_EQ(id("web"), 3);
    }
}

TEST_F(Requests, ARepetitionBeginsNothingHoweverManyCameBetween) {
    ASSERT_TRUE(create(spec()));
    ASSERT_TRUE(done(engine->wish(wish(Action::restart, "web", "r0"))));
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(done(engine->wish(wish(Action::pause, "web", "p" + std::to_string(i)))));
    ASSERT_TRUE(act(Action::unpause, "web"));
    ASSERT_TRUE(done(engine->wish(wish(Action::restart, "web", "r0"))));
    EXPECT_EQ(id("web"), 2);
}

TEST_F(Requests, AGuestIsAskedAgainUntilItWasTold) {
    ASSERT_TRUE(create(spec()));
    std::string const uid = view("web")->record.uid;
    auto set_vm = [&](std::string const& value) {
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes["/local/domain/1/vm"] = value;
    };
    set_vm("/vm/another");
    Result<Granted> const shut = shut_down(20s);
    ASSERT_TRUE(shut);
    auto failed = [&] {
        auto const changes = engine->events().after(engine->events().oldest(), 1000);
        return std::ranges::any_of(*changes, [](auto const& each) { return each.object->kind == EventKind::failed; });
    };
    ASSERT_TRUE(wait_for(failed));
    set_vm("/vm/" + uid);
    EXPECT_TRUE(wait_for([&] { return asked(1) == "poweroff" || is_done(shut); }));
    EXPECT_EQ(asked(1), "poweroff");
}

TEST_F(Requests, AShutdownGoesOnWithTheNextDaemon) {
    ASSERT_TRUE(create(spec()));
    Result<Granted> const shut = shut_down(1s, true);
    ASSERT_TRUE(shut);
    restart_daemon();
    ASSERT_TRUE(engine->operations().find(shut->operation)) << "its operation has gone";
    EXPECT_TRUE(wait_for([&] { return asked(1) == "poweroff" || is_done(shut); }));
    EXPECT_TRUE(done(shut));
    EXPECT_FALSE(runs(1)) << "it was to be forced";
    restart_daemon();
    EXPECT_FALSE(engine->operations().find(shut->operation)) << "it was done, and had no id";
}

// Who did not hear that another took its place does not undo what that one did.
TEST_F(Requests, ARepetitionOfWhatLostItsPlaceBeginsNothing) {
    ASSERT_TRUE(create(spec()));
    Result<Granted> const lost = shut_down(1h, false, "s1");
    ASSERT_TRUE(act(Action::pause, "web"));
    ASSERT_TRUE(act(Action::unpause, "web"));
    for (bool restarted : {false, true}) {
        if (restarted) restart_daemon();
        Result<Granted> const again = shut_down(1h, false, "s1");
        ASSERT_TRUE(again);
        EXPECT_EQ(again->operation, lost->operation);
        ASSERT_TRUE(is_done(again));
        EXPECT_EQ(done(again).error().facts.find("reason")->second, "SUPERSEDED");
        EXPECT_EQ(view("web")->record.asked, Asked::nothing);
    }
}

// Nor is it asked by somebody who does not know that.
TEST_F(Requests, AShutdownThatFailedIsNotInForce) {
    DomainSpec eager = spec();
    eager.on_poweroff = EndAction::restart;
    eager.back_off.reset_after = 0s;
    ASSERT_TRUE(create(eager));
    Result<> const silent = done(shut_down(50ms));
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().facts.find("reason")->second, "GUEST_SILENT");
    Result<Granted> const lost = shut_down(1h);
    ASSERT_TRUE(act(Action::pause, "web"));
    EXPECT_EQ(done(lost).error().kind, ErrorKind::aborted);
    ASSERT_TRUE(act(Action::unpause, "web"));
    restart_daemon();
    EXPECT_EQ(view("web")->record.asked, Asked::nothing);
    end("web", poweroff);
    EXPECT_TRUE(wait_for([&] { return id("web") == 2 && runs(2); })) << "what its file says counts again";
}

TEST_F(Requests, AShutdownIsForcedWhenItCanBeWrittenDown) {
    ASSERT_TRUE(create(spec()));
    Result<Granted> const shut = shut_down(8s, true);
    disk_fails(true);
    std::this_thread::sleep_for(9s);
    EXPECT_FALSE(is_done(shut));
    EXPECT_TRUE(runs(1)) << "nothing is done that is not written down";
    Wish other = wish(Action::stop, "web", "s3");
    EXPECT_FALSE(engine->wish(other));
    EXPECT_EQ(view("web")->record.spec.power_state, PowerState::running);
    disk_fails(false);
    EXPECT_TRUE(done(shut));
    EXPECT_FALSE(runs(1));
}

TEST_F(Requests, AStartIsTakenBackWhenThatCanBeWrittenDown) {
    ASSERT_TRUE(create(spec()));
    ASSERT_TRUE(act(Action::stop, "web"));
    reader = IMAGE_LIAR;
    restart_daemon();
    std::string const signal = kernel + "-signal";
    Wish edit = wish(Action::update, "web");
    edit.edit = [&](DomainSpec& changed) {
        changed.kernel = "/lies/until:" + signal;
        return Result<>{Unit{}};
    };
    ASSERT_TRUE(done(engine->wish(std::move(edit))));
    Result<Granted> const started = engine->wish(wish(Action::start, "web"));
    ASSERT_TRUE(wait_for([&] { return view("web")->record.phase == Phase::building; }));
    disk_fails(true);
    EXPECT_FALSE(engine->cancel(started->operation)) << "it cannot be written down";
    EXPECT_FALSE(is_done(started));
    disk_fails(false);
    EXPECT_TRUE(engine->cancel(started->operation));
    EXPECT_EQ(done(started).error().kind, ErrorKind::cancelled);
    EXPECT_EQ(view("web")->record.spec.power_state, PowerState::stopped);
}

TEST_F(Requests, ACreateThatCannotBeWrittenDownLeavesNothing) {
    Wish made = creation(spec());
    made.uid = "00000000-0000-4000-8000-000000000001";
    std::filesystem::create_directories(folder + "/" + made.uid + ".new/full");
    EXPECT_FALSE(engine->wish(made));
    std::filesystem::remove_all(folder + "/" + made.uid + ".new");
    EXPECT_EQ(view("web"), nullptr);
    expect_nothing_left("a full disk");
    EXPECT_TRUE(done(engine->wish(made)));
}

TEST_F(Requests, ADryRunEndsWhenNobodyWaitsForItAnyMore) {
    reader = IMAGE_LIAR;
    restart_daemon();
    std::stop_source caller;
    std::jthread const goes{[&] {
        std::this_thread::sleep_for(100ms);
        caller.request_stop();
    }};
    Result<Granted> const ended = engine->wish(dry_run(caller));
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind, ErrorKind::cancelled);
}

TEST_F(Requests, DryRunsTakeNoPlaceOfAGuest) {
    reader = IMAGE_LIAR;
    restart_daemon();
    std::stop_source callers;
    std::vector<std::jthread> slow;
    for (int i = 0; i < 8; ++i) slow.emplace_back([&] { (void)engine->wish(dry_run(callers)); });
    std::this_thread::sleep_for(500ms);
    DomainSpec good = spec();
    good.kernel = "/lies/none";
    EXPECT_TRUE(create(good));
    callers.request_stop();
}
}  // namespace
}  // namespace test
