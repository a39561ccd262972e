// SPDX-License-Identifier: MIT
#include "host/handover.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "os/io.hpp"
#include "portable/base/number.hpp"

namespace paravane::host {
namespace {
constexpr int first = 3;

std::string_view variable(char const* name) {
    char const* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : value;
}
}  // namespace

Result<Handover> Handover::take() {
    Handover handover;
    Error const not_ours{"", "it was not started by the supervisor", ErrorKind::precondition};
    if (hv::parse_decimal<unsigned>(variable("LISTEN_PID")) != static_cast<unsigned>(getpid())) return not_ours;
    std::optional<unsigned> const count = hv::parse_decimal<unsigned>(variable("LISTEN_FDS"));
    std::string_view names = variable("LISTEN_FDNAMES");
    for (unsigned i = 0; i < count.value_or(0); ++i) {
        std::size_t const end = std::min(names.find(':'), names.size());
        OwnedFd fd{first + static_cast<int>(i)};
        if (fcntl(fd.get(), F_SETFD, FD_CLOEXEC) < 0) return not_ours;
        handover.descriptors_.emplace(names.substr(0, end), std::move(fd));
        names.remove_prefix(std::min(end + 1, names.size()));
    }
    return handover;
}

Result<OwnedFd> Handover::descriptor(std::string const& name) {
    auto found = descriptors_.find(name);
    if (found == descriptors_.end())
        return Error{"", "the supervisor has not handed over its " + name, ErrorKind::precondition};
    OwnedFd fd = std::move(found->second);
    descriptors_.erase(found);
    return fd;
}

Result<> Handover::say_ready() {
    OwnedFd ready = TRY(descriptor("ready"));
    return write_all(ready.get(), "+");
}
}  // namespace paravane::host
