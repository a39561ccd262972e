// SPDX-License-Identifier: MIT
#include "daemon/domain_nodes.hpp"

#include <sys/random.h>

#include <charconv>
#include <chrono>

namespace paravane {
namespace {
using google::protobuf::FieldDescriptor;

std::string guest_path(std::uint16_t id) { return "/local/domain/" + std::to_string(id); }
std::string record_path(std::uint16_t id) { return "/paravane/domain/" + std::to_string(id); }
std::string building_path(std::string const& uuid) { return "/paravane/building/" + uuid; }
std::string vm_path(std::string const& uuid) { return "/vm/" + uuid; }

std::uint64_t to_number(std::string const& text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string field_text(v1::DomainSpec const& spec, FieldDescriptor const& field) {
    google::protobuf::Reflection const& fields = *v1::DomainSpec::GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: return fields.GetString(spec, &field);
        case FieldDescriptor::CPPTYPE_UINT64: return std::to_string(fields.GetUInt64(spec, &field));
        case FieldDescriptor::CPPTYPE_UINT32: return std::to_string(fields.GetUInt32(spec, &field));
        default: return std::to_string(fields.GetEnumValue(spec, &field));
    }
}

void set_field(v1::DomainSpec& spec, FieldDescriptor const& field, std::string const& text) {
    google::protobuf::Reflection const& fields = *v1::DomainSpec::GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: fields.SetString(&spec, &field, text); break;
        case FieldDescriptor::CPPTYPE_UINT64: fields.SetUInt64(&spec, &field, to_number(text)); break;
        case FieldDescriptor::CPPTYPE_UINT32:
            fields.SetUInt32(&spec, &field, static_cast<std::uint32_t>(to_number(text)));
            break;
        default: fields.SetEnumValue(&spec, &field, static_cast<int>(to_number(text)));
    }
}
}  // namespace

std::string to_string(DomainHandle const& handle) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < handle.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[handle[i] >> 4];
        text += digits[handle[i] & 15];
    }
    return text;
}

DomainHandle random_handle() {
    DomainHandle handle{};
    while (getrandom(handle.data(), handle.size(), 0) < 0) {}
    handle[6] = static_cast<std::uint8_t>((handle[6] & 0x0f) | 0x40);  // RFC 4122, version 4
    handle[8] = static_cast<std::uint8_t>((handle[8] & 0x3f) | 0x80);
    return handle;
}

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
    std::string kib = std::to_string(record.spec.memory() >> 10);
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
        {guest + "/name", record.spec.name()},
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
        {vm + "/name", record.spec.name()},
        {vm + "/uuid", record.uuid},
        {vm + "/start_time", std::to_string(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()))},
    };
    for (auto const& [path, value] : nodes) TRY(client_.write(path, value));
    for (std::uint32_t vcpu = 0; vcpu < record.spec.vcpus(); ++vcpu) {
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
    google::protobuf::Descriptor const& message = *v1::DomainSpec::descriptor();
    for (int i = 0; i < message.field_count(); ++i) {
        TRY(client_.write(path + "/spec/" + message.field(i)->name(), field_text(record.spec, *message.field(i))));
    }
    return {};
}

Result<DomainRecord> DomainNodes::read_record(std::uint16_t id) {
    DomainRecord record;
    record.id = id;
    record.uuid = TRY(client_.read(record_path(id) + "/uuid"));
    google::protobuf::Descriptor const& message = *v1::DomainSpec::descriptor();
    for (int i = 0; i < message.field_count(); ++i) {
        FieldDescriptor const& field = *message.field(i);
        std::optional<std::string> text = TRY(client_.read_if_there(record_path(id) + "/spec/" + field.name()));
        if (text) set_field(record.spec, field, *text);
    }
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
        Result<DomainRecord> record = read_record(static_cast<std::uint16_t>(to_number(id)));
        if (record) records.push_back(*std::move(record));
        else if (record.error().code == ECONNRESET) return std::move(record).error();
    }
    return records;
}

Result<std::string> DomainNodes::name_of(std::uint16_t id) {
    std::optional<std::string> name = TRY(client_.read_if_there(guest_path(id) + "/name"));
    return name.value_or("");
}

Result<std::uint32_t> DomainNodes::console_port(std::uint16_t id) {
    std::string port = TRY(client_.read(guest_path(id) + "/console/port"));
    return static_cast<std::uint32_t>(to_number(port));
}

Result<bool> DomainNodes::answers(std::uint16_t id, std::string const& request) {
    std::optional<std::string> feature = TRY(client_.read_if_there(guest_path(id) + "/control/feature-" + request));
    return feature == "1";
}

Result<> DomainNodes::ask(std::uint16_t id, std::string const& request) {
    return client_.write(guest_path(id) + "/control/shutdown", request);
}
}  // namespace paravane
