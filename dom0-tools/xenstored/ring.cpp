// SPDX-License-Identifier: MIT
#include "ring.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace paravane::xenstored {
namespace {
std::uint32_t load(std::uint32_t& shared) { return std::atomic_ref{shared}.load(std::memory_order_acquire); }

void store(std::uint32_t& shared, std::uint32_t value) {
    std::atomic_ref{shared}.store(value, std::memory_order_release);
}
}  // namespace

Ring::Ring(RingPage& page)
    : page_{page}, request_consumer_{load(page.request_consumer)}, reply_producer_{load(page.reply_producer)} {
    store(page_.server_features, feature_error);
    report(RingError::none);
}

void Ring::restart() {
    request_consumer_ = reply_producer_ = 0;
    store(page_.request_consumer, 0);
    store(page_.request_producer, 0);
    store(page_.reply_consumer, 0);
    store(page_.reply_producer, 0);
    report(RingError::none);
}

std::optional<std::size_t> Ring::take(std::span<std::byte> into) {
    std::uint32_t available = load(page_.request_producer) - request_consumer_;
    if (available > size) return std::nullopt;
    std::size_t count = std::min<std::size_t>(available, into.size());
    std::size_t at = request_consumer_ % size;
    std::size_t first = std::min<std::size_t>(count, size - at);
    std::memcpy(into.data(), page_.requests.data() + at, first);
    std::memcpy(into.data() + first, page_.requests.data(), count - first);
    request_consumer_ += static_cast<std::uint32_t>(count);
    store(page_.request_consumer, request_consumer_);
    return count;
}

std::optional<std::size_t> Ring::put(std::span<std::byte const> from) {
    std::uint32_t waiting = reply_producer_ - load(page_.reply_consumer);
    if (waiting > size) return std::nullopt;
    std::size_t count = std::min<std::size_t>(size - waiting, from.size());
    std::size_t at = reply_producer_ % size;
    std::size_t first = std::min<std::size_t>(count, size - at);
    std::memcpy(page_.replies.data() + at, from.data(), first);
    std::memcpy(page_.replies.data(), from.data() + first, count - first);
    reply_producer_ += static_cast<std::uint32_t>(count);
    store(page_.reply_producer, reply_producer_);
    return count;
}

bool Ring::has_input() const { return load(page_.request_producer) != request_consumer_; }

void Ring::report(RingError error) { store(page_.error, static_cast<std::uint32_t>(error)); }

bool Ring::complete_reconnect() {
    constexpr std::uint32_t connected = 0;
    constexpr std::uint32_t reconnecting = 1;
    if (load(page_.connection) != reconnecting) return false;
    store(page_.connection, connected);
    return true;
}
}  // namespace paravane::xenstored
