// SPDX-License-Identifier: MIT
#include "daemon/devices/ends.hpp"

#include <optional>

#include "xenstore/device_folders.hpp"

namespace paravane {
namespace {
using hv::xenbus::State;

// Of every kind; who serves it and who uses it are folders and domains, not what the two tell each other.
constexpr std::string_view frontend = "frontend", frontend_id = "frontend-id", backend = "backend",
                           backend_id = "backend-id";

std::string front_of(Device const& device) {
    return frontend_folder(*device.ends, device.backend.device.domid, device.backend.device.index);
}
std::string back_of(Device const& device) {
    return backend_folder(*device.ends, device.backend.device.domid, device.backend.device.index);
}
std::string path_of(std::string const& folder, std::string_view node) { return folder + '/' + std::string{node}; }

// Who owns the folder, and who may read in it; then what is in it.
Result<> write_end(XenstoreClient& store, std::string const& folder, std::array<std::string, 2> const& permissions,
                   std::vector<NodeText> nodes) {
    nodes.emplace_back(hv::xenbus::state_node, hv::xenbus::text_of(State::initialising).data());
    return store.in_transaction([&](XenstoreClient& inside) -> Result<> {
        TRY(inside.remove(folder));
        TRY(inside.make_directory(folder));
        TRY(inside.set_permissions(folder, permissions));  // what is made below inherits it
        for (auto const& [name, value] : nodes) TRY(inside.write(path_of(folder, name), value));
        return {};
    });
}
}  // namespace

Result<> offer_device(XenstoreClient& store, Device const& device) {
    std::string const id = std::to_string(device.backend.device.domid);
    std::vector<NodeText> nodes{{frontend, front_of(device)}, {frontend_id, id}, {hv::xenbus::online.name, "1"}};
    nodes.insert(nodes.end(), device.of_both.begin(), device.of_both.end());
    nodes.insert(nodes.end(), device.of_back.begin(), device.of_back.end());
    return write_end(store, back_of(device), {"n0", "r" + id}, std::move(nodes));
}

Result<> publish_device(XenstoreClient& store, Device const& device) {
    std::vector<NodeText> nodes{{backend, back_of(device)}, {backend_id, "0"}};
    nodes.insert(nodes.end(), device.of_both.begin(), device.of_both.end());
    return write_end(store, front_of(device), {"n" + std::to_string(device.backend.device.domid), "r0"},
                     std::move(nodes));
}

Result<> set_online(XenstoreClient& store, Device const& device, bool online) {
    return store.write(path_of(back_of(device), hv::xenbus::online.name), online ? "1" : "0");
}

Result<> withdraw_device(XenstoreClient& store, Device const& device) {
    TRY(store.remove(front_of(device)));
    return store.remove(back_of(device));
}

Result<SeenEnds> look_at_ends(XenstoreClient& store, Device const& device) {
    std::string const front = front_of(device), back = back_of(device);
    SeenEnds seen;
    bool const has_front = TRY(store.read_if_there(path_of(front, backend))) == back;
    bool const has_back = TRY(store.read_if_there(path_of(back, frontend))) == front;
    if (!has_front || !has_back) return seen;
    seen.ends = Ends::published;
    seen.asked = TRY(store.read_if_there(path_of(back, hv::xenbus::online.name))) == "0";
    std::optional<std::string> const state = TRY(store.read_if_there(path_of(back, hv::xenbus::state_node)));
    if (state) seen.state = hv::xenbus::state_of(*state);
    seen.let_go = seen.asked && seen.state == State::closed;
    return seen;
}
}  // namespace paravane
