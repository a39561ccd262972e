// SPDX-License-Identifier: MIT
// What is said to the supervisor of device backends and what it says, over a Unix socket that keeps records apart
// (SOCK_SEQPACKET). Each record is one of the two structures below, whole; whoever sends another size or version is
// disconnected. Numbers are the machine's own: both ends run on one.
//
//   start    answered when the backend serves its device, or with the reason why it does not. A device that runs
//            already with the same owner and arguments is answered at once, so asking twice does no harm.
//   stop     the backend is told that its guest is gone: it lets go of its pages at once and ends when its clients have
//            their last words. Answered when it has ended; a device that is not there is answered at once.
//   restart  kills the backend, which then comes back like one that somebody killed. Answered when it serves again.
//   list     an answer for each device, then one with What::end.
//   watch    the same, and from then on an answer of What::event for each device that changes.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace paravane::supervisor {
inline constexpr char default_socket[] = "/run/paravane/supervisor.sock";
inline constexpr char default_disk_folder[] = "/var/lib/paravane/disks";
inline constexpr std::uint32_t version = 1;

enum class What : std::uint32_t { start = 1, stop, restart, list, watch, event, end };

// A device of a guest: its kind is the name of a folder of backends/, its index the one in xenstore.
struct DeviceId {
    std::array<char, 16> kind;
    std::uint32_t index;
    std::uint16_t domid;
    std::uint16_t pad;

    friend bool operator==(DeviceId const&, DeviceId const&) = default;
    friend auto operator<=>(DeviceId const&, DeviceId const&) = default;
};

struct Request {
    std::uint32_t version;
    What what;
    DeviceId device;
    std::array<std::uint8_t, 16> owner;  // the domain's uuid: numbers of domains come again
    std::array<char, 96> log;            // name of the log, without folder and ending; empty: none that lasts
    std::array<char, 384> arguments;     // of the backend's command line, each with a zero behind it
};

enum class State : std::uint32_t { gone, starting, running, waiting, stopping };  // waiting: to be started again

struct Answer {
    std::uint32_t version;
    What what;  // of the request, or event, or end
    DeviceId device;
    State state;
    std::int32_t pid;        // 0: none
    std::uint32_t restarts;  // since it was started
    std::int32_t status;     // how the last process ended, as waitpid tells it
    std::uint32_t failed;    // 1: the request was refused, `reason` says why
    std::array<char, 256> reason;
};

static_assert(std::is_trivially_copyable_v<Request> && std::has_unique_object_representations_v<Request>);
static_assert(std::is_trivially_copyable_v<Answer> && std::has_unique_object_representations_v<Answer>);

// Text in a field of fixed size: up to the first zero, which need not be there.
template <std::size_t size>
std::string_view text_of(std::array<char, size> const& field) {
    return std::string_view{field.data(), size}.substr(0, std::string_view{field.data(), size}.find('\0'));
}

// False if it does not fit.
template <std::size_t size>
bool put_text(std::array<char, size>& field, std::string_view text) {
    field = {};
    return text.copy(field.data(), size) == text.size();
}
}  // namespace paravane::supervisor
