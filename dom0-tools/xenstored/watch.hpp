// SPDX-License-Identifier: MIT
// Who wants to know about what. Indexed by path: a change costs a look-up for each of its ancestors, however many
// watches there are elsewhere.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "path.hpp"

namespace paravane::xenstored {
using SessionId = std::uint64_t;

struct Watch {
    std::string path;  // absolute, or special
    std::string token;
    std::size_t prefix = 0;  // bytes to take off an event's path, for a watch that was set on a relative path

    std::string_view path_for_client(std::string_view event_path) const;
};

// Which watches a change concerns: a removed descendant only tells those on exactly that node, since the others hear of
// the removed ancestor.
enum class Scope : std::uint8_t { node_and_above, exact };

class WatchIndex {
public:
    // visit(SessionId, Watch const&) for all.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (auto const& [path, watchers] : by_path_) visit_all(watchers, visit);
    }

    bool add(SessionId session, Watch watch);  // false: it is there already
    bool remove(SessionId session, std::string_view path, std::string_view token);
    void remove_all(SessionId session);
    std::size_t count(SessionId session) const;
    // Paths and tokens, for the memory quota.
    std::size_t memory(SessionId session) const;

    // visit(SessionId, Watch const&) for every watch that matches.
    template <class Visit>
    void for_each_match(std::string_view path, Scope scope, Visit&& visit) const {
        visit_at(path, visit);
        if (scope == Scope::exact || is_special(path)) return;
        while (path != "/") {
            path = parent_of(path);
            visit_at(path, visit);
        }
    }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    using Watchers = std::map<SessionId, std::map<std::string, Watch, std::less<>>>;  // by token
    struct Owned {
        std::map<std::string, std::size_t, std::less<>> paths;  // with the number of watches there
        std::size_t count = 0;
        std::size_t memory = 0;
    };

    template <class Visit>
    void visit_at(std::string_view path, Visit& visit) const {
        auto at = by_path_.find(path);
        if (at == by_path_.end()) return;
        visit_all(at->second, visit);
    }
    template <class Visit>
    static void visit_all(Watchers const& watchers, Visit& visit) {
        for (auto const& [session, watches] : watchers) {
            for (auto const& [token, watch] : watches) visit(session, watch);
        }
    }

    std::unordered_map<std::string, Watchers, Hash, std::equal_to<>> by_path_;
    std::unordered_map<SessionId, Owned> by_session_;
};
}  // namespace paravane::xenstored
