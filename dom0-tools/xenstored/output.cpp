// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <algorithm>

namespace paravane::xenstored {
void OutputQueue::push(std::string bytes, Kind kind) {
    bytes_ += bytes.size();
    messages_.push_back({std::move(bytes), kind});
}

void OutputQueue::push_reply(MessageType type, Header const& request, std::string_view payload) {
    push(encode(type, request.req_id, request.tx_id, payload), Kind::reply);
    ++replies_;
}

void OutputQueue::push_event(std::string_view path, std::string_view token) {
    std::string payload;
    payload.reserve(path.size() + token.size() + 2);
    payload.append(path).push_back('\0');
    payload.append(token).push_back('\0');
    if (payload.size() > max_payload || waiting_events_.contains(payload)) return;
    push(encode(MessageType::watch_event, 0, 0, payload), Kind::event);
    waiting_events_.insert(messages_.back().payload());
}

std::span<std::byte const> OutputQueue::front() const {
    if (messages_.empty()) return {};
    return std::as_bytes(std::span{messages_.front().bytes}).subspan(taken_);
}

void OutputQueue::take(std::size_t count) {
    bytes_ -= count;
    while (count > 0) {
        Outgoing& first = messages_.front();
        // From its first byte on, an event no longer covers a later change.
        if (taken_ == 0 && first.kind == Kind::event) waiting_events_.erase(first.payload());
        std::size_t part = std::min(count, first.bytes.size() - taken_);
        taken_ += part;
        count -= part;
        if (taken_ < first.bytes.size()) return;
        if (first.kind == Kind::reply) --replies_;
        messages_.pop_front();
        taken_ = 0;
    }
}

void OutputQueue::clear() {
    waiting_events_.clear();
    messages_.clear();
    taken_ = bytes_ = replies_ = 0;
}

void OutputQueue::save(Writer& to) const {
    to.number(taken_);
    to.number(messages_.size());
    for (Outgoing const& message : messages_) {
        to.number(static_cast<std::uint64_t>(message.kind));
        to.text(message.bytes);
    }
}

void OutputQueue::load(Reader& from) {
    taken_ = from.number<std::size_t>();
    for (std::uint64_t left = from.number(); left > 0; --left) {
        auto kind = from.number<std::uint8_t>() == 0 ? Kind::reply : Kind::event;
        bool const begun = messages_.empty() && taken_ > 0;
        push(std::string{from.text()}, kind);
        if (kind == Kind::reply) ++replies_;
        if (kind == Kind::event && !begun) waiting_events_.insert(messages_.back().payload());
    }
    bytes_ -= taken_;
}
}  // namespace paravane::xenstored
