// SPDX-License-Identifier: MIT
#include "domain/spec.hpp"

#include <algorithm>
#include <set>

#include "domain/size.hpp"
#include "domain/utf8.hpp"

namespace paravane {
namespace {
constexpr std::size_t longest_name = 63;
constexpr std::size_t longest_cmdline = 1023;
constexpr std::size_t longest_path = 4095;
constexpr std::size_t longest_label = 63, longest_prefix = 253, most_labels = 64, most_annotation_bytes = 16384;
constexpr std::uint64_t least_memory = std::uint64_t{2} << 20;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 40;
// Among the words of a backend's command line, which the supervisor writes down.
constexpr std::size_t longest_image = 255, longest_id = 32;
constexpr std::uint32_t most_vcpus = 128;  // what the hypervisor has room for

Error refuse(std::string field, std::string why) {
    Error error{field, std::move(why), ErrorKind::invalid};
    return std::move(error).with("field", std::move(field));
}

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

Result<> check_domain_name(std::string const& name) {
    if (name.empty()) return refuse("name", "is missing");
    if (name.size() > longest_name) return refuse("name", "is longer than 63 characters");
    if (!is_letter_or_digit(name.front())) return refuse("name", "must begin with a letter or a digit");
    bool all_digits = true;
    for (char c : name) {
        if (!is_letter_or_digit(c) && c != '-' && c != '_' && c != '.') {
            std::string shown = is_printable(name) ? "\"" + name + "\" has" : "has";
            return refuse("name", shown + " a character other than letters, digits, '-', '_' and '.'");
        }
        all_digits = all_digits && c >= '0' && c <= '9';
    }
    if (all_digits) return refuse("name", "\"" + name + "\" is a number: those stand for domain numbers");
    return {};
}

namespace {
bool is_label_word(std::string_view word) {
    if (word.empty() || word.size() > longest_label) return false;
    auto inner = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; };
    return is_letter_or_digit(word.front()) && is_letter_or_digit(word.back()) && std::ranges::all_of(word, inner);
}

// "name", or "prefix.dns/name".
bool is_label_key(std::string_view key) {
    std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return is_label_word(key);
    std::string_view prefix = key.substr(0, slash);
    auto dns = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; };
    return !prefix.empty() && prefix.size() <= longest_prefix && std::ranges::all_of(prefix, dns) &&
           is_label_word(key.substr(slash + 1));
}

Result<> check_labels(Labels const& labels) {
    if (labels.size() > most_labels) return refuse("labels", "are more than 64");
    for (auto const& [key, value] : labels) {
        if (!is_label_key(key)) return refuse("labels", "have a key that is none: see the rules of labels");
        if (!value.empty() && !is_label_word(value)) return refuse("labels", "have a bad value at \"" + key + "\"");
    }
    return {};
}

Result<> check_annotations(Labels const& annotations) {
    std::size_t size = 0;
    for (auto const& [key, value] : annotations) {
        if (!is_label_key(key)) return refuse("annotations", "have a key that is none: see the rules of labels");
        if (!is_utf8(value)) return refuse("annotations", "are not valid UTF-8 at \"" + key + "\"");
        size += key.size() + value.size();
    }
    if (size > most_annotation_bytes) return refuse("annotations", "are more than 16 KiB");
    return {};
}

Result<> check_back_off(BackOff const& back_off) {
    using namespace std::chrono_literals;
    for (std::chrono::nanoseconds each : {back_off.initial, back_off.limit, back_off.reset_after}) {
        if (each < 0ns || each > 24h) return refuse("back_off", "has a time that is not from 0 to a day");
    }
    return {};
}

Result<> check_path(std::string const& field, std::string const& path) {
    if (path.empty()) return {};
    if (path.front() != '/') return refuse(field, "\"" + path + "\" is not an absolute path");
    if (path.size() > longest_path || !is_printable(path)) return refuse(field, "is not a usable path");
    return {};
}

Result<> check_device_id(std::string const& field, std::string const& id) {
    auto const good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (id.empty()) return refuse(field, "is missing");
    if (id.size() > longest_id || !std::ranges::all_of(id, good))
        return refuse(field, "is not of 1 to 32 lower-case letters, digits and '-'");
    if (id == console_id) return refuse(field, "\"console\" is the console that every domain has");
    return {};
}

Result<> check_block(std::string const& field, BlockSpec const& disk) {
    if (disk.path.empty()) return refuse(field + ".path", "is missing");
    TRY(check_path(field + ".path", disk.path));
    if (disk.path.size() > longest_image) return refuse(field + ".path", "is longer than 255 bytes");
    if (!disk.format.empty() && disk.format != "raw") {
        Error error{field + ".format", "this host has raw images only", ErrorKind::unsupported};
        return std::move(error).with("reason", "FEATURE_ABSENT");
    }
    if (disk.target.empty()) return refuse(field + ".target", "is missing");
    if (!disk_number(disk.target)) return refuse(field + ".target", "is none of xvda to xvdz");
    if (disk.sector != 0 && disk.sector != 512 && disk.sector != 4096)
        return refuse(field + ".sector", "is neither 512 nor 4096");
    return {};
}

}  // namespace

