// SPDX-License-Identifier: MIT
#include "daemon/record.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "domain/fields.hpp"
#include "domain/uuid.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
constexpr std::string_view first_line = "paravane-domain 1";
constexpr std::size_t most_devices = 64;
constexpr auto repeatable_for = std::chrono::hours{1};

Error refuse(std::string why) { return Error{"", std::move(why), ErrorKind::invalid}; }

std::string escape(std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    std::string result;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte > ' ' && c != '%' && byte != 0x7f) result += c;
        else result += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return result;
}

Result<std::string> unescape(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            result += text[at];
            continue;
        }
        std::size_t high = at + 2 < text.size() ? digits.find(text[at + 1]) : std::string_view::npos;
        std::size_t low = at + 2 < text.size() ? digits.find(text[at + 2]) : std::string_view::npos;
        if (high == std::string_view::npos || low == std::string_view::npos) return refuse("a bad escape");
        result += static_cast<char>(high << 4 | low);
        at += 2;
    }
    return result;
}

// FNV-1a: against a disk that returns something else, not against an adversary.
std::string sum_of(std::string_view text) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return std::to_string(sum);
}

template <class Number>
Result<> take_number(Number& number, std::string_view text) {
    std::optional<std::uint64_t> value = hv::parse_decimal<std::uint64_t>(text);
    if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
        return refuse("a bad number");
    number = static_cast<Number>(*value);
    return {};
}

// Each value by name, to text and back; one list for both ways, so that they cannot differ.
class Codec {
public:
    explicit Codec(std::string& out) : out_{&out} {}
    explicit Codec(std::multimap<std::string, std::string, std::less<>>& in) : in_{&in} {}

    bool writes() const { return out_ != nullptr; }

    void put(std::string_view key, std::string_view value) { *out_ += std::string{key} + ' ' + escape(value) + '\n'; }
    // None: it is not there. Each key is taken once.
    std::optional<std::string> take(std::string_view key) {
        auto found = in_->find(key);
        if (found == in_->end()) return std::nullopt;
        std::string value = std::move(found->second);
        in_->erase(found);
        return value;
    }

    // Of what an older paravaned did not write, nothing is changed.
    template <class Run>
    Result<> newer(std::string_view key, Run run) {
        return writes() || in_->contains(key) ? run() : Result<>{Unit{}};
    }

    Result<> text(std::string_view key, std::string& value) {
        if (writes()) put(key, value);
        else value = TRY(need(key));
        return {};
    }
    template <class Number>
    Result<> number(std::string_view key, Number& value) {
        if (writes()) {
            put(key, std::to_string(value));
            return {};
        }
        std::string found = TRY(need(key));
        return take_number(value, found);
    }
    Result<> flag(std::string_view key, bool& value) {
        int as_number = value ? 1 : 0;
        TRY(number(key, as_number));
        value = as_number != 0;
        return {};
    }
    template <class Enum>
    Result<> word(std::string_view key, Enum& value, Enum last) {
        auto as_number = static_cast<std::uint8_t>(value);
        TRY(number(key, as_number));
        if (as_number > static_cast<std::uint8_t>(last)) return refuse(std::string{key} + " has no known value");
        value = static_cast<Enum>(as_number);
        return {};
    }
    Result<> time(std::string_view key, WallTime& value) {
        std::int64_t count = value.time_since_epoch().count();
        TRY(number(key, count));
        value = WallTime{std::chrono::nanoseconds{count}};
        return {};
    }
    Result<> span(std::string_view key, std::chrono::nanoseconds& value) {
        std::int64_t count = value.count();
        TRY(number(key, count));
        value = std::chrono::nanoseconds{count};
        return {};
    }
    Result<> labels(std::string const& key, Labels& labels) {
        if (writes()) {
            for (auto const& [name, value] : labels) put(key, name + "=" + value);
            return {};
        }
        while (std::optional<std::string> both = take(key)) {
            std::size_t equals = both->find('=');
            if (equals == std::string::npos) return refuse(key + " has no value");
            labels.insert_or_assign(both->substr(0, equals), both->substr(equals + 1));
        }
        return {};
    }

private:
    Result<std::string> need(std::string_view key) {
        std::optional<std::string> value = take(key);
        if (!value) return refuse("\"" + std::string{key} + "\" is missing");
        return *std::move(value);
    }

    std::string* out_ = nullptr;
    std::multimap<std::string, std::string, std::less<>>* in_ = nullptr;
};

