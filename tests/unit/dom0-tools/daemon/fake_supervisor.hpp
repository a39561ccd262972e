// SPDX-License-Identifier: MIT
// In place of the supervisor's client: the socket's name says what the supervisor does. "serves", "refuses",
// "waits:FILE" while there is such a file, or nobody is there. Of disks it serves one a image.
#pragma once
#include <map>
#include <mutex>
#include <string>

#include "backend/supervisor.hpp"

namespace test {
struct FakeSupervisor {
    static FakeSupervisor& the();
    void reset();

    std::mutex mutex;                                                 // of what follows
    std::map<std::string, paravane::supervisor::DeviceSpec> devices;  // block-1-51712
    bool refuses_disks = false;
    int restarts = 0;
};
}  // namespace test
