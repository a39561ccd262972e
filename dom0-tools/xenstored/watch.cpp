// SPDX-License-Identifier: MIT
#include "watch.hpp"

#include <algorithm>

namespace paravane::xenstored {
namespace {
std::size_t cost(Watch const& watch) { return 2 * watch.path.size() + watch.token.size() + sizeof(Watch); }
}  // namespace

std::string_view Watch::path_for_client(std::string_view event_path) const {
    event_path.remove_prefix(std::min(prefix, event_path.size()));
    return event_path;
}

bool WatchIndex::add(SessionId session, Watch watch) {
    auto at = by_path_.find(watch.path);
    if (at == by_path_.end()) at = by_path_.try_emplace(watch.path).first;
    auto& watches = at->second[session];
    if (watches.contains(watch.token)) return false;
    Owned& owned = by_session_[session];
    ++owned.paths[watch.path];
    ++owned.count;
    owned.memory += cost(watch);
    std::string token = watch.token;
    watches.emplace(std::move(token), std::move(watch));
    return true;
}

bool WatchIndex::remove(SessionId session, std::string_view path, std::string_view token) {
    auto at = by_path_.find(path);
    if (at == by_path_.end()) return false;
    auto watchers = at->second.find(session);
    if (watchers == at->second.end()) return false;
    auto watch = watchers->second.find(token);
    if (watch == watchers->second.end()) return false;

    auto owner = by_session_.find(session);
    Owned& owned = owner->second;
    owned.memory -= cost(watch->second);
    auto place = owned.paths.find(path);
    if (--place->second == 0) owned.paths.erase(place);
    if (--owned.count == 0) by_session_.erase(owner);
    watchers->second.erase(watch);
    if (watchers->second.empty()) at->second.erase(watchers);
    if (at->second.empty()) by_path_.erase(at);
    return true;
}

void WatchIndex::remove_all(SessionId session) {
    auto owned = by_session_.find(session);
    if (owned == by_session_.end()) return;
    for (auto const& [path, count] : owned->second.paths) {
        auto at = by_path_.find(path);
        if (at == by_path_.end()) continue;
        at->second.erase(session);
        if (at->second.empty()) by_path_.erase(at);
    }
    by_session_.erase(owned);
}

std::size_t WatchIndex::count(SessionId session) const {
    auto owned = by_session_.find(session);
    return owned == by_session_.end() ? 0 : owned->second.count;
}

std::size_t WatchIndex::memory(SessionId session) const {
    auto owned = by_session_.find(session);
    return owned == by_session_.end() ? 0 : owned->second.memory;
}
}  // namespace paravane::xenstored