Result<> run_device(Codec& codec, std::string const& key, DeviceSpec& device) {
    std::string kind = "block";
    TRY(codec.text(key + "id", device.id));
    TRY(codec.text(key + "kind", kind));
    if (kind != "block") return refuse("a device of an unknown kind");
    BlockSpec& disk = std::get<BlockSpec>(device.kind);
    TRY(codec.text(key + "path", disk.path));
    TRY(codec.text(key + "format", disk.format));
    TRY(codec.text(key + "target", disk.target));
    TRY(codec.number(key + "sector", disk.sector));
    return codec.flag(key + "read_only", disk.read_only);
}

Result<> run_devices(Codec& codec, std::vector<DeviceSpec>& devices) {
    std::size_t count = devices.size();
    TRY(codec.number("devices", count));
    if (count > most_devices) return refuse("too many devices");
    devices.resize(count);
    for (std::size_t i = 0; i < count; ++i) TRY(run_device(codec, "device_" + std::to_string(i) + "_", devices[i]));
    return {};
}

Result<> run_spec(Codec& codec, DomainSpec& spec) {
    auto run_field = [&]<class Rule>(Field<Rule> const& field) -> Result<> {
        std::string text = Rule::format(spec.*field.place);
        TRY(codec.text(field.name, text));
        if (!codec.writes()) {
            Result<typename Rule::Value> value = Rule::parse(text);
            if (!value) return std::move(value).error().within(field.name);
            spec.*field.place = *std::move(value);
        }
        return {};
    };
    TRY(for_each_field(run_field));
    TRY(codec.span("back_off_initial", spec.back_off.initial));
    TRY(codec.span("back_off_limit", spec.back_off.limit));
    TRY(codec.span("back_off_reset_after", spec.back_off.reset_after));
    TRY(codec.number("back_off_most_restarts", spec.back_off.most_restarts));
    TRY(codec.newer("devices", [&] { return run_devices(codec, spec.devices); }));
    TRY(codec.labels("label", spec.labels));
    TRY(codec.labels("annotation", spec.annotations));
    TRY(codec.text("managed_by", spec.managed_by));
    return codec.text("owner", spec.owner);
}

Result<> run_guest(Codec& codec, GuestPlace& guest) {
    TRY(codec.number("guest_id", guest.id));
    TRY(codec.number("xenstore_port", guest.ports.xenstore));
    TRY(codec.number("console_port", guest.ports.console));
    TRY(codec.number("xenstore_frame", guest.built.xenstore_frame));
    return codec.number("console_frame", guest.built.console_frame);
}

Result<> run_outcome(Codec& codec, std::string const& key, Request& request) {
    if (!codec.writes()) request.outcome = Outcome::done;
    return codec.newer(key + "outcome", [&]() -> Result<> {
        TRY(codec.word(key + "outcome", request.outcome, Outcome::superseded));
        if (request.outcome != Outcome::under_way) return {};
        TRY(codec.word(key + "action", request.action, Action::detach));
        TRY(codec.word(key + "goal", request.goal, Goal::detached));
        TRY(codec.number(key + "starts", request.starts));
        TRY(codec.time(key + "deadline", request.deadline));
        TRY(codec.flag(key + "force", request.force));
        return codec.newer(key + "device", [&] { return codec.text(key + "device", request.device); });
    });
}

Result<> run_requests(Codec& codec, std::vector<Request>& requests) {
    std::size_t count = requests.size();
    TRY(codec.number("requests", count));
    if (count > most_requests + most_nameless) return refuse("too many requests");
    requests.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::string key = "request_" + std::to_string(i) + "_";
        TRY(codec.text(key + "id", requests[i].id));
        TRY(codec.text(key + "method", requests[i].method));
        TRY(codec.text(key + "digest", requests[i].digest));
        TRY(codec.text(key + "operation", requests[i].operation));
        TRY(codec.time(key + "time", requests[i].time));
        TRY(run_outcome(codec, key, requests[i]));
    }
    return {};
}

// "Ready=1,1700000000000000000": one that is not there was never noted.
Result<> run_conditions(Codec& codec, Record& record) {
    Labels texts;
    for (auto const& [type, since] : record.conditions)
        texts[type] = (since.value ? "1," : "0,") + std::to_string(since.time.time_since_epoch().count());
    TRY(codec.labels("condition", texts));
    for (auto const& [type, text] : texts) {
        bool const is_true = text.starts_with("1,");
        if (!is_true && !text.starts_with("0,")) return refuse("a condition is neither so nor otherwise");
        std::int64_t count = 0;
        TRY(take_number(count, std::string_view{text}.substr(2)));
        record.conditions[type] = {is_true, WallTime{std::chrono::nanoseconds{count}}};
    }
    return {};
}

Result<> run_leaving(Codec& codec, Record& record) {
    Labels words;
    for (auto const& [id, how] : record.leaving) words[id] = how == Leave::asked ? "asked" : "taken";
    TRY(codec.labels("leaving", words));
    for (auto const& [id, word] : words) {
        if (word != "asked" && word != "taken") return refuse("a device leaves in no known way");
        record.leaving[id] = word == "asked" ? Leave::asked : Leave::taken;
    }
    return {};
}

