// SPDX-License-Identifier: MIT
// Whether xenstored answers, and its word that some domain has ended. One thread asks now and then, so that nobody else
// has to wait for a store that does not answer: requests are made only while `answers()`.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "domain/nodes.hpp"

namespace paravane {
class StoreLink {
public:
    struct Listener {
        std::function<void()> back;  // it answers again, and may have forgotten everything
        std::function<void()> ends;  // some domain has come or gone
    };

    // How long one request may take before the store counts as away.
    explicit StoreLink(std::chrono::milliseconds limit) : limit_{limit} {}
    void start(Listener listener);
    void stop() { thread_ = {}; }

    bool answers() const { return answers_; }
    // Counts its returns.
    std::uint64_t epoch() const { return epoch_; }

    // Runs `work` on nodes of its own; an answer that does not come makes the store count as away.
    Result<> with_nodes(std::function<Result<>(DomainNodes&)> const& work);
    Result<> with_client(std::function<Result<>(XenstoreClient&)> const& work);

private:
    Result<XenstoreClient> connect() const;
    void run(std::stop_token const& stop, Listener const& listener);
    Result<> follow(std::stop_token const& stop, XenstoreClient& store, Listener const& listener);

    std::chrono::milliseconds limit_;
    std::atomic<bool> answers_ = false;
    std::atomic<std::uint64_t> epoch_ = 0;
    std::jthread thread_;
};
}  // namespace paravane
