// SPDX-License-Identifier: MIT
#include "daemon/end_watcher.hpp"

#include <optional>

#include "os/log.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr auto look_anyway = 2000ms;
constexpr auto stop_check = 250ms;

Result<XenstoreClient> watch_releases() {
    XenstoreClient store = TRY(XenstoreClient::connect());
    TRY(store.watch("@releaseDomain", "ends"));
    return store;
}
}  // namespace

void EndWatcher::run(DomainManager& manager, std::stop_token stop) {
    std::optional<XenstoreClient> store;
    std::string last_complaint;
    auto last_look = std::chrono::steady_clock::now();
    while (!stop.stop_requested()) {
        bool look = std::chrono::steady_clock::now() - last_look > look_anyway;
        if (!store) {
            Result<XenstoreClient> connected = watch_releases();
            if (connected) store = *std::move(connected);
        }
        if (store) {
            Result<std::optional<WatchEvent>> event = store->next_event(stop_check);
            if (!event) store.reset();
            look = look || !event || event->has_value();
        } else {
            std::this_thread::sleep_for(stop_check);
        }
        if (!look) continue;
        last_look = std::chrono::steady_clock::now();
        Result<> handled = manager.handle_ends();
        std::string complaint = handled ? "" : handled.error().message();
        if (!complaint.empty() && complaint != last_complaint) log::error(complaint);
        last_complaint = complaint;
    }
}
}  // namespace paravane
