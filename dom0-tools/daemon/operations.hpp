// SPDX-License-Identifier: MIT
// The table of operations: what was asked for, how far it is, how it ended. Ended ones are kept for an hour.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/hub.hpp"
#include "daemon/record.hpp"
#include "os/error.hpp"

namespace paravane {
struct Operation {
    std::string uid, method, target_uid, target_name, request_id, caller, traceparent;
    WallTime created{}, ended{};
    bool done = false;
    std::optional<Error> error = std::nullopt;
    std::string step = "";
    bool cancellable = false, cancel_requested = false;
    std::uint64_t revision = 0;
};

class Operations {
public:
    using Waiter = std::function<void(Operation const&)>;

    // With a new uid and from now on, unless it has them.
    std::string begin(Operation operation);
    void set_step(std::string const& uid, std::string step, bool cancellable);
    void set_cancel_requested(std::string const& uid);
    void finish(std::string const& uid, std::optional<Error> error);

    std::optional<Operation> find(std::string const& uid) const;
    Hub<Operation> const& hub() const { return hub_; }
    Hub<Operation>& hub() { return hub_; }

    // Called once, when it is done: at once if it is. 0: it was called already. No such operation: never called.
    std::uint64_t when_done(std::string const& uid, Waiter waiter);
    void forget_waiter(std::string const& uid, std::uint64_t waiter);

private:
    template <class Edit>
    void change(std::string const& uid, Edit edit);
    void prune(WallTime now);

    mutable std::mutex mutex_;
    std::map<std::string, Operation> operations_;
    std::map<std::string, std::map<std::uint64_t, Waiter>> waiters_;
    std::uint64_t last_waiter_ = 0;
    Hub<Operation> hub_;
};

WallTime wall_now();
}  // namespace paravane
