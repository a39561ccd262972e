// SPDX-License-Identifier: MIT
#include "cli/explain.hpp"

#include <google/protobuf/descriptor.h>
#include <paravane/v1/domains.pb.h>

#include <algorithm>

#include "cli/domain_file.hpp"
#include "cli/exit_code.hpp"
#include "cli/field.hpp"
#include "cli/text.hpp"

namespace paravane {
namespace {
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr FieldText field_texts[] = {
    {"name", "unique; 1-63 letters, digits, '-', '_', '.', a letter or digit first, not digits alone"},
    {"uid", "a UUID; left out, the host chooses one"},
    {"labels", "for selecting: name or prefix.dns/name, at most 64"},
    {"annotations", "for the client's own use, 16 KiB in all"},
    {"managed_by", "who cares for it; others are refused"},
    {"owner", "uid of what it belongs to, for the client's own use"},
    {"kernel", "ELF or bzImage, compressed in any way Linux knows"},
    {"initrd", "optional"},
    {"cmdline", "optional, at most 1023 bytes"},
    {"memory", "from 2MiB to 1TiB, a multiple of 4KiB"},
    {"vcpus", "1 to 128; left out, 1"},
    {"power_state", "what is wanted; left out, running"},
    {"ephemeral", "gone when its guest has ended and is not started again; left out, what the command says"},
    {"on_poweroff", "when the guest powers off; left out, destroy"},
    {"on_reboot", "when the guest reboots; left out, restart"},
    {"on_crash", "when the guest crashes; left out, destroy"},
    {"on_watchdog", "when the guest's watchdog fires; left out, destroy"},
    {"back_off", "how restarts that follow each other too fast are slowed down"},
    {"back_off.initial", "the first wait; left out, 1s. Each short-lived guest in a row doubles it"},
    {"back_off.limit", "the longest wait; left out, 5m"},
    {"back_off.reset_after", "a guest that lives so long is not short-lived; left out, 10s"},
    {"back_off.most_restarts", "short-lived guests in a row after which it is left stopped; 0: never"},
    {"devices", "besides the console, which every domain has"},
    {"devices.id", "unique in its domain: 1 to 32 lower-case letters, digits, '-'"},
    {"devices.console", "a console"},
    {"devices.block", "a disk"},
    {"devices.block.path", "a file below a disk folder, or a block device that guests may have"},
    {"devices.block.format", "raw"},
    {"devices.block.target", "as the guest names it: xvda to xvdz"},
    {"devices.block.read_only", "the guest may not write"},
    {"devices.block.sector", "of a file, in bytes: 512 or 4096; left out, 512"},
    {"devices.interface", "a network interface"},
    {"devices.interface.network", "name or uid of a network"},
    {"devices.interface.mac", "left out, it is derived from the domain's uid and the device's id"},
    {"devices.interface.mtu", "left out, the network's"},
};

struct ReasonText {
    std::string_view reason, text;
};
constexpr ReasonText reasons[] = {
    {"FIELD_INVALID", "A field is missing, malformed or out of range. The error names it."},
    {"FIELD_UNKNOWN", "The request has a field that this host does not know: pvctl is newer than paravaned."},
    {"NO_SUCH_DOMAIN", "There is no domain of this name, uid or number. `pvctl list` shows all."},
    {"NO_SUCH_OPERATION", "There is no such operation. They are kept for an hour after their end."},
    {"NO_SUCH_DEVICE", "The domain has no device of this id. `pvctl device list` shows all."},
    {"DEVICE_EXISTS", "The domain has a device of this id. `pvctl device list` shows all."},
    {"NO_SUCH_NODE", "xenstore has no such node."},
    {"NAME_TAKEN", "Another domain has this name. `pvctl describe NAME` shows it; `pvctl destroy NAME` ends it."},
    {"WRONG_STATE", "The object's state does not allow it: `pvctl describe` shows the state."},
    {"FILE_UNUSABLE", "A kernel, initrd or disk cannot be used, or lies where domains may not reach."},
    {"MANAGED_BY_ANOTHER", "Somebody else cares for this object: give --manager NAME, or --override-manager."},
    {"FEATURE_ABSENT", "This host cannot do that. `pvctl info` lists what it can do."},
    {"ROLE_TOO_LOW", "Your user may not do that: it needs the group paravane-operator or paravane-admin."},
    {"REVISION_TOO_OLD", "What was to be continued is no longer remembered: list again, and watch from there."},
    {"ETAG_MISMATCH", "The object has been changed since it was read: read it again, and repeat."},
    {"SUPERSEDED", "Another operation on the same object took the place of this one."},
    {"NOT_ENOUGH", "The host has not enough memory, domains or another resource."},
    {"GUEST_SILENT", "The guest was asked and did not do it in time: --force, or `pvctl stop`, does not ask."},
    {"HELD_BY_ANOTHER", "A dead guest's memory is mapped by somebody else, whom the condition \"Held\" names."},
    {"CANCELLED", "The caller gave up, or the operation was cancelled."},
    {"NOT_IN_TIME", "It was not done in time."},
    {"NO_ANSWER", "The hypervisor or xenstored does not answer. `pvctl info` says which."},
    {"REQUEST_ID_REUSED", "This request id was used for another request: take a new one."},
    {"STEP_FAILED", "A step failed that should have worked. The error names the step and the hypercall or file."},
    {"DAEMON_ENDS", "paravaned ends; what was wanted stands, and the next paravaned goes on with it."},
};

// Each field with its path, those of messages below it.
template <class Visit>
void each_field(Descriptor const& type, std::string const& prefix, Visit visit) {
    for (int i = 0; i < type.field_count(); ++i) {
        FieldDescriptor const& field = *type.field(i);
        if (&type == v1::Metadata::descriptor() && !is_settable_metadata(field.name())) continue;
        std::string const path = prefix + field.name();
        visit(path, field);
        if (rule_of(field) == FieldRule::message) each_field(*field.message_type(), path + ".", visit);
    }
}

template <class Visit>
void each_field(Visit visit) {
    each_field(*v1::Metadata::descriptor(), "", visit);
    each_field(*v1::DomainSpec::descriptor(), "", visit);
}
}  // namespace

std::string_view text_of_field(std::string_view path) {
    auto const found = std::ranges::find(field_texts, path, &FieldText::path);
    return found == std::end(field_texts) ? std::string_view{} : found->text;
}

std::string domain_file_text() {
    std::string text = "A domain file is YAML; several documents are several domains. Its keys:\n";
    each_field([&](std::string const& path, FieldDescriptor const& field) {
        std::size_t const depth = static_cast<std::size_t>(std::ranges::count(path, '.'));
        std::string line = std::string(2 + 2 * depth, ' ') + field.name() + ":";
        line.resize(std::max<std::size_t>(line.size() + 1, 22), ' ');
        text += line + std::string{text_of_field(path)} + " (" + describe_rule(field) + ")\n";
    });
    return text;
}

std::string exit_codes_text() {
    std::string text = "Exit codes:\n";
    for (ExitCodeText const& each : exit_code_texts()) {
        std::string const number = std::to_string(static_cast<int>(each.code));
        text += std::string(4 - number.size(), ' ') + number + "  " + std::string{each.text} + "\n";
    }
    return text;
}

std::vector<std::string> topics() {
    std::vector<std::string> all{"domain-file", "exit-codes"};
    each_field([&](std::string const& path, FieldDescriptor const&) { all.push_back(path); });
    for (ReasonText const& each : reasons) all.emplace_back(each.reason);
    for (ExitCodeText const& each : exit_code_texts()) all.push_back(std::to_string(static_cast<int>(each.code)));
    return all;
}

std::string explain(std::string_view topic) {
    if (topic == "domain-file") return domain_file_text();
    if (topic == "exit-codes") return exit_codes_text();
    for (ReasonText const& each : reasons)
        if (each.reason == topic) return std::string{topic} + ": " + std::string{each.text} + "\n";
    for (ExitCodeText const& each : exit_code_texts())
        if (std::to_string(static_cast<int>(each.code)) == topic)
            return "exit code " + std::string{topic} + ": " + std::string{each.text} + "\n";
    std::string text;
    each_field([&](std::string const& path, FieldDescriptor const& field) {
        bool const below = path.starts_with(std::string{topic} + ".");
        if (path != topic && !below) return;
        text += path + ": " + std::string{text_of_field(path)} + "\n  " + describe_rule(field) + "\n";
    });
    return text;
}
}  // namespace paravane
