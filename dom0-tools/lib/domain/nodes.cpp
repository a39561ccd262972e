// SPDX-License-Identifier: MIT
#include "domain/nodes.hpp"

#include <chrono>
#include <optional>

#include "portable/xenbus/nodes.hpp"
#include "xenstore/device_folders.hpp"

namespace paravane {
namespace {
namespace console = hv::xenbus::console;

std::string guest_path(std::uint16_t id) { return "/local/domain/" + std::to_string(id); }
std::string console_path(std::uint16_t id, hv::xenbus::Node const& node) {
    return guest_path(id) + "/" + std::string{console::folder} + "/" + std::string{node.name};
}
std::string vm_path(std::string const& uuid) { return "/vm/" + uuid; }
}  // namespace

Result<DomainNodes> DomainNodes::connect() { return DomainNodes{TRY(XenstoreClient::connect())}; }

Result<> DomainNodes::publish(GuestPlace const& guest, std::string const& uid, DomainSpec const& spec) {
    auto write_all = [&](XenstoreClient&) { return write_guest_nodes(guest, uid, spec); };
    TRY(client_.in_transaction(write_all));
    return client_.introduce(guest.id, guest.built.xenstore_frame, guest.ports.xenstore);
}

Result<bool> DomainNodes::is_published(std::uint16_t id) {
    std::optional<std::string> domid = TRY(client_.read_if_there(guest_path(id) + "/domid"));
    if (!domid) return false;
    return client_.is_introduced(id);
}

Result<> DomainNodes::write_guest_nodes(GuestPlace const& place, std::string const& uid, DomainSpec const& spec) {
    std::string guest = guest_path(place.id);
    std::string id = std::to_string(place.id);
    std::string kib = std::to_string(spec.memory >> 10);
    std::string vm = vm_path(uid);
    std::string const readable[] = {"n0", "r" + id};
    std::string const writable[] = {"n" + id};
    TRY(client_.remove(guest));
    TRY(client_.make_directory(guest));
    TRY(client_.set_permissions(guest, readable));  // what is made below inherits it
    TRY(client_.make_directory(vm));
    TRY(client_.set_permissions(vm, readable));
    std::pair<std::string, std::string> const nodes[] = {
        {guest + "/vm", vm},
        {guest + "/name", spec.name},
        {guest + "/domid", id},
        {guest + "/memory/static-max", kib},
        {guest + "/memory/target", kib},
        {guest + "/device", ""},
        {guest + "/control/platform-feature-multiprocessor-suspend", "1"},
        {guest + "/control/platform-feature-xs_reset_watches", "1"},
        {guest + "/store/ring-ref", std::to_string(place.built.xenstore_frame)},
        {guest + "/store/port", std::to_string(place.ports.xenstore)},
        {console_path(place.id, console::ring_ref), std::to_string(place.built.console_frame)},
        {console_path(place.id, console::port), std::to_string(place.ports.console)},
        {console_path(place.id, console::limit), "1048576"},
        {console_path(place.id, console::type), std::string{console::our_type}},
        {vm + "/name", spec.name},
        {vm + "/uuid", uid},
        {vm + "/start_time", std::to_string(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()))},
    };
    for (auto const& [path, value] : nodes) TRY(client_.write(path, value));
    for (std::uint32_t vcpu = 0; vcpu < spec.vcpus; ++vcpu) {
        TRY(client_.write(guest + "/cpu/" + std::to_string(vcpu) + "/availability", "online"));
    }
    for (char const* node :
         {"control/shutdown", "control/feature-poweroff", "control/feature-reboot", "control/feature-suspend",
          "control/sysrq", "device/suspend/event-channel", "data", "drivers", "feature", "attr", "error"}) {
        std::string path = guest + "/" + node;
        TRY(client_.write(path, ""));
        TRY(client_.set_permissions(path, writable));
    }
    return {};
}

Result<bool> DomainNodes::are_of(std::uint16_t id, std::string const& uid) {
    return TRY(client_.read_if_there(guest_path(id) + "/vm")) == vm_path(uid);
}

Result<> DomainNodes::remove(std::uint16_t id, std::string const& uid) {
    return client_.in_transaction([&](XenstoreClient&) -> Result<> {
        if (TRY(are_of(id, uid))) {
            TRY(client_.remove(guest_path(id)));
            for (hv::xenbus::Kind const& kind : hv::xenbus::kinds)
                if (kind.backend != console::folder) TRY(client_.remove(backends_folder(kind, id)));
        }
        return client_.remove(vm_path(uid));
    });
}

Result<> DomainNodes::rename(std::uint16_t id, std::string const& uid, std::string const& name) {
    TRY(client_.write(guest_path(id) + "/name", name));
    TRY(client_.write(guest_path(id) + "/vm", vm_path(uid)));
    TRY(client_.write(vm_path(uid) + "/name", name));
    return client_.write(vm_path(uid) + "/uuid", uid);
}

Result<std::string> DomainNodes::name_of(std::uint16_t id) {
    std::optional<std::string> name = TRY(client_.read_if_there(guest_path(id) + "/name"));
    return name.value_or("");
}

Result<bool> DomainNodes::answers(std::uint16_t id, std::string const& request) {
    std::optional<std::string> feature = TRY(client_.read_if_there(guest_path(id) + "/control/feature-" + request));
    return feature == "1";
}

Result<> DomainNodes::ask(std::uint16_t id, std::string const& uid, std::string const& request) {
    return client_.in_transaction([&](XenstoreClient&) -> Result<> {
        if (!TRY(are_of(id, uid)))
            return Error{"ask domain " + std::to_string(id), "its nodes are not those of " + uid,
                         ErrorKind::precondition};
        return client_.write(guest_path(id) + "/control/shutdown", request);
    });
}
}  // namespace paravane
