// SPDX-License-Identifier: MIT
#include "cli/endpoint.hpp"

#include <cstdint>

#include "cli/text.hpp"
#include "os/unix_socket.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
Error refuse_host(std::string_view text, std::string const& why) {
    return Error{"", "\"" + printable(text) + "\" is " + why, ErrorKind::invalid};
}
}  // namespace

Result<Endpoint> parse_host(std::string_view text) {
    std::string_view path = text.starts_with("unix:") ? text.substr(5) : text;
    if (text.starts_with("unix:///")) path.remove_prefix(2);
    if (path.size() != text.size() || text.starts_with('/') || text.starts_with('.') || text.empty()) {
        if (path.empty() || path.size() > longest_socket_path)
            return refuse_host(text, "not the path of a socket: 1 to 107 bytes");
        return Endpoint{"unix:" + std::string{path}, std::string{path}, false};
    }
    std::size_t const colon = text.rfind(':');
    std::string_view const name = text.substr(0, colon);
    std::string_view const port = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
    std::optional<std::uint16_t> const number = hv::parse_decimal<std::uint16_t>(port);
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.[]:";
    bool const good = !name.empty() && name.find_first_not_of(allowed) == name.npos && number && *number != 0;
    if (!good) return refuse_host(text, "neither the path of a socket nor NAME:PORT");
    return Endpoint{"dns:" + std::string{text}, std::string{text}, true};
}
}  // namespace paravane
