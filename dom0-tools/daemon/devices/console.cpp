// SPDX-License-Identifier: MIT
#include "daemon/devices/device.hpp"

namespace paravane {
Device console_device(Record const& record, std::string const& log) {
    return {.id = std::string{console_id},
            .backend = {.device = {.kind = "console", .domid = record.guest.id, .index = 0},
                        .owner = parse_uuid(record.uid).value_or(DomainHandle{}),
                        .log = log,
                        .arguments = {"--port", std::to_string(record.guest.ports.console)}}};
}
}  // namespace paravane
