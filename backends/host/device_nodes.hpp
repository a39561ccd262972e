// SPDX-License-Identifier: MIT
// A device's nodes in xenstore, both ends', by the tables of portable/xenbus: what the front end has written is read,
// what this end has to say is written, and it is heard of when the front end's state changes. Through a connection that
// the supervisor lends and watches over: it lets nothing through but this.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "os/error.hpp"
#include "portable/xenbus/nodes.hpp"
#include "portable/xenbus/state.hpp"
#include "xenstore/client.hpp"

namespace paravane::host {
using hv::xenbus::Kind;
using hv::xenbus::Node;
using hv::xenbus::State;

// Of a node that a device has several of: in which folder of a queue, and which one of several pages.
struct Which {
    std::optional<std::uint32_t> queue = {}, page = {};
};

class DeviceNodes {
public:
    DeviceNodes(XenstoreClient store, Kind const& kind, std::uint16_t domid, std::uint32_t index);

    // First of all: then fd() is readable when something may have changed.
    Result<> watch();
    int fd() const { return store_.fd(); }
    // Whether something has, since the last time. Also to be asked after any of the others, which may have heard of it.
    Result<bool> take_change();

    // unknown: the node is not there, or holds no state.
    Result<State> own_state() { return state_in(back_); }
    Result<State> frontend_state() { return state_in(front_); }
    Result<> publish(State state);

    Result<> write(Node const& node, std::uint64_t value);
    // Checked; an error where it is not there and needed.
    Result<std::uint64_t> number(Node const& node, Which which = {});
    Result<std::optional<std::string>> text(Node const& node, Which which = {});

private:
    Result<State> state_in(std::string const& folder);
    std::string path_of(Node const& node, Which which) const;

    XenstoreClient store_;
    std::string front_, back_;
};
}  // namespace paravane::host
