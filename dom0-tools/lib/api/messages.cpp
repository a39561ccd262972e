// SPDX-License-Identifier: MIT
#include "api/messages.hpp"

#include <algorithm>

namespace paravane {
namespace {
v1::EndAction to_message(EndAction action) {
    switch (action) {
        case EndAction::destroy: return v1::END_ACTION_DESTROY;
        case EndAction::restart: return v1::END_ACTION_RESTART;
        case EndAction::preserve: return v1::END_ACTION_PRESERVE;
    }
    return v1::END_ACTION_UNSPECIFIED;
}

Result<> take_action(EndAction& action, char const* field, v1::EndAction message) {
    switch (message) {
        case v1::END_ACTION_UNSPECIFIED: return {};
        case v1::END_ACTION_DESTROY: action = EndAction::destroy; return {};
        case v1::END_ACTION_RESTART: action = EndAction::restart; return {};
        case v1::END_ACTION_PRESERVE: action = EndAction::preserve; return {};
        default: return Error{field, "has no known value", ErrorKind::invalid};
    }
}
}  // namespace

v1::DomainSpec to_message(DomainSpec const& spec) {
    v1::DomainSpec message;
    message.set_name(spec.name);
    message.set_kernel(spec.kernel);
    message.set_initrd(spec.initrd);
    message.set_cmdline(spec.cmdline);
    message.set_memory(spec.memory);
    message.set_vcpus(spec.vcpus);
    message.set_on_poweroff(to_message(spec.on_poweroff));
    message.set_on_reboot(to_message(spec.on_reboot));
    message.set_on_crash(to_message(spec.on_crash));
    return message;
}

Result<DomainSpec> from_message(v1::DomainSpec const& message) {
    DomainSpec spec;
    spec.name = message.name();
    spec.kernel = message.kernel();
    spec.initrd = message.initrd();
    spec.cmdline = message.cmdline();
    spec.memory = message.memory();
    if (message.vcpus() != 0) spec.vcpus = message.vcpus();
    TRY(take_action(spec.on_poweroff, "on_poweroff", message.on_poweroff()));
    TRY(take_action(spec.on_reboot, "on_reboot", message.on_reboot()));
    TRY(take_action(spec.on_crash, "on_crash", message.on_crash()));
    return spec;
}

std::string value_name(google::protobuf::EnumValueDescriptor const& value) {
    // All values begin with the name of their type: END_ACTION_… of EndAction.
    std::size_t prefix = 0;
    for (char c : value.type()->name()) prefix += c >= 'A' && c <= 'Z' ? 2 : 1;
    std::string name = value.name().substr(std::min(prefix, value.name().size()));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
}
}  // namespace paravane
