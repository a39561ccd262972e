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
    std::vector<Watch>& watches = at->second[session];
    if (std::any_of(watches.begin(), watches.end(), [&](Watch const& set) { return set.token == watch.token; })) {
        return false;
    }
    Owned& owned = by_session_[session];
    owned.paths.push_back(watch.path);
    owned.memory += cost(watch);
    watches.push_back(std::move(watch));
    return true;
}

bool WatchIndex::remove(SessionId session, std::string_view path, std::string_view token) {
    auto at = by_path_.find(path);
    if (at == by_path_.end()) return false;
    auto watchers = at->second.find(session);
    if (watchers == at->second.end()) return false;
    std::vector<Watch>& watches = watchers->second;
    auto watch = std::find_if(watches.begin(), watches.end(), [&](Watch const& set) { return set.token == token; });
    if (watch == watches.end()) return false;

    Owned& owned = by_session_[session];
    owned.memory -= cost(*watch);
    owned.paths.erase(std::find(owned.paths.begin(), owned.paths.end(), path));
    if (owned.paths.empty()) by_session_.erase(session);
    watches.erase(watch);
    if (watches.empty()) at->second.erase(watchers);
    if (at->second.empty()) by_path_.erase(at);
    return true;
}

void WatchIndex::remove_all(SessionId session) {
    auto owned = by_session_.find(session);
    if (owned == by_session_.end()) return;
    for (std::string const& path : owned->second.paths) {
        auto at = by_path_.find(path);
        if (at == by_path_.end()) continue;
        at->second.erase(session);
        if (at->second.empty()) by_path_.erase(at);
    }
    by_session_.erase(owned);
}

std::size_t WatchIndex::count(SessionId session) const {
    auto owned = by_session_.find(session);
    return owned == by_session_.end() ? 0 : owned->second.paths.size();
}

std::size_t WatchIndex::memory(SessionId session) const {
    auto owned = by_session_.find(session);
    return owned == by_session_.end() ? 0 : owned->second.memory;
}
}  // namespace paravane::xenstored
