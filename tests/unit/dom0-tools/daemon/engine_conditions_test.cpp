// SPDX-License-Identifier: MIT
// What the engine tells of the state of a domain.
#include "daemon/conditions.hpp"
#include "engine_world.hpp"

namespace test {
namespace {
class ConditionsTest : public EngineTest {
protected:
    std::optional<Since> since(std::string const& name, std::string const& type) {
        auto const shown = view(name);
        if (!shown) return std::nullopt;
        auto const found = shown->record.conditions.find(type);
        return found == shown->record.conditions.end() ? std::nullopt : std::optional{found->second};
    }
    bool is(std::string const& name, std::string const& type, bool value) {
        std::optional<Since> const found = since(name, type);
        return found && found->value == value;
    }
};

TEST_F(ConditionsTest, HaveATimeThatIsKeptThroughARestart) {
    WallTime const begun = wall_now();
    ASSERT_TRUE(create(spec()));
    ASSERT_TRUE(wait_for([&] { return is("web", "Ready", true); }));
    Since const managed = *since("web", "Managed"), ready = *since("web", "Ready");
    EXPECT_GE(managed.time, begun);
    EXPECT_GT(ready.time, managed.time) << "it was there before it ran";
    restart_daemon();
    EXPECT_EQ(since("web", "Ready"), ready);
    ASSERT_TRUE(act(Action::pause, "web"));
    ASSERT_TRUE(wait_for([&] { return is("web", "Ready", true) && !runs(1); }));
    Since const paused = *since("web", "Ready");
    EXPECT_GT(paused.time, ready.time);
    EXPECT_EQ(since("web", "Managed"), managed);
    restart_daemon();
    EXPECT_EQ(since("web", "Ready"), paused) << "a guest that is wanted paused is so from the first look on";
}

TEST_F(ConditionsTest, AHoldHasLastedSinceBeforeTheDaemon) {
    ASSERT_TRUE(create(spec()));
    dom0.set_holders(1);
    ASSERT_TRUE(engine->wish(wish(Action::stop, "web")));
    ASSERT_TRUE(wait_for([&] { return is("web", "Held", true); }));
    Since const held = *since("web", "Held");
    restart_daemon();
    EXPECT_EQ(since("web", "Held"), held);
    dom0.set_holders(0);
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    EXPECT_TRUE(wait_for([&] { return is("web", "Ready", true); }));
    EXPECT_FALSE(since("web", "Held"));
    EXPECT_TRUE(is("Domain-0", "Managed", false)) << "what has no record has times for as long as it is seen";
}

// The guest of a domain that goes with it may end before its create is repeated.
TEST_F(EngineTest, ARequestIsRememberedAfterItsDomain) {
    DomainSpec brief = spec("brief");
    brief.ephemeral = true;
    Result<Granted> const first = engine->wish(creation(brief, "id-5"));
    ASSERT_TRUE(done(first));
    end("brief", poweroff);
    ASSERT_TRUE(wait_for([&] { return view("brief") == nullptr; }));
    for (bool restarted : {false, true}) {
        if (restarted) restart_daemon();
        Result<Granted> const again = engine->wish(creation(brief, "id-5"));
        ASSERT_TRUE(again) << again.error().message();
        EXPECT_EQ(again->operation, first->operation);
        EXPECT_TRUE(done(again));
        EXPECT_EQ(view("brief"), nullptr);
        Wish other = creation(brief, "id-5");
        other.digest = "another";
        Result<Granted> const reused = engine->wish(std::move(other));
        ASSERT_FALSE(reused);
        EXPECT_EQ(reused.error().facts.find("reason")->second, "REQUEST_ID_REUSED");
    }
    // What repeats the delete of one does nothing to another of that name.
    ASSERT_TRUE(create(spec()));
    Result<Granted> const removed = engine->wish(wish(Action::remove, "web", "id-6"));
    ASSERT_TRUE(done(removed));
    ASSERT_TRUE(create(spec()));
    for (bool restarted : {false, true}) {
        if (restarted) restart_daemon();
        Result<Granted> const again = engine->wish(wish(Action::remove, "web", "id-6"));
        ASSERT_TRUE(done(again));
        EXPECT_EQ(again->operation, removed->operation);
        EXPECT_TRUE(view("web"));
    }
    ASSERT_TRUE(done(engine->wish(creation(spec("other"), "id-5")))) << "another domain's is another request";
}

TEST_F(EngineTest, TellsOnceThatADeadGuestIsHeldForLong) {
    ASSERT_TRUE(create(spec()));
    dom0.set_holders(1);
    ASSERT_TRUE(engine->wish(wish(Action::remove, "web")));
    auto told = [&] {
        int count = 0;
        auto const changes = engine->events().after(engine->events().oldest(), 1000);
        for (auto const& change : *changes) {
            if (change.object->kind != EventKind::held) continue;
            ++count;
            EXPECT_THAT(change.object->message, HasSubstr("somebody still holds"));
        }
        return count;
    };
    EXPECT_TRUE(wait_for([&] { return told() != 0; }));
    EXPECT_EQ(view("web")->held, held_words(view("web")->guest));
    dom0.set_holders(0);
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    EXPECT_TRUE(wait_for([&] { return view("web") == nullptr; }));
    EXPECT_EQ(told(), 1);
}

// Only what a guest is built from counts from the next start.
TEST_F(ConditionsTest, AnotherGuestIsNeededForWhatIsBuiltIn) {
    ASSERT_TRUE(create(spec()));
    auto const update = [&](std::function<void(DomainSpec&)> const& edit) {
        Wish changed = wish(Action::update, "web");
        changed.edit = [edit](DomainSpec& next) {
            edit(next);
            return Result<>{Unit{}};
        };
        ASSERT_TRUE(done(engine->wish(std::move(changed))));
    };
    ASSERT_TRUE(act(Action::pause, "web"));
    ASSERT_TRUE(act(Action::unpause, "web"));
    update([](DomainSpec& next) { next.on_crash = EndAction::restart; });
    update([](DomainSpec& next) { next.labels["tier"] = "web"; });
    EXPECT_FALSE(since("web", "RestartNeeded"));
    update([](DomainSpec& next) { next.cmdline = "quiet"; });
    EXPECT_TRUE(is("web", "RestartNeeded", true));
    ASSERT_TRUE(act(Action::pause, "web"));
    EXPECT_TRUE(is("web", "RestartNeeded", true));
    ASSERT_TRUE(act(Action::restart, "web"));
    EXPECT_FALSE(since("web", "RestartNeeded"));
}
}  // namespace
}  // namespace test
