// SPDX-License-Identifier: MIT
// A backend's narrow way to xenstore. Who has a connection there as a client of dom0 may write every node, so a backend
// gets none: it speaks to this, in xenstore's own words, and what it may say, about its own device, goes on to a
// connection of ours. Who says anything else was taken over, or is broken, and is cut off: its device is served on, and
// hears of nothing any more. Nobody is waited for.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "backend/supervisor_protocol.hpp"
#include "os/error.hpp"
#include "os/event_loop.hpp"
#include "os/owned_fd.hpp"
#include "portable/xenbus/nodes.hpp"
#include "portable/xenstore/wire.hpp"

namespace paravane::supervisor {
// What one device's process may ask the store for: to read in the folders of both ends, to hear of what the other end
// and the toolstack want, to write what a back end has to say.
class NodeRules {
public:
    NodeRules(hv::xenbus::Kind const& kind, DeviceId const& device);
    bool allow(hv::xenstore::Frame const& message) const;

private:
    bool may_write(std::string_view path, std::string_view value) const;

    hv::xenbus::Kind const& kind_;
    std::string front_, back_;
};

class NodeGate {
public:
    // `cut_off` is called when the way ends and neither has ended: with the reason.
    using CutOff = std::function<void(std::string_view)>;

    static Result<std::unique_ptr<NodeGate>> open(EventLoop& loop, NodeRules rules, OwnedFd process, OwnedFd store,
                                                  CutOff cut_off);
    NodeGate(NodeGate&&) = delete;
    ~NodeGate() { close(); }

private:
    NodeGate(EventLoop& loop, NodeRules rules, OwnedFd process, OwnedFd store, CutOff cut_off);

    enum class Moved : std::uint8_t { fine, ended };

    void pump(std::uint32_t events);
    Moved move_requests();
    Moved move_answers();
    Result<> watch();
    void close();

    EventLoop& loop_;
    NodeRules rules_;
    OwnedFd process_, store_;
    CutOff cut_off_;
    std::string asked_, answered_;  // on their way; of the first so many bytes are allowed
    std::size_t allowed_ = 0;
};
}  // namespace paravane::supervisor