Result<> check_device_spec(DeviceSpec const& device, std::string const& field) {
    TRY(check_device_id(field + ".id", device.id));
    return check_block(field + ".block", std::get<BlockSpec>(device.kind));
}

namespace {
Result<> check_devices(std::vector<DeviceSpec> const& devices) {
    std::set<std::string> ids, targets;
    std::map<std::string, bool> images;  // whether they are only read
    for (std::size_t i = 0; i < devices.size(); ++i) {
        std::string const field = "devices[" + std::to_string(i) + "]", block = field + ".block";
        TRY(check_device_spec(devices[i], field));
        if (!ids.insert(devices[i].id).second) return refuse(field + ".id", "is another device's too");
        BlockSpec const& disk = std::get<BlockSpec>(devices[i].kind);
        if (!targets.insert(disk.target).second) return refuse(block + ".target", "is another device's too");
        auto const [other, is_first] = images.emplace(disk.path, disk.read_only);
        if (!is_first && !(other->second && disk.read_only))
            return refuse(block + ".path", "is another device's too, and written to");
    }
    return {};
}
}  // namespace

DeviceSpec const* find_device(DomainSpec const& spec, std::string_view id) {
    auto const found = std::ranges::find(spec.devices, id, &DeviceSpec::id);
    return found == spec.devices.end() ? nullptr : &*found;
}

// Of the major number 202, 16 partitions each; from xvdq on the extended numbers, 256 each (vbd-interface.7).
std::optional<std::uint32_t> disk_number(std::string_view target) {
    if (target.size() != 4 || !target.starts_with("xvd") || target[3] < 'a' || target[3] > 'z') return std::nullopt;
    auto const disk = static_cast<std::uint32_t>(target[3] - 'a');
    return disk < 16 ? 202u << 8 | disk << 4 : 1u << 28 | disk << 8;
}

Result<> check_domain_spec(DomainSpec const& spec) {
    TRY(check_domain_name(spec.name));
    if (spec.kernel.empty()) return refuse("kernel", "is missing");
    TRY(check_path("kernel", spec.kernel));
    TRY(check_path("initrd", spec.initrd));
    if (spec.cmdline.size() > longest_cmdline) return refuse("cmdline", "is longer than 1023 bytes");
    if (!is_printable(spec.cmdline)) return refuse("cmdline", "has a control character, or is not valid UTF-8");
    if (spec.memory == 0) return refuse("memory", "is missing");
    if (spec.memory < least_memory) return refuse("memory", format_size(spec.memory) + " is less than 2 MiB");
    if (spec.memory > most_memory) return refuse("memory", format_size(spec.memory) + " is more than 1 TiB");
    if (spec.memory % 4096 != 0) return refuse("memory", "is not a multiple of 4 KiB");
    if (spec.vcpus > most_vcpus)
        return refuse("vcpus", std::to_string(spec.vcpus) + " is more than " + std::to_string(most_vcpus));
    for (std::string const* text : {&spec.managed_by, &spec.owner}) {
        if (text->size() > longest_name || !is_printable(*text)) {
            return refuse(text == &spec.owner ? "owner" : "managed_by", "is not a text of at most 63 characters");
        }
    }
    TRY(check_labels(spec.labels));
    TRY(check_annotations(spec.annotations));
    if (Result<> checked = check_devices(spec.devices); !checked)
        return std::move(checked).error().with("field", "spec." + checked.error().step);
    return check_back_off(spec.back_off);
}
}  // namespace paravane
