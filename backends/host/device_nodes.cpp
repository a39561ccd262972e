// SPDX-License-Identifier: MIT
#include "host/device_nodes.hpp"

#include "xenstore/device_folders.hpp"

namespace paravane::host {
using namespace std::chrono_literals;

DeviceNodes::DeviceNodes(XenstoreClient store, Kind const& kind, std::uint16_t domid, std::uint32_t index)
    : store_{std::move(store)},
      front_{frontend_folder(kind, domid, index)},
      back_{backend_folder(kind, domid, index)} {}

Result<> DeviceNodes::watch() {
    TRY(store_.watch(front_ + "/" + std::string{hv::xenbus::state_node}, "frontend"));
    return store_.watch(back_ + "/" + std::string{hv::xenbus::online.name}, "online");
}

Result<bool> DeviceNodes::take_change() {
    bool changed = false;
    for (;;) {
        std::optional<WatchEvent> const event = TRY(store_.next_event(0ms));
        if (!event) return changed;
        changed = true;
    }
}

Result<State> DeviceNodes::state_in(std::string const& folder) {
    std::optional<std::string> const text =
        TRY(store_.read_if_there(folder + "/" + std::string{hv::xenbus::state_node}));
    return text ? hv::xenbus::state_of(*text) : State::unknown;
}

Result<> DeviceNodes::publish(State state) {
    return store_.write(back_ + "/" + std::string{hv::xenbus::state_node}, hv::xenbus::text_of(state).data());
}

// What the toolstack tells a back end stands in its folder.
std::string DeviceNodes::path_of(Node const& node, Which which) const {
    std::string path = node.writer == hv::xenbus::Writer::frontend ? front_ : back_;
    if (node.per_queue && which.queue) path += "/queue-" + std::to_string(*which.queue);
    path += "/" + std::string{node.name};
    if (node.numbered && which.page) path += std::to_string(*which.page);
    return path;
}

Result<> DeviceNodes::write(Node const& node, std::uint64_t value) {
    return store_.write(path_of(node, {}), std::to_string(value));
}

Result<std::uint64_t> DeviceNodes::number(Node const& node, Which which) {
    std::string const path = path_of(node, which);
    std::optional<std::string> const text = TRY(store_.read_if_there(path));
    std::optional<std::uint64_t> const value = node.value(text);
    if (value) return *value;
    if (!text) return Error{"", path + " is not there", ErrorKind::precondition};
    return Error{"", path + " holds what it cannot hold", ErrorKind::invalid};
}

Result<std::optional<std::string>> DeviceNodes::text(Node const& node, Which which) {
    return store_.read_if_there(path_of(node, which));
}
}  // namespace paravane::host
