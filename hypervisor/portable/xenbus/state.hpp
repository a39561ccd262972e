// SPDX-License-Identifier: MIT
// The states that the two ends of a device publish in xenstore, and what one end does when the other has changed its
// own. A node that is not there, or has no state in it, is State::unknown.
#pragma once
#include <array>
#include <string_view>
#include "portable/base/number.hpp"
#include "public/io/xenbus.hpp"

namespace hv::xenbus {
using State = abi::io::XenbusState;

constexpr State state_of(std::string_view text) {
    std::optional<abi::u32> const number = parse_decimal<abi::u32>(text);
    return number && *number <= static_cast<abi::u32>(State::reconfigured) ? static_cast<State>(*number)
                                                                           : State::unknown;
}
constexpr std::array<char, 2> text_of(State state) { return {static_cast<char>('0' + static_cast<int>(state)), 0}; }

// May an end go from one state to the other? Forwards while it connects, to closing and closed from everywhere, and
// from closed back to the beginning, when a front end connects again.
constexpr bool may_follow(State from, State to) {
    if (from == State::unknown) return true;  // nothing was known before: all may be
    switch (to) {
        case State::unknown: return true;  // its nodes were removed
        case State::initialising: return from == State::closed;
        case State::init_wait: return from == State::initialising || from == State::closed;
        case State::initialised: return from == State::initialising || from == State::init_wait;
        case State::connected:
            return from == State::initialising || from == State::init_wait || from == State::initialised ||
                   from == State::reconfigured;
        case State::closing: return from != State::closed;
        case State::closed: return true;
        case State::reconfiguring: return from == State::connected;
        case State::reconfigured: return from == State::reconfiguring;
    }
    return false;
}

// What a back end does next.
enum class Step : abi::u8 {
    nothing,
    offer,       // write what it can do, then init_wait
    connect,     // read what the front end chose, map its rings, then connected
    disconnect,  // closing; the front end may use its rings until it is closed itself
    close,       // let go of the rings, then closed; the device stays, and may be connected again
    reject,      // the front end has jumped to where it cannot be: as close, with a logged reason
};

// `own` is what this end has published, `before` and `now` what the front end has. A back end that was killed while it
// was connected is connected still: it finds both ends so, and takes up its rings without a word in xenstore.
constexpr Step backend_step(State own, State before, State now) {
    if (now != before && !may_follow(before, now)) {
        return own == State::connected || own == State::init_wait ? Step::reject : Step::nothing;
    }
    switch (now) {
        case State::unknown: return own == State::connected || own == State::closing ? Step::close : Step::nothing;
        case State::initialising:
            return own == State::unknown || own == State::initialising || own == State::closed ? Step::offer
                   : own == State::connected                                                   ? Step::reject
                                                                                               : Step::nothing;
        case State::init_wait: return Step::nothing;
        case State::initialised:
        case State::connected:
            return own == State::init_wait || own == State::initialised  ? Step::connect
                   : own == State::unknown || own == State::initialising ? Step::offer
                                                                         : Step::nothing;
        case State::closing:
            return own == State::connected || own == State::init_wait ? Step::disconnect : Step::nothing;
        case State::closed: return own == State::closed || own == State::unknown ? Step::nothing : Step::close;
        case State::reconfiguring:
        case State::reconfigured: return Step::nothing;
    }
    return Step::nothing;
}

// What a front end does when its back end has changed.
enum class FrontStep : abi::u8 { nothing, connect, connected, close };

constexpr FrontStep frontend_step(State own, State backend) {
    switch (backend) {
        case State::init_wait: return own == State::initialising ? FrontStep::connect : FrontStep::nothing;
        case State::connected:
            return own == State::initialised    ? FrontStep::connected
                   : own == State::initialising ? FrontStep::connect
                                                : FrontStep::nothing;
        case State::closing:
        case State::closed:
            return own == State::closed || own == State::initialising || own == State::unknown ? FrontStep::nothing
                                                                                               : FrontStep::close;
        default: return FrontStep::nothing;
    }
}
}  // namespace hv::xenbus
