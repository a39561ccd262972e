// SPDX-License-Identifier: MIT
#include "domain/nodes.hpp"

#include <chrono>

#include "domain/fields.hpp"
#include "os/log.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
std::string guest_path(std::uint16_t id) { return "/local/domain/" + std::to_string(id); }
std::string record_path(std::uint16_t id) { return "/paravane/domain/" + std::to_string(id); }
std::string building_path(std::string const& uuid) { return "/paravane/building/" + uuid; }
std::string vm_path(std::string const& uuid) { return "/vm/" + uuid; }
}  // namespace

Result<DomainNodes> DomainNodes::connect() { return DomainNodes{TRY(XenstoreClient::connect())}; }

Result<> DomainNodes::begin_building(std::string const& uuid, std::string const& name) {
    return client_.write(building_path(uuid), name);
}

Result<> DomainNodes::end_building(std::string const& uuid) { return client_.remove(building_path(uuid)); }

Result<std::vector<std::string>> DomainNodes::under_construction() { return client_.list("/paravane/building"); }

Result<> DomainNodes::publish(DomainRecord const& record, DomainPorts ports, BuiltDomain const& built) {
    auto write_all = [&](XenstoreClient&) -> Result<> {
        TRY(write_guest_nodes(record, ports, built));
        return write_record(record);
    };
    TRY(client_.in_transaction(write_all));
    return client_.introduce(record.id, built.xenstore_frame, ports.xenstore);
}

Result<> DomainNodes::write_guest_nodes(DomainRecord const& record, DomainPorts ports, BuiltDomain const& built) {
    std::string guest = guest_path(record.id);
    std::string id = std::to_string(record.id);
    std::string kib = std::to_string(record.spec.memory >> 10);
    std::string vm = vm_path(record.uuid);
    std::string const readable[] = {"n0", "r" + id};
    std::string const writable[] = {"n" + id};
    TRY(client_.remove(guest));
    TRY(client_.make_directory(guest));
    TRY(client_.set_permissions(guest, readable));  // what is made below inherits it
    TRY(client_.make_directory(vm));
    TRY(client_.set_permissions(vm, readable));
    std::pair<std::string, std::string> const nodes[] = {
        {guest + "/vm", vm},
        {guest + "/name", record.spec.name},
        {guest + "/domid", id},
        {guest + "/memory/static-max", kib},
        {guest + "/memory/target", kib},
        {guest + "/device", ""},
        {guest + "/control/platform-feature-multiprocessor-suspend", "1"},
        {guest + "/control/platform-feature-xs_reset_watches", "1"},
        {guest + "/store/ring-ref", std::to_string(built.xenstore_frame)},
        {guest + "/store/port", std::to_string(ports.xenstore)},
        {guest + "/console/ring-ref", std::to_string(built.console_frame)},
        {guest + "/console/port", std::to_string(ports.console)},
        {guest + "/console/limit", "1048576"},
        {guest + "/console/type", "pvconsoled"},  // anything but "xenconsoled" keeps that daemon away
        {vm + "/name", record.spec.name},
        {vm + "/uuid", record.uuid},
        {vm + "/start_time", std::to_string(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()))},
    };
    for (auto const& [path, value] : nodes) TRY(client_.write(path, value));
    for (std::uint32_t vcpu = 0; vcpu < record.spec.vcpus; ++vcpu) {
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

Result<> DomainNodes::write_record(DomainRecord const& record) {
    std::string path = record_path(record.id);
    TRY(client_.write(path + "/uuid", record.uuid));
    return for_each_field([&]<class Rule>(Field<Rule> const& field) {
        return client_.write(path + "/spec/" + std::string{field.name}, Rule::format(record.spec.*field.place));
    });
}

Result<DomainRecord> DomainNodes::read_record(std::uint16_t id) {
    DomainRecord record;
    record.id = id;
    record.uuid = TRY(client_.read(record_path(id) + "/uuid"));
    auto read_field = [&]<class Rule>(Field<Rule> const& field) -> Result<> {
        std::string path = record_path(id) + "/spec/" + std::string{field.name};
        std::optional<std::string> text = TRY(client_.read_if_there(path));
        if (!text) return {};
        Result<typename Rule::Value> value = Rule::parse(*text);
        if (!value) return std::move(value).error().within(path);
        record.spec.*field.place = *std::move(value);
        return {};
    };
    TRY(for_each_field(read_field));
    return record;
}

Result<> DomainNodes::remove(std::uint16_t id, std::string const& uuid) {
    TRY(client_.remove(guest_path(id)));
    if (!uuid.empty()) TRY(client_.remove(vm_path(uuid)));
    return client_.remove(record_path(id));
}

Result<std::vector<DomainRecord>> DomainNodes::records() {
    std::vector<std::string> ids = TRY(client_.list("/paravane/domain"));
    std::vector<DomainRecord> records;
    for (std::string const& id : ids) {
        std::optional<std::uint16_t> number = hv::parse_decimal<std::uint16_t>(id);
        if (!number) continue;  // nobody's
        Result<DomainRecord> record = read_record(*number);
        if (record) records.push_back(*std::move(record));
        else if (record.error().kind == ErrorKind::unavailable) return std::move(record).error();
        else log::error(record.error().message());
    }
    return records;
}

Result<std::string> DomainNodes::name_of(std::uint16_t id) {
    std::optional<std::string> name = TRY(client_.read_if_there(guest_path(id) + "/name"));
    return name.value_or("");
}

Result<std::uint32_t> DomainNodes::console_port(std::uint16_t id) {
    std::string port = TRY(client_.read(guest_path(id) + "/console/port"));
    std::optional<std::uint32_t> number = hv::parse_decimal<std::uint32_t>(port);
    if (!number) return Error{"read the console's port of domain " + std::to_string(id), "\"" + port + "\" is none"};
    return *number;
}

Result<bool> DomainNodes::answers(std::uint16_t id, std::string const& request) {
    std::optional<std::string> feature = TRY(client_.read_if_there(guest_path(id) + "/control/feature-" + request));
    return feature == "1";
}

Result<> DomainNodes::ask(std::uint16_t id, std::string const& request) {
    return client_.write(guest_path(id) + "/control/shutdown", request);
}
}  // namespace paravane
