// SPDX-License-Identifier: MIT
#include "portable/xenbus/state.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {
using hv::xenbus::backend_step;
using hv::xenbus::frontend_step;
using hv::xenbus::FrontStep;
using hv::xenbus::may_follow;
using hv::xenbus::State;
using hv::xenbus::state_of;
using hv::xenbus::Step;

std::vector<State> all_states() {
    std::vector<State> states;
    for (abi::u32 number = 0; number <= static_cast<abi::u32>(State::reconfigured); ++number)
        states.push_back(static_cast<State>(number));
    return states;
}

// What a back end publishes in the end of each step.
State after(Step step, State own) {
    switch (step) {
        case Step::nothing: return own;
        case Step::offer: return State::init_wait;
        case Step::connect: return State::connected;
        case Step::disconnect: return State::closing;
        case Step::close:
        case Step::reject: return State::closed;
    }
    return own;
}

TEST(Xenbus, ReadsStatesFromAnyText) {
    EXPECT_EQ(state_of("4"), State::connected);
    for (char const* text : {"", "9", "-1", "4 ", "99999999999999999999", "x"})
        EXPECT_EQ(state_of(text), State::unknown);
    for (State state : all_states()) EXPECT_EQ(state_of(hv::xenbus::text_of(state).data()), state);
}

// Both as Linux's frontends go through it: blkfront says initialised first, netfront says connected at once.
TEST(Xenbus, ABackEndFollowsItsFrontEndThroughALife) {
    for (State front_is_ready : {State::initialised, State::connected}) {
        State own = State::initialising, front = State::unknown;
        auto front_becomes = [&](State now) {
            Step const step = backend_step(own, front, now);
            EXPECT_TRUE(step == Step::nothing || may_follow(own, after(step, own)));
            own = after(step, own);
            front = now;
        };
        front_becomes(State::initialising);
        EXPECT_EQ(own, State::init_wait);
        front_becomes(front_is_ready);
        EXPECT_EQ(own, State::connected);
        front_becomes(State::connected);
        EXPECT_EQ(own, State::connected);
        front_becomes(State::closing);
        EXPECT_EQ(own, State::closing);
        front_becomes(State::closed);
        EXPECT_EQ(own, State::closed);
        front_becomes(State::initialising);
        EXPECT_EQ(own, State::init_wait) << "it may come again";
    }
}

TEST(Xenbus, ABackEndThatWasKilledFindsBothEndsConnectedAndLeavesTheNodesAlone) {
    EXPECT_EQ(backend_step(State::connected, State::unknown, State::connected), Step::nothing);
    EXPECT_EQ(backend_step(State::connected, State::connected, State::connected), Step::nothing);
}

TEST(Xenbus, AFrontEndThatStartsAnewWhileItIsConnectedIsCutOff) {
    EXPECT_EQ(backend_step(State::connected, State::connected, State::initialising), Step::reject);
    EXPECT_EQ(backend_step(State::connected, State::connected, State::initialised), Step::reject);
}

// Whatever a guest writes, and in whatever order: the back end makes only steps it may, and is back at the beginning
// after closed and initialising.
TEST(Xenbus, NoSequenceOfAGuestLeavesABackEndWhereItCannotBe) {
    for (State own : all_states())
        for (State before : all_states())
            for (State now : all_states()) {
                Step const step = backend_step(own, before, now);
                bool const its_own =
                    own != State::reconfiguring && own != State::reconfigured && own != State::initialised;
                if (step == Step::nothing || !its_own) continue;
                EXPECT_TRUE(may_follow(own, after(step, own)))
                    << int(own) << " at " << int(before) << " -> " << int(now) << ": " << int(step);
            }
    for (State own : {State::unknown, State::init_wait, State::connected, State::closing, State::closed}) {
        State next = after(backend_step(own, State::connected, State::closed), own);
        if (next == State::unknown || next == State::closed)
            EXPECT_EQ(backend_step(next, State::closed, State::initialising), Step::offer);
        else ADD_FAILURE() << int(own) << " stays at " << int(next) << " when its front end has closed";
    }
}

TEST(Xenbus, AFrontEndFollowsItsBackEnd) {
    EXPECT_EQ(frontend_step(State::initialising, State::init_wait), FrontStep::connect);
    EXPECT_EQ(frontend_step(State::initialised, State::connected), FrontStep::connected);
    EXPECT_EQ(frontend_step(State::connected, State::connected), FrontStep::nothing);
    EXPECT_EQ(frontend_step(State::connected, State::closing), FrontStep::close);
    EXPECT_EQ(frontend_step(State::connected, State::closed), FrontStep::close);
    EXPECT_EQ(frontend_step(State::closed, State::closed), FrontStep::nothing);
}
}  // namespace
