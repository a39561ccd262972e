// SPDX-License-Identifier: MIT
// Objects of one kind as they are now, and their last changes by revision. Who watches keeps a place in the changes,
// and is poked when there are more; one that falls behind what is kept has to begin anew. No thread, and no queue, a
// watcher.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace paravane {
enum class ChangeType : std::uint8_t { added, modified, deleted };

template <class T>
struct Change {
    std::uint64_t revision = 0;
    ChangeType type = ChangeType::added;
    std::shared_ptr<T const> object;
};

template <class T>
class Hub {
public:
    using Object = std::shared_ptr<T const>;
    struct State {
        std::uint64_t revision;
        std::vector<Object> objects;  // by key
    };

    explicit Hub(std::size_t kept = 4096) : kept_{kept} {}

    // `make` gets the change's revision.
    template <class Make>
    void put(std::string const& key, Make make) {
        {
            std::scoped_lock lock{mutex_};
            Object object = std::make_shared<T const>(make(revision_ + 1));
            auto [place, added] = objects_.insert_or_assign(key, object);
            append(added ? ChangeType::added : ChangeType::modified, std::move(object));
        }
        poke();
    }
    void remove(std::string const& key) {
        {
            std::scoped_lock lock{mutex_};
            auto found = objects_.find(key);
            if (found == objects_.end()) return;
            append(ChangeType::deleted, std::move(found->second));
            objects_.erase(found);
        }
        poke();
    }
    // A change of something that is not kept: an event.
    template <class Make>
    void tell(Make make) {
        {
            std::scoped_lock lock{mutex_};
            append(ChangeType::added, std::make_shared<T const>(make(revision_ + 1)));
        }
        poke();
    }

    State state() const {
        std::scoped_lock lock{mutex_};
        State state{revision_, {}};
        for (auto const& [key, object] : objects_) state.objects.push_back(object);
        return state;
    }
    Object find(std::string const& key) const {
        std::scoped_lock lock{mutex_};
        auto found = objects_.find(key);
        return found == objects_.end() ? nullptr : found->second;
    }
    std::uint64_t revision() const {
        std::scoped_lock lock{mutex_};
        return revision_;
    }
    std::uint64_t oldest() const {
        std::scoped_lock lock{mutex_};
        return revision_ - changes_.size();
    }
    // What follows `revision`, at most so many; none if some of it is no longer kept.
    std::optional<std::vector<Change<T>>> after(std::uint64_t revision, std::size_t most) const {
        std::scoped_lock lock{mutex_};
        if (revision > revision_ || revision + changes_.size() < revision_) return std::nullopt;
        auto first = changes_.end() - static_cast<std::ptrdiff_t>(revision_ - revision);
        auto count = std::min<std::size_t>(most, static_cast<std::size_t>(changes_.end() - first));
        return std::vector<Change<T>>(first, first + static_cast<std::ptrdiff_t>(count));
    }

    // `poke` must be quick, and must not subscribe or unsubscribe. It is not called any more once unsubscribe returns.
    std::uint64_t subscribe(std::function<void()> poke) {
        std::scoped_lock lock{listening_};
        listeners_.emplace(++last_listener_, std::move(poke));
        return last_listener_;
    }
    void unsubscribe(std::uint64_t listener) {
        std::scoped_lock lock{listening_};
        listeners_.erase(listener);
    }
    void poke() {
        std::scoped_lock lock{listening_};
        for (auto const& [number, listener] : listeners_) listener();
    }

private:
    void append(ChangeType type, Object object) {
        changes_.push_back({++revision_, type, std::move(object)});
        if (changes_.size() > kept_) changes_.pop_front();
    }

    std::size_t kept_;
    mutable std::mutex mutex_;
    std::map<std::string, Object> objects_;
    std::deque<Change<T>> changes_;
    std::uint64_t revision_ = 0;
    std::mutex listening_;
    std::map<std::uint64_t, std::function<void()>> listeners_;
    std::uint64_t last_listener_ = 0;
};
}  // namespace paravane
