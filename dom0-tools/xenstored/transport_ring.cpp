// SPDX-License-Identifier: MIT
#include "transport_ring.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <charconv>

namespace paravane::xenstored {

namespace {

constexpr char const* page_file = "/proc/xen/xsd_kva";
constexpr char const* port_file = "/proc/xen/xsd_port";
constexpr std::size_t page_size = 4096;
constexpr unsigned requests_a_turn = 16;

Error with_hint(Error error) {
    error.reason += " (this must be dom0, with xenfs mounted on /proc/xen; use --no-domain-init elsewhere)";
    return error;
}

}  // namespace

Result<KernelPage> KernelPage::map() {
    OwnedFd file{open(page_file, O_RDWR | O_CLOEXEC)};
    if (!file) return with_hint(Error::from_errno(std::string{"open "} + page_file));
    void* data = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) return Error::from_errno(std::string{"map "} + page_file);
    return KernelPage{data};
}

KernelPage::~KernelPage() {
    if (data_ != nullptr) munmap(data_, page_size);
}

Result<std::uint32_t> kernel_store_port() {
    OwnedFd file{open(port_file, O_RDONLY | O_CLOEXEC)};
    if (!file) return with_hint(Error::from_errno(std::string{"open "} + port_file));
    std::array<char, 32> text{};
    ssize_t count = read(file.get(), text.data(), text.size());
    if (count < 0) return Error::from_errno(std::string{"read "} + port_file);
    std::uint32_t port = 0;
    auto [stop, error] = std::from_chars(text.data(), text.data() + count, port);
    if (error != std::errc{} || port == 0) return Error{std::string{"read "} + port_file, "there is no port in it"};
    return port;
}

RingPage& RingClient::page_of(Page& page) {
    std::byte* data = std::visit([](auto const& mapped) { return mapped.data(); }, page);
    return *reinterpret_cast<RingPage*>(data);
}

RingClient::RingClient(SessionId session, Page page, std::uint32_t port)
    : session_{session}, page_{std::move(page)}, ring_{page_of(page_)}, port_{port} {}

void RingClient::restart(std::uint32_t port) {
    port_ = port;
    broken_ = false;
    ring_.restart();
}

Progress RingClient::turn(Server& server, Session& session, Time now, bool& notify) {
    if (session.dead) {
        // The page stays mapped and the domain watched, so that @releaseDomain comes when it really ends.
        if (!std::exchange(broken_, true)) ring_.report(RingError::protocol);
        return Progress::waits;
    }
    bool indices_bad = false;
    bool moved_input = false;
    if (session.input.buffered() < max_message) {
        std::array<std::byte, 1024> chunk;
        std::optional<std::size_t> taken = ring_.take(chunk);
        indices_bad = !taken;
        if (taken && *taken > 0) {
            session.input.feed(std::span{chunk}.first(*taken));
            moved_input = true;
        }
    }
    bool more = !indices_bad && server.serve(session, requests_a_turn, now);
    bool moved_output = false;
    while (!indices_bad && !session.output.empty()) {
        std::optional<std::size_t> put = ring_.put(session.output.front());
        indices_bad = !put;
        if (!put || *put == 0) break;
        session.output.take(*put);
        moved_output = true;
    }
    notify = moved_input || moved_output;
    if (indices_bad) {
        broken_ = true;
        ring_.report(RingError::indices);
        server.mark_dead(session, "its ring's indices make no sense");
        return Progress::waits;
    }
    bool can_read = ring_.has_input() && session.input.buffered() < max_message;
    return more || can_read ? Progress::can_go_on : Progress::waits;
}

}  // namespace paravane::xenstored
