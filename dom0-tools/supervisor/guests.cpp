// SPDX-License-Identifier: MIT
#include "supervisor/guests.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <string>

#include "os/unix_socket.hpp"
#include "public/io/xs_wire.hpp"
#include "xenstore/socket_path.hpp"

namespace paravane::supervisor {
Guests::Guests(EventLoop& loop, Hypervisor hypervisor, std::function<void()> something_ended)
    : loop_{loop}, hypervisor_{std::move(hypervisor)}, something_ended_{std::move(something_ended)} {}

Result<std::vector<DomainInfo>> Guests::present() {
    std::vector<DomainInfo> domains = TRY(hypervisor_.sysctl.list_domains());
    std::erase_if(domains, [](DomainInfo const& domain) { return domain.dying; });
    return domains;
}

// One request, whose answer and whose events all mean the same: look.
void Guests::listen() {
    if (store_) return;
    Result<OwnedFd> socket = connect_unix(xenstore_socket_path(), SocketKind::stream_without_waiting);
    if (!socket) return;
    std::string const words{"@releaseDomain\0end\0", 19};
    abi::io::XsdSockmsg const header{abi::io::xs::watch, 0, 0, static_cast<std::uint32_t>(words.size())};
    std::string const message = std::string{reinterpret_cast<char const*>(&header), sizeof header} + words;
    if (send(socket->get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        static_cast<ssize_t>(message.size()))
        return;
    auto const look = [this](std::uint32_t) {
        char rest[4096];
        ssize_t const count = recv(store_.get(), rest, sizeof rest, MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            loop_.remove(store_.get());
            store_ = OwnedFd{};
        }
        something_ended_();
    };
    if (loop_.add(socket->get(), EPOLLIN, look)) store_ = *std::move(socket);
}
}  // namespace paravane::supervisor