Result<> run(Codec& codec, Record& record) {
    TRY(codec.text("uid", record.uid));
    TRY(run_spec(codec, record.spec));
    TRY(codec.number("generation", record.generation));
    TRY(codec.number("built_generation", record.built_generation));
    TRY(codec.time("created", record.created));
    TRY(codec.time("updated", record.updated));
    TRY(codec.flag("deleting", record.deleting));
    TRY(codec.word("phase", record.phase, Phase::ending));
    TRY(codec.word("after", record.after, After::restart));
    TRY(codec.word("asked", record.asked, Asked::restart));
    if (!codec.writes()) record.told = true;  // as far as one could know then
    TRY(codec.newer("told", [&] { return codec.flag("told", record.told); }));
    TRY(run_guest(codec, record.guest));
    TRY(codec.time("started", record.started));
    TRY(codec.number("starts", record.starts));
    TRY(codec.number("short_lives", record.short_lives));
    TRY(codec.time("not_before", record.not_before));
    TRY(codec.word("end_reason", record.last_end.reason, EndReason::vanished));
    TRY(codec.word("end_action", record.last_end.action, EndAction::soft_reset));
    TRY(codec.time("end_time", record.last_end.time));
    TRY(codec.number("end_id", record.last_end.id));
    TRY(codec.text("failure", record.failure));
    TRY(codec.text("boot", record.boot));
    TRY(codec.text("corpse", record.corpse));
    TRY(codec.flag("gave_up", record.gave_up));
    TRY(run_leaving(codec, record));
    TRY(run_requests(codec, record.requests));
    return run_conditions(codec, record);
}
}  // namespace

std::string Record::etag() const {
    return std::to_string(generation) + "-" + std::to_string(updated.time_since_epoch().count());
}

Result<> remember(Record& record, Request request) {
    std::erase_if(record.requests, [&](Request const& r) {
        return r.outcome != Outcome::under_way && request.time - r.time >= repeatable_for;
    });
    std::size_t const room = request.id.empty() ? most_requests + most_nameless : most_requests;
    if (record.requests.size() >= room)
        return Error{"", "it has had too many requests within the hour; one without an id may still be taken",
                     ErrorKind::exhausted}
            .with("reason", "TOO_MANY_REQUESTS");
    record.requests.push_back(std::move(request));
    return {};
}

Request* find_request(Record& record, std::string const& operation) {
    auto found = std::ranges::find(record.requests, operation, &Request::operation);
    return found == record.requests.end() ? nullptr : &*found;
}

void forget_request(Record& record, std::string const& operation) {
    std::erase_if(record.requests, [&](Request const& r) { return r.operation == operation; });
}

void end_request(Record& record, std::string const& operation, Outcome outcome) {
    if (Request* request = find_request(record, operation)) request->outcome = outcome;
    std::erase_if(record.requests, [](Request const& r) { return r.id.empty() && r.outcome != Outcome::under_way; });
}

void take_back_ask(Record& record) {
    if (record.asked == Asked::poweroff || record.asked == Asked::reboot) record.asked = Asked::nothing;
    record.told = false;
}

bool is_repeatable(Record const& record, WallTime now) {
    return std::ranges::any_of(record.requests,
                               [&](Request const& r) { return !r.id.empty() && now - r.time < repeatable_for; });
}

std::string encode(Record const& record) {
    Record copy = record;
    std::string text = std::string{first_line} + '\n';
    Codec codec{text};
    (void)run(codec, copy);  // writing does not fail
    return text + "sum " + sum_of(text) + '\n';
}

Result<Record> decode(std::string_view text) {
    if (!text.starts_with(std::string{first_line} + '\n')) return refuse("it is of another version");
    std::size_t last = text.rfind("sum ");
    if (last == std::string_view::npos || text.substr(last) != "sum " + sum_of(text.substr(0, last)) + '\n')
        return refuse("it is not as it was written");
    std::multimap<std::string, std::string, std::less<>> values;
    std::string_view rest = text.substr(first_line.size() + 1, last - first_line.size() - 1);
    while (!rest.empty()) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        std::size_t space = line.find(' ');
        if (space == std::string_view::npos) return refuse("a line without a value");
        values.emplace(line.substr(0, space), TRY(unescape(line.substr(space + 1))));
    }
    Record record;
    Codec codec{values};
    TRY(run(codec, record));
    if (!values.empty()) return refuse("it has the unknown key \"" + values.begin()->first + "\"");
    if (!parse_uuid(record.uid)) return refuse("its uid is none");
    TRY(check_domain_spec(record.spec));
    return record;
}
}  // namespace paravane
