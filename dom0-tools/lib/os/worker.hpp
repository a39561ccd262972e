// SPDX-License-Identifier: MIT
// A program that does one thing for us and ends. It has nothing of ours but the descriptors it is given: no others, no
// environment, no blocked or ignored signal. When this object goes, it is dead and reaped.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
enum class Waited : std::uint8_t { ended, too_long, stopped };

class Worker {
public:
    // words[0] is the program's path. In it the descriptors are 3, 4 and so on, in this order.
    static Result<Worker> start(std::vector<std::string> words, std::span<int const> descriptors);

    Worker(Worker&& other) noexcept : pid_{std::exchange(other.pid_, 0)}, pidfd_{std::move(other.pidfd_)} {}
    Worker& operator=(Worker&&) = delete;
    ~Worker() { end(); }

    // Until it has ended by itself, until then at the latest, or until somebody asks to stop.
    Result<Waited> wait(std::chrono::steady_clock::time_point limit, std::stop_token const& stop);
    // Kills it if it has not ended. What waitpid says of its end.
    int end();

private:
    Worker(pid_t pid, OwnedFd pidfd) : pid_{pid}, pidfd_{std::move(pidfd)} {}

    pid_t pid_;  // 0: reaped
    OwnedFd pidfd_;
    int status_ = 0;
};
}  // namespace paravane
