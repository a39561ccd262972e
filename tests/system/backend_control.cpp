// SPDX-License-Identifier: MIT
// Speaks to the supervisor of device backends, for tests of kinds that nothing else starts.
//
//   backend_control SOCKET start KIND DOMID INDEX WORD...   waits until the device is served
//   backend_control SOCKET stop KIND DOMID INDEX            waits until its backend has ended
//   backend_control SOCKET list                             a line for each: KIND DOMID INDEX STATE PID RESTARTS
#include <cstdio>
#include <vector>

#include "backend/supervisor.hpp"
#include "portable/base/number.hpp"

namespace {
using namespace paravane;
using namespace std::chrono_literals;

constexpr auto long_enough = 300s;

Result<> run(std::vector<std::string> const& words) {
    supervisor::Client client = TRY(supervisor::Client::connect(words.at(1)));
    if (words.at(2) == "list") {
        std::vector<supervisor::DeviceStatus> const devices = TRY(client.list(long_enough));
        for (supervisor::DeviceStatus const& one : devices)
            std::printf("%s %u %u %u %d %u\n", one.device.kind.c_str(), one.device.domid, one.device.index,
                        static_cast<unsigned>(one.state), one.pid, one.restarts);
        return {};
    }
    supervisor::DeviceSpec spec{.device = {.kind = words.at(3),
                                           .domid = hv::parse_decimal<std::uint16_t>(words.at(4)).value(),
                                           .index = hv::parse_decimal<std::uint32_t>(words.at(5)).value()},
                                .owner = {},
                                .log = {},
                                .arguments = {words.begin() + 6, words.end()}};
    return words.at(2) == "start" ? client.start(spec, long_enough) : client.stop(spec.device, long_enough);
}
}  // namespace

int main(int argc, char** argv) {
    Result<> const done = run({argv, argv + argc});
    if (done) return 0;
    std::fprintf(stderr, "%s\n", done.error().message().c_str());
    return 1;
}
