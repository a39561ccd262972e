// SPDX-License-Identifier: MIT
// What the engine tells of the state of a domain.
#include "daemon/conditions.hpp"
#include "engine_world.hpp"

namespace test {
namespace {
TEST_F(EngineTest, TellsOnceThatADeadGuestIsHeldForLong) {
    ASSERT_TRUE(create(spec()));
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.holders = 1;
    }
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
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.holders = 0;
    }
    ASSERT_TRUE(Hypervisor::open()->domctl.destroy(1));
    EXPECT_TRUE(wait_for([&] { return view("web") == nullptr; }));
    EXPECT_EQ(told(), 1);
}
}  // namespace
}  // namespace test
