// SPDX-License-Identifier: MIT
// CONTROL: what an administrator may ask the daemon itself (xenstore-control).
#include <algorithm>

#include "server.hpp"

namespace paravane::xenstored {
namespace {
// NAME=N, as --quota takes it, and what it counts.
std::string line(std::string_view name, std::int64_t value, std::string_view meaning = {}) {
    constexpr std::size_t column = 28;
    std::string text = std::string{name} + "=" + std::to_string(value);
    if (!meaning.empty()) text.append(column - std::min(column - 1, text.size()), ' ').append(meaning);
    return text + "\n";
}
}  // namespace

Outcome<Server::Reply> Server::do_control(Request& request) {
    std::vector<std::string_view> words = strings_of(request.payload);
    if (words.empty()) return Errno::inval;
    std::string_view command = words[0];
    std::string text;

    if (command == "help" && words.size() == 1) {
        text = "commands: check | help | print <text> | quota | quota <domid> | quota set <name> <value>\n";
    } else if (command == "check" && words.size() == 1) {
        if (std::optional<std::string> wrong = audit()) {
            log("check: " + *wrong);
            return Errno::io;
        }
        return ok();
    } else if (command == "print" && words.size() == 2) {
        log(words[1]);
        return ok();
    } else if (command == "quota" && words.size() == 1) {
        text = "an unprivileged domain may have:\n";
        for (LimitName const& limit : limit_names()) text += line(limit.name, limits_.*limit.limit, limit.meaning);
    } else if (command == "quota" && words.size() == 2) {
        std::optional<std::uint32_t> domid = number_in(words[1]);
        Domain const* domain =
            domid && *domid < first_reserved_domid ? find_domain(static_cast<Domid>(*domid)) : nullptr;
        if (domain == nullptr) return Errno::noent;
        Session const* session = domain->session;
        text = "domain " + std::to_string(*domid) + " has:\n";
        text += line("memory", session ? static_cast<std::int64_t>(memory_of(*session)) : domain->usage.memory);
        text += line("nodes", domain->usage.nodes);
        text += line("watches", session ? static_cast<std::int64_t>(watches_.count(session->id)) : 0);
        text += line("transactions", session ? static_cast<std::int64_t>(session->transactions.size()) : 0);
        text += line("outstanding", session ? static_cast<std::int64_t>(session->output.replies()) : 0);
    } else if (command == "quota" && words.size() == 4 && words[1] == "set") {
        std::optional<std::uint32_t> value = number_in(words[3]);
        if (!value || !set_limit(limits_, words[2], *value)) return Errno::inval;
        return ok();
    } else {
        return Errno::inval;
    }
    return Reply{std::string{text.c_str(), text.size() + 1}};
}
}  // namespace paravane::xenstored
